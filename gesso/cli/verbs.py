"""The verbs of `gesso`, each loaded from its own file when it is called."""

from dataclasses import dataclass
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from gesso.errors import ProcessError


@dataclass(frozen=True, slots=True, kw_only=True)
class Verb:
    """`module` holds a `typer.Typer` named `app`; `help` is that app's own first line."""

    module: str
    help: str


VERBS: dict[str, Verb] = {
    "up": Verb(module="gesso.cli.up", help="Start gesso and keep it running."),
    "run": Verb(module="gesso.cli.run", help="Run a workflow and save what it makes."),
    "draw": Verb(module="gesso.cli.draw", help="Draw what a sentence says."),
    "edit": Verb(module="gesso.cli.edit", help="Change a picture as a sentence says."),
    "models": Verb(module="gesso.cli.models", help="List the models that draw, and why not if they cannot."),
    "status": Verb(module="gesso.cli.status", help="Show what is wrong, and then what the server is at."),
    "jobs": Verb(module="gesso.cli.jobs", help="List, show and cancel jobs."),
    "files": Verb(module="gesso.cli.files", help="List and delete your files."),
    "keys": Verb(module="gesso.cli.keys", help="List, create and revoke keys."),
    "users": Verb(module="gesso.cli.users", help="List, create, limit, disable and enable accounts."),
    "usage": Verb(module="gesso.cli.usage", help="Show what was used: jobs, seconds of engines, storage."),
    "engines": Verb(
        module="gesso.cli.engines",
        help="List engines, test, drain, start and stop them, read their logs.",
    ),
    "gpus": Verb(
        module="gesso.cli.gpus",
        help="Show the cards, what they are at, and who holds their memory.",
    ),
    "alerts": Verb(
        module="gesso.cli.alerts", help="Show what is wrong, and try whether somebody is told of it."
    ),
    "audit": Verb(
        module="gesso.cli.audit",
        help="Show who did what to what, from where; for administrators.",
    ),
    "discover": Verb(
        module="gesso.cli.discover", help="Find engines on this machine, and print how to adopt them."
    ),
    "service": Verb(module="gesso.cli.service", help="Have the system run gesso from boot on."),
    "top": Verb(module="gesso.cli.top", help="Show cards, engines, queue and users as they change."),
    "samples": Verb(
        module="gesso.cli.samples", help="Show what cards, engines, the queue and gesso did over time."
    ),
    "metrics": Verb(
        module="gesso.cli.metrics",
        help="Print the metrics, rules for Prometheus, a board for Grafana.",
    ),
    "config": Verb(module="gesso.cli.config", help="Check and show the configuration."),
}

# Typer gives these to every app; they belong to `gesso` alone.
_OF_THE_WHOLE = ("install_completion", "show_completion")
SERVER_REMEDY = "Install the server: pip install 'gesso[server]'."


class Verbs(TyperGroup):
    """A group that knows its commands by name and line, and imports the one that is called."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name, _, rest = super().resolve_command(ctx, args)
        return name, load(name) if name else None, rest


def load(name: str) -> Any:
    """The command itself; ProcessError when a library that it needs is not installed."""
    try:
        app = import_module(VERBS[name].module).app
    except ModuleNotFoundError as error:
        raise not_installed(error, name) from error
    command = plain(typer.main.get_command(app))
    command.params = [option for option in command.params if option.name not in _OF_THE_WHOLE]
    return command


def not_installed(error: ModuleNotFoundError, name: str) -> ProcessError:
    return ProcessError(f"`gesso {name}` needs {error.name!r}, which is not installed.", remedy=SERVER_REMEDY)


def plain(command: Any) -> Any:
    """Help as plain text in the order of the source: reading Rich to draw boxes would double the time."""
    command.rich_markup_mode = None
    for inner in getattr(command, "commands", {}).values():
        plain(inner)
    return command


def stub(name: str) -> Any:
    return TyperCommand(name=name, help=VERBS[name].help, rich_markup_mode=None)
