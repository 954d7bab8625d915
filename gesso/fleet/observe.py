"""One look at an engine: what its process, its last probe and its socket say, in decide's words."""

import time

from gesso.engines.probe import INCONCLUSIVE, LOCKED, NOT_LISTENING, Outcome, Probe
from gesso.fleet.decide import Health, Life, Observed
from gesso.fleet.finding import HANG
from gesso.fleet.member import Member
from gesso.processes.logs import silent_s
from gesso.processes.process import Alive, Unknown


def observe(member: Member) -> Observed:
    """Look now. A report of a stuck job is dropped if the engine has spoken about a prompt since."""
    if member.stuck is not None and member.socket.progressed_at > member.stuck.at:
        member.stuck = None
    if member.stuck is None and HANG not in member.blamed:
        member.findings.pop(HANG, None)
    return Observed(
        life=_life(member),
        health=health(member.probe),
        evidence=str(member.probe) if member.probe is not None else "",
        activity=member.activity,
        loaded=member.loaded,
        loading=member.loading,
        was_ready=member.was_ready,
        started_at=member.started_at,
        log_silent_s=None if member.was_ready else silent_s(member.log, time.time()),
        exit=member.exit,
        quiet_s=member.signs.quiet_s,
        phase=member.signs.phase,
        stuck_after_s=member.signs.stuck_after_s,
        stuck=member.stuck.reason if member.stuck is not None else None,
        poisoned=member.signs.poisoned,
        excess=member.signs.excess if member.signs.may_refresh else None,
        free=member.free,
        failures=tuple(member.failures),
        given_up=member.gave_up,
        restart_asked=member.restart_asked,
    )


def _life(member: Member) -> Life:
    if member.external:
        return Life.EXTERNAL
    if member.process is None:
        return Life.NONE
    state = member.process.poll()
    if isinstance(state, Unknown):
        return Life.UNKNOWN
    return Life.RUNNING if isinstance(state, Alive) else Life.ENDED


def health(probe: Probe | None) -> Health:
    """What a probe says of an engine; no probe and no answer in time say nothing."""
    if probe is None or probe.outcome in INCONCLUSIVE:
        return Health.UNKNOWN
    if probe.outcome in NOT_LISTENING:
        return Health.SILENT
    if probe.outcome in LOCKED:
        return Health.LOCKED
    return Health.OK if probe.outcome is Outcome.OK else Health.BROKEN
