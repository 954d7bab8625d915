"""Which models there are: /models, /embeddings, /experiment/models, /view_metadata."""

import asyncio
import os

from aiohttp import web

from gesso.sketch.folders import Folders
from gesso.sketch.model_names import label, offered
from gesso.sketch.models import (
    HIDDEN,
    find_model,
    model_files,
    model_folders,
    model_names,
    preview_picture,
    safetensors_metadata,
)
from gesso.sketch.routes.bodies import InvalidRequest

_METADATA_LIMIT = 1024 * 1024


class Models:
    """Reads the model folders at each request: files come and go while sketch runs."""

    def __init__(self, folders: Folders) -> None:
        self._base = folders
        self._folders = model_folders(folders)

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/embeddings", self.embeddings),
            web.get("/models", self.kinds),
            web.get("/models/{folder}", self.names),
            web.get("/view_metadata/{folder_name}", self.metadata),
            web.get("/experiment/models", self.folders),
            web.get("/experiment/models/{folder}", self.files),
            web.get("/experiment/models/preview/{folder}/{path_index}/{filename:.*}", self.preview),
        ]

    async def embeddings(self, request: web.Request) -> web.Response:
        names = await asyncio.to_thread(model_names, self._folders["embeddings"])
        return web.json_response([os.path.splitext(name)[0] for name in names])

    async def kinds(self, request: web.Request) -> web.Response:
        return web.json_response(list(self._folders))

    async def names(self, request: web.Request) -> web.Response:
        folder = self._folders.get(request.match_info["folder"])
        if folder is None:
            return web.Response(status=404)
        names = await asyncio.to_thread(model_names, folder)
        return web.json_response(sorted({*names, *offered(self._base, request.match_info["folder"])}))

    async def folders(self, request: web.Request) -> web.Response:
        return web.json_response(
            [
                {"name": name, "folders": [str(path) for path in folder.paths]}
                for name, folder in self._folders.items()
                if name not in HIDDEN
            ]
        )

    async def files(self, request: web.Request) -> web.Response:
        folder = self._folders.get(request.match_info["folder"])
        if folder is None:
            return web.Response(status=404)
        return web.json_response(await asyncio.to_thread(model_files, folder))

    async def preview(self, request: web.Request) -> web.Response:
        folder = self._folders.get(request.match_info["folder"])
        if folder is None:
            return web.Response(status=404)
        if not request.match_info["path_index"].isdecimal():
            raise InvalidRequest("The path index is not a number.")
        index = int(request.match_info["path_index"])
        if index >= len(folder.paths):
            return web.Response(status=404)
        picture = await asyncio.to_thread(
            preview_picture, folder.paths[index], request.match_info["filename"]
        )
        if picture is None:
            return web.Response(status=404)
        return web.Response(body=picture, content_type="image/webp")

    async def metadata(self, request: web.Request) -> web.Response:
        name = request.query.get("filename", "")
        if (ours := label(self._base, request.match_info["folder_name"], name)) is not None:
            return web.json_response(ours)
        path = find_model(self._base, request.match_info["folder_name"], name)
        if path is None or not name.endswith(".safetensors"):
            return web.Response(status=404)
        found = await asyncio.to_thread(safetensors_metadata, path, _METADATA_LIMIT)
        return web.Response(status=404) if found is None else web.json_response(found)
