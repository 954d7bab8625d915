"""`/gesso/api/events`: what happens to one's jobs, as it happens, as server-sent events."""

import base64
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.responses import Response

from gesso.access.identity import Identity
from gesso.client.progress import Tracker
from gesso.errors import OverLimit, StorageError
from gesso.events import Bus, JobChanged, JobMessage, JobPreview
from gesso.gateway.api_caller import Where, holder
from gesso.gateway.api_position import Position
from gesso.gateway.event_stream import EventStream
from gesso.gateway.oversight import Oversight
from gesso.jobs.forecast import Outlook
from gesso.jobs.job import Job, State
from gesso.jobs.positions import Positions
from gesso.jobs.queue import Queue

Owner = Annotated[Identity, Depends(holder("jobs:own"))]
STREAM: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/event-stream": {}}, "description": "Server-sent events, until you hang up."}
}

Event = tuple[str, Any]

# What engines send, and browsers show.
PREVIEWS = frozenset({"image/jpeg", "image/png", "image/webp"})

POSITIONS_EVERY_S = 1.0
# Of one user's waiting jobs the first ones are told of; of the others nothing is certain anyway.
POSITIONS_TOLD = 100
# An estimate is news when it moves by more than this, or by more than this part of what is left.
MOVED_S, MOVED_PART = 2.0, 0.1


@dataclass(slots=True, kw_only=True, eq=False)
class Watch:
    """Who watches what: `job_id` None is all jobs of `owner`."""

    owner: str
    job_id: str | None = None
    tracker: Tracker | None = None
    previews: bool = False
    """The pictures that its engine shows while it works are wanted, too."""
    waiting: bool = True
    """Something of it may wait for its turn."""
    told: dict[str, tuple[float, Outlook]] = field(default_factory=dict)
    """What was last said of each place, and when."""
    left: dict[str, float] = field(default_factory=dict)
    """Jobs that have begun or ended, and when: an older moment has them still waiting."""

    def news(
        self, ids: Iterable[str], outlooks: Mapping[str, Outlook], at: float
    ) -> Iterator[tuple[str, Any]]:
        """The `position` events that are due."""
        before, self.told = self.told, {}
        self.left = {job_id: left_at for job_id, left_at in self.left.items() if left_at >= at}
        for job_id in ids:
            outlook = outlooks.get(job_id)
            if outlook is None or not outlook.place or job_id in self.left:
                continue
            was = before.get(job_id)
            if was is not None and not _moved(*was, at, outlook):
                self.told[job_id] = was
                continue
            self.told[job_id] = (at, outlook)
            position = Position.of(outlook)
            yield "position", {"id": job_id} | (position.model_dump() if position else {})


class Events:
    """All open streams of this gateway, fed from the bus."""

    def __init__(self, *, bus: Bus, queue: Queue, positions: Positions) -> None:
        self._queue = queue
        self.positions = positions
        self._watches: dict[str, dict[Watch, EventStream]] = {}
        self._open: Counter[str] = Counter()
        self._closed = False
        bus.subscribe(JobChanged, self._on_change)
        bus.subscribe(JobMessage, self._on_message)
        bus.subscribe(JobPreview, self._on_preview)

    def open_of(self, account_id: str) -> int:
        """How many streams this account has open."""
        return self._open[account_id]

    def close(self) -> None:
        """End all streams: gesso stops."""
        self._closed = True
        for watches in self._watches.values():
            for stream in watches.values():
                stream.end()

    async def of_all(self, identity: Identity) -> EventStream:
        """All jobs of the caller's."""
        with self._begun(identity, identity.account_id) as (stream, watch):
            watch.waiting = await self._queue.remaining(identity.account_id) > 0
            return stream

    async def of_one(self, identity: Identity, job: Job, *, previews: bool = False) -> EventStream:
        """One job, which the caller may see. Of another's job there are no `previews`."""
        previews = previews and job.owner == identity.account_id
        prompt = job.payload.get("prompt")
        tracker = Tracker(job.id, prompt if isinstance(prompt, dict) else None)
        with self._begun(identity, job.owner, job_id=job.id, tracker=tracker, previews=previews) as (
            stream,
            _,
        ):
            # Looked at once more, so that no change is missed in between.
            now = await self._queue.get(job.id)
            stream.send("job", {"id": now.id, "state": now.state.value, "engine": now.engine}, first=True)
            if now.state.ended:
                stream.end()
            return stream

    @contextmanager
    def _begun(self, identity: Identity, owner: str, **what: Any) -> Iterator[tuple[EventStream, Watch]]:
        """A stream that hears of what happens from here on. From the end of the block on it ends itself."""
        limit = identity.allowance.sockets
        if limit is not None and self._open[identity.account_id] >= limit:
            raise OverLimit(
                f"You have {limit} streams of events open, which is your limit.",
                retry_after_s=5.0,
                remedy="Close a page, or a program that listens.",
            )
        watch = Watch(owner=owner, **what)
        stream = EventStream(
            more=partial(self._positions_of, watch),
            every_s=POSITIONS_EVERY_S,
            on_end=partial(self._end, identity.account_id, watch),
        )
        self._open[identity.account_id] += 1
        self._watches.setdefault(owner, {})[watch] = stream
        if self._closed:
            stream.end()
        try:
            yield stream, watch
        except BaseException:
            self._end(identity.account_id, watch)
            raise

    def _end(self, account_id: str, watch: Watch) -> None:
        mine = self._watches.get(watch.owner, {})
        if mine.pop(watch, None) is None:
            return
        if not mine:
            del self._watches[watch.owner]
        self._open[account_id] -= 1
        if not self._open[account_id]:
            del self._open[account_id]

    async def _positions_of(self, watch: Watch) -> list[Event]:
        if not watch.waiting:
            return []
        try:
            moment = await self.positions.now()
        except StorageError:
            return []  # the next look may succeed
        ids = moment.mine.get(watch.owner, ())[:POSITIONS_TOLD] if watch.job_id is None else [watch.job_id]
        return list(watch.news(ids, moment.outlooks, moment.at))

    def _on_change(self, event: JobChanged) -> None:
        for watch, stream in self._watches.get(event.owner, {}).items():
            if watch.job_id not in (None, event.job_id):
                continue
            watch.told.pop(event.job_id, None)
            watch.left.pop(event.job_id, None)
            if event.state != State.QUEUED:
                watch.left[event.job_id] = self.positions.clock()
            stream.send("job", {"id": event.job_id, "state": event.state, "engine": event.engine})
            if watch.job_id is None:
                watch.waiting = event.remaining > 0
            elif State(event.state).ended:
                stream.end()
            else:
                watch.waiting = event.state == State.QUEUED

    def _on_message(self, event: JobMessage) -> None:
        for watch, stream in self._watches.get(event.owner, {}).items():
            if watch.job_id != event.job_id or watch.tracker is None:
                continue
            progress = watch.tracker.feed(json.dumps({"type": event.type, "data": event.data}))
            if progress is not None and progress.node is not None:
                told = {"node": progress.node, "step": progress.step, "steps": progress.steps}
                stream.send_latest("progress", {**told, "fraction": round(progress.fraction, 4)})

    def _on_preview(self, event: JobPreview) -> None:
        mime = event.metadata.get("image_type")
        for watch, stream in self._watches.get(event.owner, {}).items():
            if watch.previews and watch.job_id == event.job_id and mime in PREVIEWS:
                image = base64.b64encode(event.image).decode()
                stream.send_latest("preview", {"image": f"data:{mime};base64,{image}"})


def event_routes(events: Events, oversight: Oversight) -> APIRouter:
    router = APIRouter(tags=["jobs"])

    @router.get("/events", response_class=Response, responses=STREAM)
    async def follow_jobs(identity: Owner) -> Response:
        """What happens to one's jobs, as server-sent events, until you hang up.

        `job`: {"id", "state", "engine"}. `position`: {"id"} and what a job's `position` has, when it changed.
        """
        return await events.of_all(identity)

    @router.get("/jobs/{job_id}/events", response_class=Response, responses=STREAM)
    async def follow_job(identity: Owner, where: Where, job_id: str, previews: bool = False) -> Response:
        """What happens to one job, from its state now to its end.

        Besides `job` and `position`, `progress`: {"node", "step", "steps", "fraction"}. With `previews`, for
        the owner of the job, `preview`: {"image"}, as a data link, whenever its engine shows how far it is.
        """
        job = await oversight.finds(identity, where, job_id, "events")
        return await events.of_one(identity, job, previews=previews)

    return router


def _moved(was_at: float, was: Outlook, at: float, outlook: Outlook) -> bool:
    """Whether this is more than what was said then, with the time gone by since."""
    if was.place != outlook.place or (was.takes is None) != (outlook.takes is None):
        return True
    if was.starts is None or outlook.starts is None:
        return was.starts is not outlook.starts
    expected_s = max(0.0, was.starts.likely_s - (at - was_at))
    allowed_s = max(MOVED_S, MOVED_PART * expected_s)
    return abs(outlook.starts.likely_s - expected_s) > allowed_s
