"""GET /view: pictures and other files of the input, output and temp folders."""

import asyncio
import mimetypes
import os
import re

from aiohttp import web

from gesso.errors import RequestError, TooLarge
from gesso.protocol.files import parse_annotated
from gesso.protocol.pictures import render_view
from gesso.sketch.folders import Folders

# Shown in the browser these could run scripts under our address, so they are only ever downloaded.
_DOWNLOADED = frozenset(
    {
        "text/html",
        "text/html-sandboxed",
        "application/xhtml+xml",
        "text/javascript",
        "application/javascript",
        "text/css",
    }
)
_TYPES = ("input", "output", "temp")
mimetypes.add_type("image/webp", ".webp")


class Views:
    """The one route that hands out files, with ComfyUI's statuses for every name it refuses."""

    def __init__(self, folders: Folders) -> None:
        self._folders = folders

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/view", self.view)]

    async def view(self, request: web.Request) -> web.StreamResponse:
        query = request.query
        if "filename" not in query:
            return web.Response(status=404)
        name, type_ = _annotated(query["filename"])
        if not name or name.startswith("/") or ".." in name:
            return web.Response(status=400)
        if "\0" in name:
            return web.Response(status=404)
        type_ = type_ or query.get("type", "output")
        if type_ not in _TYPES:
            return web.Response(status=400)
        # Directories in the name are ignored; only `subfolder` leads into one.
        name = os.path.basename(name)
        try:
            path = self._folders.resolve(type_, query.get("subfolder", ""), name)
        except (RequestError, ValueError):
            return web.Response(status=403)
        try:
            if not path.is_file():
                return web.Response(status=404)
        except OSError:
            return web.Response(status=404)
        headers = {"Content-Disposition": f'filename="{_quotable(name)}"'}
        if "preview" in query or query.get("channel", "rgba") in ("rgb", "a"):
            try:
                picture, content_type = await asyncio.to_thread(
                    lambda: render_view(path.read_bytes(), query.get("preview"), query.get("channel"))
                )
            except TooLarge:
                return web.Response(status=413)
            except (RequestError, OSError, ValueError):
                return web.Response(status=400)
            return web.Response(body=picture, content_type=content_type, headers=headers)
        content_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
        if content_type.split(";")[0] in _DOWNLOADED:
            content_type = "application/octet-stream"
        return web.FileResponse(path, headers={**headers, "Content-Type": content_type})


def _annotated(name: str) -> tuple[str, str | None]:
    for type_ in _TYPES:
        if name.endswith(f"[{type_}]"):
            reference = parse_annotated(name)
            return os.path.join(reference.subfolder, reference.filename), reference.type
    return name, None


def _quotable(name: str) -> str:
    return re.sub(r'[\x00-\x1f\x7f"\\]', "_", name)
