"""How an engine stands to the jobs that it could run, in one word."""

from enum import IntEnum

from gesso.fleet.member import Member


class Condition(IntEnum):
    """The most hopeful first."""

    READY = 0
    """It takes jobs, be it that it has no room now."""
    STARTING = 1
    """It will take jobs by itself."""
    ASLEEP = 2
    """It takes jobs once it is woken."""
    TROUBLED = 3
    """It does not take jobs now, and is looked after."""
    DRAINING = 4
    STOPPED = 5


def condition_of(member: Member) -> Condition:
    # What is just being asked whether it may rest stays awake for a job that waits.
    if member.ready or member.resting:
        return Condition.READY
    if member.draining:
        return Condition.DRAINING
    if member.asleep:
        return Condition.ASLEEP
    if member.given_up:
        return Condition.STOPPED
    return Condition.STARTING if member.coming else Condition.TROUBLED
