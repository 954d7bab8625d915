"""What is sent of alarms: one by one, or several put together. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from gesso.monitoring.alarm import Alarm
from gesso.monitoring.rule import Severity
from gesso.monitoring.standing import Turn

LISTED_MOST = 40


class Kind(StrEnum):
    CRITICAL = "critical"
    WARNING = "warning"
    OVER = "over"
    NOTE = "note"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What goes to an address."""

    title: str
    text: str
    kind: Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One change of one alarm, to be told."""

    alarm: Alarm
    turn: Turn

    @property
    def kind(self) -> Kind:
        if self.turn in (Turn.RECOVERED, Turn.GONE):
            return Kind.OVER
        return Kind.CRITICAL if self.alarm.severity is Severity.CRITICAL else Kind.WARNING

    @property
    def line(self) -> str:
        """ "critical: Engine 'gpu-0' is down (failing).", "over after 12 min: Engine 'gpu-0' is ready."."""
        if self.kind is Kind.OVER:
            return f"over after {_length(self.alarm.changed - self.alarm.raised)}: {self.alarm.ending}"
        was = " (was a warning)" if self.turn is Turn.ESCALATED and self.kind is Kind.CRITICAL else ""
        return f"{self.kind}{was}: {self.alarm.summary}"


def compose(notices: Sequence[Notice], host: str) -> Message:
    """One notice as it is; several as a list, the worst first."""
    if len(notices) == 1:
        return _single(notices[0], host)
    order = list(Kind)
    ordered = sorted(notices, key=lambda each: order.index(each.kind))
    counts = [(kind, sum(each.kind is kind for each in notices)) for kind in order]
    told = ", ".join(f"{count} {kind}" for kind, count in counts if count)
    lines = [f"- {each.line}" for each in ordered[:LISTED_MOST]]
    if len(ordered) > LISTED_MOST:
        lines.append(f"… and {len(ordered) - LISTED_MOST} more")
    lines.append("`gesso alerts list` shows what is still wrong, with the evidence.")
    title = f"gesso on {host}: {len(notices)} messages: {told}"
    return Message(title=title, text="\n".join(lines), kind=ordered[0].kind)


def trial(host: str) -> Message:
    return Message(
        title=f"gesso on {host}: this is a test",
        text="Somebody asked gesso to try this address. Nothing is wrong.",
        kind=Kind.NOTE,
    )


def _single(notice: Notice, host: str) -> Message:
    alarm = notice.alarm
    if notice.kind is Kind.OVER:
        parts = [str(alarm.ending), f"It was: {alarm.summary}"]
    else:
        parts = [alarm.summary, alarm.evidence, alarm.remedy]
    parts.append(f"({alarm.rule}, {alarm.subject})")
    return Message(
        title=f"gesso on {host}: {notice.line}",
        text="\n".join(part for part in parts if part),
        kind=notice.kind,
    )


def _length(seconds: float) -> str:
    if seconds < 120:
        return f"{max(seconds, 0):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"
