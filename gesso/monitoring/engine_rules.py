"""Rules about engines: what their states and findings call for."""

from collections.abc import Callable, Iterator

from gesso.config.alerts import AlertsConfig
from gesso.fleet.finding import Finding
from gesso.fleet.state import USABLE, State
from gesso.monitoring.rule import Rule, Scene, Severity, Sign, Step
from gesso.monitoring.snapshot import EngineReading

# Findings of an engine that does not come up or cannot be used; the others are of one that works.
IN_THE_WAY = frozenset(
    {
        "asset-database-locked",
        "card-full",
        "crashed",
        "cuda-out-of-memory",
        "cuda-poisoned",
        "disk-full",
        "gpu-unknown",
        "killed",
        "locked-out",
        "missing-library",
        "missing-module",
        "models-missing",
        "no-cuda",
        "not-an-engine",
        "not-executable",
        "out-of-memory",
        "port-in-use",
        "stuck-start",
        "unreachable",
        "wrong-arguments",
    }
)
HANG = frozenset({"hang"})
WEDGED_FOR_S = 60.0


def engine_rules(config: AlertsConfig) -> tuple[Rule, ...]:
    down_s, unknown_s = config.engine_down_s, config.unreadable_s
    critical, warning = Severity.CRITICAL, Severity.WARNING
    return (
        Rule(
            name="budget-spent",
            steps=(Step(severity=critical),),
            look=_each(_budget_spent),
            when="an engine failed more often than its budget allows, and stays stopped",
            ends="it is ready, or stopped by somebody",
        ),
        Rule(
            name="wedged",
            steps=(Step(severity=warning), Step(severity=critical, for_s=WEDGED_FOR_S)),
            look=_each(_wedged),
            when=f"a job stopped making progress; critical after {WEDGED_FOR_S:.0f} s in that state",
            ends="the engine is well again",
            behind=frozenset({"budget-spent"}),
        ),
        Rule(
            name="engine-down",
            steps=(Step(severity=critical, for_s=down_s),),
            look=_each(_down),
            when=f"an engine is down for {down_s:g} s, its restarts included",
            ends="it is ready, or stopped by somebody",
            behind=frozenset({"budget-spent", "wedged"}),
        ),
        Rule(
            name="engine-unknown",
            steps=(Step(severity=warning, for_s=unknown_s),),
            look=_each(_unknown),
            when=f"an engine neither answers nor refuses for {unknown_s:g} s",
            ends="it is known again how it fares",
            behind=frozenset({"wedged"}),
        ),
        *_of_findings(),
    )


def _of_findings() -> Iterator[Rule]:
    """Those that a single finding raises, and its end recovers."""
    for name, severity, title, when in (
        ("not-functional", Severity.CRITICAL, "answers, but makes no pictures", "its own test fails"),
        (
            "wrong-card",
            Severity.CRITICAL,
            "works on another card than it is meant to",
            "its PID is elsewhere",
        ),
        ("cpu-offload", Severity.WARNING, "computes on the processor, not on its card", "its card is idle"),
        ("leak", Severity.WARNING, "takes more and more memory", "its memory passed the limit"),
    ):
        yield Rule(
            name=name,
            steps=(Step(severity=severity),),
            look=_each(_finding_of(name, title)),
            when=f"an engine {title}: {when}",
            ends="the finding is gone",
            behind=frozenset({"budget-spent", "engine-down"}) if name == "not-functional" else frozenset(),
        )


def _each(look: Callable[[EngineReading], Sign]) -> Callable[[Scene], Iterator[Sign]]:
    return lambda scene: (look(engine) for engine in scene.snapshot.engines)


def _sign(
    engine: EngineReading,
    raises: int | None,
    keeps: int,
    *,
    summary: str,
    why: str = "",
    told: str = "",
    about: frozenset[str] = IN_THE_WAY,
) -> Sign:
    """With the latest finding that it is about, and what to do; else with the reason for the state."""
    found = max(
        (each for each in engine.findings if each.name in about), key=lambda each: each.at, default=None
    )
    logs = "Look where it runs." if engine.external else f"`gesso engines logs {engine.name}` shows its log."
    own = why or ("" if engine.external and found else logs)
    remedies = [found.remedy if found is not None else "", own]
    return Sign(
        subject=f"engine {engine.name}",
        raises=raises,
        keeps=max(keeps, raises or 0),
        summary=summary,
        evidence="; ".join([told] * bool(told) + [str(found)] * (found is not None)) or engine.reason,
        remedy=" ".join(part for part in remedies if part),
    )


def _is_over(engine: EngineReading) -> bool:
    """It works, or somebody wants it not to."""
    return engine.state in USABLE or engine.state == State.STOPPED


def _well(engine: EngineReading) -> str:
    return f"Engine {engine.name!r} is {engine.state}."


def _budget_spent(engine: EngineReading) -> Sign:
    if engine.state == State.STOPPED_AFTER_FAILURES:
        start = (
            f"Mend the cause (`gesso engines logs {engine.name}`), then `gesso engines start {engine.name}`."
        )
        summary = f"Engine {engine.name!r} failed too often and stays stopped."
        return _sign(engine, 1, 1, summary=summary, why=start, told=engine.reason)
    raises = None if engine.state == State.UNKNOWN else 0
    # Started by hand it has yet to show that it works.
    return _sign(engine, raises, 0 if _is_over(engine) else 1, summary=_well(engine))


def _wedged(engine: EngineReading) -> Sign:
    if engine.state == State.WEDGED:
        summary = f"Engine {engine.name!r} hangs: its job makes no progress."
        return _sign(engine, 2, 2, summary=summary, about=HANG)
    if any(finding.name == "hang" for finding in engine.findings):
        summary = f"Engine {engine.name!r} hung, and was restarted."
        return _sign(engine, 1, 1, summary=summary, about=HANG)
    raises = None if engine.state == State.UNKNOWN else 0
    return _sign(engine, raises, 0 if _is_over(engine) else 1, summary=_well(engine))


def _down(engine: EngineReading) -> Sign:
    if engine.state == State.UNKNOWN:
        return _sign(engine, None, 0, summary=_well(engine))
    if _is_over(engine):
        return _sign(engine, 0, 0, summary=_well(engine))
    failed = engine.state in (State.FAILING, State.STOPPED_AFTER_FAILURES)
    if failed or any(finding.name in IN_THE_WAY for finding in engine.findings):
        return _sign(engine, 1, 1, summary=f"Engine {engine.name!r} is down ({engine.state}).")
    # Starting is no trouble by itself, but the end of none: between two crashes it starts, too.
    return _sign(engine, 0, 1, summary=f"Engine {engine.name!r} is down ({engine.state}).")


def _unknown(engine: EngineReading) -> Sign:
    if engine.state == State.UNKNOWN:
        return _sign(engine, 1, 1, summary=f"Engine {engine.name!r} neither answers nor refuses.")
    return _sign(engine, 0, 0, summary=_well(engine))


def _finding_of(name: str, title: str) -> Callable[[EngineReading], Sign]:
    def look(engine: EngineReading) -> Sign:
        found: Finding | None = next((each for each in engine.findings if each.name == name), None)
        if found is None:
            return Sign(subject=f"engine {engine.name}", raises=0, summary=_well(engine))
        return Sign(
            subject=f"engine {engine.name}",
            raises=1,
            keeps=1,
            summary=f"Engine {engine.name!r} {title}.",
            evidence=f"{found.summary}: {found.evidence}" if found.evidence else found.summary,
            remedy=found.remedy,
        )

    return look
