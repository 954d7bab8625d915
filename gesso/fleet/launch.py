"""How an engine is started: command line, environment, folder and port."""

import os
import socket
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from gesso.config.engine import EngineConfig
from gesso.config.files import default_python

HOST = "127.0.0.1"
# What is ours stays with us: database address, keys.
PRIVATE_PREFIX = "GESSO_"
WORDS_OF_HOLDER = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """All that `Process.start` needs."""

    argv: tuple[str, ...]
    env: dict[str, str]
    cwd: Path


def plan(
    config: EngineConfig, *, port: int, storage: Path, environ: Mapping[str, str], card: str | None = None
) -> Launch:
    """The launch of an engine that is ours: it binds to loopback only, whatever its arguments say, and
    sees only the card of that UUID, where it is held to one."""
    address = ("--listen", HOST, "--port", str(port))
    env = {name: value for name, value in environ.items() if not name.startswith(PRIVATE_PREFIX)}
    # Its log is read while it runs.
    env = {**env, "PYTHONUNBUFFERED": "1", **config.environment, **_held_to(card)}
    if config.kind == "sketch":
        directory = (config.directory or storage / "engines" / config.name).absolute()
        python = str(config.python or sys.executable)
        argv = (python, "-m", "gesso.sketch", *address, "--directory", str(directory), *config.arguments)
        return Launch(argv=argv, env=env, cwd=storage)
    directory = (config.directory or storage).absolute()
    python = str(config.python or default_python(directory))
    return Launch(argv=(python, "main.py", *address, *config.arguments), env=env, cwd=directory)


def _held_to(card: str | None) -> dict[str, str]:
    """By UUID: CUDA counts the fastest card first, the driver by place, and a container by what it got."""
    if card is None:
        return {}
    return {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", "CUDA_VISIBLE_DEVICES": card}


def without_port(argv: tuple[str, ...]) -> tuple[str, ...]:
    """The command line, but for the port: to see whether a running engine has today's settings."""
    if "--port" not in argv:
        return argv
    at = argv.index("--port")
    return argv[:at] + argv[at + 2 :]


def free_port() -> int:
    """A loopback port that nobody has now. Another program may take it before the engine does: it then
    fails to start, and the next start takes another."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def is_free(port: int) -> bool:
    """Whether an engine could listen there now."""
    with socket.socket() as probe:
        if os.name != "nt":
            # As servers do: old connections that linger are no obstacle, listeners are.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def holder(port: int) -> str:
    """Who listens on that port, in words, as far as the system tells us."""
    with suppress(psutil.Error, OSError):
        for connection in psutil.net_connections("inet"):
            here = connection.status == psutil.CONN_LISTEN and connection.laddr[1:2] == (port,)
            if here and connection.pid:
                words = psutil.Process(connection.pid).cmdline()[:WORDS_OF_HOLDER]
                return f"process {connection.pid} ({' '.join(words)})"
    return "another program"
