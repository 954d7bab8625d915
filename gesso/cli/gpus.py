"""`gesso gpus`: the cards of a machine, and who holds what of them."""

import json
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Annotated, Any

import typer

from gesso.cli import options, show
from gesso.cli.api import Api
from gesso.cli.gpus_drawn import drawn
from gesso.errors import EngineUnreachable, GatewayError, GessoError, RequestError

app = typer.Typer()

Local = Annotated[bool, typer.Option("--local", help="Read this machine here, and ask no gesso.")]
Simulate = Annotated[
    str | None,
    typer.Option(
        "--simulate",
        metavar="FILE",
        help="Show a recorded machine: a file, or two-cards, one-card, mig, lost-card, failing-readings or "
        "no-driver.",
    ),
]
Watch = Annotated[bool, typer.Option("--watch", "-w", help="Show it again and again until Ctrl-C.")]
Every = Annotated[
    float, typer.Option("--every", metavar="SECONDS", min=0.1, help="How often --watch shows it.")
]

Source = Callable[[], dict[str, Any]]
"""What is known now, in the shape of `/gesso/api/gpus`."""


@app.command()
def gpus(
    local: Local = False,
    simulate: Simulate = None,
    watch: Watch = False,
    every: Every = 1.0,
    url: options.Url = None,
    key: options.Key = None,
    as_json: options.Json = False,
) -> None:
    """Show the cards, what they are at, and who holds their memory.

    They have their names in every order. The running gesso is asked, which knows its engines. Where none
    runs, this machine is read directly.
    """
    if local and simulate is not None:
        raise RequestError("--local and --simulate exclude each other.")
    with _source(url, key, local=local, simulate=simulate) as source:
        if not watch:
            _print(source(), as_json=as_json)
            return
        with suppress(KeyboardInterrupt):
            _watch(source, every, as_json=as_json)


@contextmanager
def _source(url: str | None, key: str | None, *, local: bool, simulate: str | None) -> Iterator[Source]:
    if not local and simulate is None:
        api = Api(url, key)
        try:
            first = [api.get("gpus")]
        except (EngineUnreachable, GatewayError):
            if not _is_here(url):
                raise
            show.note("No gesso answers: this machine is read directly, without its engines.")
        else:
            yield lambda: first.pop() if first else api.get("gpus")
            return
    with _read_here(simulate) as source:
        yield source


@contextmanager
def _read_here(simulate: str | None) -> Iterator[Source]:
    from dataclasses import asdict

    from gesso.gpus.auto import open_reader
    from gesso.gpus.listing import NOT_READ, listing
    from gesso.gpus.people import people
    from gesso.gpus.recorded import machine_file

    reader = open_reader("auto", None if simulate is None else machine_file(simulate))
    if reader is None:
        yield lambda: asdict(NOT_READ)
        return

    def read() -> dict[str, Any]:
        machine = reader.read()
        return asdict(listing(machine, families={}, claims={}, people=people(machine), everything=True))

    try:
        yield read
    finally:
        reader.close()


def _is_here(url: str | None) -> bool:
    """Whether the gesso that does not answer would run on this machine: only then is it the one to read."""
    import os
    from urllib.parse import urlsplit

    from gesso.client.address import server_url
    from gesso.config.values import is_loopback

    return is_loopback(urlsplit(server_url(url, os.environ)).hostname or "")


def _print(told: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        show.as_json(told)
        return
    terminal = sys.stdout.isatty()
    # Where it is no terminal, lines are rather long than cut.
    lines = drawn(told, shutil.get_terminal_size().columns if terminal else 120, cut=terminal)
    if terminal:
        from rich.console import Console

        Console().print(_coloured(lines), soft_wrap=True)
    else:
        print("\n".join(lines))


def _watch(source: Source, every_s: float, *, as_json: bool) -> None:
    if as_json or not sys.stdout.isatty():
        while True:
            told = source()
            if as_json:
                print(json.dumps(told, ensure_ascii=False), flush=True)
            else:
                print(show.moment(told["at"]))
                _print(told, as_json=False)
                print(flush=True)
            time.sleep(every_s)
    from rich.console import Console
    from rich.live import Live

    console = Console()
    with Live(console=console, auto_refresh=False, screen=True) as live:
        while True:
            try:
                told = source()
                lines = [*drawn(told, console.width, cut=True), "", f"{show.moment(told['at'])}, Ctrl-C ends"]
            except GessoError as error:
                lines = [error.message, "", "Trying again; Ctrl-C ends"]
            live.update(_coloured(lines[: console.height]), refresh=True)
            time.sleep(every_s)


def _coloured(lines: list[str]) -> Any:
    from rich.text import Text

    text = Text("\n".join(show.tamed(line) for line in lines), no_wrap=True, overflow="crop")
    text.highlight_regex("[█▏▎▍▌▋▊▉]+", "green")
    text.highlight_regex("[░]+", "dim")
    text.highlight_regex("(?m)^ *! .*$", "yellow")
    text.highlight_regex("(?m)^ *(GPU|MIG)-.*$", "dim")
    return text
