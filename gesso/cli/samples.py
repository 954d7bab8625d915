"""`gesso samples`: what cards, engines and the queue did over time."""

import csv
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from gesso.cli import options, show
from gesso.cli.api import Api
from gesso.config.values import size_text
from gesso.errors import RequestError

app = typer.Typer()

BYTES = frozenset({"memory", "gpu_memory", "disk_free"})

Since = Annotated[
    str, typer.Option("--since", metavar="WHEN", help="A date or time (UTC), or 24h, 7d, 30d ago.")
]
Until = Annotated[str | None, typer.Option("--until", metavar="WHEN", help="Likewise; now, if not given.")]
Series = Annotated[
    list[str] | None,
    typer.Option("--series", metavar="PATTERN", help='Only these: "gpu.*", "*.memory"; may be repeated.'),
]
Csv = Annotated[bool, typer.Option("--csv", help="Print CSV, and nothing else, on standard output.")]


@dataclass(slots=True)
class Sum:
    """One series over the whole time."""

    low: float
    high: float
    total: float = 0.0
    n: int = 0

    def add(self, sample: dict[str, Any]) -> None:
        self.low = min(self.low, sample["min"])
        self.high = max(self.high, sample["max"])
        self.total += sample["avg"] * sample["n"]
        self.n += sample["n"]


@app.command()
def samples(
    since: Since = "1h",
    until: Until = None,
    series: Series = None,
    as_csv: Csv = False,
    url: options.Url = None,
    key: options.Key = None,
    as_json: options.Json = False,
) -> None:
    """Show what cards, engines, the queue and gesso did over time.

    A line for each series, with the least, the mean and the greatest of the whole time; all samples with
    --csv and --json, as fine as they are kept: every few seconds for two hours, then each minute for two
    days, then each quarter of an hour. Needs the scope monitoring:read.
    """
    if as_csv and as_json:
        raise RequestError("--csv and --json cannot both be printed.")
    api = Api(url, key)
    asked = {"since": since, "until": until, "series": series or None}
    if as_csv or as_json:
        with api.text("samples", format="csv" if as_csv else "json", **asked) as chunks:
            for chunk in chunks:
                sys.stdout.buffer.write(chunk)
            if as_json:
                print()
        return
    sums: dict[tuple[str, str], Sum] = {}
    with api.text("samples", format="csv", **asked) as chunks:
        for sample in _samples(chunks):
            name = (sample["source"], sample["name"])
            sums.setdefault(name, Sum(sample["min"], sample["max"])).add(sample)
    rows = [
        [source, name, *(_told(name, value) for value in (each.low, each.total / each.n, each.high)), each.n]
        for (source, name), each in sorted(sums.items())
    ]
    show.table(["source", "name", "min", "avg", "max", "samples"], rows, empty="Nothing was sampled then.")


def _samples(chunks: Iterator[bytes]) -> Iterator[dict[str, Any]]:
    """One by one, whatever pieces the text comes in."""
    for row in csv.DictReader(_lines(chunks)):
        numbers = {name: float(row[name]) for name in ("min", "avg", "max")}
        yield {**row, **numbers, "n": int(row["n"])}


def _lines(chunks: Iterator[bytes]) -> Iterator[str]:
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        yield from (line.decode() for line in whole)


def _told(name: str, value: float) -> str:
    return size_text(round(value)) if name in BYTES else f"{value:.5g}"
