"""`gesso discover`: what runs on this machine that gesso could take under its wing."""

import asyncio
import shlex
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer

from gesso.cli import options, show

if TYPE_CHECKING:
    from gesso.fleet.discover import Found

app = typer.Typer()
WORDS = 6


@app.command()
def discover(as_json: options.Json = False) -> None:
    """Find engines on this machine, and print how to adopt them.

    ComfyUI, Forge, and what else holds memory of cards; in containers, too.

    It asks every address that may be an engine what it is, and changes nothing. As root it sees more: the
    processes of all accounts, and what is in containers.
    """
    from gesso.fleet.engine_table import engine_table

    found, problem = asyncio.run(_found())
    if as_json:
        show.as_json([{**asdict(each), "engine_table": engine_table(each)} for each in found])
        return
    if problem:
        show.note(f"The cards are not known: {problem}.")
    rows = [_row(each) for each in found]
    show.table(["kind", "at", "pid", "account", "what", "cards", "where"], rows, empty="Nothing was found.")
    for each in found:
        _print_remarks(each, engine_table(each))


async def _found() -> "tuple[list[Found], str | None]":
    from gesso.engines.transport import open_session
    from gesso.fleet.discover import discover as look
    from gesso.gpus.auto import AutoReader

    cards = AutoReader()
    try:
        machine = await asyncio.to_thread(cards.read)
    finally:
        cards.close()
    async with open_session() as session:
        return await look(machine, session), machine.problem


def _row(found: "Found") -> list[Any]:
    from gesso.config.values import size_text

    known = found.program
    cards = [
        f"{card.card} ({'?' if card.memory is None else size_text(card.memory)})" for card in found.cards
    ]
    return [
        found.kind + (f" {found.version}" if found.version else ""),
        found.url or "-",
        known.pid if known is not None else "not known",
        (known.account if known is not None else None) or "not known",
        shlex.join(known.argv[:WORDS]) if known is not None and known.argv else "not known",
        ", ".join(cards) or "-",
        str(found.container) if found.container is not None else (known.directory if known else None) or "-",
    ]


def _print_remarks(found: "Found", table: str | None) -> None:
    print()
    at = found.url or f"process {found.program.pid if found.program else '?'}"
    if found.ours:
        print(f"# {at} was started by a gesso, and belongs to it.")
    elif table is None and found.kind == "forge":
        print(f"# {at} is a Forge or SD-WebUI: gesso cannot adopt one yet.")
    elif table is None:
        print(f"# {at} is not known to be an engine: {show.tamed(found.evidence)}")
    else:
        print(show.tamed(table), end="")
    if found.exposed and not found.ours:
        print(f"# {at} can be reached from other machines, past gesso's keys: bind it to 127.0.0.1.")
