"""Printing: tables and records for people, JSON for programs, notes beside both."""

import json
import re
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

UNTAMED = re.compile(r"\x1b\[[0-9;]*m|[^\n\t\x20-\x7e\xa0-\u200d\u2010-\u2027\u202f-\u2065\u2070-\U0010ffff]")


def as_json(value: object) -> None:
    print(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def note(text: str) -> None:
    """Something for the person in front of the screen, on standard error: it is not the result."""
    print(tamed(text), file=sys.stderr)


def tamed(text: str) -> str:
    """Text from elsewhere, for a terminal: it may have colours and lines, but nothing that moves or hides."""
    return UNTAMED.sub(lambda found: found[0] if found[0].startswith("\x1b[") else "?", text)


def one_line(text: str) -> str:
    """Likewise, where a line is all there is room for."""
    return "".join(character if character.isprintable() else " " for character in text)


def table(
    columns: Sequence[str], rows: Sequence[Sequence[object]], *, empty: str, error: bool = False
) -> None:
    """Drawn by Rich on a terminal; else plain, aligned, and never cut off, for grep and awk."""
    stream = sys.stderr if error else sys.stdout
    texts = [[_text(cell) for cell in row] for row in rows]
    if not texts:
        note(empty)
    elif stream.isatty():
        _drawn(columns, texts, error=error)
    else:
        widths = [max(len(line[n]) for line in [list(columns), *texts]) for n in range(len(columns))]
        for line in [[column.upper() for column in columns], *texts]:
            print(
                "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip(),
                file=stream,
            )


def record(fields: Mapping[str, object]) -> None:
    """One thing, a field per line."""
    width = max(len(name) for name in fields)
    for name, value in fields.items():
        print(f"{name.ljust(width)}  {_text(value)}")


def moment(seconds: object) -> str:
    """Seconds since 1970, or ISO 8601, as local time; "-" where there is none."""
    if isinstance(seconds, int | float):
        return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))
    return str(seconds) if seconds else "-"


def duration(seconds: float) -> str:
    """A length of time in its two largest units: "0.4 s", "45 s", "1 h 12 min", "2 d 3 h"."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    left = round(seconds)
    parts: list[tuple[int, str]] = []
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1)):
        if left >= size or parts:
            parts.append((left // size, unit))
            left %= size
    return " ".join(f"{count} {unit}" for count, unit in parts[:2] if count)


def _text(value: object) -> str:
    match value:
        case None | "":
            return "-"
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:.1f}"
        case list() | tuple() | set() | frozenset():
            value = ", ".join(str(item) for item in value) or "-"
    return one_line(str(value))


def _drawn(columns: Sequence[str], texts: Sequence[Sequence[str]], *, error: bool) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        drawn.add_column(column, overflow="fold")
    for line in texts:
        drawn.add_row(*(Text(cell) for cell in line))
    Console(stderr=error).print(drawn)


def fields(source: Mapping[str, Any], *names: str) -> list[object]:
    return [source.get(name) for name in names]
