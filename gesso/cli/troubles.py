"""What is wrong, the worst first, from what the server tells of alarms and engines; pure."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

CRITICAL, WARNING = "critical", "warning"
_WORST = frozenset({"stopped-after-failures", "failing", "wedged"})
_DOUBTFUL = frozenset({"unknown"})
# Alarms that tell of an engine's state with all that is found on it; the others tell of one finding each.
_OF_ALL = frozenset({"budget-spent", "wedged", "engine-down", "engine-unknown"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """One thing that is wrong. Empty: not told, or not to this caller."""

    severity: str
    subject: str
    what: str
    since: float
    evidence: str = ""
    remedy: str = ""


def troubles(engines: Sequence[Mapping[str, Any]], alarms: Sequence[Mapping[str, Any]]) -> list[Trouble]:
    """Alarms, and what is found on engines that no alarm tells of; critical before warnings, older first."""
    told: dict[str, set[str]] = {}
    for alarm in alarms:
        told.setdefault(str(alarm["subject"]), set()).add(str(alarm["rule"]))
    found = [*map(_of_alarm, alarms), *_of_engines(engines, told)]
    return sorted(found, key=lambda one: (one.severity != CRITICAL, one.since))


def _of_alarm(alarm: Mapping[str, Any]) -> Trouble:
    return Trouble(
        severity=str(alarm["severity"]),
        subject=str(alarm["subject"]),
        what=str(alarm["now"] or alarm["summary"]),
        since=float(alarm["raised"]),
        evidence=str(alarm["evidence"] or ""),
        remedy=str(alarm["remedy"] or ""),
    )


def _of_engines(
    engines: Sequence[Mapping[str, Any]], told: Mapping[str, Collection[str]]
) -> Iterator[Trouble]:
    for engine in engines:
        subject = f"engine {engine['name']}"
        rules = told.get(subject, ())
        if not _OF_ALL.isdisjoint(rules):
            continue
        severity = CRITICAL if engine["state"] in _WORST else WARNING
        untold = [each for each in engine["findings"] if each["name"] not in rules]
        for finding in untold:
            yield Trouble(
                severity=severity,
                subject=subject,
                what=f"{finding['name']}: {finding['summary']}",
                since=float(finding["at"]),
                evidence=str(finding["evidence"] or ""),
                remedy=str(finding["remedy"] or ""),
            )
        if engine["state"] in _WORST | _DOUBTFUL and not untold:
            first, _, rest = str(engine["reason"]).partition("\n")
            yield Trouble(
                severity=severity,
                subject=subject,
                what=f"{engine['state']}: {first}",
                since=float(engine["since"]),
                evidence=rest,
            )
