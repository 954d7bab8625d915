"""Which values are sampled of a snapshot, what they mean, and how a pattern picks some of them (pure)."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from gesso.gpus.reader import Card
from gesso.monitoring.snapshot import EngineReading, Snapshot
from gesso.monitoring.thinning import Number

# By kind of source, and name: the unit and what it is. The reference page is made from it.
READINGS: dict[str, dict[str, str]] = {
    "gpu": {
        "utilisation": "per cent of the time in which any kernel ran",
        "memory": "bytes in use",
        "temperature": "°C",
        "power": "W",
        "clock": "MHz of the multiprocessors",
    },
    "engine": {
        "ready": "1: takes jobs, 0: does not; its mean is the share of the time",
        "queue": "jobs that it has or waits with",
        "cpu": "per cent of one core, of the process and its children",
        "memory": "resident bytes of the process and its children",
        "gpu_memory": "bytes that they hold on cards",
    },
    "queue": {
        "queued": "jobs that wait",
        "running": "jobs that engines have",
        "oldest": "seconds that the job waits that waits longest",
        "users": "accounts with unfinished jobs",
        "succeeded": "jobs that ended so since the sample before: mean times n is how many",
        "failed": "jobs that ended so since the sample before",
        "cancelled": "jobs that ended so since the sample before",
    },
    "gesso": {
        "cpu": "per cent of one core, of gesso itself",
        "memory": "resident bytes of gesso itself",
        "disk_free": "bytes free where gesso keeps its files",
    },
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampled:
    """All readings of one source at one moment, in the order of their names. None: not known."""

    at: float
    source: str
    """"gpu.GPU-8f3a…", "engine.qwen", "queue", "gesso"."""
    kind: str
    values: tuple[Number | None, ...]

    @property
    def names(self) -> str:
        """As a JSON list, for the database."""
        return NAMES[self.kind]


NAMES = {kind: json.dumps(list(readings)) for kind, readings in READINGS.items()}


def sampled(snapshot: Snapshot, before: Snapshot | None) -> Iterator[Sampled]:
    """What is kept of a snapshot; rates and increments are known from the second one on."""
    at = round(snapshot.at, 3)
    for card in snapshot.cards:
        yield Sampled(at=at, source=f"gpu.{card.uuid}", kind="gpu", values=_card(card))
    engines = {} if before is None else {engine.name: engine for engine in before.engines}
    for engine in snapshot.engines:
        was = engines.get(engine.name)
        cpu = None if was is None or was.pid != engine.pid else _rate(engine.cpu, was.cpu, snapshot, before)
        yield Sampled(at=at, source=f"engine.{engine.name}", kind="engine", values=_engine(engine, cpu))
    yield Sampled(at=at, source="queue", kind="queue", values=_queue(snapshot, before))
    own = None if before is None else _rate(snapshot.cpu, before.cpu, snapshot, before)
    yield Sampled(at=at, source="gesso", kind="gesso", values=(own, snapshot.memory, snapshot.disk_free))


def _card(card: Card) -> tuple[Number | None, ...]:
    return (card.utilisation, card.memory_used, card.temperature_c, card.power_w, card.clock_mhz)


def _engine(engine: EngineReading, cpu: float | None) -> tuple[Number | None, ...]:
    return (int(engine.ready), engine.queue_remaining, cpu, engine.memory, engine.gpu_memory)


def _queue(snapshot: Snapshot, before: Snapshot | None) -> tuple[Number | None, ...]:
    users = None if snapshot.queued is None else len(snapshot.users)
    # Where it is known that nothing waits, nothing has waited for any time.
    oldest = 0.0 if snapshot.queued == 0 else snapshot.oldest_queued_s
    ended = [_more(snapshot, before, state) for state in ("succeeded", "failed", "cancelled")]
    return (snapshot.queued, snapshot.running, None if oldest is None else round(oldest, 1), users, *ended)


def _more(snapshot: Snapshot, before: Snapshot | None, state: str) -> int | None:
    if before is None:
        return None
    return snapshot.finished.get(state, 0) - before.finished.get(state, 0)


def _rate(now: float | None, was: float | None, snapshot: Snapshot, before: Snapshot | None) -> float | None:
    """Per cent of a core, between two snapshots. None: not known, or the clock was set."""
    if now is None or was is None or before is None or snapshot.at <= before.at or now < was:
        return None
    return round(100 * (now - was) / (snapshot.at - before.at), 1)


def picked(source: str, names: Sequence[str], patterns: Sequence[str]) -> Mapping[int, str]:
    """Which readings of a source the patterns want, by place: "gpu.*", "*.memory", "queue.queued"."""
    return {
        place: name
        for place, name in enumerate(names)
        if not patterns or any(fnmatchcase(f"{source}.{name}", pattern) for pattern in patterns)
    }
