"""`gesso up`: starts gesso and keeps it running until it is told to stop."""

import asyncio
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from gesso.config.load import load, overridden
from gesso.config.schema import Config
from gesso.deploy.readiness import reporter
from gesso.service.serve import Listening, serve

app = typer.Typer(add_completion=False)


@app.command()
def up(
    config: Annotated[
        Path | None, typer.Option(help="The configuration file. Default: GESSO_CONFIG, else ./gesso.toml.")
    ] = None,
    listen: Annotated[
        str | None, typer.Option(help="Address to listen on instead of the configured one; port 0: any.")
    ] = None,
    directory: Annotated[
        Path | None, typer.Option(help="Storage directory instead of the configured one.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON line when requests are answered.")
    ] = False,
    hide_key: Annotated[
        bool, typer.Option("--hide-key", help="Do not print the first key: what is printed goes to a log.")
    ] = False,
) -> None:
    """Start gesso and keep it running."""
    loaded = _override(load(config).config, listen, directory)
    show = _print_json if as_json else _print_text
    report = reporter()

    def announce(told: Listening) -> None:
        show(replace(told, key=None) if hide_key else told, loaded)
        report()

    _run(loaded, announce)


def _override(config: Config, listen: str | None, directory: Path | None) -> Config:
    gateway = {} if listen is None else {"listen": listen}
    storage = {} if directory is None else {"directory": directory.resolve()}
    return overridden(config, {"gateway": gateway, "storage": storage})


def _run(config: Config, announce: Callable[[Listening], None]) -> None:
    from gesso.logs import configure

    configure(config.logs.format, config.logs.level)
    runner = asyncio.run
    if sys.platform != "win32":
        import uvloop

        from gesso.processes.posix import open_many_files

        open_many_files()
        runner = uvloop.run
    runner(serve(config, announce))


def _print_json(told: Listening, config: Config) -> None:
    line = {"url": told.url, "key": told.key, "storage": str(config.storage.directory)}
    print(json.dumps(line), flush=True)


def _print_text(told: Listening, config: Config) -> None:
    lines = [
        f"gesso answers on {told.url}",
        f"  in the browser   {told.url}/   (ComfyUI; sign in with your key)",
    ]
    if told.key is not None:
        lines.append(f"  admin's key      {told.key}")
        lines.append("                   shown only now: keep it, as GESSO_KEY for example")
    else:
        lines.append("  a lost key       is replaced by `gesso keys create --local`")
    lines += [
        f"  engines          {', '.join(engine.name for engine in config.engines)}",
        f"  storage          {config.storage.directory}",
        "Ctrl-C stops it.",
    ]
    print("\n".join(lines), flush=True)
