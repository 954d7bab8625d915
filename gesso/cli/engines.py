"""`gesso engines`: the fleet."""

import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from gesso.cli import options, show
from gesso.cli.api import Api
from gesso.errors import Conflict

POLL_S = 0.5
app = typer.Typer(
    help="List engines, test, drain, start and stop them, read their logs.",
    no_args_is_help=True,
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The engine's name.")]
Lines = Annotated[
    int, typer.Option("--lines", "-n", metavar="N", min=0, max=100_000, help="So many of the last lines.")
]
Drain = Annotated[bool, typer.Option("--drain", help="First let it finish the jobs it has.")]
Wait = Annotated[bool, typer.Option("--wait", help="Wait until it has finished the jobs it has.")]
Follow = Annotated[bool, typer.Option("--follow", "-f", help="Go on with each new line until Ctrl-C.")]


@app.command("list")
def list_(url: options.Url = None, key: options.Key = None, as_json: options.Json = False) -> None:
    """List engines with their states and the evidence for them."""
    engines = Api(url, key).get("engines")["engines"]
    if as_json:
        show.as_json(engines)
        return
    columns = [
        "name",
        "kind",
        "state",
        "ready",
        "worked",
        "jobs",
        "restarts",
        "url",
        "pid",
        "findings",
        "why",
    ]
    for engine in engines:
        engine["functional"] = _age(engine["functional"])
    names = ("name", "kind", "state", "ready", "functional", "jobs_left", "restarts", "url", "pid")
    rows = [[*show.fields(engine, *names), _found(engine), _first_line(engine)] for engine in engines]
    show.table(columns, rows, empty="No engines.")


@app.command("show")
def show_(
    name: Name, url: options.Url = None, key: options.Key = None, as_json: options.Json = False
) -> None:
    """Show one engine: its state, what is wrong, and what to do."""
    engine = Api(url, key).get("engines", name)
    if as_json:
        show.as_json(engine)
        return
    findings, gpu = engine.pop("findings"), engine.pop("gpu")
    reason, *log = engine.pop("reason").splitlines() or [""]
    if gpu is not None:
        gpu = f"{gpu['name'] or gpu['uuid'] or 'not known'}; seen there: {gpu['proven']} ({gpu['evidence']})"
    engine["functional"] = _proof(engine["functional"])
    show.record({**engine, "since": show.moment(engine["since"]), "gpu": gpu, "reason": reason})
    for line in log:
        print(show.tamed(f"  {line}"))
    for finding in findings:
        _explain(finding)


@app.command()
def test(name: Name, url: options.Url = None, key: options.Key = None, as_json: options.Json = False) -> None:
    """Have an engine make a small picture, to see whether it works.

    No model is used, but the engine may drop those that it has loaded. Ends with 1 if the picture is wrong,
    or cannot be had.
    """
    tested = Api(url, key).post("engines", name, "test", repeat=False)
    if as_json:
        show.as_json(tested)
    else:
        word = {"yes": "works", "no": "does not work"}.get(tested["ok"], "could not be tested")
        print(show.tamed(f"Engine {name} {word}: {tested['evidence']} ({show.duration(tested['took_s'])})."))
        for step in tested["steps"]:
            print(f"  {step['name']:<13}{1000 * step['took_s']:.0f} ms")
    if tested["ok"] != "yes":
        raise typer.Exit(1)


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
def drain(
    name: Name,
    wait: Wait = False,
    url: options.Url = None,
    key: options.Key = None,
    as_json: options.Json = False,
) -> None:
    """Give an engine no more jobs until it is resumed.

    It finishes what it has. Workflows that only this engine can run are still taken, and wait until it is
    resumed. Ctrl-C ends the waiting, not the draining.
    """
    api = Api(url, key)
    engine = api.post("engines", name, "drain")
    if wait:
        engine = _drained(api, engine, quiet=as_json)
    _told(engine, "is drained" if engine["drained"] else "is given no more jobs", as_json=as_json)


@app.command()
def resume(
    name: Name, url: options.Url = None, key: options.Key = None, as_json: options.Json = False
) -> None:
    """Give a drained engine jobs again."""
    _told(Api(url, key).post("engines", name, "resume"), "takes jobs again", as_json=as_json)


@app.command()
def restart(
    name: Name,
    drain: Drain = False,
    url: options.Url = None,
    key: options.Key = None,
    as_json: options.Json = False,
) -> None:
    """Stop an engine and start it anew; the jobs it runs are run again."""
    api = Api(url, key)
    with _emptied(api, name, asked=drain, quiet=as_json):
        engine = api.post("engines", name, "restart", repeat=False)
    _told(engine, "restarts", as_json=as_json)


@app.command()
def start(
    name: Name, url: options.Url = None, key: options.Key = None, as_json: options.Json = False
) -> None:
    """Start an engine, with a new budget of restarts."""
    _told(Api(url, key).post("engines", name, "start"), "starts", as_json=as_json)


@app.command()
def stop(
    name: Name,
    drain: Drain = False,
    url: options.Url = None,
    key: options.Key = None,
    as_json: options.Json = False,
) -> None:
    """Stop an engine; it stays so until it is started."""
    api = Api(url, key)
    with _emptied(api, name, asked=drain, quiet=as_json):
        engine = api.post("engines", name, "stop")
    _told(engine, "is stopped", as_json=as_json)


def _found(engine: dict[str, Any]) -> list[str]:
    return [finding["name"] for finding in engine["findings"]]


def _first_line(engine: dict[str, Any]) -> str:
    """The last lines of a log, which may stand in it, are for `gesso engines show`."""
    return str(engine["reason"]).partition("\n")[0].removesuffix("; last lines of its log:")


def _explain(finding: dict[str, Any]) -> None:
    told = show.moment(finding["at"])
    print(show.tamed(f"\n{finding['name']}: {finding['summary']} (since {told})"))
    for what in ("evidence", "remedy"):
        print(show.tamed(f"  {what}: {finding[what]}"))


@contextmanager
def _emptied(api: Api, name: str, *, asked: bool, quiet: bool) -> Iterator[None]:
    """Inside, the engine has no job and gets none; afterwards it drains only if it did so before."""
    if not asked:
        yield
        return
    drained_before = api.get("engines", name)["draining"]
    _drained(api, api.post("engines", name, "drain"), quiet=quiet)
    yield
    if not drained_before:
        api.post("engines", name, "resume")


def _drained(api: Api, engine: dict[str, Any], *, quiet: bool) -> dict[str, Any]:
    """Wait until it has finished what it has; how far it is goes to standard error."""
    told = None
    while not engine["drained"]:
        if not engine["draining"]:
            raise Conflict(f"Engine {engine['name']!r} was resumed meanwhile.")
        if engine["reason"] != told and not quiet:
            told = engine["reason"]
            show.note(f"{engine['name']}: {told}")
        time.sleep(POLL_S)
        engine = api.get("engines", engine["name"])
    return engine


def _age(functional: dict[str, Any] | None) -> str:
    """How long ago it was last seen to work."""
    if functional is None:
        return "-"
    return f"{show.duration(max(0.0, time.time() - functional['at']))} ago"


def _proof(functional: dict[str, Any] | None) -> str | None:
    return None if functional is None else f"{functional['evidence']}, {_age(functional)}"


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
