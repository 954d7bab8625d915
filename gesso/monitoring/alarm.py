"""An alarm, and how it is kept in the database."""

import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from sqlalchemy import Connection, RowMapping, delete, insert, select, update

from gesso.database.schema import IS_AT_WORK
from gesso.database.schema import alarm as table
from gesso.monitoring.rule import Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """What was or is wrong with one subject. Times are seconds since the epoch.

    Example: rule "engine-down", subject "engine gpu-0", severity critical, summary "Engine 'gpu-0' is down
    (failing).", evidence "killed by SIGKILL; restart 2 of 5 in 1.0 s", remedy "`gesso engines logs gpu-0` …".
    """

    id: str = field(default_factory=lambda: secrets.token_hex(6))
    rule: str
    subject: str
    step: int
    severity: Severity
    """The worst since it was raised."""
    summary: str
    evidence: str
    remedy: str
    raised: float
    changed: float
    """When it last was raised, escalated or ended."""
    ended: float | None = None
    ending: str | None = None
    """Why it is over, in words."""
    owed: tuple[str, ...] = ()
    """Addresses that are still to be told of the last change."""
    undelivered: Mapping[str, str] = field(default_factory=dict)
    """By name of the address, why the last message to it has not arrived."""


def save(conn: Connection, alarm: Alarm) -> None:
    """Write it as it is now."""
    values = {
        **asdict(alarm),
        "severity": alarm.severity.value,
        "owed": list(alarm.owed) or None,
        "undelivered": dict(alarm.undelivered) or None,
    }
    if conn.execute(update(table).where(table.c.id == alarm.id).values(values)).rowcount == 0:
        conn.execute(insert(table).values(values))


def at_work(conn: Connection) -> list[Alarm]:
    """Those that are open, and those of which somebody is still to be told; the oldest first."""
    rows = conn.execute(
        select(table).where(IS_AT_WORK).order_by(table.c.raised, table.c.rule, table.c.subject)
    )
    return [_alarm(row._mapping) for row in rows]


def ended(conn: Connection, limit: int) -> list[Alarm]:
    """The last ones that are over, the latest first."""
    wanted = select(table).where(table.c.ended.is_not(None))
    rows = conn.execute(wanted.order_by(table.c.raised.desc(), table.c.rule, table.c.subject).limit(limit))
    return [_alarm(row._mapping) for row in rows]


def forget(conn: Connection, before: float) -> None:
    """Remove those that were over by then."""
    conn.execute(delete(table).where(table.c.ended < before))


def _alarm(row: RowMapping) -> Alarm:
    kept = {
        "severity": Severity(row["severity"]),
        "owed": tuple(row["owed"] or ()),
        "undelivered": row["undelivered"] or {},
    }
    return Alarm(**{**row, **kept})
