"""Whether what the configuration names is there: folders, programs, secrets."""

import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from gesso.config.credential import address_of, secret_of
from gesso.config.engine import EngineConfig
from gesso.config.schema import Config
from gesso.config.templates import template_text
from gesso.errors import ConfigError

KeyPath = tuple[str | int, ...]


def missing(config: Config, environ: Mapping[str, str]) -> Iterator[tuple[KeyPath, str]]:
    """The path of each key whose file, folder, program or secret cannot be used, and why."""
    storage = config.storage.directory
    if storage.exists() and not storage.is_dir():
        yield ("storage", "directory"), f"{str(storage)!r} is a file, not a folder"
    for index, address in enumerate(config.alerts.notify):
        try:
            address_of(address, environ)
        except ConfigError as error:
            place = "url_env" if address.url_file is None else "url_file"
            yield ("alerts", "notify", index, place), error.message
    for index, model in enumerate(config.models):
        for name, template in model.templates.items():
            try:
                template_text(template)
            except ConfigError as error:
                yield ("model", index, name), error.message
    for index, engine in enumerate(config.engines):
        for key, reason in _missing_of_engine(engine, environ):
            yield ("engine", index, *key), reason


def _missing_of_engine(engine: EngineConfig, environ: Mapping[str, str]) -> Iterator[tuple[KeyPath, str]]:
    directory = engine.directory
    if engine.kind == "comfyui" and directory is not None:
        if not directory.is_dir():
            yield ("directory",), f"there is no folder {str(directory)!r}"
        elif not (directory / "main.py").is_file():
            yield ("directory",), f"there is no main.py in {str(directory)!r}, so it is not ComfyUI's folder"
    if engine.python is not None and shutil.which(engine.python) is None:
        yield ("python",), f"there is no program {engine.python!r}"
    if engine.credential is not None:
        try:
            secret_of(engine.credential, environ)
        except ConfigError as error:
            yield ("credential", *engine.credential.model_fields_set), error.message


def with_python(config: Config) -> Config:
    """The configuration with `python` filled in for each ComfyUI that gesso starts."""
    engines = tuple(
        engine.model_copy(update={"python": default_python(engine.directory)})
        if engine.kind == "comfyui" and engine.directory is not None and engine.python is None
        else engine
        for engine in config.engines
    )
    return config.model_copy(update={"engines": engines})


def default_python(directory: Path) -> str:
    """The Python of the virtual environment in an engine's folder, else the one in PATH."""
    inside = ("Scripts", "python.exe") if os.name == "nt" else ("bin", "python")
    for name in ("venv", ".venv"):
        python = directory.joinpath(name, *inside)
        if python.is_file():
            return str(python)
    return "python" if os.name == "nt" else "python3"
