"""How far the nodes of a prompt are, told to the client as ComfyUI tells it."""

import io
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from PIL import ImageOps
from PIL.Image import Image, Resampling

from gesso.sketch.folders import Folders
from gesso.sketch.graph import Graph
from gesso.sketch.memory import Memory
from gesso.sketch.node import Interrupted


class Outlet(Protocol):
    """Where the executor's messages go: to the client of the prompt, or to all sockets where it has none.

    Called from the thread that executes. Messages that ComfyUI withholds from a prompt without client_id are
    withheld here already, so everything that arrives is to be sent.
    """

    def emit(self, type: str, data: dict[str, Any]) -> None:
        """A JSON message `{"type": type, "data": data}`; the data is not changed afterwards."""

    def emit_preview(self, node_id: str, image: bytes, mime: str, metadata: dict[str, Any] | None) -> None:
        """An encoded preview, offered twice: before `progress` with metadata, after it without.

        The first is for clients that negotiated `supports_preview_metadata` (binary type 4), the second for
        all others (type 1): ComfyUI sends the two at these different places.
        """

    def emit_text(self, node_id: str, text: str) -> None:
        """A text that a node shows while it runs (binary type 3)."""


_MIMES = {"JPEG": "image/jpeg", "PNG": "image/png"}


class Progress:
    """The state of every node that has begun, and the messages that tell of each change.

    The dictionaries in a message are shared with later ones and therefore replaced, never changed.
    """

    def __init__(self, prompt_id: str, graph: Graph, outlet: Outlet) -> None:
        self.prompt_id = prompt_id
        self._graph = graph
        self._outlet = outlet
        self._nodes: dict[str, Mapping[str, Any]] = {}

    def start(self, node_id: str) -> None:
        """The node begins."""
        self._set(node_id, 0.0, 1.0, "running")

    def finish(self, node_id: str) -> None:
        """The node is done, by running or by being cached."""
        maximum = self._nodes[node_id]["max"] if node_id in self._nodes else 1
        self._set(node_id, maximum, maximum, "finished")

    def update(
        self,
        node_id: str,
        value: float,
        maximum: float,
        preview: Image | None = None,
        *,
        format: str = "JPEG",
        max_size: int | None = 512,
    ) -> None:
        """The node is at `value` of `maximum`; the two offers of the preview enclose `progress`."""
        value = min(value, maximum)
        self._set(node_id, value, maximum, "running")
        encoded = None if preview is None else _encode(preview, format, max_size)
        mime = _MIMES[format]
        if encoded is not None:
            metadata = {**self._identity(node_id), "image_type": mime}
            self._outlet.emit_preview(node_id, encoded, mime, metadata)
        data = {"value": value, "max": maximum, "prompt_id": self.prompt_id, "node": node_id}
        self._outlet.emit("progress", data)
        if encoded is not None:
            self._outlet.emit_preview(node_id, encoded, mime, None)

    def _set(self, node_id: str, value: float, maximum: float, state: str) -> None:
        self._nodes[node_id] = {"value": value, "max": maximum, "state": state, **self._identity(node_id)}
        self._outlet.emit("progress_state", {"prompt_id": self.prompt_id, "nodes": dict(self._nodes)})

    def _identity(self, node_id: str) -> dict[str, Any]:
        return {
            "node_id": node_id,
            "prompt_id": self.prompt_id,
            "display_node_id": self._graph.display(node_id),
            "parent_node_id": self._graph.parent(node_id),
            "real_node_id": self._graph.real(node_id),
        }


class RunningNode:
    """The context lent to a node while it runs; implements `node.Context`."""

    def __init__(
        self,
        node_id: str,
        folders: Folders,
        memory: Memory,
        progress: Progress,
        outlet: Outlet,
        interrupted: Callable[[], bool],
    ) -> None:
        self.node_id = node_id
        self.folders = folders
        self.memory = memory
        self._progress = progress
        self._outlet = outlet
        self._interrupted = interrupted

    def progress(
        self,
        value: float,
        maximum: float,
        preview: Image | None = None,
        *,
        format: str = "JPEG",
        max_size: int | None = 512,
    ) -> None:
        """See Context."""
        self.check()
        self._progress.update(self.node_id, value, maximum, preview, format=format, max_size=max_size)

    def text(self, text: str) -> None:
        """See Context."""
        self._outlet.emit_text(self.node_id, text)

    def check(self) -> None:
        """See Context."""
        if self._interrupted():
            raise Interrupted


def _encode(picture: Image, format: str, max_size: int | None) -> bytes:
    if max_size is not None:
        picture = ImageOps.contain(picture, (max_size, max_size), Resampling.BILINEAR)
    buffer = io.BytesIO()
    picture.save(buffer, format=format, quality=95, compress_level=1)
    return buffer.getvalue()
