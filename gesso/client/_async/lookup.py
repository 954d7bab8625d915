"""Asks any server that speaks ComfyUI's protocol where a job is."""

from typing import Any

from gesso.client._async.connection import AsyncConnection
from gesso.client.place import Found, Place, history_items, prompt_of, queue_entries
from gesso.errors import GatewayError, NotFound


async def locate(connection: AsyncConnection, job_id: str) -> Found:
    """Look in the history, the queue, and the history again: a job that moves on meanwhile is not missed."""
    item = await _history_item(connection, job_id)
    if item is None:
        for place, entry in queue_entries(await connection.json("GET", "/queue")):
            if entry[1] == job_id:
                return Found(place=place, prompt=prompt_of(entry))
        item = await _history_item(connection, job_id)
    if item is None:
        return Found(place=Place.ABSENT)
    return Found(place=Place.FINISHED, item=item, prompt=prompt_of(item.get("prompt")))


async def was_cancelled(connection: AsyncConnection, job_id: str) -> bool:
    """Whether gesso remembers that the job was cancelled; ComfyUI remembers nothing of what never ran."""
    job = await record(connection, job_id)
    return job is not None and job.get("state") == "cancelled"


async def record(connection: AsyncConnection, job_id: str) -> dict[str, Any] | None:
    """What gesso's own API says of the job; None where the server is not gesso, or does not know it."""
    try:
        job = await connection.json("GET", f"/gesso/api/jobs/{job_id}")
    except (NotFound, GatewayError):
        return None
    return job if isinstance(job, dict) else None


async def _history_item(connection: AsyncConnection, job_id: str) -> dict[str, Any] | None:
    try:
        return history_items(await connection.json("GET", f"/history/{job_id}")).get(job_id)
    except NotFound:
        return None
