"""What is seen of an engine beside its answers: in its log, of its process, of its memory."""

from dataclasses import dataclass

from gesso.fleet.pulse import Vitals


@dataclass(slots=True, kw_only=True)
class Signs:
    """Only the diagnosis writes here; all but the habits is void when the engine comes up anew."""

    phase: str | None = None
    """How far its start is; None: it is not starting."""
    quiet_s: float | None = None
    """For how long its processes have done nothing; None: not known."""
    poisoned: str | None = None
    """That its CUDA context is broken, in words for everybody; the evidence stands in the finding."""
    excess: str | None = None
    """By how much it is above its limits of memory; None: within them, or not known."""
    may_refresh: bool = False
    """Such a restart is allowed again: see `Timing.refresh_s`."""
    connecting: bool = False
    """Its node classes are loaded, its socket is being opened."""
    vitals: Vitals | None = None
    """The last measurement, while it starts or has a limit of memory."""
    usual_start_s: float | None = None
    """What its starts usually take. A habit."""
    stuck_after_s: float | None = None
    """After how long without any sign a start of it is stuck. A habit."""

    @property
    def retiring(self) -> bool:
        """It is given no more jobs, and restarted as soon as it has none."""
        return self.excess is not None and self.may_refresh

    def reset(self) -> None:
        self.phase = self.quiet_s = self.poisoned = self.excess = self.vitals = None
        self.may_refresh = self.connecting = False
