"""/sketch/faults: sketch's own, what is to go wrong from now on. Only for this machine."""

import ipaddress
import logging
from typing import Any

from aiohttp import web

from gesso.sketch.faults import KINDS, Faults, UnknownFault, When, known, parse
from gesso.sketch.faults_answer import CONTROL, end_later
from gesso.sketch.middleware import Respond
from gesso.sketch.routes.bodies import InvalidRequest, json_object

logger = logging.getLogger(__name__)


class FaultRoutes:
    """GET answers {"on": ["hang:3"], "faults": [{"name": "hang", "usage": "hang[:STEP]", …}]}."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get(CONTROL, _local(self.state)),
            web.post(CONTROL, _local(self.add)),
            web.delete(CONTROL, _local(self.remove_all)),
            web.delete(f"{CONTROL}/{{name}}", _local(self.remove)),
        ]

    async def state(self, request: web.Request) -> web.StreamResponse:
        return web.json_response(self._state())

    async def add(self, request: web.Request) -> web.StreamResponse:
        """POST {"fault": "hang:3"}: on from now on, in place of one with the same name."""
        body = await json_object(request)
        if not isinstance(body.get("fault"), str):
            raise InvalidRequest('The body is not like {"fault": "hang:3"}.')
        fault = parse(body["fault"])
        if fault.kind.when is When.START:
            raise UnknownFault(f"{fault.name!r} is a fault of the start: give it with --fault.")
        self._faults.add(fault)
        logger.warning("fault on: %s", fault)
        if fault.name == "exit":
            end_later(fault)
        return web.json_response(self._state())

    async def remove_all(self, request: web.Request) -> web.StreamResponse:
        self._faults.remove()
        return web.json_response(self._state())

    async def remove(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        known(name)
        self._faults.remove(name)
        return web.json_response(self._state())

    def _state(self) -> dict[str, Any]:
        kinds = [
            {"name": name, "usage": kind.usage(name), "when": kind.when, "help": kind.help}
            for name, kind in KINDS.items()
        ]
        return {"on": [str(fault) for fault in self._faults.on()], "faults": kinds}


def _local(handler: Respond) -> Respond:
    """403 to whoever does not ask from this machine."""

    async def check(request: web.Request) -> web.StreamResponse:
        if not is_local(request.remote):
            return web.Response(status=403)
        return await handler(request)

    return check


def is_local(peer: str | None) -> bool:
    try:
        address = ipaddress.ip_address(peer or "")
    except ValueError:
        return False
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback
