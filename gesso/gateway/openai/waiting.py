"""Who waits for which job, from the request to its answer; what nobody waits for any more is cancelled."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from gesso.errors import NoEngine, NotFound, StorageError
from gesso.events import Bus, JobChanged, JobPreview
from gesso.jobs.job import Job, State
from gesso.jobs.queue import ACTIVE, Queue

logger = logging.getLogger(__name__)

# Another gateway's changes are not heard here.
LOOK_AGAIN_S = 5.0
# How long a job goes on whose client hung up, where that client is known to try again by itself: OpenAI's
# libraries come back after half a second to eight. So long, too, the same request is taken for that client's.
COMES_BACK_S = 10.0
REMEMBERED = 1000
# From the end of the last answers to the beginning of the first ones, when gesso is started anew.
START_S = 60.0

Cancel = Callable[[str | None, Sequence[str] | None, Sequence[State]], Awaitable[object]]
Later = Callable[[float, Callable[[str], None], str], asyncio.TimerHandle]
Listener = Callable[[JobPreview], None]


@dataclass(slots=True, eq=False)
class Attendance:
    """One request that waits for a job. `answered`: it got its answer. `on_preview` hears of each preview."""

    job: Job
    answered: bool = False
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    on_preview: Listener | None = None


class Waiting:
    """All requests of this gateway that wait for a job.

    `later` is the event loop's `call_later`; `timer` only ever goes forward.
    """

    def __init__(
        self,
        *,
        bus: Bus,
        queue: Queue,
        cancel: Cancel,
        later: Later | None = None,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._queue = queue
        self._cancel = cancel
        self._later = later
        self._timer = timer
        self._attending: dict[str, set[Attendance]] = {}
        self._leaving: dict[str, asyncio.TimerHandle] = {}
        self._cancelling: set[asyncio.Task[None]] = set()
        # Jobs whose requests went away without an answer, and when: if these come again, they get it.
        self._missed: dict[str, float] = {}
        # Jobs cancelled because nobody waited for them: a request that comes too late gets a new one.
        self._given_up: dict[str, float] = {}
        # Jobs whose clients do not wait here, and count on them all the same.
        self._kept: dict[str, float] = {}
        self._begun = time.time()
        self._closed = False
        bus.subscribe(JobChanged, self._on_change)
        bus.subscribe(JobPreview, self._on_preview)

    def close(self) -> None:
        """gesso stops: whoever waits is sent away, to come back; the jobs go on."""
        self._closed = True
        for handle in self._leaving.values():
            handle.cancel()
        for attending in self._attending.values():
            for each in attending:
                each.changed.set()

    def attended(self, job_id: str) -> bool:
        """Whether somebody waits for it."""
        return job_id in self._attending

    def missed(self, job: Job) -> bool:
        """Whether the last one who waited for an ended job left without the answer.

        What ended while gesso was started anew nobody can have been told.
        """
        if job.finished is not None and job.created < self._begun <= job.finished + START_S:
            return True
        return job.id in self._missed

    def just_left(self, job_id: str) -> bool:
        """Whether nobody waits for it, and the last one who did left a moment ago without the answer."""
        left = self._missed.get(job_id, float("-inf"))
        return not self.attended(job_id) and self._timer() - left < COMES_BACK_S

    def somebody_just_left(self) -> bool:
        """Whether there is any such job."""
        return any(map(self.just_left, reversed(self._missed)))

    def given_up(self, job_id: str) -> bool:
        """Whether it was cancelled because nobody waited for it."""
        return job_id in self._given_up

    def keep(self, job_id: str) -> None:
        """Its client follows it by other means: it goes on, also when somebody who waits for it hangs up."""
        self._remember(self._kept, job_id)
        if (handle := self._leaving.pop(job_id, None)) is not None:
            handle.cancel()

    @contextmanager
    def attends(self, job: Job, *, comes_back: bool) -> Iterator[Attendance]:
        """Somebody waits for `job` in this block. When the last one leaves before its end, it is cancelled:
        at once, or after a while if that one `comes_back`; unless it is to be kept."""
        mine = Attendance(job)
        if (handle := self._leaving.pop(job.id, None)) is not None:
            handle.cancel()
        self._attending.setdefault(job.id, set()).add(mine)
        try:
            yield mine
        finally:
            attending = self._attending[job.id]
            attending.discard(mine)
            if mine.answered:
                self._missed.pop(job.id, None)
            elif not attending:
                self._remember(self._missed, job.id)
            if not attending:
                del self._attending[job.id]
                if not mine.job.state.ended and not self._closed and job.id not in self._kept:
                    self._leave(job.id, COMES_BACK_S if comes_back else 0.0)

    async def ended(self, mine: Attendance) -> Job:
        """The job when it has ended. NoEngine, which is worth another try, where gesso stops before that."""
        while True:
            mine.changed.clear()
            mine.job = await self._queue.get(mine.job.id, mine.job.owner)
            if mine.job.state.ended:
                return mine.job
            if self._closed:
                raise NoEngine(
                    "gesso stops; your job is kept.", remedy="Ask again: the same request gets the same job."
                )
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_AGAIN_S):
                    await mine.changed.wait()

    def _leave(self, job_id: str, after_s: float) -> None:
        later = self._later or asyncio.get_running_loop().call_later
        self._leaving[job_id] = later(after_s, self._give_up, job_id)

    def _give_up(self, job_id: str) -> None:
        self._leaving.pop(job_id, None)
        task = asyncio.create_task(self._cancel_unattended(job_id), name=f"give up {job_id}")
        self._cancelling.add(task)
        task.add_done_callback(self._cancelling.discard)

    async def _cancel_unattended(self, job_id: str) -> None:
        self._remember(self._given_up, job_id)
        try:
            await self._cancel(None, [job_id], ACTIVE)
            logger.info("job %s was cancelled: nobody waits for it any more", job_id)
        except (NotFound, StorageError) as error:
            logger.warning("job %s, for which nobody waits, goes on: %s", job_id, error.message)

    def _remember(self, known: dict[str, float], job_id: str) -> None:
        if len(known) >= REMEMBERED:
            del known[next(iter(known))]
        known[job_id] = self._timer()

    def _on_change(self, event: JobChanged) -> None:
        if State(event.state).ended:
            for each in self._attending.get(event.job_id, ()):
                each.changed.set()

    def _on_preview(self, event: JobPreview) -> None:
        for each in self._attending.get(event.job_id, ()):
            if each.on_preview is not None:
                each.on_preview(event)
