"""Asks one engine how it is, over the network, and makes it ready: its node classes, then its socket."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping

from gesso.config.credential import headers
from gesso.engines.probe import LOCKED, NOT_LISTENING, Outcome
from gesso.errors import ConfigError, EngineError
from gesso.fleet.member import Member
from gesso.fleet.node_catalog import load_catalog

logger = logging.getLogger(__name__)

# How long a new engine's socket may keep it from being called ready: without it, jobs run unseen.
SOCKET_S = 5.0


class Prober:
    """An answer of an earlier process is not taken for this one's: see `Member.life`."""

    def __init__(
        self,
        member: Member,
        *,
        environ: Mapping[str, str],
        limit_s: float,
        changed: Callable[[Member], None],
        came_up: Callable[[], Awaitable[None]],
    ) -> None:
        self._member = member
        self._environ = environ
        self._limit_s = limit_s
        self._changed = changed
        self._came_up = came_up

    async def load(self) -> None:
        """Ask for the node classes; raises EngineError."""
        member = self._member
        life = member.life
        raw = await member.engine.object_info()
        if member.catalog is not None and member.catalog.raw == raw:
            return
        catalog = await asyncio.to_thread(load_catalog, member.name, raw)
        if member.life != life:
            return
        if member.catalog is None or member.catalog.sha256 != catalog.sha256:
            member.catalog = catalog
            self._changed(member)

    async def probe(self) -> None:
        """Ask it how it is, and make it ready once it is well."""
        member = self._member
        life = member.life
        probe = await member.engine.probe(timeout_s=self._limit_s)
        if member.life != life:
            return
        member.probe = probe
        if member.external:
            self._notice_return(probe.outcome)
        if probe.outcome in LOCKED:
            self._renew_credential()
        if probe.outcome is Outcome.OK and not member.loaded:
            await self._introduce()
        member.wake.set()

    def _notice_return(self, outcome: Outcome) -> None:
        """An external engine that was away, or whose socket broke, may be another one now."""
        member = self._member
        reopened = member.loaded and member.socket.connections > member.loaded_connection
        if outcome in NOT_LISTENING or reopened:
            probe = member.probe
            member.come_up()
            member.probe = probe

    def _renew_credential(self) -> None:
        """What we show is refused: it may have been changed where it is kept."""
        member = self._member
        try:
            member.engine.headers = headers(member.config.credential, self._environ)
        except ConfigError as error:
            logger.warning("%s: %s", member.name, error.message)

    async def _introduce(self) -> None:
        """Make a healthy engine ready: its node classes, then its socket."""
        member = self._member
        life = member.life
        try:
            await self.load()
        except EngineError as error:
            if member.life == life:
                member.loading = f"its node classes cannot be loaded: {error.message}"
            return
        if member.life == life:
            member.signs.connecting = True
        if not await member.socket.opened(SOCKET_S):
            logger.warning("%s: its WebSocket does not open; jobs will run without progress", member.name)
        if member.life == life:
            began = not member.was_ready and not member.external
            member.signs.connecting = False
            member.loaded = member.was_ready = True
            if began:
                await self._came_up()
            member.loading = ""
            member.loaded_connection = member.socket.connections
