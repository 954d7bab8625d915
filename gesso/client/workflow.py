"""A workflow in API format: what an engine runs."""

import copy
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from gesso.errors import InvalidWorkflow
from gesso.workflows.edit import set_input
from gesso.workflows.graph import Format, Prompt, detect

_EXPORT = "In ComfyUI, choose Workflow → Export (API), and use the file that makes."


class Workflow:
    """Nodes by id: {"6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a cat", "clip": ["4", 1]}}}.

    Raises InvalidWorkflow when given the editor's format, which an engine cannot run.
    """

    def __init__(self, prompt: Mapping[str, Any]) -> None:
        self._prompt = _checked(prompt, "This")

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read a file that ComfyUI exported in API format, or a picture's `prompt` saved as JSON."""
        try:
            text = Path(path).read_text("utf-8-sig")
        except OSError as error:
            raise InvalidWorkflow(
                f"{os.fspath(path)!r} cannot be read: {error.strerror}.", remedy="Check the path."
            ) from error
        except UnicodeDecodeError as error:
            raise InvalidWorkflow(f"{os.fspath(path)!r} is not JSON text.", remedy=_EXPORT) from error
        try:
            body = json.loads(text)
        except ValueError as error:
            raise InvalidWorkflow(f"{os.fspath(path)!r} is not JSON: {error}.", remedy=_EXPORT) from error
        return cls(_checked(body, repr(os.fspath(path))))

    @property
    def prompt(self) -> Prompt:
        """A copy of the nodes, as POST /prompt takes them."""
        return copy.deepcopy(self._prompt)

    def set(self, path: str, value: object) -> Self:
        """Set an input: `workflow.set("6.text", "a cat")`; returns the workflow, for chaining.

        A text takes the type of what was there: "20" becomes 20 where a number was.
        """
        self._prompt = set_input(self._prompt, path, value)
        return self

    def __repr__(self) -> str:
        classes = ", ".join(str(node.get("class_type")) for node in list(self._prompt.values())[:4])
        return f"<Workflow of {len(self._prompt)} nodes: {classes}{', …' if len(self._prompt) > 4 else ''}>"


def _checked(body: object, what: str) -> Prompt:
    # What others call {"prompt": …} is the body of POST /prompt; the graph inside it is meant.
    if isinstance(body, Mapping) and detect(body.get("prompt")) is Format.API:
        body = body["prompt"]
    match detect(body):
        case Format.API:
            return copy.deepcopy(dict(body))  # type: ignore[call-overload]
        case Format.EDITOR:
            raise InvalidWorkflow(
                f"{what} is a workflow in the editor's format, which no engine can run.", remedy=_EXPORT
            )
        case Format.NEITHER:
            raise InvalidWorkflow(
                f"{what} is not a workflow: it has no nodes with a class_type.", remedy=_EXPORT
            )
