"""What to do about an engine: pure rules from what is wanted and what was observed to one act."""

from dataclasses import dataclass
from enum import StrEnum

from gesso.fleet.state import State


class Wanted(StrEnum):
    RUNNING = "running"
    STOPPED = "stopped"
    ASLEEP = "asleep"
    """Stopped for want of work, until a job needs it."""


class Life(StrEnum):
    """What is known of the process."""

    EXTERNAL = "external"
    """Somebody else's: watched, never signalled."""
    NONE = "none"
    """None was started."""
    RUNNING = "running"
    ENDED = "ended"
    UNKNOWN = "unknown"


class Health(StrEnum):
    """What the last probe says."""

    OK = "ok"
    LOCKED = "locked"
    """It answers, but wants other credentials."""
    BROKEN = "broken"
    """Something answers, but not as an engine does."""
    SILENT = "silent"
    """Nothing listens there."""
    UNKNOWN = "unknown"
    """Not asked yet, or no answer in time."""


class Activity(StrEnum):
    IDLE = "idle"
    BUSY = "busy"
    UNKNOWN = "unknown"


class Act(StrEnum):
    NONE = "none"
    START = "start"
    STOP = "stop"
    RESTART = "restart"
    """Stop, and count it as a failure."""
    REFRESH = "refresh"
    """Make sure that it is idle still, then stop it to start it anew; this is no failure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """One look at an engine. Times are in seconds, on one clock."""

    life: Life
    health: Health = Health.UNKNOWN
    evidence: str = ""
    """The probe in words."""
    activity: Activity = Activity.UNKNOWN
    loaded: bool = False
    """Whether its node classes were loaded since it came up."""
    loading: str = ""
    """Why they are not, in words."""
    was_ready: bool = False
    """Whether this process was ready before (an adopted one is taken to have been)."""
    started_at: float = 0.0
    log_silent_s: float | None = None
    quiet_s: float | None = None
    """For how long its processes have neither computed nor read nor written."""
    phase: str | None = None
    """How far its start is, in words."""
    stuck_after_s: float | None = None
    """From which age on its start may be stuck, as its own starts tell; None: the budget's limit."""
    exit: str = ""
    """How the process ended, in words."""
    stuck: str | None = None
    """Why a job on it is known to make no progress; None while no job is known to be stuck."""
    poisoned: str | None = None
    """What says that it can use its card no more."""
    excess: str | None = None
    """By how much it is above its limits of memory, where a restart for that is allowed again."""
    free: bool = False
    """It is known to have nothing to do; that it is not known is not free."""
    failures: tuple[float, ...] = ()
    """When it failed, since somebody last started it by hand."""
    given_up: bool = False
    restart_asked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How patient to be."""

    restarts: int = 5
    window_s: float = 600.0
    back_off_s: float = 1.0
    back_off_limit_s: float = 60.0
    start_limit_s: float = 600.0
    start_silence_s: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """What to do now, and what state that means; the reason is the evidence."""

    act: Act = Act.NONE
    state: State
    reason: str
    finding: str | None = None
    """What a RESTART is for, by the finding's name."""


def decide(wanted: Wanted, observed: Observed, budget: Budget, now: float, *, jitter: float = 0.0) -> Action:
    """The rules, first match first. `jitter` (0 to 1) lengthens back-off by up to a quarter."""
    if observed.life is Life.EXTERNAL:
        return _judge(observed)
    if observed.life is Life.UNKNOWN:
        return Action(state=State.UNKNOWN, reason="the system does not tell whether its process runs")
    if wanted is not Wanted.RUNNING:
        asleep = wanted is Wanted.ASLEEP
        if observed.life is not Life.NONE:
            # Also one that has ended: children that it left may run on.
            return Action(
                act=Act.STOP, state=State.STOPPED, reason="goes to sleep" if asleep else "asked to stop"
            )
        return Action(
            state=State.STOPPED,
            reason="asleep, having had nothing to do; a job wakes it" if asleep else "stopped on request",
        )
    if observed.life is Life.RUNNING:
        if observed.restart_asked:
            return Action(act=Act.STOP, state=State.STARTING, reason="asked to restart")
        return _tend(observed, budget, now)
    return _revive(observed, budget, now, jitter)


def back_off(failures: int, budget: Budget, jitter: float) -> float:
    """The wait before a restart: none after the first failure, then doubling up to the limit."""
    if failures <= 1:
        return 0.0
    # The exponent is bounded: 2.0 ** 5000 is no number.
    wait_s = budget.back_off_s * 2.0 ** min(failures - 2, 64)
    return float(min(wait_s, budget.back_off_limit_s)) * (1.0 + 0.25 * jitter)


def _recent(observed: Observed, budget: Budget, now: float) -> tuple[float, ...]:
    return tuple(at for at in observed.failures if now - at < budget.window_s)


def _revive(observed: Observed, budget: Budget, now: float, jitter: float) -> Action:
    """It should run, and does not."""
    recent = _recent(observed, budget, now)
    how = observed.exit or "it is not running"
    if observed.given_up or len(recent) > budget.restarts:
        times = max(len(recent), budget.restarts + 1)
        return Action(
            state=State.STOPPED_AFTER_FAILURES,
            reason=f"failed {times} times within {budget.window_s:.0f} s; the last time: {how}",
        )
    if not recent:
        return Action(act=Act.START, state=State.STARTING, reason="starting")
    due = recent[-1] + back_off(len(recent), budget, jitter)
    if now < due:
        return Action(
            state=State.FAILING,
            reason=f"{how}; restart {len(recent)} of {budget.restarts} in {due - now:.1f} s",
        )
    return Action(
        act=Act.START, state=State.STARTING, reason=f"restart {len(recent)} of {budget.restarts} after: {how}"
    )


def _tend(observed: Observed, budget: Budget, now: float) -> Action:
    """It should run, and its process does."""
    for state, what, name in (
        (State.WEDGED, observed.stuck, "hang"),
        (State.FAILING, observed.poisoned, "cuda-poisoned"),
    ):
        if what is not None:
            if len(_recent(observed, budget, now)) >= budget.restarts:
                return Action(state=state, reason=f"{what}; not restarted: its budget is used up")
            return Action(act=Act.RESTART, state=state, reason=what, finding=name)
    age_s = now - observed.started_at
    if _is_stuck_start(observed, budget, age_s):
        return Action(
            act=Act.RESTART,
            state=State.FAILING,
            reason=f"not ready {age_s:.0f} s after its start; for {budget.start_silence_s:.0f} s its log is "
            f"silent and its processes do nothing: {observed.evidence}",
            finding="stuck-start",
        )
    if observed.excess is not None and observed.loaded and observed.free:
        return Action(
            act=Act.REFRESH, state=State.STARTING, reason=f"restarted between jobs: {observed.excess}"
        )
    return _judge(observed, age_s)


def _is_stuck_start(observed: Observed, budget: Budget, age_s: float) -> bool:
    """Nothing listens, nothing is logged, nothing is computed, all that for long enough. What is not known,
    an answer that does not come in time among it, is never this."""
    limit_s = budget.start_limit_s if observed.stuck_after_s is None else observed.stuck_after_s
    silent_s, quiet_s = observed.log_silent_s, observed.quiet_s
    return (
        not observed.was_ready
        and observed.health is Health.SILENT
        and age_s > limit_s
        and silent_s is not None
        and silent_s > budget.start_silence_s
        and quiet_s is not None
        and quiet_s > budget.start_silence_s
    )


def _judge(observed: Observed, age_s: float | None = None) -> Action:
    """Only a state: nothing is to be done to an engine that runs, or that is not ours."""
    evidence = observed.evidence or "not asked yet"
    starting = age_s is not None and not observed.was_ready
    if observed.stuck is not None:
        return Action(state=State.WEDGED, reason=observed.stuck)
    if observed.poisoned is not None:
        return Action(state=State.FAILING, reason=observed.poisoned)
    if observed.health is Health.OK:
        if not observed.loaded:
            return Action(state=State.ALIVE, reason=observed.loading or "its node classes are being loaded")
        if observed.activity is Activity.BUSY:
            return Action(state=State.BUSY, reason="executing" + _retiring(observed))
        return Action(state=State.READY, reason=evidence + _retiring(observed))
    if observed.health is Health.LOCKED:
        return Action(state=State.ALIVE, reason=evidence)
    if starting and observed.health in (Health.SILENT, Health.UNKNOWN):
        silent = (
            "" if observed.log_silent_s is None else f", its log silent for {observed.log_silent_s:.0f} s"
        )
        phase = f"{observed.phase}; " if observed.phase else ""
        return Action(state=State.STARTING, reason=f"{phase}started {age_s:.0f} s ago{silent}: {evidence}")
    if observed.health is Health.UNKNOWN:
        if observed.activity is Activity.BUSY and observed.loaded:
            return Action(state=State.BUSY, reason=f"executing, and slow to answer: {evidence}")
        return Action(state=State.UNKNOWN, reason=evidence)
    return Action(state=State.FAILING, reason=evidence)


def _retiring(observed: Observed) -> str:
    excess = observed.excess
    return f"; given no more jobs, and restarted once it has none: {excess}" if excess is not None else ""
