"""What a job is: what is asked for, what is known of it, and who holds it."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class State(StrEnum):
    """`queued → running → succeeded | failed | cancelled`; back to queued when its engine was lost."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        return self not in (State.QUEUED, State.RUNNING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """What a user asks for. JSON throughout; secrets are stripped before it is made.

    Example: owner "u1", payload {"prompt": {…}, "extra_data": {}, "outputs": ["9"]}.
    """

    owner: str
    payload: dict[str, Any]
    kind: str = "comfyui"
    """The API that it came by."""
    client_id: str | None = None
    needs: tuple[str, ...] = ()
    """What an engine must have to run it: node classes and model files, in any order."""
    priority: int = 0
    """Among the owner's own jobs only; greater is sooner."""
    front: bool = False
    number: float | None = None
    """The place in the owner's queue, less is sooner. None: the next of the owner's numbers."""
    id: str | None = None
    """Chosen by the client; names this job for ever."""
    idempotency_key: str | None = None
    request_hash: str | None = None
    """What makes two requests the same. None: the hash of kind and payload."""
    inputs: list[dict[str, Any]] = field(default_factory=list)
    """The files it reads; each dict with a "sha256" keeps that artifact until the job has ended."""
    shape: str | None = None
    """The same for runs of one workflow with other seeds and texts: such jobs take as long as each other."""
    cost_s: float | None = None
    """Estimated GPU-seconds. None: what jobs with the same needs took lately."""
    max_attempts: int = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What was known of a job at one moment."""

    id: str
    seq: int
    owner: str
    kind: str
    state: State
    priority: int
    number: float
    payload: dict[str, Any]
    inputs: list[dict[str, Any]]
    needs: tuple[str, ...]
    client_id: str | None
    idempotency_key: str | None
    attempt: int
    max_attempts: int
    not_before: float
    engine: str | None
    """Where it runs, or ran last."""
    prompt_id: str | None
    session: str | None
    """The gateway that drives it; None unless running."""
    cancel_asked: bool
    hidden: bool
    """Deleted from its owner's history, or never in it."""
    outputs: dict[str, Any] | None
    error: dict[str, Any] | None
    meta: dict[str, Any] | None
    created: float
    started: float | None
    finished: float | None
    rev: int
    shape: str | None = None
    """The same for runs of one workflow with other seeds and texts; None: not known."""
    remaining: int | None = field(default=None, compare=False)
    """How many of its owner's jobs were queued or running after the change whose answer this is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The right to drive a job: ends when anyone else claims, adopts or ends it."""

    job: Job
    attempt: int
    engine: str
    prompt_id: str
    session: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancelled:
    """A job that `cancel` reached: one that was running still runs, until its runner has interrupted it."""

    id: str
    owner: str
    client_id: str | None
    was_running: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Reaped:
    """What dead gateways left behind."""

    cancelled: list[Claim]
    """Cancelling was asked: now recorded as cancelled, though the engine may still be at work on it."""
    orphaned: list[Claim]
    """Running, driven by nobody: to be adopted or released."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How many jobs there are, over all users."""

    queued: int
    running: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a user has until told otherwise."""

    weight: float = 1.0
    max_running: int = 1_000
    max_queued: int = 1_000
    """Unfinished jobs, be they waiting or running."""
    gpu_seconds: float | None = None
    """Of the last 24 hours; who has used them can submit no more."""
    storage: int | None = None
    """Bytes; whose files weigh more can submit no more."""
