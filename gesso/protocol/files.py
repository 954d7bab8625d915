"""Names of files as ComfyUI speaks of them: references, safe names, numbering, files inside outputs."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRef:
    """One file as clients name it, e.g. filename "plain_00001_.png", subfolder "sub", type "output"."""

    filename: str
    subfolder: str = ""
    type: str = "input"


def safe_name(filename: str) -> str:
    raise NotImplementedError


def safe_subfolder(subfolder: str) -> str:
    raise NotImplementedError


def next_name(name: str, taken: Callable[[str], bool]) -> str:
    raise NotImplementedError


def next_output_name(name: str, taken: Callable[[str], bool]) -> str:
    raise NotImplementedError


def parse_annotated(name: str, default: str = "input") -> FileRef:
    raise NotImplementedError


def output_files(outputs: dict[str, Any]) -> list[FileRef]:
    raise NotImplementedError


def map_output_files(outputs: dict[str, Any], fn: Callable[[FileRef], FileRef]) -> dict[str, Any]:
    raise NotImplementedError
