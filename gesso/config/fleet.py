"""`[fleet]`: how engine processes are watched, judged and restarted."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from gesso.config.table import Table, wrong
from gesso.config.values import Seconds


class FleetConfig(Table):
    """How engine processes are watched and restarted."""

    restarts: Annotated[int, Field(ge=0)] = 5
    """How often an engine that exits is started again within `restart_window_s`; then it stays stopped."""

    restart_window_s: Seconds = 600.0
    """The time in seconds over which `restarts` is counted."""

    back_off_s: Seconds = 1.0
    """The wait before the second restart (the first is at once); it doubles with each one that follows."""

    back_off_limit_s: Seconds = 60.0
    """The longest wait before a restart."""

    start_limit_s: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 600.0
    """How long an engine's start may take at most before it may be given up; much earlier where its own
    starts are known to be short. It is given up only if nothing happens any more: see `start_silence_s`."""

    start_silence_s: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 60.0
    """How long an engine that starts must show no sign before it is taken for stuck: nothing listens, its log
    is silent, and its processes neither compute nor read nor write."""

    hang_floor_s: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 120.0
    """An engine is never said to hang before its job has been silent, without any progress, for this long."""

    hang_factor: Annotated[float, Field(ge=1, allow_inf_nan=False)] = 5.0
    """A workflow may be silent for so many times the longest silence of its latest runs on that engine."""

    hang_limit_s: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 900.0
    """How long a job may be silent whose workflow never ran there, or whose models are to be loaded."""

    test_at_start: bool = True
    """Have each engine make one small picture when it has become ready and has nothing to do."""

    functional_every_s: Seconds = 0.0
    """Have it make one again when it has made none for so many seconds, and has nothing to do. It may drop
    the models it has loaded for that. 0: never."""

    stop_grace_s: Seconds = 10.0
    """How long an engine that is asked to stop may take before it is killed."""

    leave_running: bool = False
    """Leave engines running when gesso stops in order; the next start adopts them."""

    @model_validator(mode="after")
    def _limit_is_longest(self) -> Self:
        if self.back_off_limit_s < self.back_off_s:
            raise wrong("back_off_limit_s", "is shorter than `back_off_s`, the first wait")
        if self.hang_limit_s < self.hang_floor_s:
            raise wrong("hang_limit_s", "is shorter than `hang_floor_s`, below which nothing is said to hang")
        return self
