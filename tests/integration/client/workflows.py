"""Small workflows that every server of the contract can run."""

from itertools import count
from typing import Any

_COLORS = count(1)


def plain(color: int | None = None, *, prefix: str = "contract/plain") -> dict[str, Any]:
    """One picture; a colour of its own each time, so that nothing is taken from the cache."""
    return {
        "1": _node("EmptyImage", width=48, height=32, batch_size=1, color=color or next(_COLORS)),
        "2": _node("ImageInvert", image=["1", 0]),
        "3": _node("SaveImage", filename_prefix=prefix, images=["2", 0]),
    }


def slow(*, steps: int = 400, seconds: float = 0.02) -> dict[str, Any]:
    """Takes its time, and shows a preview at each step."""
    return {
        "1": _node("EmptyImage", width=48, height=32, batch_size=1, color=next(_COLORS)),
        "2": _node("SketchSteps", image=["1", 0], steps=steps, seconds=seconds, seed=next(_COLORS)),
        "3": _node("SaveImage", filename_prefix="contract/slow", images=["2", 0]),
    }


def inverted(picture: str = "none.png") -> dict[str, Any]:
    return {
        "1": _node("LoadImage", image=picture),
        "2": _node("ImageInvert", image=["1", 0]),
        "3": _node("SaveImage", filename_prefix="contract/inverted", images=["2", 0]),
    }


def failing() -> dict[str, Any]:
    return {
        "1": _node(
            "RegexReplace",
            string="abc",
            regex_pattern="(",
            replace="x",
            case_insensitive=True,
            multiline=False,
            dotall=False,
            count=0,
        ),
        "2": _node("PreviewAny", source=["1", 0]),
    }


def text(value: str) -> dict[str, Any]:
    return {"1": _node("PrimitiveString", value=value), "2": _node("PreviewAny", source=["1", 0])}


def _node(class_type: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": class_type, "inputs": inputs}
