"""When an engine has nothing to do for long enough to give its memory back, or to sleep; pure rules.

Only an unbroken row of sights of an idle engine counts. What is not known breaks it: unknown is not idle.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from gesso.fleet.decide import Activity


class Rest(StrEnum):
    """What to do about an engine that has nothing to do."""

    NONE = "none"
    UNLOAD = "unload"
    """Have it forget its models; it runs on."""
    SLEEP = "sleep"
    """End its process until a job needs it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quiet:
    """What was seen of its work. Times are seconds on one clock, which never goes back."""

    since: float | None = None
    """Since when every look found it with nothing to do; None: the last one did not."""
    looked_at: float | None = None
    """When it was last found so."""
    unloaded: bool = False
    """It has done nothing since it was made to forget its models."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """After how long it rests; None: never."""

    unload_after_s: float | None
    sleep_after_s: float | None


def seen(quiet: Quiet, *, usable: bool, activity: Activity, jobs: int, worked_at: float, now: float) -> Quiet:
    """What is known after one more look. `jobs` are ours there, until their pictures are fetched;
    `worked_at` is when it was last heard to have work, be it between two looks."""
    if jobs or (usable and activity is Activity.BUSY):
        return Quiet()
    if not usable or activity is not Activity.IDLE:
        return replace(quiet, since=None)
    if quiet.looked_at is not None and worked_at >= quiet.looked_at:
        quiet = Quiet()
    since = now if quiet.since is None else quiet.since
    return replace(quiet, since=since, looked_at=now)


def rest(quiet: Quiet, patience: Patience, now: float) -> Rest:
    """What is due: sleep before unloading, and unloading once for each time that it has worked."""
    if quiet.since is None:
        return Rest.NONE
    idle_s = now - quiet.since
    if patience.sleep_after_s is not None and idle_s >= patience.sleep_after_s:
        return Rest.SLEEP
    if quiet.unloaded or patience.unload_after_s is None or idle_s < patience.unload_after_s:
        return Rest.NONE
    return Rest.UNLOAD
