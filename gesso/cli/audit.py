"""`gesso audit`: who did what to what, from where."""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Annotated, Any

import typer

from gesso.cli import options, show
from gesso.cli.api import Api
from gesso.errors import RequestError

app = typer.Typer()

PAGE = 1000

Actor = Annotated[str | None, typer.Option("--actor", metavar="NAME", help="Only what this account did.")]
Action = Annotated[
    str | None, typer.Option("--action", metavar="ACTION", help="Only this: engine.stop, or a group: engine.")
]
Target = Annotated[
    str | None,
    typer.Option("--target", metavar="TARGET", help="Only what was done to this account, engine, key, job."),
]
Since = Annotated[
    str | None, typer.Option("--since", metavar="WHEN", help="A date or time (UTC), or 24h, 7d, 30d ago.")
]
Limit = Annotated[int, typer.Option("--limit", "-n", metavar="N", min=1, help="At most so many.")]
Csv = Annotated[bool, typer.Option("--csv", help="Print CSV, and nothing else, on standard output.")]

COLUMNS = ("seq", "at", "actor", "account_id", "key_id", "address", "action", "target", "detail")
# With these a spreadsheet would take a cell for a formula; who names jobs is not who reads the audit.
FORMULA = ("=", "+", "-", "@", "\t", "\r")


@app.command()
def audit(
    actor: Actor = None,
    action: Action = None,
    target: Target = None,
    since: Since = None,
    limit: Limit = 100,
    as_csv: Csv = False,
    url: options.Url = None,
    key: options.Key = None,
    as_json: options.Json = False,
) -> None:
    """Show who did what to what, from where; for administrators.

    The latest comes first. Each look at what is others' is written once in ten minutes.
    """
    if as_csv and as_json:
        raise RequestError("--csv and --json cannot both be printed.")
    asked = {"actor": actor, "action": action, "target": target, "since": since}
    found = list(islice(_entries(Api(url, key), asked, limit), limit))
    if as_json:
        show.as_json(found)
    elif as_csv:
        print(_csv(found), end="")
    else:
        rows = [
            [show.moment(each["at"]), *show.fields(each, "actor", "address", "action", "target"), _told(each)]
            for each in found
        ]
        show.table(["when", "who", "from", "what", "to", "more"], rows, empty="Nothing was done.")


def _entries(api: Api, asked: dict[str, str | None], limit: int) -> Iterator[dict[str, Any]]:
    """Page by page: the audit may be long."""
    before: int | None = None
    while limit > 0:
        page = api.get("audit", **asked, limit=min(limit, PAGE), before=before)
        yield from page["entries"]
        if not page["more"]:
            return
        limit -= len(page["entries"])
        before = page["entries"][-1]["seq"]


def _told(entry: dict[str, Any]) -> str:
    """The detail in words: "account ada, name laptop"; what is null is left out."""
    detail = entry["detail"] or {}
    return ", ".join(f"{name} {_plain(value)}" for name, value in detail.items() if value is not None)


def _plain(value: object) -> str:
    if isinstance(value, list):
        return " ".join(str(item) for item in value)
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)


def _csv(entries: Sequence[dict[str, Any]]) -> str:
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS)
    for entry in entries:
        at = datetime.fromtimestamp(entry["at"], UTC).isoformat(timespec="milliseconds")
        detail = None if entry["detail"] is None else json.dumps(entry["detail"])
        cells = {**entry, "at": at, "detail": detail}
        table.writerow([_cell(cells[name]) for name in COLUMNS])
    return text.getvalue()


def _cell(value: object) -> object:
    if isinstance(value, str) and value != "-" and value.startswith(FORMULA):
        return f"'{value}"
    return value
