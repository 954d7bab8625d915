"""A job on the server, and waiting for it."""

# Generated from ../_async by `python -m gesso.client.generate`: change it there.

from collections.abc import Callable, Mapping
from typing import Any

from gesso.client._sync.connection import Connection
from gesso.client._sync.lookup import locate, record
from gesso.client._sync.output import Result, result
from gesso.client._sync.waiting import Waiting
from gesso.client.drawing import seed_of
from gesso.client.place import Place
from gesso.client.position import Position, position_of
from gesso.client.progress import Progress
from gesso.errors import Problem

# How often a cancelled job is looked up again: it may start just while it is being deleted from the queue.
_CANCEL_TRIES = 5


class Job:
    """A handle on a submitted job. It may be dropped: the job goes on, `client.job(id)` finds it again."""

    def __init__(
        self,
        connection: Connection,
        job_id: str,
        *,
        prompt: Mapping[str, Any] | None = None,
        problems: tuple[Problem, ...] = (),
        patience_s: float = 60.0,
    ) -> None:
        self.id = job_id
        self.problems = problems
        """What keeps some outputs of the workflow from being made, when the server accepted the others."""
        self._connection = connection
        self._prompt = prompt
        self._patience_s = patience_s
        self._cancelled = False

    def wait(
        self, on_progress: Callable[[Progress], None] | None = None, *, timeout_s: float | None = None
    ) -> Result:
        """Wait until the job is finished; `on_progress` is called with all news on the way.

        Raises ExecutionFailed, JobCancelled or JobLost when there is no result, and NotFinished when there
        is none yet after `timeout_s`. A server that goes away meanwhile is asked again until `timeout_s`,
        or without one until it has been silent for the client's `patience_s`.
        """
        waiting = Waiting(
            self._connection,
            self.id,
            prompt=self._prompt,
            on_progress=on_progress,
            timeout_s=timeout_s,
            patience_s=self._patience_s,
        )
        item = waiting.finished(cancelled=lambda: self._cancelled)
        return result(self._connection, self.id, item)

    def place(self) -> Place:
        """Where the job is now: queued, running, finished, or absent."""
        return (locate(self._connection, self.id)).place

    def position(self) -> Position | None:
        """How many jobs are ahead of it, and when it is expected to start.

        None where the server does not tell: the job has ended, or the server is not gesso.
        """
        return position_of(record(self._connection, self.id))

    def seed(self) -> int | None:
        """What a drawing of a model comes from, also where nobody chose it; None: no other job has one."""
        return seed_of(record(self._connection, self.id))

    def result(self) -> Result | None:
        """The result if the job is finished, None if it is not; raises what the job failed with."""
        found = locate(self._connection, self.id)
        return result(self._connection, self.id, found.item) if found.item is not None else None

    def cancel(self) -> bool:
        """End the job, waiting or running; True when it was either, False when it was over already."""
        was_alive = False
        for _ in range(_CANCEL_TRIES):
            match (locate(self._connection, self.id)).place:
                case Place.QUEUED:
                    self._cancelled = True  # before it is true, for a wait that goes on meanwhile
                    self._connection.call("POST", "/queue", json={"delete": [self.id]})
                case Place.RUNNING:
                    self._connection.call("POST", "/interrupt", json={"prompt_id": self.id})
                    return True
                case _:
                    return was_alive
            was_alive = True
        return was_alive

    def __repr__(self) -> str:
        return f"<Job {self.id} on {self._connection.url}>"
