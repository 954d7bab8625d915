"""What this engine is and has: /system_stats, /features, /object_info, /extensions and the like."""

import os
import sys
from pathlib import Path
from typing import Any

import psutil
from aiohttp import web

from gesso.sketch.folders import Folders
from gesso.sketch.frontend import extension_paths, index
from gesso.sketch.registry import object_info
from gesso.sketch.socket import Hub

# The release whose protocol this is; clients decide by it what they may ask for.
COMFYUI_VERSION = "0.3.64"
_FRONTEND_VERSION = "1.27.10"
_TEMPLATES_VERSION = "0.1.95"
_TEMPLATES = Path(__file__).parents[1] / "templates"


class Information:
    """Answers that only read."""

    def __init__(self, folders: Folders, hub: Hub, frontend: Path | None) -> None:
        self._folders = folders
        self._hub = hub
        self._frontend = frontend

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/", self.root),
            web.get("/ws", self._hub.connect),
            web.get("/system_stats", self.system_stats),
            web.get("/features", self.features),
            web.get("/object_info", self.object_info),
            web.get("/object_info/{node_class}", self.node_info),
            web.get("/extensions", self.extensions),
            web.get("/i18n", self.nothing),
            web.get("/workflow_templates", self.nothing),
            web.get(r"/templates/{name:index(\.[\w-]+)?\.json}", self.templates),
            web.get(r"/templates/{name:[\w-]+\.(json|webp)}", self.template),
        ]

    async def root(self, request: web.Request) -> web.StreamResponse:
        return index(self._frontend)

    async def system_stats(self, request: web.Request) -> web.Response:
        return web.json_response(system_stats())

    async def features(self, request: web.Request) -> web.Response:
        return web.json_response(self._hub.features)

    async def object_info(self, request: web.Request) -> web.Response:
        return web.json_response(object_info(self._folders))

    async def node_info(self, request: web.Request) -> web.Response:
        name = request.match_info["node_class"]
        known = object_info(self._folders)
        return web.json_response({name: known[name]} if name in known else {})

    async def extensions(self, request: web.Request) -> web.Response:
        return web.json_response(extension_paths(self._frontend))

    async def templates(self, request: web.Request) -> web.StreamResponse:
        """The frontend's gallery, which a new user sees first. ComfyUI's needs models; ours runs as it is."""
        return web.FileResponse(_TEMPLATES / "index.json")

    async def template(self, request: web.Request) -> web.StreamResponse:
        """A workflow of the gallery, or its picture."""
        path = _TEMPLATES / request.match_info["name"]
        if not path.is_file():
            raise web.HTTPNotFound
        return web.FileResponse(path)

    async def nothing(self, request: web.Request) -> web.Response:
        """Custom nodes' translations and workflow templates: sketch has no custom nodes."""
        return web.json_response({})


def system_stats() -> dict[str, Any]:
    """The shape of ComfyUI's answer. No torch here: its version is "none", its memory the machine's."""
    memory = psutil.virtual_memory()
    return {
        "system": {
            "os": os.name,
            "ram_total": memory.total,
            "ram_free": memory.available,
            "comfyui_version": COMFYUI_VERSION,
            "required_frontend_version": _FRONTEND_VERSION,
            "installed_templates_version": _TEMPLATES_VERSION,
            "required_templates_version": _TEMPLATES_VERSION,
            "python_version": sys.version,
            "pytorch_version": "none",
            "embedded_python": False,
            "argv": sys.argv,
        },
        "devices": [
            {
                "name": "cpu",
                "type": "cpu",
                "index": None,
                "vram_total": memory.total,
                "vram_free": memory.available,
                "torch_vram_total": memory.total,
                "torch_vram_free": memory.available,
            }
        ],
    }
