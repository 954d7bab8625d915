"""What is known of a machine's cards, and who tells it. None stands for "not known", never for zero."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuProcess:
    """A process that holds memory on a card. Windows does not tell how much."""

    pid: int
    memory: int | None
    """Bytes."""
    name: str | None = None
    graphics: bool | None = None
    """It draws, and does not compute: the desktop and its programs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One card, or one MIG instance of it, at one moment. Sizes are bytes, shares per cent (0 to 100)."""

    uuid: str
    """As CUDA_VISIBLE_DEVICES takes it: "GPU-…" or "MIG-…"."""
    name: str
    nvml_index: int
    pci: str | None
    """"00000000:65:00.0"."""
    parent: str | None = None
    """The UUID of the card that a MIG instance is a part of."""
    mig: bool | None = None
    """It is divided into MIG instances: CUDA takes these, and not the card."""
    lost: bool = False
    """It was there and does not answer any more; what else is known of it is from before."""
    cores: int | None = None
    compute_capability: tuple[int, int] | None = None
    memory_total: int | None = None
    memory_used: int | None = None
    utilisation: float | None = None
    """The share of the last moments in which any kernel ran on it."""
    temperature_c: float | None = None
    power_w: float | None = None
    power_limit_w: float | None = None
    clock_mhz: float | None = None
    """Of the multiprocessors."""
    clock_limit_mhz: float | None = None
    memory_clock_mhz: float | None = None
    throttled_by: tuple[str, ...] | None = None
    """Why its clocks are lowered, in NVML's words: "sw_power_cap", "hw_slowdown"; empty: they are not.

    That a card rests ("gpu_idle") is no reason."""
    xid: int | None = None
    """The last Xid error since it is watched (0: none)."""
    processes: tuple[GpuProcess, ...] | None = None
    problems: tuple[str, ...] = ()
    """Readings that failed, in words: "temperature: not supported"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """All cards of this machine. With a `problem`, what is listed may not be all."""

    reader: str
    """Who told it: "nvml", "nvidia-smi", "recorded"."""
    at: float
    """Seconds since the epoch."""
    driver: str | None = None
    cuda_driver: str | None = None
    cards: tuple[Card, ...] = ()
    problem: str | None = None
    """Why nothing (or not all) is known: "no NVIDIA driver is loaded"."""


class Reader(Protocol):
    """Tells what the cards are at. `read` blocks for milliseconds (nvidia-smi: seconds): use a thread.

    It never raises: what cannot be read is None, with the reason in `problem` or a card's `problems`.
    """

    def read(self) -> Machine: ...

    def close(self) -> None: ...
