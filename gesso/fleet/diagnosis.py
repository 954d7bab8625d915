"""Finds out what is wrong with one engine, by log, process, memory and answers; and when it is over."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from gesso.config.fleet import FleetConfig
from gesso.fleet import answers
from gesso.fleet.failures import Watchful, explain_end
from gesso.fleet.finding import Finding
from gesso.fleet.leak import excess, leak
from gesso.fleet.log_watch import LogWatch
from gesso.fleet.member import Member
from gesso.fleet.models import no_models
from gesso.fleet.node_catalog import NodeCatalog
from gesso.fleet.observe import health
from gesso.fleet.phases import LogPhase, phase
from gesso.fleet.pulse import Pulse, Vitals, measure
from gesso.fleet.resting import is_idle
from gesso.fleet.starts import Starts, slow_start, stuck_after_s, usual_s
from gesso.fleet.timing import Timing
from gesso.gpus.inventory import memory_of
from gesso.gpus.reader import Machine
from gesso.processes.kernel import oom_kills
from gesso.processes.logs import silent_s
from gesso.processes.process import Alive, Exited

LAST_LINES = 8
# What happened so recently goes on.
LIVELY_S = 5.0
POISON = "cuda-poisoned"
MODELS = "models-missing"


class Diagnosis:
    """`prepare` before a process begins, `look` at each tick, `measure` every few seconds beside them."""

    def __init__(
        self,
        member: Member,
        *,
        storage: Path,
        fleet: FleetConfig,
        timing: Timing,
        cards: Callable[[], Awaitable[Machine | None]],
    ) -> None:
        self._member = member
        self._fleet = fleet
        self._timing = timing
        self._cards = cards
        self._starts = Starts(storage / "engines" / f"{member.name}.starts.json")
        self._refreshed_at: float | None = None
        self._confirmed_at = float("-inf")
        self._usable_since: float | None = None
        self._above = 0
        self._found_at: dict[str, float] = {}
        """What was told while it ran, and when by time.monotonic."""
        self._seen: NodeCatalog | None = None
        self._learn()
        self.prepare()

    def prepare(self) -> None:
        """A process is about to begin: what its log says from here on is its own."""
        self._log = LogWatch(self._member.log)
        self._watchful = Watchful()
        self._phase = LogPhase()
        self._pulse = Pulse()
        self._kills = oom_kills()
        for name in self._found_at.keys() - self._member.blamed:
            self._member.findings.pop(name, None)
        self._found_at.clear()
        self._above = 0

    async def came_up(self) -> None:
        """It is ready for the first time since its process began."""
        self._starts.add(time.monotonic() - self._member.started_at)
        self._learn()
        await asyncio.to_thread(self._starts.write)

    def told(self, found: Finding) -> None:
        """This is wrong with it while it runs, as its log says, or a job that failed on it."""
        self._member.findings[found.name] = found
        self._found_at[found.name] = time.monotonic()
        if found.name == POISON:
            # The reason of a state is for everybody, and the evidence is a line of a log.
            self._member.signs.poisoned = found.summary

    def log_rotated(self) -> None:
        self._log.rotated()

    async def look(self) -> None:
        """What its log says now, how far its start is, and what its answers mean."""
        member = self._member
        if not member.external and self._log.grown():
            await self._read(self._log.read)
        self._follow_start()
        down = not member.external and (self._starting or member.pid is None)
        self._settle(answers.NAMES, answers.finding_of(member.probe, starting=down))
        self._look_for_models()
        self._recover(time.monotonic())

    async def explain(self, state: Exited | None) -> tuple[Finding, list[str]]:
        """Why its process has ended, and the last lines of its log; None: nobody can tell how it ended."""
        await self._read(self._log.read_all)
        kills = oom_kills()
        counted = None if kills is None or self._kills is None else kills - self._kills
        lines = list(self._log.recent)
        found = explain_end(state.code if state else None, lines, time.time(), kills=counted)
        return found, [line for line in lines if line.strip()][-LAST_LINES:]

    async def measure(self) -> None:
        """What its processes do and hold, where somebody wants to know."""
        if self._limited or self._starting:
            await self._measure()

    async def confirm_excess(self) -> bool:
        """Just before a restart for its memory: it is above its limits still, and says that it is idle."""
        if time.monotonic() - self._confirmed_at < self._timing.vitals_s:
            return False
        await self._measure()
        member = self._member
        self._confirmed_at = time.monotonic()
        sure = await is_idle(member) and member.signs.excess is not None and member.free
        if sure:
            self._refreshed_at = time.monotonic()
            member.signs.may_refresh = False
        return sure

    def stuck_start(self, reason: str) -> Finding:
        return Finding(
            name="stuck-start",
            summary="its start has stopped: nothing listens, nothing is logged, nothing is computed",
            evidence=f"{reason}; at: {self._phase}",
            remedy="Read what it said last (`gesso engines logs NAME`): it may wait for a download, a lock "
            "or an answer at a prompt. If it may be so quiet, raise `start_silence_s` and `start_limit_s`.",
            at=time.time(),
        )

    @property
    def _limited(self) -> bool:
        config = self._member.config
        return config.memory_limit is not None or config.vram_limit is not None

    @property
    def _starting(self) -> bool:
        """Its process runs, and was not ready yet."""
        member = self._member
        return (
            member.process is not None and not member.was_ready and isinstance(member.process.poll(), Alive)
        )

    def _learn(self) -> None:
        signs, seconds = self._member.signs, self._starts.seconds
        signs.usual_start_s = usual_s(seconds)
        signs.stuck_after_s = stuck_after_s(seconds, self._fleet.start_limit_s, self._fleet.start_silence_s)

    async def _read(self, lines: Callable[[], list[str]]) -> None:
        for found in await asyncio.to_thread(self._understood, lines):
            self.told(found)

    def _understood(self, lines: Callable[[], list[str]]) -> list[Finding]:
        """What new lines of its log say is wrong. Megabytes of them take a second."""
        now = time.time()
        told = []
        for line in lines():
            self._phase.feed(line)
            told.append(self._watchful.feed(line, now))
        return [found for found in told if found is not None]

    def _follow_start(self) -> None:
        member = self._member
        signs = member.signs
        if not self._starting:
            signs.phase = None
            member.findings.pop("slow-start", None)
            return
        signs.phase = phase(
            self._phase,
            health(member.probe),
            connecting=signs.connecting,
            ready=member.loaded,
        )
        slow = slow_start(
            self._starts.seconds,
            time.monotonic() - member.started_at,
            self._fleet.start_limit_s,
            phase=signs.phase,
            signs=self._signs_of_life(),
            at=time.time(),
        )
        self._settle({"slow-start"}, slow)

    def _signs_of_life(self) -> str:
        silent, quiet_s = silent_s(self._member.log, time.time()), self._member.signs.quiet_s
        said = _for(silent, "its log goes on", "its log is silent")
        return f"{said}, {_for(quiet_s, 'it computes', 'it computes nothing')}"

    def _look_for_models(self) -> None:
        catalog = self._member.catalog
        if catalog is None or catalog is self._seen:
            return
        self._seen = catalog
        self._settle({MODELS}, no_models(catalog.catalog, time.time()))

    def _settle(self, names: set[str] | frozenset[str], found: Finding | None) -> None:
        """Of these names, only the one found holds now; one that goes on keeps the time of its beginning."""
        findings = self._member.findings
        for name in names:
            if found is None or found.name != name:
                findings.pop(name, None)
        if found is not None:
            since = findings.get(found.name)
            findings[found.name] = found if since is None else found.since(since.at)

    def _recover(self, now: float) -> None:
        """What a running engine had is over with its next success, or after a time; what ended the process
        before it, once it is ready for a while."""
        member = self._member
        for name, at in tuple(self._found_at.items()):
            succeeded = member.socket.succeeded_at is not None and member.socket.succeeded_at > at
            over = succeeded or now - at > self._timing.forget_s
            if member.signs.poisoned is None if name == POISON else over:
                del self._found_at[name]
                if name not in member.blamed:
                    member.findings.pop(name, None)
                if name == MODELS:
                    # A job missed one; whether there are any at all is looked for anew.
                    self._seen = None
        if not member.usable:
            self._usable_since = None
            return
        if self._usable_since is None:
            self._usable_since = now
        if member.blamed and now - self._usable_since > self._timing.recovered_s:
            member.absolve()

    async def _measure(self) -> None:
        member = self._member
        process, life = member.process, member.life
        vitals = None
        if process is not None and isinstance(process.poll(), Alive):
            vitals = await asyncio.to_thread(measure, process.pid, time.monotonic())
        vram = await self._vram(vitals)
        if member.life != life:
            return
        self._pulse.feel(vitals)
        member.signs.vitals = vitals
        member.signs.quiet_s = self._pulse.quiet_s
        self._weigh(vitals, vram)

    async def _vram(self, vitals: Vitals | None) -> int | None:
        if self._member.config.vram_limit is None or vitals is None:
            return None
        machine = await self._cards()
        return None if machine is None else memory_of(machine, vitals.pids)

    def _weigh(self, vitals: Vitals | None, vram: int | None) -> None:
        member, config = self._member, self._member.config
        over = excess(
            rss=vitals.rss if vitals is not None else None,
            memory_limit=config.memory_limit,
            vram=vram,
            vram_limit=config.vram_limit,
        )
        # One peak is no leak.
        self._above = self._above + 1 if over is not None else 0
        member.signs.excess = over if self._above > 1 else None
        recently = self._refreshed_at is not None and (
            time.monotonic() - self._refreshed_at < self._timing.refresh_s
        )
        member.signs.may_refresh = not recently
        found = leak(over, time.time()) if over is not None and self._above > 1 else None
        self._settle({"leak"}, found)


def _for(seconds: float | None, lively: str, quiet: str) -> str:
    if seconds is None:
        return f"whether {lively} is not known"
    return lively if seconds < LIVELY_S else f"{quiet} for {seconds:.0f} s"
