"""What can happen, as frozen records, and the in-process bus that carries them upward."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobChanged:
    """A job entered a state: queued, running, succeeded, failed, cancelled (or was requeued: queued).

    `remaining` counts the owner's jobs that are queued or running after the change; `engine` is where it
    runs, or ran last.
    """

    job_id: str
    owner: str
    client_id: str | None
    state: str
    remaining: int
    engine: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobMessage:
    """A JSON message about a job, in ComfyUI's shape, with our job id as prompt_id.

    Example: type "executing", data {"node": "3", "display_node": "3", "prompt_id": "…"}.
    """

    job_id: str
    owner: str
    client_id: str | None
    type: str
    data: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class JobPreview:
    """A preview picture of a running job; `metadata` as in ComfyUI's binary message of type 4."""

    job_id: str
    owner: str
    client_id: str | None
    metadata: dict[str, Any]
    image: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class JobText:
    """A text a node shows while it runs (ComfyUI's binary message of type 3)."""

    job_id: str
    owner: str
    client_id: str | None
    node_id: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineChanged:
    """An engine entered a state of `fleet.state.State`; `reason` is the evidence in words."""

    engine: str
    state: str
    reason: str


Event = JobChanged | JobMessage | JobPreview | JobText | EngineChanged
E = TypeVar("E", JobChanged, JobMessage, JobPreview, JobText, EngineChanged)


class Bus:
    """Delivers each event, at once and in order, to whoever subscribed to its type.

    Subscribers are plain functions on the event loop; they must not block. One that raises is
    logged and does not keep the others from being told.
    """

    def __init__(self) -> None:
        self._subscribers: dict[type, list[Callable[[Any], None]]] = {}

    def subscribe(self, kind: type[E], callback: Callable[[E], None]) -> Callable[[], None]:
        """Call `callback` with every event of `kind`; returns the function that ends it."""
        callbacks = self._subscribers.setdefault(kind, [])
        callbacks.append(callback)
        return lambda: callbacks.remove(callback)

    def publish(self, event: Event) -> None:
        for callback in tuple(self._subscribers.get(type(event), ())):
            try:
                callback(event)
            except Exception:
                logger.exception("a subscriber failed on %s", type(event).__name__)
