"""Tells a running job's owner what its engine says about it, under our names of the job and its files."""

import time
from typing import Any

from gesso.engines.socket import Delivery, Message
from gesso.events import Bus, JobChanged, JobMessage, JobPreview, JobText
from gesso.jobs.collect import Collector
from gesso.jobs.engine_fault import is_engines_own
from gesso.jobs.job import Claim, Job, State
from gesso.jobs.queue import Queue
from gesso.protocol.comfyui import rewrite_prompt_id
from gesso.protocol.frames import PreviewWithMetadata, Text

ENDS = frozenset({"execution_success", "execution_error", "execution_interrupted"})


class Relay:
    """The messages of one claim."""

    def __init__(self, *, claim: Claim, bus: Bus, queue: Queue, collector: Collector) -> None:
        self._job = claim.job
        self._prompt_id = claim.prompt_id
        self._bus = bus
        self._queue = queue
        self._collector = collector
        self._end_told = False
        self.shown: set[str] = set()
        """The nodes of which its engine told an output."""
        self.begun_at: float | None = None
        """When (by time.monotonic) its engine was first heard to execute it."""

    async def begin(self) -> None:
        """Its engine executes it. ComfyUI tells the queue's length again then; so do we."""
        if self.begun_at is None:
            self.begun_at = time.monotonic()
            await announce(self._bus, self._queue, self._job, State.RUNNING)

    async def tell(self, message: Delivery) -> bool:
        """Publish one message. True when it was the last: `executing` of no node."""
        await self.begin()
        job = self._job
        if isinstance(message, PreviewWithMetadata):
            self._bus.publish(
                JobPreview(
                    job_id=job.id,
                    owner=job.owner,
                    client_id=job.client_id,
                    metadata={**message.metadata, "prompt_id": job.id},
                    image=message.image,
                )
            )
        elif isinstance(message, Text):
            self._bus.publish(
                JobText(
                    job_id=job.id,
                    owner=job.owner,
                    client_id=job.client_id,
                    node_id=message.node_id,
                    text=message.text,
                )
            )
        elif isinstance(message, Message):
            data = rewrite_prompt_id(message.data, self._prompt_id, job.id)
            if message.type == "executing" and data.get("node") is None:
                return True  # told when our history is readable
            if message.type == "executed":
                data = {**data, "output": await self._collector.outputs(data.get("output") or {})}
                if data["output"]:
                    self.shown.add(str(message.data.get("node")))
            self._end_told |= message.type in ENDS
            if message.type == "execution_error" and is_engines_own(data):
                return False  # it is tried again; what becomes of it in the end is told then
            tell(self._bus, job, message.type, data)
        return False

    def tell_end(self, status: dict[str, Any]) -> None:
        """What history says of the end, if the line was down when the engine told it."""
        for kind, data in status.get("messages") or ():
            if kind in ENDS and not self._end_told:
                self._end_told = True
                tell(self._bus, self._job, kind, data)


def tell(bus: Bus, job: Job, kind: str, data: dict[str, Any]) -> None:
    """Publish a message about `job` in ComfyUI's shape."""
    bus.publish(JobMessage(job_id=job.id, owner=job.owner, client_id=job.client_id, type=kind, data=data))


async def announce(bus: Bus, queue: Queue, job: Job, state: State) -> None:
    """Publish that `job` came into `state`, and how many jobs its owner has now."""
    remaining = job.remaining
    if remaining is None:
        remaining = await queue.remaining(job.owner)
    bus.publish(
        JobChanged(
            job_id=job.id,
            owner=job.owner,
            client_id=job.client_id,
            state=state,
            remaining=remaining,
            engine=job.engine,
        )
    )
