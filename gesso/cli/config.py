"""`gesso config check` and `gesso config show`."""

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gesso.cli.exits import Exit

if TYPE_CHECKING:
    from gesso.config.load import Examined

app = typer.Typer(no_args_is_help=True, help="Check and show the configuration.")

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="Else GESSO_CONFIG, else ./gesso.toml, else the default."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def check(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Read the configuration without starting anything.

    Ends with 5 if it is not usable. Where engines are held to cards, these are read, too.
    """
    examined, unseen = _with_more(_examined(config))
    if as_json:
        print(json.dumps(_report(examined), indent=2, ensure_ascii=False))
    else:
        for problem in examined.problems:
            typer.echo(problem.text(examined.path), err=True)
        if unseen:
            typer.echo(unseen, err=True)
        if not examined.problems:
            print(_summary(examined))
    if examined.problems:
        raise typer.Exit(Exit.INVALID)


@app.command()
def show(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show the configuration in effect, defaults included.

    Of a secret, only its fingerprint is shown.
    """
    from gesso.config.show import as_toml, shown

    examined = _examined(config)
    for problem in examined.problems:
        typer.echo(problem.text(examined.path), err=True)
    if examined.config is None:
        raise typer.Exit(Exit.INVALID)
    data = shown(examined.config, os.environ)
    if as_json:
        print(json.dumps(data, indent=2, ensure_ascii=False))
    else:
        print(f"# {examined.path or 'the embedded default'}\n\n{as_toml(data)}", end="")


def _examined(path: Path | None) -> "Examined":
    # Imported late: pydantic alone takes longer to load than `gesso --help` may.
    from gesso.config.load import examine

    return examine(path)


def _with_more(examined: "Examined") -> tuple["Examined", str]:
    """With the problems of cards and models, if there are no others; and why the cards were not looked at."""
    from gesso.cli.config_cards import card_problems
    from gesso.cli.config_models import model_problems

    if examined.problems:
        return examined, ""
    problems, unseen = card_problems(examined)
    return replace(examined, problems=(*problems, *model_problems(examined))), unseen


def _report(examined: "Examined") -> dict[str, Any]:
    return {
        "ok": not examined.problems,
        "file": str(examined.path) if examined.path else None,
        "problems": [
            {
                "line": problem.line,
                "key": problem.key,
                "message": problem.message,
                "nearest": problem.nearest,
            }
            for problem in examined.problems
        ],
    }


def _summary(examined: "Examined") -> str:
    config = examined.config
    engines = ", ".join(engine.name for engine in config.engines) if config else ""
    models = ", ".join(model.name for model in config.models) if config else ""
    place = examined.path or "no gesso.toml: the embedded default"
    return f"{place}: usable; engines: {engines}; models: {models or 'none'}"
