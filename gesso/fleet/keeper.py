"""Tends one engine: starts, adopts, probes, restarts and stops it, as decide says."""

import asyncio
import logging
import random
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from gesso.config.fleet import FleetConfig
from gesso.config.schema import LogsConfig
from gesso.errors import ProcessError
from gesso.fleet.cards import Cards
from gesso.fleet.claims import VISIBLE, Claims
from gesso.fleet.decide import Act, Action, Budget, Life, Wanted, decide
from gesso.fleet.diagnosis import Diagnosis
from gesso.fleet.failures import by_name
from gesso.fleet.finding import Finding
from gesso.fleet.launch import HOST, Launch, free_port, holder, is_free, plan, without_port
from gesso.fleet.member import Member
from gesso.fleet.observe import observe
from gesso.fleet.prober import Prober
from gesso.fleet.resting import Resting
from gesso.fleet.state import USABLE, State
from gesso.fleet.timing import Timing
from gesso.processes.exits import explain
from gesso.processes.logs import rotate
from gesso.processes.process import Alive, Exited, Gone, Process
from gesso.processes.process import Unknown as UnknownProcess
from gesso.processes.record import read_record

logger = logging.getLogger(__name__)

RETIRING = "retiring"


class Keeper:
    """Three loops over one member: `tend` looks at the process and acts, `watch` asks over the network,
    `examine` measures what the process does and holds.

    They are several, so that an engine that takes seconds to answer is still seen to exit at once.
    """

    def __init__(
        self,
        member: Member,
        *,
        storage: Path,
        fleet: FleetConfig,
        logs: LogsConfig,
        timing: Timing,
        environ: Mapping[str, str],
        changed: Callable[[Member], None],
        claims: Claims,
        cards: Cards,
    ) -> None:
        self._member = member
        self._claims = claims
        self._storage = storage
        self._fleet = fleet
        self._logs = logs
        self._timing = timing
        self._environ = environ
        self._changed = changed
        self._budget = Budget(
            restarts=fleet.restarts,
            window_s=fleet.restart_window_s,
            back_off_s=fleet.back_off_s,
            back_off_limit_s=fleet.back_off_limit_s,
            start_limit_s=fleet.start_limit_s,
            start_silence_s=fleet.start_silence_s,
        )
        self._diagnosis = Diagnosis(member, storage=storage, fleet=fleet, timing=timing, cards=cards.refresh)
        self._resting = Resting(member)
        self._prober = Prober(
            member,
            environ=environ,
            limit_s=timing.probe_limit_s,
            changed=changed,
            came_up=self._diagnosis.came_up,
        )
        self._rotated_at = 0.0
        self._leaving = (False, False)
        self._found: frozenset[str] = frozenset()

    def adopt(self) -> None:
        """Take over the process that an earlier gesso left running, if there is one."""
        member = self._member
        record = read_record(member.record)
        if record is None or record.port is None:
            return
        process = Process(record)
        if isinstance(process.poll(), Exited | Gone):
            member.record.unlink(missing_ok=True)
            return
        member.engine.url = f"http://{HOST}:{record.port}"
        launch = self._plan(record.port)
        member.outdated = without_port(launch.argv) != without_port(record.argv)
        member.begin(process, adopted=True, now=time.monotonic())
        self._claims.adopt(member, launch.env.get(VISIBLE))
        logger.info("%s: adopted process %d", member.name, process.pid)

    async def tend(self) -> None:
        """Tick until cancelled: at once when the process exits or something is asked, else regularly."""
        wake = self._member.wake
        while True:
            wake.clear()
            try:
                await self._tick()
            except Exception:
                logger.exception("supervisor tick of %s failed", self._member.name)
            try:
                async with asyncio.timeout(self._timing.tick_s):
                    await wake.wait()
            except TimeoutError:
                continue

    async def watch(self) -> None:
        """Probe until cancelled."""
        member = self._member
        while True:
            try:
                if member.external or (
                    member.process is not None and isinstance(member.process.poll(), Alive)
                ):
                    await self._prober.probe()
                    await self._resting.look()
            except Exception:
                logger.exception("probe of %s failed", member.name)
            eager = member.state not in USABLE
            await asyncio.sleep(self._timing.eager_probe_s if eager else self._timing.probe_s)

    async def examine(self) -> None:
        """Measure until cancelled."""
        while True:
            try:
                await self._diagnosis.measure()
            except Exception:
                logger.exception("measuring %s failed", self._member.name)
            await asyncio.sleep(self._timing.vitals_s)

    async def load(self) -> None:
        """Ask for the node classes; raises EngineError."""
        await self._prober.load()

    def told(self, found: Finding) -> None:
        """A job says what is wrong with it."""
        self._diagnosis.told(found)
        self._member.wake.set()

    def let_go(self) -> None:
        """Leave the process to itself: it runs on, and its record tells the next gesso."""
        self._member.unwatch()

    async def halt(self) -> None:
        """Stop the process, if there is one; for the end of gesso."""
        member = self._member
        if member.process is None:
            return
        try:
            await member.process.stop(self._fleet.stop_grace_s)
        except ProcessError as error:
            logger.error("%s: %s", member.name, error.message)
            return
        member.record.unlink(missing_ok=True)
        self._enter(State.STOPPED, "gesso stopped")

    async def _tick(self) -> None:
        member = self._member
        await self._diagnosis.look()
        await self._note_end()
        observed = observe(member)
        if observed.life is Life.ENDED and not member.exit:
            # Just now: to be noted, and counted, before anything is decided on it.
            member.wake.set()
            return
        action = decide(member.wanted, observed, self._budget, time.monotonic(), jitter=member.jitter)
        try:
            await self._act(action)
        except ProcessError as error:
            logger.error("%s: %s", member.name, error.message)
            self._fail(error.message)
            self._enter(State.FAILING, error.message)
        await self._claims.look(member)
        self._tell()
        await self._rotate()

    async def _act(self, action: Action) -> None:
        member = self._member
        match action.act:
            case Act.NONE:
                self._enter(action.state, action.reason)
            case Act.START:
                if held := await self._claims.admit(member):
                    self._enter(held.state, held.reason)
                    return
                if member.wanted is not Wanted.RUNNING:
                    return  # stopped by hand while the cards were being read
                self._enter(action.state, action.reason)
                await self._start()
            case Act.STOP:
                await self._stop()
                member.process = None
                member.restart_asked = False
                member.record.unlink(missing_ok=True)
                self._enter(action.state, action.reason)
            case Act.RESTART:
                self._enter(action.state, action.reason)
                found = self._cause(action)
                await self._stop()
                self._fail(action.reason, found)
            case Act.REFRESH:
                if await self._diagnosis.confirm_excess():
                    self._enter(action.state, action.reason)
                    await self._stop()
                    member.process = None
                    member.record.unlink(missing_ok=True)

    async def _start(self) -> None:
        member = self._member
        member.restarts += bool(member.failures)
        member.restart_asked = False
        port = member.config.port or free_port()
        if not is_free(port):
            # It asks the system about every socket there is. Whose the program is, not everybody is told.
            who = await asyncio.to_thread(holder, port)
            member.blame(by_name("port-in-use", f"port {port} is taken by {who}", time.time()))
            raise ProcessError(f"port {port} is taken by another program")
        launch = self._plan(port)
        self._diagnosis.prepare()
        try:
            process = Process.start(
                launch.argv,
                env=launch.env,
                cwd=launch.cwd,
                log=member.log,
                port=port,
                record_path=member.record,
            )
        except ProcessError as error:
            member.blame(by_name("not-executable", error.message, time.time()))
            raise
        member.engine.url = f"http://{HOST}:{port}"
        member.outdated = False
        member.begin(process, adopted=False, now=time.monotonic())
        logger.info("%s: started process %d on port %d", member.name, process.pid, port)

    async def _stop(self) -> None:
        member = self._member
        if member.process is None:
            return
        member.stopping = True
        self._changed(member)
        try:
            await member.process.stop(self._fleet.stop_grace_s)
        finally:
            member.stopping = False
        member.come_up()

    async def _note_end(self) -> None:
        """The process ended without being asked to: told once, with the reason and its log's last words."""
        member = self._member
        if member.process is None or member.exit:
            return
        state = member.process.poll()
        if isinstance(state, Alive | UnknownProcess):
            return
        how = explain(state.code) if isinstance(state, Exited) else "ended; nobody can tell how"
        found, last = await self._diagnosis.explain(state if isinstance(state, Exited) else None)
        lines = "\n".join(last)
        logger.warning("%s: process %d %s", member.name, member.process.pid, how)
        how = f"{found.name}: {found.summary}; {how}"
        self._fail(f"{how}; last lines of its log:\n{lines}" if lines else f"{how}; its log is empty", found)
        self._enter(State.FAILING, member.exit)
        # Children that it left may hold the port or the card.
        await self._stop()

    def _cause(self, action: Action) -> Finding | None:
        """What it is restarted for; whoever found it has told, but for the start, which is found here."""
        if action.finding == "stuck-start":
            return self._diagnosis.stuck_start(action.reason)
        return self._member.findings.get(action.finding or "")

    def _fail(self, how: str, found: Finding | None = None) -> None:
        """It has ended, or never began. `found` None: who raised it has put the blame already."""
        member = self._member
        if found is not None:
            member.blame(found)
        member.come_up()
        member.exit = how
        member.was_ready = False
        member.jitter = random.random()  # noqa: S311
        if member.wanted is Wanted.RUNNING:
            member.failures.append(time.monotonic())
            del member.failures[: -self._budget.restarts - 1]

    def _enter(self, state: State, reason: str) -> None:
        member = self._member
        member.reason = reason
        member.gave_up = state is State.STOPPED_AFTER_FAILURES
        if state is not member.state:
            # Each job makes an engine busy and ready again: no news for a log.
            level = logging.DEBUG if state in USABLE and member.state in USABLE else logging.INFO
            logger.log(level, "%s: %s (%s)", member.name, state, reason)
            member.state = state
            member.since = time.time()
            self._changed(member)

    def _tell(self) -> None:
        """What others want to know beside the state: that it drains, and what is found."""
        member = self._member
        found = frozenset(member.findings) | ({RETIRING} if member.signs.retiring else frozenset())
        for name in sorted(found - self._found):
            logger.warning("%s: %s", member.name, member.findings.get(name, "is given no more jobs"))
        for name in sorted(self._found - found):
            logger.info("%s: %s is over", member.name, name)
        if found != self._found:
            self._found = found
            self._changed(member)
        leaving = (member.draining, member.drained)
        if leaving != self._leaving:
            logger.info("%s: %s", member.name, member.told if member.draining else "takes jobs again")
            self._leaving = leaving
            self._changed(member)

    def _plan(self, port: int) -> Launch:
        return plan(
            self._member.config,
            port=port,
            storage=self._storage,
            environ=self._environ,
            card=self._claims.card(self._member),
        )

    async def _rotate(self) -> None:
        now = time.monotonic()
        if now - self._rotated_at < self._timing.rotate_s or self._member.external:
            return
        self._rotated_at = now
        await self._diagnosis.look()
        if await asyncio.to_thread(
            rotate, self._member.log, limit=self._logs.engine_log_size, keep=self._logs.engine_log_files
        ):
            self._diagnosis.log_rotated()
