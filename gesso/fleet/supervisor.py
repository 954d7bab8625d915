"""Keeps the engines running: observes, decides, acts, and tells what changed."""

import asyncio
import os
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from gesso.config.credential import headers
from gesso.config.engine import EngineConfig
from gesso.config.fleet import FleetConfig
from gesso.config.gpus import GpusConfig
from gesso.config.schema import LogsConfig
from gesso.engines.comfyui import ComfyUI
from gesso.engines.socket import Socket
from gesso.engines.transport import open_session
from gesso.errors import Conflict, NotFound
from gesso.events import Bus, EngineChanged
from gesso.fleet.cards import Cards
from gesso.fleet.claims import Claims
from gesso.fleet.decide import Wanted
from gesso.fleet.draining import write_mark
from gesso.fleet.finding import HANG, Finding
from gesso.fleet.keeper import Keeper
from gesso.fleet.launch import HOST, free_port
from gesso.fleet.member import Member, Stuck
from gesso.fleet.state import State
from gesso.fleet.timing import Timing
from gesso.fleet.trials import Trials
from gesso.gpus.reader import Reader

# A stop takes its grace, and then the kill.
STOP_MARGIN_S = 15.0


class Supervisor:
    """The fleet: `async with` starts (or adopts) the engines and, at the end, stops them.

    Order of the stop: no more ticks, then the engines, all at once, unless `leave_running`.
    """

    def __init__(
        self,
        engines: Sequence[EngineConfig],
        storage: Path,
        bus: Bus,
        *,
        fleet: FleetConfig | None = None,
        logs: LogsConfig | None = None,
        timing: Timing | None = None,
        environ: Mapping[str, str] | None = None,
        reader: Reader | None = None,
        gpus: GpusConfig | None = None,
    ) -> None:
        gpus = gpus or GpusConfig()
        self.cards = Cards(reader, gpus.every_s)
        """What this machine's cards are at; without a reader nothing is known of them."""
        self._claims = Claims(self.cards, gpus)
        self._configs = tuple(engines)
        self._storage = storage.absolute()
        self._bus = bus
        self._fleet = fleet or FleetConfig()
        self._logs = logs or LogsConfig()
        self._timing = timing or Timing()
        self._environ = dict(os.environ if environ is None else environ)
        self.leave_running = self._fleet.leave_running
        """Whether the engines run on when this ends; the next supervisor adopts them."""
        self.trials = Trials(self.members, self._fleet, self.report_stuck)
        """Has engines make small pictures, to see that they work."""
        self._keepers: dict[str, Keeper] = {}
        self._members: dict[str, Member] = {}
        self._told: dict[str, tuple[State, bool, bool]] = {}
        self._change = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._storage.mkdir(parents=True, exist_ok=True)
        credentials = {each.name: headers(each.credential, self._environ) for each in self._configs}
        self._session = open_session()
        try:
            for config in self._configs:
                self._enlist(config, credentials[config.name])
        except OSError:
            await self._session.close()
            raise
        self._group = asyncio.TaskGroup()
        await self._group.__aenter__()
        self._tasks = [
            self._group.create_task(self.cards.run(), name="cards"),
            self._group.create_task(self.trials.run(), name="trials"),
        ]
        for name, member in self._members.items():
            keeper = self._keepers[name]
            for what, loop in (
                ("socket", member.socket.run()),
                ("tend", keeper.tend()),
                ("watch", keeper.watch()),
                *((("examine", keeper.examine()),) if not member.external else ()),
            ):
                self._tasks.append(self._group.create_task(loop, name=f"{what} {name}"))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            for task in self._tasks:
                task.cancel()
            await self._group.__aexit__(None, None, None)
            if not self.leave_running:
                await asyncio.gather(*(keeper.halt() for keeper in self._keepers.values()))
        finally:
            for keeper in self._keepers.values():
                keeper.let_go()
            await self.cards.close()
            await self._session.close()

    def members(self) -> Sequence[Member]:
        """All engines, in the order of the configuration."""
        return tuple(self._members.values())

    def find(self, name: str) -> Member | None:
        return self._members.get(name)

    def member(self, name: str) -> Member:
        """The engine of that name; raises NotFound."""
        if name not in self._members:
            raise NotFound(f"there is no engine {name!r}")
        return self._members[name]

    async def changed(self) -> None:
        """Wait for the next change of any engine's state or catalog."""
        await self._change.wait()

    async def wait_for(self, name: str, *states: State, timeout_s: float) -> Member:
        """Wait until the engine is in one of the states; raises TimeoutError."""
        member = self.member(name)
        async with asyncio.timeout(timeout_s):
            while member.state not in states or member.stopping:
                await self.changed()
        return member

    def start(self, name: str) -> None:
        """Ask that it runs, with a new budget; it starts at the next tick."""
        member = self.own(name)
        member.wanted = Wanted.RUNNING
        self._forgive(member)

    async def stop(self, name: str) -> None:
        """Ask that it does not run, and wait until it has ended; it stays so until somebody starts it."""
        member = self.own(name)
        member.wanted = Wanted.STOPPED
        self._forgive(member)
        await self.wait_for(name, State.STOPPED, timeout_s=self._fleet.stop_grace_s + STOP_MARGIN_S)

    def restart(self, name: str) -> None:
        """Ask for a new process, with a new budget; whatever the old one executes is lost."""
        member = self.own(name)
        member.wanted = Wanted.RUNNING
        member.restart_asked = True
        self._forgive(member)

    def wake(self, name: str) -> None:
        """A sleeping engine has something to do again; any other is left as it is."""
        member = self.own(name)
        if member.asleep:
            member.wanted = Wanted.RUNNING
            self._forgive(member)

    async def drain(self, name: str) -> None:
        """Give it no more jobs; it finishes what it has, and stays watched. Holds until `resume`, also
        through restarts of the engine and of gesso. Raises StorageError."""
        await self._set_draining(name, True)

    async def resume(self, name: str) -> None:
        """Give it jobs again. Raises StorageError."""
        await self._set_draining(name, False)

    async def _set_draining(self, name: str, draining: bool) -> None:
        member = self.member(name)
        await asyncio.to_thread(write_mark, member.drain_mark, draining=draining)
        member.draining = draining
        member.wake.set()

    def report_stuck(self, name: str, reason: str, *, evidence: str = "") -> None:
        """Tell that a job on it has made no progress for longer than its limit: this restarts the engine,
        if it is ours.

        Void as soon as the engine says anything about a prompt again, also just before the restart.
        """
        member = self.member(name)
        member.stuck = Stuck(reason=reason, at=time.monotonic())
        member.findings[HANG] = Finding(
            name=HANG,
            summary="a job on it stopped making progress",
            evidence=evidence or reason,
            remedy=f"Look what it said last: `gesso engines logs {name}`. "
            + (
                "gesso does not run it: whoever does must start it anew."
                if member.external
                else "gesso starts it anew, and runs the job again. If the workflow is just so slow, raise "
                "`fleet.hang_limit_s` or `fleet.hang_floor_s`."
            ),
            at=time.time(),
        )
        member.wake.set()

    def report_failure(self, name: str, found: Finding) -> None:
        """Tell what a job's error says of the engine. Can it use its card no more, this restarts it, if it is
        ours.
        """
        self.member(name)
        self._keepers[name].told(found)

    async def refresh(self, name: str) -> None:
        """Load its node classes anew, as after a new model was put there; raises EngineError."""
        self.member(name)
        await self._keepers[name].load()

    def own(self, name: str) -> Member:
        """The member of this name, which gesso runs. NotFound; Conflict where somebody else does."""
        member = self.member(name)
        if member.external:
            raise Conflict(f"{name!r} is not run by gesso: whoever runs it must start and stop it")
        return member

    def _forgive(self, member: Member) -> None:
        member.failures.clear()
        member.absolve()
        member.gave_up = False
        member.wake.set()

    def _enlist(self, config: EngineConfig, credential: Mapping[str, str]) -> None:
        url = config.url or f"http://{HOST}:{config.port or free_port()}"
        engine = ComfyUI(name=config.name, url=url, session=self._session, headers=credential)
        member = Member(
            config,
            engine,
            Socket(engine, client_id=f"gesso-{uuid.uuid4().hex}"),
            log=self._storage / "logs" / f"{config.name}.log",
            record=self._storage / "engines" / f"{config.name}.json",
        )
        keeper = Keeper(
            member,
            storage=self._storage,
            fleet=self._fleet,
            logs=self._logs,
            timing=self._timing,
            environ=self._environ,
            changed=self._note_change,
            claims=self._claims,
            cards=self.cards,
        )
        self._claims.enlist(member)
        self._members[config.name] = member
        self._keepers[config.name] = keeper
        if not member.external:
            keeper.adopt()

    def _note_change(self, member: Member) -> None:
        self._change.set()
        self._change = asyncio.Event()
        told = (member.state, member.draining, member.drained)
        if self._told.get(member.name) != told:
            self._told[member.name] = told
            self._bus.publish(EngineChanged(engine=member.name, state=member.state, reason=member.told))
