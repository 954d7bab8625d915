"""Asks all engines the same thing at once; one that is slow keeps nobody waiting."""

import asyncio
import json
import logging
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from gesso.errors import EngineError, EngineUnreachable, NoEngine
from gesso.fleet.member import Member
from gesso.fleet.supervisor import Supervisor

logger = logging.getLogger(__name__)

# How long an engine's answer is waited for; and for one that was late the last time.
PATIENCE_S = 2.0
PATIENCE_WITH_LATE_S = 0.05
# A late answer is of use to the next one who asks; after this it is given up.
FLIGHT_S = 30.0
FLIGHTS = 32
REMEMBERED = 512
HTTP_OK, HTTP_NOT_FOUND = 200, 404

Key = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    """What an engine said last, by time.monotonic, in which of its lives; `found`: whether it has that."""

    at: float
    life: int
    found: bool
    value: Any = None


class Poll:
    """`GET`s of small JSON answers that tell of the server and not of its users.

    The same question to the same engine is on its way only once. What an engine said last stands in for it
    while it is slow or restarts, so that its models do not come and go in lists.
    """

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._known: OrderedDict[Key, _Answer] = OrderedDict()
        self._flights: dict[Key, asyncio.Task[None]] = {}
        self._late: set[str] = set()

    async def ask(self, path: str, *, fresh_s: float = 0.0) -> dict[str, Any]:
        """The answers by engine, in the order of the configuration, without those that have no such thing.

        An answer of the last `fresh_s` seconds is not asked for again. NoEngine, EngineUnreachable when
        there is none at all.
        """
        members = self._supervisor.members()
        answers = await asyncio.gather(*(self._ask(member, path, fresh_s) for member in members))
        if not any(answers):
            # All are slow: any one of them will do.
            flights = [flight for (_, asked), flight in self._flights.items() if asked == path]
            if flights:
                await asyncio.wait(flights, return_when=asyncio.FIRST_COMPLETED)
            answers = [self._known.get((member.name, path)) for member in members]
        if not any(answers):
            raise none_usable(self._supervisor) or EngineUnreachable(f"No engine answers GET {path}.")
        said = {member.name: each for member, each in zip(members, answers, strict=True) if each is not None}
        return {name: each.value for name, each in said.items() if each.found}

    async def _ask(self, member: Member, path: str, fresh_s: float) -> _Answer | None:
        key = (member.name, path)
        known = self._known.get(key)
        if not member.usable:
            return None if member.given_up else known
        if known and known.life == member.life and time.monotonic() - known.at < fresh_s:
            return known
        flight = self._flights.get(key) or self._begin(member, path)
        if flight is not None:
            late = member.name in self._late
            done, _ = await asyncio.wait({flight}, timeout=PATIENCE_WITH_LATE_S if late else PATIENCE_S)
            if done:
                flight.result()
            else:
                self._late.add(member.name)
        return self._known.get(key)

    def _begin(self, member: Member, path: str) -> asyncio.Task[None] | None:
        if sum(name == member.name for name, _ in self._flights) >= FLIGHTS:
            return None
        key = (member.name, path)
        flight = asyncio.create_task(self._fly(member, path), name=f"ask {member.name} {path}")
        self._flights[key] = flight
        flight.add_done_callback(lambda _: self._flights.pop(key, None))
        return flight

    async def _fly(self, member: Member, path: str) -> None:
        key, life = (member.name, path), member.life
        try:
            async with asyncio.timeout(FLIGHT_S):
                asked = await member.engine.request("GET", path, headers=(("Accept-Encoding", "identity"),))
                async with asked as answer:
                    status, body = answer.status, await answer.read()
        except (EngineError, TimeoutError) as error:
            logger.debug("%s did not answer GET %s: %s", member.name, path, error)
            return
        self._late.discard(member.name)
        value = None
        try:
            value = json.loads(body) if status == HTTP_OK else None
        except ValueError:
            logger.debug("%s answered GET %s with no JSON", member.name, path)
        if value is None and status != HTTP_NOT_FOUND:
            self._known.pop(key, None)
            return
        self._known[key] = _Answer(at=time.monotonic(), life=life, found=status == HTTP_OK, value=value)
        self._known.move_to_end(key)
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)


def none_usable(supervisor: Supervisor) -> NoEngine | None:
    """The error when no engine can be asked, with all states; None when one can."""
    members = supervisor.members()
    if any(member.usable for member in members):
        return None
    return NoEngine(f"No engine is ready: {', '.join(f'{each.name} is {each.state}' for each in members)}.")
