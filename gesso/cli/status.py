"""`gesso status`: one screen, what is wrong first."""

import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer

from gesso.cli import options, show
from gesso.cli.api import Api
from gesso.cli.exits import Exit
from gesso.cli.troubles import Trouble, troubles

if TYPE_CHECKING:
    from gesso.client._sync.client import Client

app = typer.Typer()


@app.command()
def status(url: options.Url = None, key: options.Key = None, as_json: options.Json = False) -> None:
    """Show what is wrong, and then what the server is at.

    Ends with 3 when it does not answer, and when none of its engines is ready, or asleep until it is needed.
    """
    with options.client(url, key) as client:
        told = _of_gesso(client, url, key) if client.speaks_gesso() else _of_comfyui(client)
    if as_json:
        show.as_json(told)
    elif told["kind"] == "gesso":
        _print_gesso(told)
    else:
        show.record({name: told[name] for name in ("url", "kind", "version", "waiting", "running")})
    if not told["ready"]:
        raise typer.Exit(Exit.UNREACHABLE)


def _of_gesso(client: "Client", url: str | None, key: str | None) -> dict[str, Any]:
    api = Api(url, key)
    summary: dict[str, Any] = api.get("status")
    engines = api.get("engines")["engines"]
    found = troubles(engines, api.get("alerts")["alarms"])
    ready = any(engine["ready"] or engine["asleep"] for engine in engines)
    wrong = [asdict(each) for each in found]
    return {
        "url": client.url,
        "kind": "gesso",
        "ready": ready,
        "troubles": wrong,
        **summary,
        "engines": engines,
    }


def _of_comfyui(client: "Client") -> dict[str, Any]:
    system = client.system_stats().get("system") or {}
    states = [job.state for job in client.jobs(limit=1)]
    return {
        "url": client.url,
        "kind": "ComfyUI",
        "ready": True,
        "version": system.get("comfyui_version"),
        "waiting": states.count("queued"),
        "running": states.count("running"),
    }


def _print_gesso(told: dict[str, Any]) -> None:
    _print_troubles([Trouble(**each) for each in told["troubles"]])
    who, jobs = told["whoami"], told["jobs"]
    show.record(
        {
            "url": told["url"],
            "version": f"gesso {told['version']}",
            "you": f"{who['account']} ({who['role']})",
            "jobs": f"{jobs['running']} running, {jobs['queued']} waiting; {told['mine']} yours",
        }
    )
    print()
    rows = [
        [
            *show.fields(engine, "name", "state", "ready"),
            _card(engine["gpu"]),
            _picture(engine["functional"]),
            engine["reason"].partition("\n")[0],
        ]
        for engine in told["engines"]
    ]
    show.table(["engine", "state", "ready", "card", "last picture", "why"], rows, empty="No engines.")


def _print_troubles(found: list[Trouble]) -> None:
    if not found:
        print("Nothing is known to be wrong.\n")
        return
    for each in found:
        age = show.duration(max(0.0, time.time() - each.since))
        print(show.tamed(f"{each.severity.upper()}  {each.subject}, since {age}: {each.what}"))
        for word, text in (("seen", each.evidence), ("do", each.remedy)):
            for line in text.splitlines():
                print(show.tamed(f"    {word:4}  {line}"))
                word = ""
    print()


def _card(gpu: dict[str, Any] | None) -> str | None:
    if gpu is None:
        return None
    name = gpu["name"] or gpu["uuid"] or "not known"
    proof = "proven" if gpu["proven"] == "yes" else f"proof: {gpu['proven']}"
    return f"{name}, {proof}"


def _picture(functional: dict[str, Any] | None) -> str | None:
    if functional is None:
        return None
    return f"{show.duration(max(0.0, time.time() - functional['at']))} ago"
