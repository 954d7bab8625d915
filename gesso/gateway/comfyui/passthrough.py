"""The routes whose answer is an engine's own: its state, its models, and the frontend's files."""

from urllib.parse import unquote

from starlette.requests import Request

from gesso.errors import NoEngine
from gesso.fleet.supervisor import Supervisor
from gesso.gateway.proxy_http import Proxied


class Passthrough:
    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor

    async def read(self, request: Request, **_: str) -> Proxied:
        """A `GET` that changes nothing and tells of the server, not of its users."""
        return self._to_an_engine(request)

    async def control(self, request: Request, **_: str) -> Proxied:
        """A route that changes the server for everybody, or shows everybody's traces."""
        return self._to_an_engine(request)

    def _to_an_engine(self, request: Request) -> Proxied:
        for member in self._supervisor.members():
            if member.ready:
                return Proxied(member.engine, request, raw_path(request))
        states = ", ".join(f"{member.name} is {member.state}" for member in self._supervisor.members())
        raise NoEngine(f"No engine is ready: {states}.")


def raw_path(request: Request) -> str:
    """The path as it was sent: `%2F` is not `/`. Dot segments never travel on."""
    path: str = request.scope["raw_path"].decode("latin-1").partition("?")[0]
    segments = [segment for segment in path.split("/") if unquote(segment) not in (".", "..")]
    return "/".join(segments) or "/"
