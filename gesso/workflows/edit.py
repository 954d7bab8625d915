"""Changes to a workflow, as the command line asks for them."""

from collections.abc import Mapping
from typing import Any

from gesso.workflows.graph import Prompt


def set_input(prompt: Mapping[str, Any], path: str, value: object) -> Prompt:
    """A copy of `prompt` with the input at `path` ("6.text") set; text becomes the type that was there."""
    raise NotImplementedError
