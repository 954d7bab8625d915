"""A workflow as a graph: what a link is, which nodes feed which, and which format a body is in."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

Prompt = dict[str, dict[str, Any]]


class Format(Enum):
    """API is what an engine runs, EDITOR what the UI saves."""

    API = "api"
    EDITOR = "editor"
    NEITHER = "neither"


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """`node`'s `input` takes what `source` gives at `slot`."""

    node: str
    input: str
    source: str
    slot: int


def is_link(value: object) -> bool:
    raise NotImplementedError


def inputs_of(node: object) -> dict[str, Any]:
    raise NotImplementedError


def links(prompt: Mapping[str, Any]) -> Iterator[Link]:
    raise NotImplementedError


def upstream(prompt: Mapping[str, Any], outputs: Iterable[str]) -> list[str]:
    raise NotImplementedError


def detect(body: object) -> Format:
    raise NotImplementedError
