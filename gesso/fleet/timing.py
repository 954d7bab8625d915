"""How often the fleet is looked at, and for how long a finding stays."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """How often to look."""

    tick_s: float = 0.2
    probe_s: float = 2.0
    eager_probe_s: float = 0.25
    """Between probes of an engine that is not ready."""
    probe_limit_s: float = 5.0
    rotate_s: float = 10.0
    vitals_s: float = 3.0
    """Between measurements of what its processes do and hold."""
    refresh_s: float = 600.0
    """Between two restarts of an engine for its memory."""
    recovered_s: float = 60.0
    """For how long it is ready before nobody needs to know why it failed last."""
    forget_s: float = 600.0
    """How long a failed job's finding stays where no job succeeds."""
