"""What an account may have and do: the limits of its role, and what differs for the account itself (pure)."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from gesso.access.scopes import Role
from gesso.config.limits import LimitsConfig, RolesConfig
from gesso.errors import RequestError

# How "no limit" is written where null means "as the role has it".
NONE = "none"
LEAST_WEIGHT, MOST_WEIGHT = 0.01, 100.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """An account's limits; None: there is none."""

    jobs_queued: int | None = None
    jobs_running: int | None = None
    gpu_seconds_per_day: float | None = None
    storage: int | None = None
    requests_per_s: float | None = None
    sockets: int | None = None
    body: int | None = None
    weight: float = 1.0
    """Its share where several wait: twice the weight, twice the GPU-seconds."""


def allowance(roles: RolesConfig, role: Role, own: Mapping[str, Any] | None, weight: float) -> Allowance:
    """The role's limits, with those that the account has of its own in their place.

    Example of `own`: {"jobs_running": 2, "storage": "none"}. A name that is no limit any more means nothing.
    """
    limits = roles.admin if role is Role.ADMIN else roles.user
    merged: dict[str, Any] = {
        "jobs_queued": limits.jobs_queued,
        "jobs_running": limits.jobs_running,
        "gpu_seconds_per_day": limits.gpu_seconds_per_day,
        "storage": limits.storage,
        "requests_per_s": limits.requests_per_s,
        "sockets": limits.sockets,
        "body": limits.body,
    }
    for name, value in (own or {}).items():
        if name in merged:
            merged[name] = None if value == NONE else value
    return Allowance(**merged, weight=weight)


LIMITS = tuple(name for name in Allowance.__dataclass_fields__ if name != "weight")


def changed(own: Mapping[str, Any] | None, change: Mapping[str, Any]) -> dict[str, Any]:
    """`own` after a change: {"jobs_running": 2, "storage": "5GB", "sockets": "none", "body": null}.

    null: back to the role's. RequestError names what is no limit, or none that it could have.
    """
    after = dict(own or {})
    for name, value in change.items():
        if name not in LIMITS:
            raise RequestError(f"There is no limit {name!r}.", remedy=f"Limits are {', '.join(LIMITS)}.")
        if value is None:
            after.pop(name, None)
        else:
            after[name] = NONE if value == NONE else _checked(name, value)
    return after


def checked_weight(value: float | None) -> float:
    """A share that can be lived with; null: 1, as everybody has."""
    weight = 1.0 if value is None else float(value)
    if not (math.isfinite(weight) and LEAST_WEIGHT <= weight <= MOST_WEIGHT):
        raise RequestError(f"`weight` is a number from {LEAST_WEIGHT:g} to {MOST_WEIGHT:g}.")
    return weight


def _checked(name: str, value: Any) -> Any:
    """By the rules of the configuration: "5GB" becomes bytes, and nobody has minus one socket."""
    try:
        return getattr(LimitsConfig.model_validate({name: value}), name)
    except ValidationError as error:
        reason = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise RequestError(f"`{name}`: {reason}.") from error
