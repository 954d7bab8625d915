"""Whether the cards that a configuration names are there: for `gesso config check`, which may read them."""

from gesso.config.load import Examined
from gesso.config.positions import lines_of, nearest_line
from gesso.config.problems import ConfigProblem, key_text
from gesso.config.schema import Config
from gesso.errors import ConfigError
from gesso.gpus.auto import open_reader
from gesso.gpus.inventory import find_card
from gesso.gpus.reader import Machine


def card_problems(examined: Examined) -> tuple[list[ConfigProblem], str]:
    """Each `gpu` that means no card, or several; and why this was not looked at, where it was not."""
    config = examined.config
    if config is None or not any(engine.gpu for engine in config.engines):
        return [], ""
    lines = {} if examined.path is None else lines_of(examined.path.read_text(encoding="utf-8"))

    def problem(path: tuple[str | int, ...], message: str) -> ConfigProblem:
        return ConfigProblem(key=key_text(path), message=message, line=nearest_line(lines, path))

    try:
        machine = _read(config)
    except ConfigError as error:
        return [problem(("gpus", "simulate"), error.message)], ""
    if machine is None or machine.problem is not None:
        reason = '`[gpus] reader = "none"`' if machine is None else machine.problem
        return [], f"which cards are meant by `gpu` was not checked: {reason}"
    found = []
    for index, engine in enumerate(config.engines):
        if engine.gpu is not None:
            try:
                find_card(machine, engine.gpu)
            except ConfigError as error:
                found.append(problem(("engine", index, "gpu"), error.message))
    return found, ""


def _read(config: Config) -> Machine | None:
    reader = open_reader(config.gpus.reader, config.gpus.simulate)
    if reader is None:
        return None
    try:
        return reader.read()
    finally:
        reader.close()
