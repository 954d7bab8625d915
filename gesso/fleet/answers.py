"""What is wrong with an engine by its answers: each of them known for what it is, and none restarts it."""

from gesso.engines.probe import INCONCLUSIVE, LOCKED, NOT_LISTENING, Outcome, Probe
from gesso.fleet.finding import Finding

NAMES = frozenset({"locked-out", "not-an-engine", "unreachable"})


def finding_of(probe: Probe | None, *, starting: bool) -> Finding | None:
    """None: it answers as it should, nobody can tell, or it has not been up yet."""
    if probe is None or probe.outcome is Outcome.OK or probe.outcome in INCONCLUSIVE:
        return None
    if probe.outcome in LOCKED:
        return Finding(
            name="locked-out",
            summary="it answers, but not with the credential that gesso shows",
            evidence=str(probe),
            remedy="Give its `credential` in [[engine]], or correct it: gesso reads it anew at each refusal. "
            "Where gesso starts the engine, take the login out of it: nobody else can reach it.",
            at=probe.at,
        )
    if probe.outcome in NOT_LISTENING:
        if starting:
            return None
        return Finding(
            name="unreachable",
            summary="nothing listens at its address",
            evidence=str(probe),
            remedy="Check that it runs, and its `url`; where a firewall or a tunnel is between, check these.",
            at=probe.at,
        )
    return Finding(
        name="not-an-engine",
        summary="something answers, but not as an engine does",
        evidence=str(probe),
        remedy="Check its `url`: a proxy's page, another program or an engine that fails answers there.",
        at=probe.at,
    )
