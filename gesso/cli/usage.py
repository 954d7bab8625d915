"""`gesso usage`: what was used, by account, day or engine."""

from typing import Annotated, Any

import typer

from gesso.cli import options, show
from gesso.cli.api import Api
from gesso.config.values import size_text
from gesso.errors import RequestError

app = typer.Typer()

By = Annotated[
    str | None,
    typer.Option("--by", metavar="BY", help="A row for each user, day or engine; day, or user with --all."),
]
Since = Annotated[
    str, typer.Option("--since", metavar="WHEN", help="A date or time (UTC), or 24h, 7d, 30d ago.")
]
Until = Annotated[str | None, typer.Option("--until", metavar="WHEN", help="The same; now else.")]
Everybody = Annotated[bool, typer.Option("--all", "-a", help="Of all accounts; for administrators.")]
Csv = Annotated[bool, typer.Option("--csv", help="Print CSV, and nothing else, on standard output.")]

SUMS = ("jobs", "succeeded", "failed", "cancelled", "gpu_seconds", "storage")


@app.command()
def usage(
    by: By = None,
    since: Since = "30d",
    until: Until = None,
    everybody: Everybody = False,
    as_csv: Csv = False,
    url: options.Url = None,
    key: options.Key = None,
    as_json: options.Json = False,
) -> None:
    """Show what was used: jobs, seconds of engines, storage."""
    if as_csv and as_json:
        raise RequestError("--csv and --json cannot both be printed.")
    asked = {"by": by or ("user" if everybody else "day"), "since": since, "until": until, "all": everybody}
    api = Api(url, key)
    if as_csv:
        with api.text("usage", format="csv", **asked) as chunks:
            print(b"".join(chunks).decode(), end="")
        return
    told = api.get("usage", **asked)
    if as_json:
        show.as_json(told)
        return
    rows = told["rows"]
    if len(rows) > 1:
        rows.append({"key": "total", **{name: sum(row[name] for row in rows) for name in SUMS}})
    columns = [told["by"], "jobs", "succeeded", "failed", "cancelled", "engine time", "storage"]
    show.table(columns, [_line(row) for row in rows], empty="Nothing was used.")


def _line(row: dict[str, Any]) -> list[object]:
    counts = show.fields(row, "key", "jobs", "succeeded", "failed", "cancelled")
    return [*counts, show.duration(row["gpu_seconds"]), size_text(row["storage"])]
