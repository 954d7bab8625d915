"""A reader that tells what stands in a file: machines that one does not have, for tests and for looking.

The file is TOML (or JSON, by its ending) in the shape of `Machine`; `machines/` has examples. What is left
out is not known. Sizes may be written "24GiB"; `[[cards.processes]]` are processes, `processes = []` says so
when there are none. It is read anew each time, so it may be changed under a running gesso, as a whole.
"""

import json
import time
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, ValidationError, model_validator

from gesso.config.positions import lines_of, nearest_line
from gesso.config.problems import WORDS, key_text
from gesso.config.table import Table, wrong
from gesso.config.values import Size
from gesso.errors import ConfigError
from gesso.gpus.reader import Card, GpuProcess, Machine

MACHINES = Path(__file__).parent / "machines"
_REMEDY = f"A machine is a file like those in {MACHINES.name}/ of gesso/gpus, or one of their names."

Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=100)]
Words = Annotated[tuple[str, ...], Field(strict=False)]


class RecordedProcess(Table):
    """As `GpuProcess`."""

    pid: Annotated[int, Field(gt=0)]
    memory: Size | None = None
    name: str | None = None
    graphics: bool | None = None


class RecordedCard(Table):
    """As `Card`."""

    uuid: Annotated[str, Field(pattern=r"^(GPU|MIG)-\S+$")]
    name: Annotated[str, Field(min_length=1)]
    nvml_index: Annotated[int, Field(ge=0)]
    pci: str | None = None
    parent: str | None = None
    mig: bool | None = None
    lost: bool = False
    cores: Annotated[int, Field(gt=0)] | None = None
    compute_capability: Annotated[tuple[int, int], Field(strict=False)] | None = None
    memory_total: Size | None = None
    memory_used: Size | None = None
    utilisation: Share | None = None
    temperature_c: float | None = None
    power_w: Amount | None = None
    power_limit_w: Amount | None = None
    clock_mhz: Amount | None = None
    clock_limit_mhz: Amount | None = None
    memory_clock_mhz: Amount | None = None
    throttled_by: Words | None = None
    xid: Annotated[int, Field(ge=0)] | None = None
    processes: Annotated[tuple[RecordedProcess, ...], Field(strict=False)] | None = None
    problems: Words = ()

    def card(self) -> Card:
        values = {name: getattr(self, name) for name in type(self).model_fields if name != "processes"}
        if self.processes is None:
            return Card(**values)
        return Card(**values, processes=tuple(GpuProcess(**each.model_dump()) for each in self.processes))


class RecordedMachine(Table):
    """As `Machine`."""

    driver: str | None = None
    cuda_driver: str | None = None
    problem: str | None = None
    cards: Annotated[tuple[RecordedCard, ...], Field(strict=False)]

    @model_validator(mode="after")
    def _cards_fit(self) -> Self:
        uuids = [card.uuid for card in self.cards]
        for index, card in enumerate(self.cards):
            if card.uuid in uuids[:index]:
                raise wrong(f"cards.{index}.uuid", f"{card.uuid!r} is another card's, too")
            if card.parent is not None and card.parent not in uuids:
                raise wrong(f"cards.{index}.parent", f"there is no card {card.parent!r}")
        return self


class RecordedReader:
    """Reads the machine at `path`. A file that is bad from the start is a ConfigError, later a `problem`."""

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.time) -> None:
        self._path = path
        self._clock = clock
        recorded(path)

    def read(self) -> Machine:
        at = self._clock()
        try:
            machine = recorded(self._path)
        except ConfigError as error:
            return Machine(reader="recorded", at=at, problem=error.message)
        return Machine(
            reader="recorded",
            at=at,
            driver=machine.driver,
            cuda_driver=machine.cuda_driver,
            cards=tuple(card.card() for card in machine.cards),
            problem=machine.problem,
        )

    def close(self) -> None:
        """Nothing is open between two readings."""


def shipped() -> tuple[str, ...]:
    """The names of the machines that come with gesso."""
    return tuple(sorted(path.stem for path in MACHINES.glob("*.toml")))


def machine_file(text: str) -> Path:
    """The file that `--simulate TEXT` means: one of the shipped names, else a path."""
    return MACHINES / f"{text}.toml" if text in shipped() else Path(text)


def recorded(path: Path) -> RecordedMachine:
    """The machine that stands there; ConfigError, with file and line, when none does."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        names = ", ".join(shipped())
        raise ConfigError(
            f"The recorded machine {str(path)!r} cannot be read: {error.strerror}.",
            remedy=f"Give a file, or one of {names}.",
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: this is no text in UTF-8.", remedy=_REMEDY) from error
    try:
        value: Any = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except ValueError as error:
        raise ConfigError(f"{path}: {error}.", remedy=_REMEDY) from error
    try:
        return RecordedMachine.model_validate(value)
    except ValidationError as error:
        lines = {} if path.suffix == ".json" else lines_of(text)
        problems = [_told(path, dict(each), lines) for each in error.errors(include_url=False)]
        raise ConfigError("; ".join(problems) + ".", remedy=_REMEDY) from error


def _told(path: Path, problem: dict[str, Any], lines: dict[tuple[str | int, ...], int]) -> str:
    """ "FILE:12: cards[2].pci: must be text"."""
    place, message = tuple(problem["loc"]), problem["msg"]
    context = problem.get("ctx", {})
    match problem["type"]:
        case "table_rule":
            key = [int(part) if part.isdigit() else part for part in context["key"].split(".")]
            place, message = (*place, *key), context["message"]
        case "extra_forbidden":
            message = "unknown key"
        case "value_error":
            message = str(context["error"])
        case kind:
            message = WORDS.get(kind) or message.replace("Input should be", "must be", 1)
    line = nearest_line(lines, place)
    return f"{path}:{f'{line}:' if line else ''} {key_text(place)}: {message}"
