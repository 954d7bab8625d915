"""Moments as people give them: a date, a time, or how long ago (pure)."""

import math
import re
from datetime import UTC, datetime

from gesso.errors import RequestError

AGO = re.compile(r"(\d{1,6})\s*([mhdw])")
UNITS_S = {"m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 7 * 86_400.0}


def parse_since(text: str, now: float) -> float:
    """Seconds since 1970. "24h" and "7d" are so long before `now`; a date or time without a zone is UTC.

    Examples: "30m", "24h", "7d", "2026-11-21", "2026-11-21T08:00:00+01:00".
    """
    if found := AGO.fullmatch(text.strip()):
        return max(0.0, now - int(found[1]) * UNITS_S[found[2]])
    try:
        given = datetime.fromisoformat(text.strip())
        moment = (given if given.tzinfo else given.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError) as error:
        raise RequestError(
            f"{text[:40]!r} is no moment.", remedy='Write it like "2026-11-21", "24h" or "7d".'
        ) from error
    if not math.isfinite(moment) or moment < 0:
        raise RequestError(f"{text[:40]!r} lies before 1970.")
    return moment
