"""Databases for every integration test: one suite for both kinds."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gesso.database.sqlite import sqlite_url
from tests.databases import Cluster, running_cluster, server_programs


@pytest.fixture(scope="session")
def postgresql_cluster() -> Iterator[Cluster]:
    """A throw-away PostgreSQL server, started when the first test asks for it."""
    programs = server_programs()
    if programs is None:
        pytest.skip("needs the Debian package postgresql")
    pytest.importorskip("psycopg", reason="needs the extra gesso[postgres]")
    with running_cluster(programs) as cluster:
        yield cluster


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.package("postgresql"))])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a new, empty database, of each kind in turn."""
    if request.param == "sqlite":
        return sqlite_url(tmp_path / "gesso.sqlite3")
    cluster: Cluster = request.getfixturevalue("postgresql_cluster")
    return cluster.new_database()
