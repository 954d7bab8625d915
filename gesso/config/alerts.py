"""`[alerts]`: what is an alarm, and who is told of it."""

import difflib
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from gesso.config.table import Table, wrong
from gesso.config.values import FilePath, Name, Seconds, Size

RULES = (
    "budget-spent",
    "wedged",
    "engine-down",
    "engine-unknown",
    "not-functional",
    "wrong-card",
    "cpu-offload",
    "leak",
    "card-lost",
    "card-error",
    "card-unreadable",
    "vram",
    "temperature",
    "queue-long",
    "queue-wait",
    "disk-low",
    "certificate",
)
"""The names of all rules; what each looks at is in `monitoring`."""


def _rule(name: str) -> str:
    if name not in RULES:
        near = difflib.get_close_matches(name.lower(), RULES, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"the rules are {', '.join(RULES)}"
        raise ValueError(f"there is no rule {name!r}; {hint}")
    return name


Percent = Annotated[float, Field(gt=0, le=100)]
Degrees = Annotated[float, Field(gt=0, le=150)]
Days = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class NotifyConfig(Table):
    """An address that alarms are sent to, as Apprise takes it. It holds secrets, so it stands elsewhere."""

    name: Name
    """What it is called in lists and logs; each name once."""

    url_env: Annotated[str, Field(min_length=1)] | None = None
    """The environment variable that holds the address."""

    url_file: FilePath | None = None
    """A file whose first line is the address."""

    severity: Literal["warning", "critical"] = "warning"
    """`warning` sends everything, `critical` only critical alarms and their end."""

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if (self.url_env is None) == (self.url_file is None):
            raise wrong("", "give exactly one of url_env, url_file")
        return self


class AlertsConfig(Table):
    """When something is an alarm, when it is over, and who is told; `gesso alerts rules` shows the sum."""

    off: Annotated[tuple[Annotated[str, AfterValidator(_rule)], ...], Field(strict=False)] = ()
    """Rules that are switched off, by name: ["vram", "queue-long"]."""

    hold_s: Seconds = 60.0
    """How long memory, temperature, queue or disk must be beyond a threshold before that is an alarm."""

    recover_s: Seconds = 60.0
    """How long all must be well again before an alarm ends; longer for one that keeps coming back."""

    engine_down_s: Seconds = 60.0
    """How long an engine may be down, its restarts included, before that is an alarm."""

    unreadable_s: Seconds = 300.0
    """How long an engine or a card may tell nothing before that is an alarm."""

    vram_warning: Percent = 80.0
    """Per cent of a card's memory in use. Over again 5 points below."""

    vram_critical: Percent = 90.0
    """The same, critical."""

    temperature_warning: Degrees = 80.0
    """A card's temperature in °C. Over again 5 degrees below."""

    temperature_critical: Degrees = 85.0
    """The same, critical."""

    queue_jobs: Annotated[int, Field(ge=1)] = 500
    """So many waiting jobs are too many. Over again at 80 % of it."""

    queue_wait_s: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1800.0
    """A job that waits for so many seconds waits too long. Over again at 80 % of it."""

    disk_warning: Size = 10_000_000_000
    """So little room on the storage directory's disk: bytes, or text like "10GB". Over again at 10 % more."""

    disk_critical: Size = 2_000_000_000
    """The same, critical."""

    certificate_days: Annotated[tuple[Days, Days, Days], Field(strict=False)] = (30.0, 14.0, 7.0)
    """So many days before the certificate expires: two warnings, then critical."""

    messages_per_minute: Annotated[int, Field(ge=1)] = 10
    """At most so many messages go to one address in a minute; what is more is put together in one."""

    notify: Annotated[tuple[NotifyConfig, ...], Field(strict=False)] = ()
    """The addresses."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        for reading in ("vram", "temperature"):
            if getattr(self, f"{reading}_critical") < getattr(self, f"{reading}_warning"):
                raise wrong(f"{reading}_critical", f"lies below `{reading}_warning`")
        if self.disk_critical > self.disk_warning:
            raise wrong("disk_critical", "is more than `disk_warning`")
        if sorted(self.certificate_days, reverse=True) != list(self.certificate_days):
            raise wrong("certificate_days", "begins with the most days: [30, 14, 7]")
        return self

    @model_validator(mode="after")
    def _each_name_once(self) -> Self:
        names = [each.name for each in self.notify]
        for index, name in enumerate(names):
            if name in names[:index]:
                raise wrong(f"notify.{index}.name", f"{name!r} is the name of an address above")
        return self
