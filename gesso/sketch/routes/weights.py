"""/sketch/model: sketch's own, which model draws, from which files, and under which names it is offered."""

import asyncio

from aiohttp import web

from gesso.sketch.folders import Folders
from gesso.sketch.model import NAME, Networks, available
from gesso.sketch.model_names import OWN, offered


class Weights:
    """GET answers {"name": "sketch-1", "available": true, "threads": 1, "loaded": ["model", …],
    "files": {"model.onnx": {"sha256": "…", "bytes": 4489486}, …}, "offered": {"vae": ["…"], …}}."""

    def __init__(self, networks: Networks, folders: Folders) -> None:
        self._networks = networks
        self._folders = folders

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/sketch/model", self.model)]

    async def model(self, request: web.Request) -> web.Response:
        return web.json_response(
            {
                "name": NAME,
                "available": available(),
                "threads": self._networks.threads,
                "loaded": self._networks.loaded(),
                "files": await asyncio.to_thread(self._networks.provenance),
                "offered": {folder: offered(self._folders, folder) for folder in OWN},
            }
        )
