"""Where an engine has a prompt."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Pending:
    """In the engine's queue."""


@dataclass(frozen=True, slots=True)
class Running:
    """Being executed now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """In the engine's history, with {"prompt": …, "outputs": …, "status": …, "meta": …}."""

    item: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Absent:
    """Nowhere: never handed over, deleted, or lost with the process that had it."""


Location = Pending | Running | Finished | Absent
