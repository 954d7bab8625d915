"""Runs a prompt: ComfyUI's order, messages, cache and errors, in the calling thread."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from gesso.sketch.folders import Folders
from gesso.sketch.node import Node
from gesso.sketch.registry import NODES


class Outlet(Protocol):
    """Where the executor's messages go: to the client of the prompt, or to all sockets where it has none.

    Called from the thread that executes. Messages that ComfyUI withholds from a prompt without client_id are
    withheld here already, so everything that arrives is to be sent.
    """

    def emit(self, type: str, data: dict[str, Any]) -> None:
        """A JSON message `{"type": type, "data": data}`; the data is not changed afterwards."""

    def emit_preview(self, node_id: str, image: bytes, mime: str, metadata: dict[str, Any] | None) -> None:
        """An encoded preview, offered twice: before `progress` with metadata, after it without.

        The first is for clients that negotiated `supports_preview_metadata` (binary type 4), the second for all
        others (type 1): ComfyUI sends the two at these different places.
        """

    def emit_text(self, node_id: str, text: str) -> None:
        """A text that a node shows while it runs (binary type 3)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What history keeps of an executed prompt."""

    outputs: dict[str, Any]
    meta: dict[str, Any]
    status_str: Literal["success", "error"]
    completed: bool
    messages: list[tuple[str, dict[str, Any]]]


class Executor:
    """Executes prompts one after the other and keeps the results of the last one for the next."""

    def __init__(self, folders: Folders, nodes: Mapping[str, type[Node]] = NODES) -> None:
        self.folders = folders
        self.nodes = nodes

    def execute(
        self,
        prompt_id: str,
        prompt: dict[str, Any],
        extra_data: Mapping[str, Any],
        outputs: Sequence[str],
        outlet: Outlet,
        interrupted: Callable[[], bool],
    ) -> Result:
        """Runs a validated prompt to its end. Errors of nodes are told in the result, never raised.

        `outputs` are the ids of the output nodes to run, in the order that validation gave;
        `interrupted` is asked before every node and at every step of those that tell their progress.
        """
        raise NotImplementedError

    def free(self) -> None:
        """Forgets all cached results and node instances."""
