"""`[limits.…]`: what the accounts of each role may have and do."""

from typing import Annotated

from pydantic import Field

from gesso.config.table import Table
from gesso.config.values import Size


class LimitsConfig(Table):
    """What one account of a role may have and do. A limit that is not set is none."""

    jobs_queued: Annotated[int, Field(ge=1)] | None = 1000
    """How many unfinished jobs it may have."""

    jobs_running: Annotated[int, Field(ge=1)] | None = None
    """How many of its jobs may run at the same time, on all engines together."""

    gpu_seconds_per_day: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    """How many seconds engines may have worked for it in the last 24 hours."""

    storage: Size | None = None
    """How much its files may weigh together: bytes, or text like "10GB"."""

    requests_per_s: Annotated[float, Field(ge=0.01, allow_inf_nan=False)] | None = 100.0
    """How many requests it may send in a second, over a while; ten times as many may come at once."""

    sockets: Annotated[int, Field(ge=1)] | None = 100
    """How many WebSockets it may have open."""

    body: Size | None = None
    """Its largest request body, where that is to be less than `gateway.upload_limit`."""

    denied_nodes: Annotated[tuple[str, ...], Field(strict=False)] = ()
    """Node classes its workflows may not use; `*` stands for any letters: ["*Shell*"]."""


class StrangersConfig(Table):
    """What may come from one address of those who have shown no key that is valid."""

    requests_per_s: Annotated[float, Field(ge=0.01, allow_inf_nan=False)] | None = 100.0
    """How many requests in a second, over a while; ten times as many may come at once."""


class RolesConfig(Table):
    """The limits of each role; `gesso users limit` changes them for one account."""

    user: LimitsConfig = LimitsConfig()
    """Those of users."""

    admin: LimitsConfig = LimitsConfig()
    """Those of administrators."""

    strangers: StrangersConfig = StrangersConfig()
    """Those of an address, as long as nobody has signed in from it."""
