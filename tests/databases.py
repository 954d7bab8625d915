"""A database of each kind for the suites: a SQLite file, or one in a throw-away PostgreSQL cluster."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from sqlalchemy.exc import OperationalError

from gesso.database.database import Database, open_database
from gesso.database.postgres import make_engine
from tests.running import wait_for


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Database]:
    """The database at `url`, closed at the end."""
    database = await open_database(url)
    try:
        yield database
    finally:
        await database.close()


def server_programs() -> Path | None:
    """Where PostgreSQL's server programs are (Debian keeps them out of PATH), or None."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    return max(Path("/usr/lib/postgresql").glob("*/bin"), default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """A running server, reached by its socket in `directory`."""

    directory: Path
    numbers: Iterator[int] = field(default_factory=count)

    def address(self, name: str) -> str:
        return f"postgresql://gesso@/{name}?host={self.directory}"

    def new_database(self) -> str:
        """The address of a new, empty database."""
        name = f"gesso_{next(self.numbers)}"
        self.run(f"CREATE DATABASE {name}")
        return self.address(name)

    def run(self, statement: str) -> None:
        """One statement, outside of any transaction."""
        engine = make_engine(self.address("postgres")).execution_options(isolation_level="AUTOCOMMIT")
        try:
            with engine.connect() as conn:
                conn.exec_driver_sql(statement)
        finally:
            engine.dispose()

    def ready(self) -> bool:
        with suppress(OperationalError):
            self.run("SELECT 1")
            return True
        return False


@contextmanager
def running_cluster(programs: Path) -> Iterator[Cluster]:
    """A new cluster, only on a socket of its own; stopped and removed at the end."""
    # Directly in the temporary directory: a socket's path has at most 107 characters.
    directory = Path(tempfile.mkdtemp(prefix="gesso-pg-"))
    user = _server_user()
    if user is not None:
        shutil.chown(directory, user)
    data = str(directory / "data")
    initdb = [str(programs / "initdb"), "-D", data, "-U", "gesso", "-A", "trust", "-E", "UTF8", "--no-sync"]
    try:
        subprocess.run(initdb, check=True, capture_output=True, user=user, cwd=directory)
        with (directory / "log").open("wb") as log:
            server = subprocess.Popen(
                [str(programs / "postgres"), "-D", data, "-k", str(directory)]
                + ["-c", "listen_addresses=", "-c", "fsync=off", "-c", "max_connections=100"],
                stdout=log,
                stderr=subprocess.STDOUT,
                user=user,
                cwd=directory,
            )
        cluster = Cluster(directory=directory)
        try:
            wait_for(lambda: server.poll() is not None or cluster.ready(), 30)
            assert server.poll() is None, (directory / "log").read_text()
            yield cluster
        finally:
            # SIGINT is PostgreSQL's "fast" shutdown: it does not wait for clients.
            server.send_signal(signal.SIGINT)
            server.wait(30)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _server_user() -> str | None:
    """Who runs the server: PostgreSQL refuses to be run by root."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"
