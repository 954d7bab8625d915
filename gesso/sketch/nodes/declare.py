"""Short words for declaring inputs."""

from collections.abc import Callable, Sequence
from typing import Any

from gesso.sketch.folders import Folders
from gesso.sketch.node import Input

IMAGE = Input("IMAGE")
MASK = Input("MASK")

MAX_SIDE = 16384
"""The longest side of a picture that ComfyUI's nodes take."""


def integer(
    default: int | None = None,
    minimum: int | None = None,
    maximum: int | None = None,
    step: int | None = None,
    **more: Any,
) -> Input:
    """An INT; what is not given is not in the options."""
    return Input("INT", _options(default=default, min=minimum, max=maximum, step=step, **more))


def decimal(
    default: float | None = None,
    minimum: float | None = None,
    maximum: float | None = None,
    step: float | None = None,
) -> Input:
    """A FLOAT; what is not given is not in the options."""
    return Input("FLOAT", _options(default=default, min=minimum, max=maximum, step=step))


def side(default: int = 512, minimum: int = 1, step: int = 1) -> Input:
    """A width, a height or a place in a picture."""
    return integer(default, minimum, MAX_SIDE, step)


def text(default: str | None = None, multiline: bool | None = None) -> Input:
    """A STRING."""
    return Input("STRING", _options(default=default, multiline=multiline))


def boolean(default: bool | None = None) -> Input:
    """A BOOLEAN."""
    return Input("BOOLEAN", _options(default=default))


def choice(options: Sequence[str] | Callable[[Folders], list[str]], **more: Any) -> Input:
    """One of a list."""
    return Input(options, more or None)


def _options(**options: Any) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}
