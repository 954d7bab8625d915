"""Whose turn it is: start-time fair queueing in GPU-seconds per weight, as pure functions.

Each user has a virtual time, the GPU-seconds charged so far divided by the user's weight. The next
job is one of the user with the least. An estimate is charged when a job is claimed, corrected to
the real seconds when it ends, and given back when an engine was lost.

The system's own virtual time (the *turn*) is what the users being served are proven to have used.
It keeps the past from weighing for ever: a newcomer starts at the turn, with neither credit nor
debt; somebody who was away keeps a debt, halved every `HALF_LIFE_S`; and somebody whose jobs no
engine could run has saved up at most `CREDIT_S`.
"""

from dataclasses import dataclass, replace

HALF_LIFE_S = 3600.0
CREDIT_S = 300.0
# Charged when nothing is known of a job's kind; also keeps every charge above zero, so that turns alternate.
UNKNOWN_COST_S = 10.0
LEAST_COST_S = 0.001
# The share of the newest job in the learnt estimate.
LEARNING_RATE = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """One user's account of turns. `pending` is the part of `vtime` charged for jobs still running."""

    weight: float
    vtime: float
    pending: float
    queued: int
    running: int
    idle_since: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Charged:
    """A claim's effect: the account after it, the turn after it, and what was charged (virtual seconds)."""

    flow: Flow
    turn: float
    charge: float


def arrive(flow: Flow, turn: float, now: float) -> Flow:
    """A job was submitted; one who had none comes back to the present."""
    vtime = flow.vtime
    if flow.queued + flow.running == 0:
        away_s = max(0.0, now - flow.idle_since) if flow.idle_since is not None else 0.0
        debt = max(0.0, vtime - turn) * 0.5 ** (away_s / HALF_LIFE_S)
        vtime = turn + debt
    return replace(flow, vtime=vtime, queued=flow.queued + 1, idle_since=None)


def charge(flow: Flow, turn: float, cost_s: float) -> Charged:
    """One of the user's queued jobs was claimed."""
    start = max(flow.vtime, turn - CREDIT_S)
    amount = max(cost_s, LEAST_COST_S) / flow.weight
    return Charged(
        flow=replace(
            flow,
            vtime=start + amount,
            pending=flow.pending + amount,
            queued=flow.queued - 1,
            running=flow.running + 1,
        ),
        # Only what is proven counts: an estimate far too high must not set newcomers back.
        turn=max(turn, start - flow.pending),
        charge=amount,
    )


def settle(flow: Flow, charged: float, real_s: float, now: float) -> Flow:
    """A running job has ended: the estimate gives way to `real_s` (0.0: the charge is refunded)."""
    running = flow.running - 1
    return _leave(
        replace(
            flow,
            vtime=flow.vtime - charged + max(real_s, 0.0) / flow.weight,
            # Rounding errors must not add up over the years.
            pending=max(0.0, flow.pending - charged) if running else 0.0,
            running=running,
        ),
        now,
    )


def requeue(flow: Flow) -> Flow:
    """A job that was running waits again."""
    return replace(flow, queued=flow.queued + 1, idle_since=None)


def withdraw(flow: Flow, jobs: int, now: float) -> Flow:
    """Queued jobs were cancelled."""
    return _leave(replace(flow, queued=flow.queued - jobs), now)


def _leave(flow: Flow, now: float) -> Flow:
    return replace(flow, idle_since=now) if flow.queued + flow.running == 0 else flow


def learn(estimate_s: float | None, real_s: float) -> float:
    """The new estimate of what such jobs take: a moving average, so that it follows a new GPU or model."""
    return real_s if estimate_s is None else estimate_s + LEARNING_RATE * (real_s - estimate_s)
