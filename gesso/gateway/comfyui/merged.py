"""The routes whose answer is that of all engines together: devices, models, extensions, translations."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from gesso.fleet.supervisor import Supervisor
from gesso.gateway import responses
from gesso.gateway.comfyui.caller import caller
from gesso.gateway.comfyui.passthrough import Passthrough, raw_path
from gesso.gateway.comfyui.poll import Poll
from gesso.gateway.routing import ALIAS
from gesso.protocol import merge

# These change when an engine is started anew, the figures of /system_stats all the time; who asks for
# models has perhaps just put one there.
SETTLED_S = 10.0
FIGURES_S = 1.0

Handler = Callable[..., Awaitable[ASGIApp]]


class Merged:
    """Where one engine alone is configured its answer is passed on as it is."""

    def __init__(self, supervisor: Supervisor, passthrough: Passthrough) -> None:
        self._supervisor = supervisor
        self._passthrough = passthrough
        self._poll = Poll(supervisor)

    def routes(self) -> tuple[tuple[str, Handler], ...]:
        """Each a `GET`, with who answers it."""
        return (
            ("/system_stats", self.system_stats),
            ("/embeddings", self._of_all(merge.names)),
            ("/models", self._of_all(merge.in_order)),
            ("/models/{folder}", self._of_all(merge.names)),
            ("/extensions", self._of_all(merge.in_order, SETTLED_S)),
            ("/i18n", self._of_all(merge.mappings, SETTLED_S)),
            ("/workflow_templates", self._of_all(merge.mappings, SETTLED_S)),
            ("/global_subgraphs", self._of_all(merge.mappings, SETTLED_S)),
            ("/node_replacements", self._of_all(merge.mappings, SETTLED_S)),
            ("/experiment/models", self.model_folders),
            ("/experiment/models/{folder}", self._of_all(merge.by_name)),
        )

    async def system_stats(self, request: Request) -> ASGIApp:
        """One system with all devices; the command line only for those who run the engines."""
        runs_engines = caller(request).may("engines:control")
        if self._alone and runs_engines:
            return await self._passthrough.read(request)
        stats = merge.system_stats(await self._poll.ask("/system_stats", fresh_s=FIGURES_S))
        return responses.json(stats if runs_engines else merge.without_paths(stats))

    async def model_folders(self, request: Request) -> ASGIApp:
        """The kinds of models; the host's paths only for those who run the engines."""
        runs_engines = caller(request).may("engines:control")
        if self._alone and runs_engines:
            return await self._passthrough.read(request)
        folders = merge.model_folders((await self._poll.ask("/experiment/models")).values())
        return responses.json(folders if runs_engines else merge.without_parents(folders))

    @property
    def _alone(self) -> bool:
        return len(self._supervisor.members()) == 1

    def _of_all(self, merged: Callable[[Iterable[Any]], Any], fresh_s: float = 0.0) -> Handler:
        async def answer(request: Request, **_: str) -> ASGIApp:
            if self._alone:
                return await self._passthrough.read(request)
            found = await self._poll.ask(raw_path(request).removeprefix(ALIAS), fresh_s=fresh_s)
            # As ComfyUI answers for a folder that it does not have.
            return responses.json(merged(found.values())) if found else Response(status_code=404)

        return answer
