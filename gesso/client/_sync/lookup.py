"""Asks any server that speaks ComfyUI's protocol where a job is."""

# Generated from ../_async by `python -m gesso.client.generate`: change it there.

from typing import Any

from gesso.client._sync.connection import Connection
from gesso.client.place import Found, Place, history_items, prompt_of, queue_entries
from gesso.errors import GatewayError, NotFound


def locate(connection: Connection, job_id: str) -> Found:
    """Look in the history, the queue, and the history again: a job that moves on meanwhile is not missed."""
    item = _history_item(connection, job_id)
    if item is None:
        for place, entry in queue_entries(connection.json("GET", "/queue")):
            if entry[1] == job_id:
                return Found(place=place, prompt=prompt_of(entry))
        item = _history_item(connection, job_id)
    if item is None:
        return Found(place=Place.ABSENT)
    return Found(place=Place.FINISHED, item=item, prompt=prompt_of(item.get("prompt")))


def was_cancelled(connection: Connection, job_id: str) -> bool:
    """Whether gesso remembers that the job was cancelled; ComfyUI remembers nothing of what never ran."""
    job = record(connection, job_id)
    return job is not None and job.get("state") == "cancelled"


def record(connection: Connection, job_id: str) -> dict[str, Any] | None:
    """What gesso's own API says of the job; None where the server is not gesso, or does not know it."""
    try:
        job = connection.json("GET", f"/gesso/api/jobs/{job_id}")
    except (NotFound, GatewayError):
        return None
    return job if isinstance(job, dict) else None


def _history_item(connection: Connection, job_id: str) -> dict[str, Any] | None:
    try:
        return history_items(connection.json("GET", f"/history/{job_id}")).get(job_id)
    except NotFound:
        return None
