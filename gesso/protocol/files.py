"""Names of files as ComfyUI speaks of them: references, safe names, numbering, files inside outputs."""

import posixpath
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from gesso.errors import RequestError

# What file systems take for one part of a path, in bytes.
PART_LIMIT = 255
DRIVE = re.compile(r"[A-Za-z]:")
# ComfyUI counts with five digits; fewer or more are somebody's year or date.
COUNTER = re.compile(r"(?P<before>.*_)(?P<count>[0-9]{5,6})(?P<after>[_.-].*|)", re.DOTALL)
# ComfyUI cuts a fixed number of characters, blank included, whether or not there is a blank.
ANNOTATIONS = {"[output]": "output", "[input]": "input", "[temp]": "temp"}


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRef:
    """One file as clients name it, e.g. filename "plain_00001_.png", subfolder "sub", type "output"."""

    filename: str
    subfolder: str = ""
    type: str = "input"


def safe_name(filename: str) -> str:
    """`filename` if it is the name of a file in a folder and nothing more; else raises RequestError."""
    if "/" in filename:
        raise RequestError(f"The file name {filename!r} has a '/' in it.")
    if filename in ("", ".", ".."):
        raise RequestError(f"{filename!r} is no file name.")
    _refuse_tricks(filename)
    return filename


def safe_subfolder(subfolder: str) -> str:
    """`subfolder` in its plain form ("a/b", "" for none); raises RequestError where it could lead outside.

    (For that ComfyUI's /view answers 403 and its /upload 400: up to the caller.)
    """
    if subfolder.startswith("/"):
        raise RequestError(f"The folder {subfolder!r} is absolute.")
    parts = [part for part in subfolder.split("/") if part not in ("", ".")]
    for part in parts:
        if part == "..":
            raise RequestError(f"The folder {subfolder!r} leads outside.")
        _refuse_tricks(part)
    return "/".join(parts)


def next_name(name: str, taken: Callable[[str], bool]) -> str:
    """`name`, or the first free of "red (1).png", "red (2).png", …

    An uploaded file that is there already under a name may keep it: let `taken` answer False for that name.
    """
    stem, suffix = posixpath.splitext(name)
    return name if not taken(name) else _first_free(1, lambda count: f"{stem} ({count}){suffix}", taken)


def next_output_name(name: str, taken: Callable[[str], bool]) -> str:
    """`name`, or its like with the next free counter: "plain_00001_.png" → "plain_00002_.png"."""
    if not taken(name):
        return name
    match = COUNTER.fullmatch(name)
    if match is None:
        return next_name(name, taken)
    before, count, after = match.group("before", "count", "after")
    return _first_free(int(count) + 1, lambda n: f"{before}{n:0{len(count)}}{after}", taken)


def may_become(name: str, other: str) -> bool:
    """Whether `other` is a name that `next_name` or `next_output_name` gives where `name` is taken."""
    counted, found = COUNTER.fullmatch(name), COUNTER.fullmatch(other)
    if counted and found and counted.group("before", "after") == found.group("before", "after"):
        return int(found["count"]) > int(counted["count"])
    stem, suffix = posixpath.splitext(name)
    number = other.removeprefix(f"{stem} (").removesuffix(f"){suffix}")
    return number.isdecimal() and other == f"{stem} ({int(number)}){suffix}"


def parse_annotated(name: str, default: str = "input") -> FileRef:
    """What a loader's input names: "x.png" → input, "sub/x.png [temp]" → temp; raises RequestError."""
    for suffix, kind in ANNOTATIONS.items():
        if name.endswith(suffix):
            name, default = name[: -len(suffix) - 1], kind
            break
    subfolder, _, filename = name.rpartition("/")
    if name.startswith("/"):
        raise RequestError(f"The file name {name!r} is absolute.")
    return FileRef(filename=safe_name(filename), subfolder=safe_subfolder(subfolder), type=default)


def output_files(outputs: dict[str, Any]) -> list[FileRef]:
    """Every file in a history item's `outputs`, once each, in order: images, gifs, audio, 3d, …"""
    found: dict[FileRef, None] = {}
    for container in _containers([outputs]):
        ref = _ref(container)
        if ref:
            found.setdefault(ref)
    return list(found)


def map_output_files(outputs: dict[str, Any], fn: Callable[[FileRef], FileRef]) -> dict[str, Any]:
    """A copy of a history item's `outputs` in which each file is called what `fn` says."""
    holder: list[Any] = [outputs]
    for container in _containers(holder, copy=True):
        ref = _ref(container)
        if ref:
            named = fn(ref)
            container.update(filename=named.filename, subfolder=named.subfolder, type=named.type)
            # Video nodes add the path on the engine's disk, which is nobody's business.
            container.pop("fullpath", None)
    result: dict[str, Any] = holder[0]
    return result


def _containers(holder: list[Any], copy: bool = False) -> Iterator[Any]:
    """All dicts and lists below `holder`, outer ones first, left to right; copies put in place on request."""
    pending: list[Any] = [holder]
    while pending:
        container = pending.pop()
        yield container
        entries = list(container.items() if isinstance(container, dict) else enumerate(container))
        inner: list[Any] = []
        for key, value in entries:
            if isinstance(value, dict | list):
                if copy:
                    value = container[key] = value.copy()
                inner.append(value)
        pending += reversed(inner)


def _ref(value: Any) -> FileRef | None:
    if not isinstance(value, dict) or not isinstance(value.get("filename"), str) or not value["filename"]:
        return None
    subfolder, kind = value.get("subfolder", ""), value.get("type", "output")
    if not isinstance(subfolder, str) or kind not in ("input", "output", "temp"):
        return None
    return FileRef(filename=value["filename"], subfolder=subfolder, type=kind)


def _first_free(start: int, name_of: Callable[[int], str], taken: Callable[[str], bool]) -> str:
    """A free name near the end of a run of taken ones, in few questions: a folder may hold thousands."""
    low, step = start - 1, 1
    while taken(name_of(low + step)):
        low, step = low + step, step * 2
    high = low + step
    while high - low > 1:
        middle = (low + high) // 2
        if taken(name_of(middle)):
            low = middle
        else:
            high = middle
    return name_of(high)


def _refuse_tricks(part: str) -> None:
    if "\\" in part or DRIVE.match(part):
        raise RequestError(f"{part!r} is a path on Windows.")
    if any(ord(character) < 32 or ord(character) == 127 for character in part):
        raise RequestError(f"{part!r} has a control character in it.")
    try:
        size = len(part.encode())
    except UnicodeEncodeError as error:
        raise RequestError(f"{part!r} is not a text.") from error
    if size > PART_LIMIT:
        raise RequestError(f"The name {part[:40]!r}… is longer than {PART_LIMIT} bytes.")
