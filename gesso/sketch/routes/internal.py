"""/internal: what only ComfyUI's own frontend asks for; not repeated under /api."""

import os
import shutil
from typing import Any

from aiohttp import web

from gesso.sketch.folders import Folders
from gesso.sketch.logs import Entry, Recent
from gesso.sketch.models import model_folders
from gesso.sketch.routes.bodies import InvalidRequest, json_object
from gesso.sketch.socket import Hub


class Internal:
    """Logs, folders and the newest files."""

    def __init__(self, folders: Folders, hub: Hub, recent: Recent) -> None:
        self._folders = folders
        self._hub = hub
        self._recent = recent
        self._subscribers: set[str] = set()
        recent.listen(self._tell)

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/internal/logs", self.logs),
            web.get("/internal/logs/raw", self.raw_logs),
            web.patch("/internal/logs/subscribe", self.subscribe),
            web.get("/internal/folder_paths", self.folder_paths),
            web.get("/internal/files/{directory_type}", self.files),
        ]

    async def logs(self, request: web.Request) -> web.Response:
        return web.json_response("".join(f"{entry['t']} - {entry['m']}" for entry in self._recent.entries()))

    async def raw_logs(self, request: web.Request) -> web.Response:
        return web.json_response({"entries": self._recent.entries(), "size": _terminal_size()})

    async def subscribe(self, request: web.Request) -> web.Response:
        body = await json_object(request)
        client_id = body.get("clientId")
        if not isinstance(client_id, str) or "enabled" not in body:
            raise InvalidRequest("clientId and enabled are needed.")
        if body["enabled"]:
            self._subscribers.add(client_id)
        else:
            self._subscribers.discard(client_id)
        return web.Response(status=200)

    async def folder_paths(self, request: web.Request) -> web.Response:
        folders = model_folders(self._folders)
        return web.json_response(
            {name: [str(path) for path in folder.paths] for name, folder in folders.items()}
        )

    async def files(self, request: web.Request) -> web.Response:
        type_ = request.match_info["directory_type"]
        if type_ not in ("output", "input", "temp"):
            return web.json_response({"error": "Invalid directory type"}, status=400)
        files = [entry for entry in os.scandir(self._folders.of_type(type_)) if entry.is_file()]
        files.sort(key=lambda entry: -entry.stat().st_mtime)
        return web.json_response([entry.name for entry in files])

    def _tell(self, entry: Entry) -> None:
        for client_id in tuple(self._subscribers):
            if self._hub.knows(client_id):
                self._hub.send("logs", {"entries": [entry], "size": None}, client_id)
            else:
                self._subscribers.discard(client_id)


def _terminal_size() -> dict[str, Any]:
    size = shutil.get_terminal_size()
    return {"cols": size.columns, "rows": size.lines}
