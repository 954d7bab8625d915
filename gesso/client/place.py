"""Where a job is, and the list of jobs, as ComfyUI's queue and history tell; pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from gesso.client import verdict
from gesso.errors import GatewayError, JobCancelled


class Place(StrEnum):
    """Where a job was found; ABSENT means that the server answered and does not know it."""

    QUEUED = "queued"
    RUNNING = "running"
    FINISHED = "finished"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """`item` is the history item of a finished job, `prompt` the workflow of any that was found."""

    place: Place
    item: dict[str, Any] | None = None
    prompt: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobInfo:
    """A line of the list of jobs.

    `state` is queued, running, succeeded, failed or cancelled; times are seconds since 1970, or None where
    the server does not tell; `error` is the reason of a failure.
    """

    id: str
    state: str
    started: float | None = None
    finished: float | None = None
    error: str | None = None


def queue_entries(answer: object) -> list[tuple[Place, list[Any]]]:
    """What runs, then what waits: ComfyUI's [number, id, prompt, extra_data, outputs] with its place."""
    found: list[tuple[Place, list[Any]]] = []
    for place, name in ((Place.RUNNING, "queue_running"), (Place.QUEUED, "queue_pending")):
        entries = answer.get(name) if isinstance(answer, Mapping) else None
        if not isinstance(entries, list):
            raise GatewayError("The server's /queue is not a queue.")
        found += [(place, entry) for entry in entries if isinstance(entry, list) and len(entry) > 2]
    # ComfyUI hands out what waits as a heap; by number it is in the order in which it will run.
    return sorted(found, key=lambda one: (one[0] is Place.QUEUED, _number(one[1])))


def history_items(answer: object) -> dict[str, dict[str, Any]]:
    if not isinstance(answer, Mapping):
        raise GatewayError("The server's /history is not a history.")
    return {job_id: item for job_id, item in answer.items() if isinstance(item, dict)}


def prompt_of(entry: object) -> dict[str, Any] | None:
    """The workflow within a queue entry, or within a history item's "prompt"."""
    prompt = entry[2] if isinstance(entry, list) and len(entry) > 2 else None
    return prompt if isinstance(prompt, dict) else None


def listed(queue: object, history: object) -> Iterator[JobInfo]:
    """All jobs, the newest of the finished first, then what runs, then what waits."""
    entries = queue_entries(queue)
    alive = {str(entry[1]) for _, entry in entries}
    for job_id, item in reversed(history_items(history).items()):
        if job_id not in alive:
            yield _finished(job_id, item)
    for place, entry in entries:
        yield JobInfo(id=str(entry[1]), state=place.value)


def _finished(job_id: str, item: dict[str, Any]) -> JobInfo:
    failed = verdict.failure(job_id, item)
    times = verdict.times(item)
    state = "succeeded" if failed is None else "cancelled" if isinstance(failed, JobCancelled) else "failed"
    return JobInfo(
        id=job_id,
        state=state,
        started=times[0] if times else None,
        finished=times[-1] if times else None,
        error=str(failed) if state == "failed" else None,
    )


def _number(entry: list[Any]) -> float:
    return float(entry[0]) if isinstance(entry[0], int | float) else 0.0
