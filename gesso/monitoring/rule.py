"""What a rule is: what it looks at, what it says of it, and how long that has to be so."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from gesso.gpus.reader import Card
from gesso.monitoring.snapshot import Snapshot


class Severity(StrEnum):
    WARNING = "warning"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of a rule, above none at all; the next one is worse."""

    severity: Severity
    for_s: float = 0.0
    """How long it must be so, without a pause, before it is an alarm."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sign:
    """What a rule sees of one subject at one moment.

    `raises`: the step that it calls for (0: all is well, None: it cannot be read). `keeps`: the step that
    goes on if it has begun already, `raises` or a higher one: between the two lies the hysteresis.
    Example: memory at 78 % with thresholds 80 and 90, each over 5 points below: raises 0, keeps 1.
    """

    subject: str
    """"engine gpu-0", "card GPU-…", "queue"."""
    raises: int | None
    keeps: int = 0
    summary: str = ""
    """A sentence, also where all is well: it then tells of the end."""
    evidence: str = ""
    remedy: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A snapshot, and the cards that there should be: seen before, or meant to be used by an engine."""

    snapshot: Snapshot
    expected: dict[str, str] = field(default_factory=dict)
    """Names by UUID."""
    silent: frozenset[str] = frozenset()
    """UUIDs of cards that told their memory or temperature before, and do not now."""

    xid_age_s: Mapping[str, float] = field(default_factory=dict)
    """How long ago each card's last Xid error was seen first, by UUID."""

    @property
    def cards(self) -> dict[str, Card]:
        """Those that answer."""
        return {card.uuid: card for card in self.snapshot.cards if not card.lost}

    @property
    def whole(self) -> bool:
        """All cards that are there have been read."""
        return self.snapshot.machine is not None and self.snapshot.machine.problem is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Looks at every subject of its kind."""

    name: str
    steps: tuple[Step, ...]
    look: Callable[[Scene], Iterable[Sign]]
    when: str
    """What raises it, with the thresholds in effect."""
    ends: str
    """When it is over."""
    behind: frozenset[str] = frozenset()
    """Rules whose alarm of the same subject says it all: then this one has none."""


def step_at(value: float, thresholds: tuple[float, ...]) -> int:
    """How many of the rising thresholds are reached."""
    return sum(value >= each for each in thresholds)
