"""What access knows of an account's limits, in the words of the queue."""

from gesso.access.limits import Allowance
from gesso.jobs.job import Limits

# What the database's counters hold: none is as good as this.
UNLIMITED = 2**31 - 1


def limits_of(allowance: Allowance) -> Limits:
    return Limits(
        weight=allowance.weight,
        max_running=_whole(allowance.jobs_running),
        max_queued=_whole(allowance.jobs_queued),
        gpu_seconds=allowance.gpu_seconds_per_day,
        storage=allowance.storage,
    )


def _whole(limit: int | None) -> int:
    return UNLIMITED if limit is None else min(limit, UNLIMITED)
