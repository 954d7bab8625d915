"""The rules of GET /userdata and GET /v2/userdata over a list of files, wherever these are kept."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class UserFile:
    """A file of a user: `path` from the user's root with "/", `size` in bytes, times in Unix seconds."""

    path: str
    size: int
    modified: float
    created: float


def safe_path(path: str) -> str:
    raise NotImplementedError


def file_info(entry: UserFile, relative_to: str = "") -> dict[str, Any]:
    raise NotImplementedError


def list_userdata(
    entries: Iterable[UserFile],
    dir: str,
    *,
    recurse: bool = False,
    full_info: bool = False,
    split: bool = False,
) -> list[Any]:
    raise NotImplementedError


def list_userdata_v2(entries: Iterable[UserFile], path: str = "") -> list[dict[str, Any]]:
    raise NotImplementedError
