"""Options that several verbs have in common."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from gesso.client._sync.client import Client
    from gesso.client._sync.connection import Connection

Url = Annotated[
    str | None,
    typer.Option("--url", envvar="GESSO_URL", metavar="URL", help="The server; http://127.0.0.1:8700 else."),
]
Key = Annotated[
    str | None, typer.Option("--key", envvar="GESSO_KEY", metavar="KEY", help="The key it is asked with.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else, on standard output.")]
Config = Annotated[
    Path | None,
    typer.Option(
        "--config", metavar="FILE", help="gesso.toml, for --local; else GESSO_CONFIG, ./gesso.toml."
    ),
]
Directory = Annotated[
    Path | None,
    typer.Option("--directory", metavar="DIR", help="The storage directory, as for `gesso up`; for --local."),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def client(url: str | None, key: str | None, **options: float) -> "Client":
    # Late, as all that takes longer to load than `gesso --help` may.
    from gesso.client._sync.client import Client

    return Client(url, key, **options)  # type: ignore[arg-type]


def connection(url: str | None, key: str | None) -> "Connection":
    """For gesso's own routes, which the client does not have."""
    import os

    from gesso.client._sync.connection import Connection
    from gesso.client.address import server_key, server_url

    return Connection(server_url(url, os.environ), server_key(key, os.environ), timeout_s=30.0, retries=2)
