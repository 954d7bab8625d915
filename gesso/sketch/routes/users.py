"""The frontend's users, settings and files: /users, /settings, /userdata, /v2/userdata."""

import asyncio
import os
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aiohttp import web

from gesso.errors import Conflict, NotFound, RequestError
from gesso.protocol.userdata import file_info, list_userdata, list_userdata_v2
from gesso.sketch.routes.bodies import InvalidRequest, json_body, json_object, query_flag
from gesso.sketch.settings import Settings
from gesso.sketch.userdata import UserFiles, Users

_CHUNK = 256 * 1024


class UserRoutes:
    """A sketch has one user; the header Comfy-User changes nothing, as in ComfyUI without --multi-user."""

    def __init__(self, folder: Path, limit: int) -> None:
        self._files = UserFiles(folder / "default")
        self._users = Users(folder / "users.json")
        self._settings = Settings(folder / "default" / "comfy.settings.json")
        self._limit = limit

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/users", self.users),
            web.post("/users", self.add_user),
            web.get("/settings", self.settings),
            web.post("/settings", self.change_settings),
            web.get("/settings/{id}", self.setting),
            web.post("/settings/{id}", self.change_setting),
            web.get("/userdata", self.list_files),
            web.get("/v2/userdata", self.list_all),
            web.get("/userdata/{file}", self.read),
            web.post("/userdata/{file}", self.write),
            web.delete("/userdata/{file}", self.delete),
            web.post("/userdata/{file}/move/{dest}", self.move),
        ]

    async def users(self, request: web.Request) -> web.Response:
        return web.json_response({"storage": "server", "migrated": self._files.root.exists()})

    async def add_user(self, request: web.Request) -> web.Response:
        name = (await json_object(request)).get("username")
        if not isinstance(name, str):
            raise InvalidRequest("username is not a text.")
        try:
            return web.json_response(self._users.add(name))
        except RequestError as error:
            return web.json_response({"error": error.message}, status=400)

    async def settings(self, request: web.Request) -> web.Response:
        return web.json_response(self._settings.read())

    async def change_settings(self, request: web.Request) -> web.Response:
        self._settings.update(await json_object(request))
        return web.Response(status=200)

    async def setting(self, request: web.Request) -> web.Response:
        return web.json_response(self._settings.read().get(request.match_info["id"]))

    async def change_setting(self, request: web.Request) -> web.Response:
        self._settings.update({request.match_info["id"]: await json_body(request)})
        return web.Response(status=200)

    async def list_files(self, request: web.Request) -> web.Response:
        name = request.query.get("dir", "")
        if not name:
            return web.Response(status=400, text="Directory not provided")
        try:
            directory = self._files.path(name)
        except (RequestError, ValueError):
            return web.Response(status=403, text="Invalid directory")
        if not _exists(directory):
            return web.Response(status=404, text="Directory not found")
        listed = await _listed(
            lambda: list_userdata(
                self._files.entries(directory),
                name,
                recurse=query_flag(request, "recurse"),
                full_info=query_flag(request, "full_info"),
                split=query_flag(request, "split"),
            )
        )
        return web.json_response(listed)

    async def list_all(self, request: web.Request) -> web.Response:
        name = request.query.get("path", "")
        try:
            directory = self._files.path(name) if name else self._files.root
        except (RequestError, ValueError):
            return web.Response(status=400, text="Invalid path requested")
        if not _exists(directory):
            if directory == self._files.root:
                return web.json_response([])
            return web.Response(status=404, text="Requested path not found")
        if not directory.is_dir():
            return web.Response(status=400, text="Requested path is not a directory")
        listed = await _listed(lambda: list_userdata_v2(self._files.entries(directory), name))
        listed += await asyncio.to_thread(self._files.empty_folders, directory)
        listed.sort(key=lambda each: (each["type"] != "directory", each["name"].lower(), each["path"]))
        return web.json_response(listed)

    async def read(self, request: web.Request) -> web.StreamResponse:
        found = self._existing(request)
        return found if isinstance(found, web.Response) else web.FileResponse(found)

    async def write(self, request: web.Request) -> web.StreamResponse:
        """The body becomes the file, streamed beside it and moved there whole."""
        target = self._new(request, "file")
        if isinstance(target, web.Response):
            return target
        incoming = target.with_name(f".{uuid.uuid4().hex}.new")
        try:
            received = 0
            with await asyncio.to_thread(incoming.open, "wb") as file:
                async for chunk in request.content.iter_chunked(_CHUNK):
                    received += len(chunk)
                    if received > self._limit:
                        raise web.HTTPRequestEntityTooLarge(max_size=self._limit, actual_size=received)
                    await asyncio.to_thread(file.write, chunk)
            os.replace(incoming, target)
        except IsADirectoryError:
            return _invalid_name()
        finally:
            incoming.unlink(missing_ok=True)
        return self._told(request, target)

    async def delete(self, request: web.Request) -> web.Response:
        found = self._existing(request)
        if isinstance(found, web.Response):
            return found
        found.unlink(missing_ok=True)
        return web.Response(status=204)

    async def move(self, request: web.Request) -> web.Response:
        source = self._existing(request)
        if isinstance(source, web.Response):
            return source
        target = self._new(request, "dest")
        if isinstance(target, web.Response):
            return target
        try:
            os.replace(source, target)
        except IsADirectoryError:
            return _invalid_name()
        return self._told(request, target)

    def _existing(self, request: web.Request) -> Path | web.Response:
        return self._locate(lambda: self._files.existing(request.match_info["file"]))

    def _new(self, request: web.Request, part: str) -> Path | web.Response:
        overwrite = request.query.get("overwrite", "true") != "false"
        return self._locate(lambda: self._files.new(request.match_info[part], overwrite=overwrite))

    def _locate(self, find: Callable[[], Path]) -> Path | web.Response:
        """The path, or the answer of ComfyUI to a name that cannot be used."""
        try:
            return find()
        except NotFound:
            return web.Response(status=404)
        except Conflict as error:
            return web.Response(status=409, text=error.message)
        except (RequestError, ValueError):
            return web.Response(status=403)
        except OSError:
            return _invalid_name()

    def _told(self, request: web.Request, path: Path) -> web.Response:
        entry = self._files.entry(path)
        answer: Any = file_info(entry) if query_flag(request, "full_info") else entry.path
        return web.json_response(answer)


async def _listed(listing: Callable[[], list[Any]]) -> list[Any]:
    try:
        return await asyncio.to_thread(listing)
    except NotFound:  # the folder is there, and empty
        return []


def _invalid_name() -> web.Response:
    return web.Response(
        status=400, reason='Invalid filename. Please avoid special characters like :\\/*?"<>|'
    )


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:
        return False
