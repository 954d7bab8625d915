"""`[gpus]`: how this machine's cards are read, and how much of each is kept free."""

from typing import Annotated, Literal

from pydantic import Field

from gesso.config.table import Table
from gesso.config.values import FilePath, Seconds, Size


class GpusConfig(Table):
    """How this machine's cards are read, and how they are shared among engines."""

    reader: Literal["auto", "nvml", "nvidia-smi", "none"] = "auto"
    """Who tells about the cards: `auto` is the driver's library (`nvml`), else the program `nvidia-smi`."""

    simulate: FilePath | None = None
    """A file with a recorded machine, whose cards stand in for this one's: for trying things out."""

    reserve: Size = 2**30
    """What is kept free on each card for the desktop and the driver; if they hold more, that counts."""

    every_s: Annotated[float, Field(ge=0.1, allow_inf_nan=False)] = 5.0
    """How often the cards are read. What was not read for three times this long and 10 s is not known."""

    offload_after_s: Seconds = 60.0
    """A card at 0 % for this long while its engine executes is reported as `cpu-offload`."""
