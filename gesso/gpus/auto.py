"""Which reader: the one that was asked for, or whichever can read this machine."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Literal

from gesso.gpus.nvidia_smi import NOT_INSTALLED, NvidiaSmiReader
from gesso.gpus.nvml import NvmlReader
from gesso.gpus.reader import Machine, Reader
from gesso.gpus.recorded import RecordedReader

Kind = Literal["auto", "nvml", "nvidia-smi", "none"]

# nvidia-smi costs a process each time; where it knows no more than NVML, it is not asked at each reading.
RETRY_S = 60.0


def open_reader(kind: Kind = "auto", simulate: Path | None = None) -> Reader | None:
    """The reader, which opens nothing before the first reading; None for "none".

    `simulate` is a recorded machine, and comes before `kind`; ConfigError when it is not usable.
    """
    if simulate is not None:
        return RecordedReader(simulate)
    match kind:
        case "nvml":
            return NvmlReader()
        case "nvidia-smi":
            return NvidiaSmiReader()
        case "auto":
            return AutoReader()
        case "none":
            return None


class AutoReader:
    """NVML; where that knows no card, nvidia-smi; where that knows none either, NVML's problem.

    NVML comes first at each reading, so a driver that is loaded later is found.
    """

    def __init__(
        self,
        nvml: Reader | None = None,
        nvidia_smi: Reader | None = None,
        *,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._nvml = nvml or NvmlReader()
        self._nvidia_smi = nvidia_smi or NvidiaSmiReader()
        self._timer = timer
        self._ask_again_at = 0.0
        self._besides: str | None = None

    def read(self) -> Machine:
        machine = self._nvml.read()
        if machine.problem is None or machine.cards:
            return machine
        if self._timer() >= self._ask_again_at:
            other = self._nvidia_smi.read()
            if other.cards:
                return other
            self._ask_again_at = self._timer() + RETRY_S
            self._besides = other.problem
        if self._besides in (None, machine.problem, NOT_INSTALLED):
            return machine
        return replace(machine, problem=f"{machine.problem}; {self._besides}")

    def close(self) -> None:
        self._nvml.close()
        self._nvidia_smi.close()
