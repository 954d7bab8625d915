"""`gesso engines`: the fleet."""

import sys
from collections.abc import Iterable, Iterator
from typing import Annotated, Any

import typer

from gesso.cli import options, show
from gesso.cli.api import Api

app = typer.Typer(help="List, start, stop and restart engines, and read their logs.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The engine's name.")]
Lines = Annotated[
    int, typer.Option("--lines", "-n", metavar="N", min=0, max=100_000, help="So many of the last lines.")
]
Follow = Annotated[bool, typer.Option("--follow", "-f", help="Go on with each new line until Ctrl-C.")]


@app.command("list")
def list_(url: options.Url = None, key: options.Key = None, as_json: options.Json = False) -> None:
    """List engines with their states and the evidence for them."""
    engines = Api(url, key).get("engines")["engines"]
    if as_json:
        show.as_json(engines)
        return
    columns = ["name", "kind", "state", "ready", "waiting", "restarts", "url", "pid", "why"]
    names = ("name", "kind", "state", "ready", "queue_remaining", "restarts", "url", "pid", "reason")
    show.table(columns, [show.fields(engine, *names) for engine in engines], empty="No engines.")


@app.command()
def logs(
    name: Name,
    lines: Lines = 100,
    follow: Follow = False,
    url: options.Url = None,
    key: options.Key = None,
    as_json: options.Json = False,
) -> None:
    """Print the last lines of an engine's log. With --json, each line is a JSON text."""
    with Api(url, key).text("engines", name, "logs", lines=lines, follow=follow) as chunks:
        for line in _lines(chunks):
            show.as_json(line) if as_json else print(show.tamed(line))
            sys.stdout.flush()


@app.command()
def restart(
    name: Name, url: options.Url = None, key: options.Key = None, as_json: options.Json = False
) -> None:
    """Stop an engine and start it anew; the jobs it runs are run again."""
    _told(Api(url, key).post("engines", name, "restart", repeat=False), "restarts", as_json=as_json)


@app.command()
def start(
    name: Name, url: options.Url = None, key: options.Key = None, as_json: options.Json = False
) -> None:
    """Start an engine, with a new budget of restarts."""
    _told(Api(url, key).post("engines", name, "start"), "starts", as_json=as_json)


@app.command()
def stop(name: Name, url: options.Url = None, key: options.Key = None, as_json: options.Json = False) -> None:
    """Stop an engine; it stays so until it is started."""
    _told(Api(url, key).post("engines", name, "stop"), "is stopped", as_json=as_json)


def _told(engine: dict[str, Any], what: str, *, as_json: bool) -> None:
    if as_json:
        show.as_json(engine)
    else:
        print(f"Engine {engine['name']} {what}.")


def _lines(chunks: Iterable[bytes]) -> Iterator[str]:
    """Whole lines, whatever pieces the text comes in."""
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield line.decode("utf-8", "replace").rstrip("\r")
    if rest:
        yield rest.decode("utf-8", "replace")
