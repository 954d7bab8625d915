"""`[gpus]`: how this machine's cards are read, and how much of each is kept free."""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from gesso.config.table import Table
from gesso.config.values import FilePath, Seconds, Size

# What else says which card an engine uses; of ComfyUI's arguments those that choose a card, or none.
VARIABLES = ("CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER")
ARGUMENTS = ("--cuda-device", "--default-device", "--directml", "--oneapi-device-selector", "--cpu")


def parse_card(value: str) -> str:
    """Refuses an index: CUDA, the driver and Docker count in different orders, and each from 0."""
    if not value.strip():
        raise ValueError("an empty name of a card")
    if re.fullmatch(r"\s*\d{1,2}(\s*,\s*\d+)*\s*", value):
        raise ValueError(
            f"{value!r} is an index, and which card that is depends on who counts; "
            "give the UUID, or a part of the name (`gesso gpus` lists them)"
        )
    return value.strip()


def conflict(arguments: Sequence[str], environment: Mapping[str, str]) -> tuple[str, str] | None:
    """The key, and what in it would say once more which card is used: ("arguments", "--cuda-device")."""
    for name in environment:
        if name.upper() in VARIABLES:
            return f"environment.{name}", name
    for argument in arguments:
        # argparse takes `--cuda-dev`, too.
        word = argument.split("=")[0]
        if word.startswith("--") and len(word) > 4 and any(each.startswith(word) for each in ARGUMENTS):
            return "arguments", argument
    return None


CardName = Annotated[str, AfterValidator(parse_card)]


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
