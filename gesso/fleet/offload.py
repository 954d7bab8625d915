"""CPU offload: a job runs, and the card it should run on is idle. Pure, over the last looks at an engine."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

from gesso.config.values import binary_text

# Per cent: more than this, and the card works.
IDLE = 1.0
# What an engine holds on a card without a model: CUDA's own part is some hundred MiB.
LITTLE = 2**30
# Cores in use: less than this is waiting (for a disk, for a remote service), and not computing.
BUSY_CORES = 0.5
# Where nobody tells how much it holds (Windows), it may be CPU work beside a loaded model: wait longer.
UNTOLD_TIMES = 3
MINIMUM_LOOKS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One look at an engine and its card. None: not known."""

    at: float
    """By time.monotonic."""
    executing: bool
    utilisation: float | None
    """Of the card, per cent."""
    held: int | None
    """Bytes of the card that its processes hold."""
    cpu_s: float | None
    """Processor time of its processes since they began."""


def offloaded(looks: Sequence[Look], after_s: float) -> str | None:
    """The evidence, if its last looks show a job on the processor for `after_s`; None: no, or not known."""
    streak = list(takewhile(_suspicious, reversed(looks)))
    if len(streak) < MINIMUM_LOOKS:
        return None
    last, first = streak[0], streak[-1]
    lasted_s = last.at - first.at
    untold = any(look.held is None for look in streak)
    if lasted_s <= 0 or lasted_s < after_s * (UNTOLD_TIMES if untold else 1):
        return None
    if first.cpu_s is None or last.cpu_s is None:
        return None
    cores = (last.cpu_s - first.cpu_s) / lasted_s
    if cores < BUSY_CORES:
        return None
    held = "" if last.held is None else f", where it holds {binary_text(last.held)}"
    return f"executing for {lasted_s:.0f} s, the card at 0 %{held}; its processes use {cores:.1f} cores"


def works(look: Look) -> bool:
    """The card is seen at work."""
    return look.utilisation is not None and look.utilisation > IDLE


def _suspicious(look: Look) -> bool:
    idle = look.utilisation is not None and look.utilisation <= IDLE
    return look.executing and idle and (look.held is None or look.held <= LITTLE)
