"""A user's own files of the ComfyUI frontend (saved workflows, snippets): `/userdata`, `/v2/userdata`."""

import hashlib
import time
from collections.abc import Callable
from email.utils import formatdate
from typing import Any

from sqlalchemy import Connection, delete, select, update
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from gesso.database.database import Database
from gesso.database.schema import userdata
from gesso.errors import RequestError
from gesso.gateway import responses
from gesso.gateway.comfyui.body import read_body
from gesso.gateway.comfyui.caller import caller
from gesso.jobs.usage import within_storage
from gesso.protocol.userdata import UserFile, file_info, list_userdata, list_userdata_v2, safe_path

# The frontend asks for these before it has ever written them. ComfyUI answers 404, which each browser
# reports as an error; here they are there from the start, and empty.
STARTING_FOLDERS = ("workflows", "subgraphs")
STARTING_FILES = {
    "user.css": b"",
    "comfy.templates.json": b"[]",
    "workflows/.index.json": b'{"favorites": []}',
}
# It is kept in the database, which one thread writes: workflows, not pictures.
FILE_BYTES = 20_000_000
# Nothing that a browser would show as a page with scripts.
KINDS = {"json": "application/json", "css": "text/css; charset=utf-8"}


class Userdata:
    """Kept in the database and not in a folder: every gateway of a service sees the same files."""

    def __init__(self, database: Database, *, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock

    async def index(self, request: Request) -> Response:
        """`GET /userdata?dir=…&recurse=…&full_info=…&split=…`"""
        query = request.query_params
        if not query.get("dir"):
            return PlainTextResponse("Directory not provided", 400)
        try:
            folder = safe_path(query["dir"])
        except RequestError:
            return PlainTextResponse("Invalid directory", 403)
        entries = await self._entries(request)
        if not any(entry.path.startswith(folder + "/") for entry in entries):
            if folder in STARTING_FOLDERS:
                return responses.json([])
            return PlainTextResponse("Directory not found", 404)
        flags = {name: query.get(name, "").lower() == "true" for name in ("recurse", "full_info", "split")}
        return responses.json(list_userdata(entries, folder, **flags))

    async def index_v2(self, request: Request) -> Response:
        """`GET /v2/userdata?path=…`"""
        path = request.query_params.get("path", "")
        try:
            folder = safe_path(path) if path else ""
        except RequestError:
            return PlainTextResponse("Invalid path requested", 400)
        entries = await self._entries(request)
        if any(entry.path == folder for entry in entries):
            return PlainTextResponse("Requested path is not a directory", 400)
        if folder and not any(entry.path.startswith(folder + "/") for entry in entries):
            return PlainTextResponse("Requested path not found", 404)
        return responses.json(list_userdata_v2(entries, folder))

    async def read(self, request: Request, file: str) -> Response:
        """`GET /userdata/{file}`"""
        path = _path_or_none(file)
        if path is None:
            return Response(status_code=403)
        row = await self._database.read(_read, caller(request).account_id, path)
        content, modified = row or (STARTING_FILES.get(path), 0.0)
        if content is None:
            return Response(status_code=404)
        headers = {
            "ETag": f'"{hashlib.sha256(content).hexdigest()[:16]}-{len(content):x}"',
            "Last-Modified": formatdate(modified, usegmt=True),
            "X-Content-Type-Options": "nosniff",
        }
        kind = KINDS.get(path.rpartition(".")[2], "application/octet-stream")
        return Response(content, media_type=kind, headers=headers)

    async def stylesheet(self, request: Request) -> Response:
        """`GET /user.css`: the frontend asks for the user's own styles under this name, too."""
        return await self.read(request, "user.css")

    async def write(self, request: Request, file: str) -> Response:
        """`POST /userdata/{file}?overwrite=…&full_info=…`, the body is the file."""
        path = _path_or_none(file)
        if path is None:
            return Response(status_code=403)
        content = await read_body(request, FILE_BYTES)
        overwrite = request.query_params.get("overwrite", "true") != "false"
        who = caller(request)
        entry = await self._database.tx(
            _write, who.account_id, path, content, self._clock(), overwrite, who.allowance.storage
        )
        return _answer(request, entry)

    async def remove(self, request: Request, file: str) -> Response:
        """`DELETE /userdata/{file}`"""
        path = _path_or_none(file)
        if path is None:
            return Response(status_code=403)
        gone = await self._database.tx(_remove, caller(request).account_id, path)
        return Response(status_code=204 if gone else 404)

    async def move(self, request: Request, file: str, dest: str) -> Response:
        """`POST /userdata/{file}/move/{dest}?overwrite=…&full_info=…`"""
        source, target = _path_or_none(file), _path_or_none(dest)
        if source is None or target is None:
            return Response(status_code=403)
        overwrite = request.query_params.get("overwrite", "true") != "false"
        owner = caller(request).account_id
        found = await self._database.tx(_move, owner, source, target, overwrite)
        return _answer(request, found) if found != "absent" else Response(status_code=404)

    async def _entries(self, request: Request) -> list[UserFile]:
        return await self._database.read(_entries, caller(request).account_id)


def _path_or_none(file: str) -> str | None:
    try:
        return safe_path(file)
    except RequestError:
        return None


def _answer(request: Request, entry: UserFile | str) -> Response:
    if isinstance(entry, str):
        return PlainTextResponse("File already exists", 409)
    full = request.query_params.get("full_info", "false").lower() == "true"
    answer: Any = file_info(entry) if full else entry.path
    return responses.json(answer)


def _mine(owner: str, path: str) -> Any:
    return (userdata.c.account_id == owner) & (userdata.c.path == path)


def _entries(conn: Connection, owner: str) -> list[UserFile]:
    columns = (userdata.c.path, userdata.c.size, userdata.c.modified, userdata.c.created)
    rows = conn.execute(select(*columns).where(userdata.c.account_id == owner).order_by(userdata.c.path))
    return [
        UserFile(path=row.path, size=row.size, modified=row.modified, created=row.created) for row in rows
    ]


def _read(conn: Connection, owner: str, path: str) -> tuple[bytes, float] | None:
    row = conn.execute(select(userdata.c.content, userdata.c.modified).where(_mine(owner, path))).first()
    return None if row is None else (row.content, row.modified)


def _entry(conn: Connection, owner: str, path: str) -> UserFile | None:
    columns = (userdata.c.path, userdata.c.size, userdata.c.modified, userdata.c.created)
    row = conn.execute(select(*columns).where(_mine(owner, path))).first()
    return None if row is None else UserFile(**row._mapping)


def _write(
    conn: Connection,
    owner: str,
    path: str,
    content: bytes,
    now: float,
    overwrite: bool,
    storage: int | None,
) -> UserFile | str:
    values = {"content": content, "size": len(content), "modified": now}
    there = _entry(conn, owner, path)
    if there is not None and not overwrite:
        return "exists"
    with within_storage(conn, owner, storage):
        if there is None:
            conn.execute(userdata.insert().values(account_id=owner, path=path, created=now, **values))
        else:
            conn.execute(update(userdata).where(_mine(owner, path)).values(**values))
    created = now if there is None else there.created
    return UserFile(path=path, size=len(content), modified=now, created=created)


def _remove(conn: Connection, owner: str, path: str) -> bool:
    return conn.execute(delete(userdata).where(_mine(owner, path))).rowcount > 0


def _move(conn: Connection, owner: str, source: str, target: str, overwrite: bool) -> UserFile | str:
    there = _entry(conn, owner, source)
    if there is None:
        return "absent"
    if source != target:
        if _entry(conn, owner, target) is not None:
            if not overwrite:
                return "exists"
            _remove(conn, owner, target)
        conn.execute(update(userdata).where(_mine(owner, source)).values(path=target))
    return UserFile(path=target, size=there.size, modified=there.modified, created=there.created)
