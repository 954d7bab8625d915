"""`gesso status`: does it answer, and what is it at."""

from typing import TYPE_CHECKING, Any

import typer

from gesso.cli import options, show
from gesso.cli.api import Api
from gesso.cli.exits import Exit

if TYPE_CHECKING:
    from gesso.client._sync.client import Client

app = typer.Typer()


@app.command()
def status(url: options.Url = None, key: options.Key = None, as_json: options.Json = False) -> None:
    """Show whether the server answers, and what it is at.

    Ends with 3 when it does not answer, and when none of its engines is ready.
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
    summary: dict[str, Any] = Api(url, key).get("status")
    ready = any(engine["ready"] for engine in summary["engines"])
    return {"url": client.url, "kind": "gesso", "ready": ready, **summary}


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
    rows = [show.fields(engine, "name", "state", "ready", "reason") for engine in told["engines"]]
    show.table(["engine", "state", "ready", "why"], rows, empty="No engines.")
