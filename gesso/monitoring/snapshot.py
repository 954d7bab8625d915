"""All that monitoring looks at, at one moment: samples, metrics, alerts and `gesso top` come from it."""

from dataclasses import dataclass

from gesso.fleet.finding import Finding
from gesso.gpus.reader import Card, Machine


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineReading:
    """One engine. None: not known."""

    name: str
    kind: str
    state: str
    reason: str
    since: float
    ready: bool
    draining: bool
    external: bool
    pid: int | None
    restarts: int
    queue_remaining: int | None
    jobs: int | None = None
    """How many it still has to do, those whose files are still being fetched among them."""
    findings: tuple[Finding, ...] = ()
    cpu: float | None = None
    """Seconds of processor time, of the process and its children, since it began."""
    memory: int | None = None
    """Resident bytes of the process and its children."""
    gpu: str | None = None
    """The UUID of the card it is meant to use."""
    gpu_memory: int | None = None
    """Bytes that its processes hold on cards."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UserReading:
    """One account with unfinished jobs."""

    name: str
    queued: int
    running: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JobReading:
    """One job that an engine has."""

    id: str
    account: str
    """The owner's name."""
    engine: str
    since: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """One moment. Times are seconds since the epoch, sizes bytes. None: not known."""

    at: float
    engines: tuple[EngineReading, ...]
    machine: Machine | None
    """None: its cards were not read yet."""
    queued: int | None
    """None, as `running`: the database did not answer."""
    running: int | None
    oldest_queued_s: float | None
    """How long the job waits that waits longest; None: none waits."""
    users: tuple[UserReading, ...]
    """Those with unfinished jobs."""
    finished: dict[str, int]
    """Jobs that ended since gesso began, by state: succeeded, failed, cancelled."""
    disk_free: int | None
    disk_total: int | None
    jobs: tuple[JobReading, ...] = ()
    certificate_expires: float | None = None
    """Of what is served; None: gesso serves no TLS, or it is not known."""
    cpu: float = 0.0
    """Seconds of processor time of gesso itself since it began."""
    memory: int = 0
    """Resident bytes of gesso itself."""

    @property
    def cards(self) -> tuple[Card, ...]:
        """The cards that are known; none where nothing is."""
        return () if self.machine is None else self.machine.cards
