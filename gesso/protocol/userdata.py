"""The rules of GET /userdata and GET /v2/userdata over a list of files, wherever these are kept."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from gesso.errors import Forbidden, NotFound, RequestError
from gesso.protocol.files import safe_subfolder


@dataclass(frozen=True, slots=True, kw_only=True)
class UserFile:
    """A file of a user: `path` from the user's root with "/", `size` in bytes, times in Unix seconds."""

    path: str
    size: int
    modified: float
    created: float


def safe_path(path: str) -> str:
    """`path` in its plain form; raises Forbidden where it could lead outside the user's folder.

    `path` is as the router decoded it. Like ComfyUI, what is still percent-encoded is decoded once more.
    """
    try:
        return safe_subfolder(unquote(path, errors="strict") if "%" in path else path)
    except (RequestError, UnicodeDecodeError) as error:
        raise Forbidden("That path is not in your folder.") from error


def file_info(entry: UserFile, relative_to: str = "") -> dict[str, Any]:
    """What ComfyUI tells of a file with full_info=true; its path as seen from folder `relative_to`."""
    path = _below(entry.path, relative_to)
    return {
        "path": entry.path if path is None else path,
        "size": entry.size,
        "modified": entry.modified,
        "created": entry.created,
    }


def list_userdata(
    entries: Iterable[UserFile],
    dir: str,
    *,
    recurse: bool = False,
    full_info: bool = False,
    split: bool = False,
) -> list[Any]:
    """The answer to GET /userdata?dir=…; `entries` are all files of the user.

    Paths, or [path, *parts] with `split`, or objects with `full_info`, all seen from `dir`. Hidden files
    (.index.json) are not listed. Raises RequestError, Forbidden or NotFound with ComfyUI's text.
    """
    if not dir:
        raise RequestError("Directory not provided")
    try:
        folder = safe_path(dir)
    except Forbidden as error:
        raise Forbidden("Invalid directory") from error
    inside = {path: entry for entry in entries if (path := _below(entry.path, folder)) is not None}
    if folder and not inside:
        # Folders are only what files lie in.
        raise NotFound("Directory not found")
    shown = [
        path
        for path in sorted(inside)
        if not any(part.startswith(".") for part in path.split("/")) and (recurse or "/" not in path)
    ]
    if full_info:
        return [file_info(inside[path], folder) for path in shown]
    return [[path, *path.split("/")] for path in shown] if split else list(shown)


def list_userdata_v2(entries: Iterable[UserFile], path: str = "") -> list[dict[str, Any]]:
    """The answer to GET /v2/userdata?path=…: all folders, then all files, at any depth, by name.

    Raises RequestError or NotFound with ComfyUI's text.
    """
    try:
        folder = safe_path(path)
    except Forbidden as error:
        raise RequestError("Invalid path requested") from error
    known = list(entries)
    if any(entry.path == folder for entry in known):
        raise RequestError("Requested path is not a directory")
    inside = [entry for entry in known if _below(entry.path, folder) is not None]
    if folder and not inside:
        raise NotFound("Requested path not found")
    folders = {parent for entry in inside for parent in _parents(entry.path) if len(parent) > len(folder)}
    listed: list[dict[str, Any]] = [
        {"name": parent.rpartition("/")[2], "path": parent, "type": "directory"} for parent in folders
    ]
    listed += [
        {
            "name": entry.path.rpartition("/")[2],
            "path": entry.path,
            "type": "file",
            "size": entry.size,
            "modified": entry.modified,
        }
        for entry in inside
    ]
    return sorted(listed, key=lambda item: (item["type"] != "directory", item["name"].lower(), item["path"]))


def _below(path: str, folder: str) -> str | None:
    if not folder:
        return path
    return path[len(folder) + 1 :] if path.startswith(f"{folder}/") else None


def _parents(path: str) -> list[str]:
    parts = path.split("/")[:-1]
    return ["/".join(parts[: count + 1]) for count in range(len(parts))]
