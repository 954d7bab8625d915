"""That an engine has made a picture: the fact with its age, and the small one it is tried with (pure)."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from gesso.engines.probe import Fact
from gesso.fleet.finding import Finding
from gesso.protocol.pictures import Extent
from gesso.workflows.catalog import Catalog

NOT_FUNCTIONAL = "not-functional"
SIDE = 64
WHITE = 0xFFFFFF
# Rounding on the way from a colour to numbers between 0 and 1, and back.
TOLERANCE = 2


class How(StrEnum):
    JOB = "job"
    """Somebody's job had a picture."""
    TEST = "test"
    """It made the small picture that it was asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Functional:
    """Example: at 1795225212.9, how "test", evidence "made a small picture in the colour asked for"."""

    at: float
    """Seconds since the epoch."""
    how: How
    evidence: str
    took_s: float | None
    """None: the engine does not say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A part of a trial, e.g. name "executed"."""

    name: str
    took_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What came of trying an engine. `ok` unknown: it could not be tried, which says nothing about it."""

    ok: Fact
    evidence: str
    at: float
    took_s: float
    steps: tuple[Step, ...] = ()

    @property
    def fact(self) -> Functional:
        return Functional(at=self.at, how=How.TEST, evidence=self.evidence, took_s=self.took_s)

    def finding(self, engine: str) -> Finding:
        return Finding(
            name=NOT_FUNCTIONAL,
            summary="it answers, but does not make the small picture that it was asked for",
            evidence=self.evidence,
            remedy=f"Look what it said: `gesso engines logs {engine}`; then `gesso engines test {engine}`.",
            at=self.at,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A workflow that makes a picture of one colour, and the colour that comes out."""

    prompt: dict[str, Any]
    output: str
    """The node that has the picture."""
    colour: int


def draft(catalog: Catalog, colour: int) -> Draft | None:
    """Of ComfyUI's own nodes that need no model; None: it has not got them. No two colours, else the answer
    may come from what is cached.

    A preview goes to the temp folder, which the engine empties at its next start.
    """
    if catalog.node("EmptyImage") is None:
        return None
    size = {"width": SIDE, "height": SIDE, "batch_size": 1, "color": colour}
    prompt: dict[str, Any] = {"1": {"class_type": "EmptyImage", "inputs": size}}
    source = "1"
    if catalog.node("ImageInvert") is not None:
        prompt["2"] = {"class_type": "ImageInvert", "inputs": {"image": ["1", 0]}}
        source, colour = "2", WHITE - colour
    shown = {"images": [source, 0]}
    if catalog.node("PreviewImage") is not None:
        prompt["3"] = {"class_type": "PreviewImage", "inputs": shown}
    elif catalog.node("SaveImage") is not None:
        prompt["3"] = {"class_type": "SaveImage", "inputs": {**shown, "filename_prefix": "gesso-test"}}
    else:
        return None
    return Draft(prompt=prompt, output="3", colour=colour)


def wrong_with(picture: Extent, colour: int) -> str | None:
    """What is wrong with the picture that was made; None: nothing."""
    if (picture.width, picture.height) != (SIDE, SIDE):
        return f"its picture is {picture.width} × {picture.height}, not {SIDE} × {SIDE}"
    levels = tuple(colour >> shift & 0xFF for shift in (16, 8, 0))
    for level, lowest, highest in zip(levels, picture.lowest, picture.highest, strict=True):
        if abs(lowest - level) > TOLERANCE or abs(highest - level) > TOLERANCE:
            seen = _hex(picture.lowest)
            seen = seen if picture.lowest == picture.highest else f"{seen} to {_hex(picture.highest)}"
            return f"its picture is {seen} in place of {_hex(levels)}"
    return None


def _hex(levels: tuple[int, ...]) -> str:
    return "#" + "".join(f"{level:02x}" for level in levels)
