"""Titles of jobs: read from their workflows once, and remembered."""

from collections.abc import Sequence

from gesso.jobs.job import Job
from gesso.jobs.queue import Queue
from gesso.jobs.queue_listing import Listed
from gesso.workflows.subject import subject, work

REMEMBERED = 10_000


class Titles:
    """What a job is about never changes, but it is in the payload, and that may weigh megabytes."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self._subjects: dict[str, str | None] = {}

    async def of(self, jobs: Sequence[Job | Listed], account_id: str) -> dict[str, str]:
        """By id. What others wrote is theirs: of their jobs only the kind of work is told."""
        mine = [job for job in jobs if job.owner == account_id]
        unknown = [job.id for job in mine if job.id not in self._subjects]
        if unknown:
            if len(self._subjects) > REMEMBERED:
                self._subjects.clear()
            for job_id, payload in (await self._queue.payloads(unknown)).items():
                prompt = payload.get("prompt")
                self._subjects[job_id] = subject(prompt) if isinstance(prompt, dict) else None
        own = {job.id: self._subjects.get(job.id) for job in mine}
        return {job.id: own.get(job.id) or work(job.needs) for job in jobs}
