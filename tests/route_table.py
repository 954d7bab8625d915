"""Runs the real `gesso` command, and writes down its route table: `python -m tests.route_table FILE up …`.

What is built is noted as it is built, so the product carries nothing for the test that no route is forgotten.
"""

import functools
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from gesso.cli.main import main
from gesso.gateway.routing import Routes
from gesso.gateway.server import Server

built: list[Any] = []


def note(owner: type) -> None:
    """Remember every object of this class."""
    original = owner.__init__  # type: ignore[misc]

    @functools.wraps(original)
    def noting(self: Any, *args: Any, **kwargs: Any) -> None:
        built.append(self)
        original(self, *args, **kwargs)

    owner.__init__ = noting  # type: ignore[misc]


def table() -> list[tuple[str, str]]:
    """(method, pattern) of every route: those of our own table, and those of the FastAPI app behind it."""
    rows: set[tuple[str, str]] = set()
    for part in built:
        if isinstance(part, Routes):
            rows |= {(route.method, route.pattern) for route in part.all}
        elif isinstance(part, FastAPI):
            rows |= set(described(part.routes))
    return sorted(rows)


def described(routes: Sequence[Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for route in routes:
        if inner := getattr(route, "original_router", None):
            yield from described(inner.routes, prefix + route.include_context.prefix)
        else:
            for method in getattr(route, "methods", None) or ("WEBSOCKET",):
                yield method, prefix + route.path


def write_when_serving(path: Path) -> None:
    original = Server.__init__

    @functools.wraps(original)
    def writing(self: Server, *args: Any, **kwargs: Any) -> None:
        path.write_text(json.dumps(table()))
        original(self, *args, **kwargs)

    Server.__init__ = writing  # type: ignore[method-assign]


if __name__ == "__main__":
    note(Routes)
    note(FastAPI)
    write_when_serving(Path(sys.argv[1]))
    sys.argv = ["gesso", *sys.argv[2:]]
    main()
