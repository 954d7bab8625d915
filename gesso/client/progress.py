"""How far a job is, read from ComfyUI's WebSocket messages; pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gesso.client.position import Position
from gesso.protocol.frames import Preview, PreviewWithMetadata, decode


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Where a job stands.

    Example: fraction 0.62, node "3", class_type "KSampler", step 12, steps 20, preview b"\\xff\\xd8…".
    """

    fraction: float
    """Of the whole job, 0 to 1; each node counts alike, because none tells beforehand how long it takes."""
    node: str | None = None
    """The node now running; None before the first and after the last."""
    class_type: str | None = None
    step: int | None = None
    """Steps done within the node, where the node tells."""
    steps: int | None = None
    preview: bytes | None = field(default=None, repr=False)
    """An encoded picture (JPEG, PNG or WebP), when this news is one."""
    position: Position | None = None
    """While it waits for its turn on gesso: how many jobs are ahead, and when it is expected to start."""


_ENDS = frozenset({"execution_success", "execution_error", "execution_interrupted"})


class Tracker:
    """Turns one job's messages into Progress; messages about other jobs are passed over."""

    def __init__(self, job_id: str, prompt: Mapping[str, Any] | None) -> None:
        self.job_id = job_id
        self.prompt = prompt
        self.ended = False
        """The server said that the job is over: its history can be asked for."""
        self.idle = False
        """The server said that its queue is empty."""
        self._done: dict[str, float] = {}
        self._node: str | None = None
        self._step: int | None = None
        self._steps: int | None = None

    def feed(self, frame: str | bytes) -> Progress | None:
        """What this frame says about the job, or None when it says nothing new."""
        if isinstance(frame, bytes):
            return self._preview(frame)
        try:
            message = json.loads(frame)
        except ValueError:
            return None
        data = message.get("data") if isinstance(message, dict) else None
        if not isinstance(data, dict):
            return None
        kind = message.get("type")
        if kind == "status":
            self.idle = _queue_remaining(data) == 0
            return None
        if data.get("prompt_id") != self.job_id:
            return None
        return self._news(str(kind), data)

    def _news(self, kind: str, data: dict[str, Any]) -> Progress | None:
        if kind in _ENDS:
            self.ended = True
            return None
        if kind == "execution_start":
            self._enter(None)
            self._done.clear()  # a second attempt starts anew
        elif kind == "execution_cached":
            self._done.update({str(node): 1.0 for node in data.get("nodes") or ()})
        elif kind == "executing":
            if data.get("node") is None:
                self.ended = True
                return None
            self._enter(str(data["node"]))
        elif kind == "executed":
            self._done[str(data.get("node"))] = 1.0
        elif kind == "progress":
            self._enter(str(data.get("node")))
            self._stepped(data.get("value"), data.get("max"))
        elif kind == "progress_state" and isinstance(data.get("nodes"), dict):
            self._states(data["nodes"])
        else:
            return None
        return self.now()

    def now(self, preview: bytes | None = None) -> Progress:
        about = self.prompt.get(self._node) if self.prompt and self._node else None
        return Progress(
            fraction=self._fraction(),
            node=self._node,
            class_type=about.get("class_type") if isinstance(about, dict) else None,
            step=self._step,
            steps=self._steps,
            preview=preview,
        )

    def _enter(self, node: str | None) -> None:
        if node != self._node:
            if self._node is not None:
                self._done[self._node] = 1.0
            self._node, self._step, self._steps = node, None, None

    def _stepped(self, value: object, most: object) -> None:
        if isinstance(value, int | float) and isinstance(most, int | float) and most > 0 and self._node:
            self._step, self._steps = int(value), int(most)
            self._done[self._node] = min(1.0, max(0.0, value / most))

    def _states(self, nodes: dict[str, Any]) -> None:
        for node, state in nodes.items():
            if not isinstance(state, dict):
                continue
            if state.get("state") == "finished":
                self._done[node] = 1.0
            elif state.get("state") == "running":
                if node != self._node:
                    self._node, self._step, self._steps = node, None, None
                # ComfyUI gives every node max 1 until the node itself tells: that is no step.
                if state.get("max") != 1:
                    self._stepped(state.get("value"), state.get("max"))

    def _preview(self, frame: bytes) -> Progress | None:
        match decode(frame):
            case PreviewWithMetadata(metadata=metadata, image=image) if (
                metadata.get("prompt_id") == self.job_id
            ):
                return self.now(image)
            # The old kind carries no id; the socket is this job's own, so while a node of it runs it is ours.
            case Preview(image=image) if self._node is not None and not self.ended:
                return self.now(image)
        return None

    def _fraction(self) -> float:
        if not self.prompt:
            return 0.0
        done = sum(part for node, part in self._done.items() if node in self.prompt)
        return min(1.0, done / len(self.prompt))


def _queue_remaining(data: dict[str, Any]) -> object:
    status = data.get("status")
    info = status.get("exec_info") if isinstance(status, dict) else None
    return info.get("queue_remaining") if isinstance(info, dict) else None
