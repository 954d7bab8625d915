"""Find gesso.toml, read it, and accept it whole or not at all."""

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from gesso.config.files import missing, with_python
from gesso.config.positions import lines_of, nearest_line
from gesso.config.problems import ConfigProblem, key_text, problems_of
from gesso.config.schema import Config, parse
from gesso.config.show import secret_values
from gesso.errors import ConfigError
from gesso.logs import redaction

FILE = "gesso.toml"
VARIABLE = "GESSO_CONFIG"


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A usable configuration, and the file it came from; None is the embedded default."""

    config: Config
    path: Path | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """What a file says and what is wrong with it. Without problems there is a configuration."""

    path: Path | None
    config: Config | None
    problems: tuple[ConfigProblem, ...] = ()


def load(
    path: str | os.PathLike[str] | None = None,
    environ: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> Loaded:
    """The configuration named by `path`, GESSO_CONFIG or ./gesso.toml, else the embedded default.

    Raises ConfigError with every problem of the file, one per line.
    """
    examined = examine(path, environ, cwd)
    if examined.config is None or examined.problems:
        raise ConfigError("\n".join(problem.text(examined.path) for problem in examined.problems))
    return Loaded(config=examined.config, path=examined.path)


def overridden(config: Config, changes: Mapping[str, Mapping[str, Any]]) -> Config:
    """The configuration with what a command line says instead; as strict as `load`.

    Example: {"gateway": {"listen": "127.0.0.1:0"}}.
    """
    tables = {}
    for name, keys in changes.items():
        table = getattr(config, name)
        try:
            tables[name] = type(table).model_validate({**dict(table), **keys})
        except ValidationError as error:
            problems = problems_of(error, {}, within=(name,))
            raise ConfigError("\n".join(problem.text(None) for problem in problems)) from error
    return config.model_copy(update=tables)


def examine(
    path: str | os.PathLike[str] | None = None,
    environ: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> Examined:
    """Like `load`, with the problems as values."""
    environ = os.environ if environ is None else environ
    cwd = Path.cwd() if cwd is None else cwd
    file, why = find(path, environ, cwd)
    text = ""
    if file is not None:
        try:
            text = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
            problem = ConfigProblem(key="", message=f"cannot be read ({why}): {reason}")
            return Examined(path=file, config=None, problems=(problem,))
    return _examine_text(text, file, cwd if file is None else file.parent, environ)


def find(
    path: str | os.PathLike[str] | None, environ: Mapping[str, str], cwd: Path
) -> tuple[Path | None, str]:
    """The file to read and who named it; (None, …) where nobody did and there is no gesso.toml."""
    if path is not None:
        return cwd / Path(path).expanduser(), "named by --config"
    if environ.get(VARIABLE):
        return cwd / Path(environ[VARIABLE]).expanduser(), f"named by {VARIABLE}"
    if (cwd / FILE).exists():
        return cwd / FILE, "found in the working directory"
    return None, "the embedded default"


def _examine_text(text: str, file: Path | None, base: Path, environ: Mapping[str, str]) -> Examined:
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        return Examined(path=file, config=None, problems=(_syntax_problem(error, text),))
    lines = lines_of(text)
    try:
        config = with_python(parse(data, base))
    except ValidationError as error:
        return Examined(path=file, config=None, problems=tuple(problems_of(error, lines)))
    for secret in secret_values(config):
        redaction.add(secret)
    absent = tuple(
        ConfigProblem(key=key_text(key), message=reason, line=nearest_line(lines, key))
        for key, reason in missing(config, environ)
    )
    return Examined(path=file, config=config, problems=absent)


def _syntax_problem(error: tomllib.TOMLDecodeError, text: str) -> ConfigProblem:
    reason, _, place = str(error).rpartition(" (at ")
    found = re.search(r"line (\d+)", place)
    line = int(found[1]) if found else text.rstrip().count("\n") + 1
    return ConfigProblem(key="", message=f"not TOML: {reason}", line=line)
