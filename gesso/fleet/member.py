"""One engine of the fleet: what the supervisor knows of it, and a snapshot of that."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gesso.config.engine import EngineConfig
from gesso.engines.comfyui import ComfyUI
from gesso.engines.probe import Probe
from gesso.engines.socket import Socket
from gesso.fleet.decide import Activity, Wanted
from gesso.fleet.draining import described, jobs_left, mark_of
from gesso.fleet.finding import Finding
from gesso.fleet.functional import NOT_FUNCTIONAL, Functional
from gesso.fleet.node_catalog import NodeCatalog
from gesso.fleet.proof import Gpu
from gesso.fleet.signs import Signs
from gesso.fleet.state import USABLE, State
from gesso.processes.process import Exited, Gone, Process


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """A snapshot, for lists and reports. `since` is in seconds since the epoch."""

    name: str
    kind: str
    state: State
    reason: str
    since: float
    ready: bool
    draining: bool
    drained: bool
    asleep: bool
    jobs_left: int | None
    external: bool
    url: str
    pid: int | None
    restarts: int
    outdated: bool
    queue_remaining: int | None
    nodes: int | None
    version: str | None
    probe: Probe | None
    findings: tuple[Finding, ...]
    phase: str | None
    """How far its start is; None: it is not starting."""
    started_s: float | None
    """What its starts usually take."""
    functional: Functional | None
    """When it last made a picture, since it came up."""
    gpu: Gpu | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stuck:
    """Somebody knows that a job makes no progress; `at` by time.monotonic."""

    reason: str
    at: float


class Member:
    """A live engine: only the supervisor writes here, others read (but for `uploaded`)."""

    def __init__(
        self, config: EngineConfig, engine: ComfyUI, socket: Socket, *, log: Path, record: Path
    ) -> None:
        self.name = config.name
        self.config = config
        self.engine = engine
        self.socket = socket
        self.log = log
        self.record = record
        self.state = State.UNKNOWN
        self.reason = "not looked at yet"
        self.since = time.time()
        self.catalog: NodeCatalog | None = None
        """The last one loaded; kept while the engine restarts."""
        self.probe: Probe | None = None
        self.restarts = 0
        """How often gesso has started it again since gesso itself began."""
        self.outdated = False
        """It was adopted, and runs with other settings than the configuration has today."""
        self.uploaded: set[str] = set()
        """For whoever uploads: names the engine has. Emptied when the engine comes up anew."""

        self.models: frozenset[str] = frozenset()
        """For whoever gives it jobs: what it is taken to have loaded. Nothing when it comes up anew."""
        self.jobs: Callable[[], int] = lambda: 0
        """For whoever gives it jobs: how many it still has of theirs, until their pictures are fetched."""
        self.drain_mark = mark_of(record)
        self.draining = self.drain_mark.exists()
        """It finishes what it has, and is given no more."""

        self.findings: dict[str, Finding] = {}
        """What is wrong with it now, by name; whoever finds something takes it away when it is over."""
        self.blamed: frozenset[str] = frozenset()
        """Those that ended its last process: they stay until it was ready again for a while, or by hand."""
        self.signs = Signs()
        self.functional: Functional | None = None
        self.gpu: Gpu | None = None
        """The card that it is held to; None: to none."""

        self.wanted = Wanted.RUNNING
        self.process: Process | None = None
        self.life = 0
        """Counts processes: the answer of an old one is not the new one's."""
        self.started_at = 0.0
        self.exit = ""
        self.failures: list[float] = []
        """When (by time.monotonic) its process ended unasked, could not be started, or was restarted for a
        hang, a poisoned card or a stuck start; since somebody last started it by hand, and no more of them
        than the budget counts. What it was stands in `findings`, by the names in `blamed`."""
        self.jitter = 0.0
        self.gave_up = self.restart_asked = self.stopping = False
        self.resting = False
        """It is being asked whether it may forget its models, or sleep."""
        self.stuck: Stuck | None = None
        self.loaded = False
        self.loading = ""
        self.loaded_connection = 0
        self.was_ready = False
        self.wake = asyncio.Event()
        self.unwatch: Callable[[], None] = lambda: None

    @property
    def external(self) -> bool:
        """Somebody else's: watched, never signalled."""
        return self.config.url is not None

    @property
    def url(self) -> str:
        return self.engine.url

    @property
    def pid(self) -> int | None:
        """None while no process runs."""
        if self.process is None or isinstance(self.process.poll(), Exited | Gone):
            return None
        return self.process.pid

    @property
    def usable(self) -> bool:
        """It answers us, and we know what it can do."""
        return self.state in USABLE and not self.stopping

    @property
    def ready(self) -> bool:
        """It takes jobs: it is usable, and nobody has asked that it drains or ends."""
        staying = self.wanted is Wanted.RUNNING and not self.restart_asked and not self.resting
        fit = self.signs.poisoned is None and not self.signs.retiring
        return self.usable and staying and not self.draining and fit

    @property
    def jobs_left(self) -> int | None:
        """What it still has to do; None: not known."""
        gone = self.given_up or (not self.external and self.pid is None)
        return jobs_left(self.jobs(), self.socket.queue_remaining, gone=gone)

    @property
    def drained(self) -> bool:
        """It drains, and has nothing more to do: it can be stopped, and nobody notices."""
        return self.draining and self.jobs_left == 0

    @property
    def told(self) -> str:
        """The reason for its state, or how far its draining is."""
        return described(self.jobs_left) if self.draining and self.state in USABLE else self.reason

    @property
    def asleep(self) -> bool:
        """It was stopped for want of work; a job wakes it."""
        return self.wanted is Wanted.ASLEEP

    @property
    def coming(self) -> bool:
        """It takes no jobs yet, and is expected to, by itself."""
        staying = self.wanted is Wanted.RUNNING and not self.draining
        return staying and not self.usable and self.state in (State.STARTING, State.ALIVE)

    @property
    def given_up(self) -> bool:
        """It will not come back by itself."""
        return self.state in (State.STOPPED, State.STOPPED_AFTER_FAILURES) and not self.asleep

    @property
    def activity(self) -> Activity:
        """What it is doing; unknown is not idle."""
        remaining = self.socket.queue_remaining
        if remaining is None:
            return Activity.UNKNOWN
        return Activity.BUSY if remaining > 0 else Activity.IDLE

    @property
    def free(self) -> bool:
        """It is known to have nothing to do, by itself and by whoever gives it jobs."""
        return self.activity is Activity.IDLE and self.jobs() == 0

    def status(self) -> Status:
        return Status(
            name=self.name,
            kind=self.config.kind,
            state=self.state,
            reason=self.told,
            since=self.since,
            ready=self.ready,
            draining=self.draining,
            drained=self.drained,
            asleep=self.asleep,
            jobs_left=self.jobs_left,
            external=self.external,
            url=self.url,
            pid=self.pid,
            restarts=self.restarts,
            outdated=self.outdated,
            queue_remaining=self.socket.queue_remaining,
            nodes=len(self.catalog.catalog.raw) if self.catalog is not None else None,
            version=self.probe.version if self.probe is not None else None,
            probe=self.probe,
            findings=tuple(self.findings.values()),
            phase=self.signs.phase,
            started_s=self.signs.usual_start_s,
            functional=self.functional,
            gpu=self.gpu,
        )

    def begin(self, process: Process, *, adopted: bool, now: float) -> None:
        """It has a process now. An adopted one is taken to have been ready: it may hold jobs."""
        self.process = process
        self.started_at = now
        self.exit = ""
        self.come_up()
        self.was_ready = adopted
        self.unwatch = process.on_exit(self.wake.set)

    def blame(self, finding: Finding) -> None:
        """This ended its process, and nothing before it matters any more."""
        self.absolve()
        self.findings[finding.name] = finding
        self.blamed = frozenset({finding.name})

    def absolve(self) -> None:
        """Why it failed last is over."""
        for name in self.blamed:
            self.findings.pop(name, None)
        self.blamed = frozenset()

    def proves(self, functional: Functional) -> None:
        """It has made a picture."""
        self.functional = functional
        self.findings.pop(NOT_FUNCTIONAL, None)

    def come_up(self) -> None:
        """Whatever was known of the engine before is void; only its catalog is kept, as the last known."""
        self.life += 1
        self.probe = None
        self.stuck = None
        self.loaded = False
        self.loading = ""
        self.uploaded.clear()
        self.models = frozenset()
        self.functional = None
        self.findings.pop(NOT_FUNCTIONAL, None)
        self.signs.reset()
