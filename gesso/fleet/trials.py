"""Tries engines: has them make a small picture of a colour, looks at it, and leaves nothing behind."""

import asyncio
import logging
import math
import random
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from gesso.config.fleet import FleetConfig
from gesso.engines.location import Absent, Finished, Location, Running
from gesso.engines.probe import Fact
from gesso.engines.socket import Listener, Message, is_end
from gesso.errors import Conflict, EngineError, EngineRefused, EngineUnreachable, GessoError, RequestError
from gesso.fleet.functional import NOT_FUNCTIONAL, WHITE, Draft, Step, Trial, draft, wrong_with
from gesso.fleet.member import Member
from gesso.protocol.files import FileRef, output_files
from gesso.protocol.pictures import measure_picture

logger = logging.getLogger(__name__)

# Whoever asks over HTTP waits for it.
LIMIT_S = 20.0
# Between two looks at which engines are to be tried; and how often at most in one life of an engine.
LOOK_S = 1.0
TRIES = 3
# Before the engine is asked what became of the prompt, where it says nothing.
SILENCE_S = 1.0
# For what is left to be said to it, once it is known how it went.
TIDY_S = 5.0
PICTURE_LIMIT = 1 << 20


@dataclass(slots=True)
class Tried:
    """How often in this life of the engine, and when last, by time.monotonic."""

    life: int = -1
    times: int = 0
    at: float = 0.0


class Trials:
    """`test` on request, `run` by itself: when an engine has become ready, and, if configured, now and then.

    By itself only engines that are known to have nothing to do are tried: for a moment they are busy then,
    and a job that comes just now waits for that moment.
    """

    def __init__(
        self,
        members: Callable[[], Sequence[Member]],
        fleet: FleetConfig,
        report_stuck: Callable[[str, str], None],
    ) -> None:
        self._members = members
        self._fleet = fleet
        self._report_stuck = report_stuck
        self._tried: defaultdict[str, Tried] = defaultdict(Tried)
        self._one: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        # The picture that hangs, by engine: its prompt, the engine's life, and since when.
        self._hung: dict[str, tuple[str, int, float]] = {}

    async def test(self, member: Member) -> Trial:
        """Try it now, also behind what it has to do. Raises Conflict where it is not up."""
        if not member.usable or member.catalog is None:
            raise Conflict(
                f"Engine {member.name!r} is {member.state}: {member.told}.",
                remedy="Wait until it is ready, then test it.",
            )
        async with self._one[member.name]:
            life = member.life
            times = self._times(member) + 1
            self._tried[member.name] = Tried(life=life, times=times, at=time.monotonic())
            attempt = Attempt(member)
            trial = await attempt.make()
            if member.life == life:
                # An engine keeps the models of its last prompt, and this one had none.
                member.models = frozenset()
                self._record(member, trial, attempt)
            return trial

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            while True:
                await asyncio.sleep(LOOK_S)
                for member in self._members():
                    if self._is_due(member):
                        tasks.create_task(self._try(member), name=f"test {member.name}")
                    if member.name in self._hung:
                        tasks.create_task(self._ask_again(member), name=f"test {member.name}")

    def _is_due(self, member: Member) -> bool:
        if not member.ready or not member.free or member.catalog is None or self._one[member.name].locked():
            return False
        unproven = member.functional is None and NOT_FUNCTIONAL not in member.findings
        if self._fleet.test_at_start and unproven and self._times(member) < TRIES:
            return True
        every_s = self._fleet.functional_every_s
        proven_s = math.inf if member.functional is None else time.time() - member.functional.at
        return 0 < every_s < min(proven_s, time.monotonic() - self._tried[member.name].at)

    def _times(self, member: Member) -> int:
        """How often it was tried since it came up."""
        tried = self._tried[member.name]
        return tried.times if tried.life == member.life else 0

    async def _try(self, member: Member) -> None:
        try:
            with suppress(Conflict):
                await self.test(member)
        except Exception:
            logger.exception("test of %s failed", member.name)

    def _record(self, member: Member, trial: Trial, attempt: "Attempt") -> None:
        logger.info("%s: test: %s (%s)", member.name, trial.ok, trial.evidence)
        if trial.ok is Fact.YES:
            member.proves(trial.fact)
        elif trial.ok is Fact.NO:
            member.findings[NOT_FUNCTIONAL] = trial.finding(member.name)
            if attempt.left_running:
                self._hung[member.name] = (attempt.prompt_id, member.life, attempt.begun_at)

    async def _ask_again(self, member: Member) -> None:
        """Jobs would wait for ever behind a picture that hangs, and none of them would be said to hang."""
        prompt_id, life, begun_at = self._hung[member.name]
        if member.life == life and time.monotonic() - begun_at < self._fleet.hang_floor_s:
            return
        del self._hung[member.name]
        where = await _located(member, prompt_id) if member.life == life else None
        if isinstance(where, Running) and member.socket.progressed_at < begun_at + LOOK_S:
            since_s = time.monotonic() - begun_at
            self._report_stuck(
                member.name, f"no progress for {since_s:.0f} s with the small picture that it is tested with"
            )


@dataclass(slots=True)
class Attempt:
    """One picture asked of one engine."""

    member: Member
    prompt_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    steps: list[Step] = field(default_factory=list)
    begun_at: float = 0.0
    left_running: bool = False
    _mark: float = field(default_factory=time.perf_counter)

    async def make(self) -> Trial:
        at, begun = time.time(), time.perf_counter()
        ok, evidence = await self._judged()
        return Trial(
            ok=ok,
            evidence=evidence,
            at=at,
            took_s=time.perf_counter() - begun,
            steps=tuple(self.steps),
        )

    async def _judged(self) -> tuple[Fact, str]:
        catalog = self.member.catalog
        # The colour keeps the picture from being one that the engine has in its cache.
        plan = draft(catalog.catalog, random.randrange(WHITE + 1)) if catalog is not None else None  # noqa: S311
        if plan is None:
            return Fact.UNKNOWN, "it has not got the node classes that it would be tested with"
        try:
            async with self.member.socket.listen(self.prompt_id) as listener:
                return await self._handed_over(plan, listener)
        except EngineUnreachable as error:
            return Fact.UNKNOWN, error.message
        except GessoError as error:
            return Fact.NO, error.message
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            return Fact.NO, f"it tells of its picture in a form that is not known ({error!r})"

    async def _handed_over(self, plan: Draft, listener: Listener) -> tuple[Fact, str]:
        engine = self.member.engine
        await engine.submit(
            prompt_id=self.prompt_id, client_id=self.member.socket.client_id, prompt=plan.prompt
        )
        self._done("handed over")
        item = None
        try:
            async with asyncio.timeout(LIMIT_S):
                item = await self._ended(listener)
                self._done("executed")
                wrong = await self._looked_at(item, plan)
        except TimeoutError:
            return await self._given_up(listener)
        finally:
            await self._tidy(item is not None)
        if wrong is not None:
            return Fact.NO, wrong
        return Fact.YES, "made a small picture in the colour asked for"

    async def _ended(self, listener: Listener) -> dict[str, Any]:
        while True:
            message = None
            with suppress(TimeoutError):
                async with asyncio.timeout(SILENCE_S):
                    message = await listener.get()
            ended = isinstance(message, Message) and is_end(message.type, message.data)
            if message is not None and not ended:
                continue
            match await self.member.engine.locate(self.prompt_id, ended=ended):
                case Finished(item=item):
                    return item
                case Absent():
                    raise EngineUnreachable(f"{self.member.name!r} lost the picture it was tested with")

    async def _looked_at(self, item: dict[str, Any], plan: Draft) -> str | None:
        status = item.get("status") or {}
        if status.get("status_str") != "success":
            said = {kind: data for kind, data in status.get("messages") or ()}.get("execution_error") or {}
            return f"the picture failed: {said.get('exception_type')}: {said.get('exception_message')}"
        refs = output_files((item.get("outputs") or {}).get(plan.output) or {})
        if not refs:
            return "it says that the picture was made, but names none"
        data = await self._fetched(refs[0])
        self._done("fetched")
        try:
            wrong = wrong_with(await asyncio.to_thread(measure_picture, data), plan.colour)
        except RequestError:
            return f"what it gives for its picture is none ({len(data)} bytes)"
        self._done("looked at")
        return wrong

    async def _fetched(self, ref: FileRef) -> bytes:
        data = bytearray()
        async with self.member.engine.fetch(ref) as file:
            async for chunk in file.chunks:
                data += chunk
                if len(data) > PICTURE_LIMIT:
                    raise EngineRefused(f"{self.member.name!r} gives more for its picture than that can be")
        return bytes(data)

    async def _given_up(self, listener: Listener) -> tuple[Fact, str]:
        where = await _located(self.member, self.prompt_id)
        if isinstance(where, Running) or listener.begun_at is not None:
            self.begun_at = listener.begun_at or time.monotonic() - LIMIT_S
            return Fact.NO, f"it began the picture, and was not done with it within {LIMIT_S:.0f} s"
        if where is None:
            return Fact.UNKNOWN, "it took the picture, and does not answer any more"
        return Fact.UNKNOWN, f"it had others' pictures to make for the whole of {LIMIT_S:.0f} s"

    async def _tidy(self, ended: bool) -> None:
        """Leave neither a prompt in its queue nor one in its history."""
        engine = self.member.engine
        with suppress(EngineError, TimeoutError):
            async with asyncio.timeout(TIDY_S):
                if not ended:
                    await engine.cancel(self.prompt_id)
                await engine.forget(self.prompt_id)
        if not ended:
            self.left_running = isinstance(await _located(self.member, self.prompt_id), Running)

    def _done(self, name: str) -> None:
        now = time.perf_counter()
        self.steps.append(Step(name=name, took_s=now - self._mark))
        self._mark = now


async def _located(member: Member, prompt_id: str) -> Location | None:
    """None: it does not say."""
    try:
        async with asyncio.timeout(TIDY_S):
            return await member.engine.locate(prompt_id)
    except (EngineError, TimeoutError):
        return None
