"""The user's own files on disk: saved workflows and whatever else the frontend keeps."""

import json
import os
import re
import uuid
from collections.abc import Iterator
from pathlib import Path

from gesso.errors import Conflict, NotFound, RequestError
from gesso.protocol.userdata import UserFile, safe_path


class UserFiles:
    """The files of the one user that a sketch has, below `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, name: str) -> Path:
        """Where `name` lies; RequestError where that would be outside of the root."""
        path = self.root / safe_path(name)
        real_root = os.path.realpath(self.root)
        if os.path.commonpath((real_root, os.path.realpath(path))) != real_root:
            raise RequestError(f"The path {name!r} leads outside of the user's files.")
        return path

    def existing(self, name: str) -> Path:
        """The same, for a file that must be there."""
        path = self.path(name)
        if not path.is_file():
            raise NotFound(f"There is no file {name!r}.")
        return path

    def new(self, name: str, *, overwrite: bool) -> Path:
        """The same, for a file to be written; Conflict where it is there and is not to be replaced."""
        path = self.path(name)
        if not overwrite and path.exists():
            raise Conflict("File already exists")
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def entry(self, path: Path) -> UserFile:
        state = path.stat()
        return UserFile(
            path=path.relative_to(self.root).as_posix(),
            size=state.st_size,
            modified=state.st_mtime,
            created=state.st_ctime,
        )

    def entries(self, directory: Path) -> Iterator[UserFile]:
        """Every file at any depth below `directory`."""
        for folder, folders, names in os.walk(directory):
            folders.sort()
            for name in sorted(names):
                yield self.entry(Path(folder) / name)

    def empty_folders(self, directory: Path) -> list[dict[str, str]]:
        """The folders below `directory` that hold no file at any depth, as GET /v2/userdata tells them."""
        found = []
        for folder, folders, _ in os.walk(directory):
            for name in folders:
                path = Path(folder) / name
                if next(self.entries(path), None) is None:
                    relative = path.relative_to(self.root).as_posix()
                    found.append({"name": name, "path": relative, "type": "directory"})
        return found


class Users:
    """The names of POST /users. A sketch has one user, "default"; others are only remembered."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def add(self, name: str) -> str:
        """The id of a new user; Conflict where the name is taken."""
        name = name.strip()
        users = self._read()
        if not name:
            raise RequestError("username not provided")
        if name in users.values():
            raise Conflict("Duplicate username.")
        user_id = re.sub(r"[^a-zA-Z0-9_-]+", "-", name) + "_" + str(uuid.uuid4())
        self._path.write_text(json.dumps({**users, user_id: name}))
        return user_id

    def _read(self) -> dict[str, str]:
        try:
            users = json.loads(self._path.read_bytes())
        except (FileNotFoundError, ValueError):
            return {"default": "default"}
        return users if isinstance(users, dict) else {"default": "default"}
