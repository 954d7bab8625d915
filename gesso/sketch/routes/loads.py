"""/sketch/loads: sketch's own, how often it pretended to load a model (see SketchPretendLoader)."""

from aiohttp import web

from gesso.sketch.memory import Memory


class Loads:
    """GET answers {"loaded": "meadow.safetensors", "loads": 3, "load_seconds": 2.0}."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/sketch/loads", self.loads)]

    async def loads(self, request: web.Request) -> web.Response:
        return web.json_response(self._memory.state())
