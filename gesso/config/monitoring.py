"""`[monitoring]`: how often gesso looks at everything, and how long it keeps what it saw."""

from typing import Annotated

from pydantic import Field

from gesso.config.table import Table


class MonitoringConfig(Table):
    """What is looked at regularly: cards, engines, the queue, the disk; and the samples kept of it."""

    every_s: Annotated[float, Field(ge=1, le=60)] = 5.0
    """How often all is looked at. Samples of the last two hours are kept as they were taken."""

    keep_days: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 30.0
    """How long samples are kept: after two hours one a minute, after two days one in 15 minutes."""
