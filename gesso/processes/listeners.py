"""Who listens on this machine, as far as the system tells us."""

from contextlib import suppress
from dataclasses import dataclass, replace

import psutil

from gesso.errors import ProcessError


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """A TCP port that somebody listens on."""

    host: str
    port: int
    pid: int | None
    """None: another account's process, and we are not root."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """What a process is. None and empty: not known, as for another account's on some systems."""

    pid: int
    account: str | None = None
    argv: tuple[str, ...] = ()
    directory: str | None = None
    token: str | None = None
    """What gesso gave it to be known by, if gesso started it."""


def listeners() -> list[Listener]:
    """Every listening port, lowest first. Raises ProcessError where the system does not tell."""
    try:
        connections = psutil.net_connections("tcp")
    except (psutil.Error, OSError) as error:
        raise ProcessError(f"the system does not tell who listens: {error}") from error
    found = {
        (each.laddr[1], each.laddr[0], each.pid)
        for each in connections
        if each.status == psutil.CONN_LISTEN and each.laddr
    }
    order = sorted(found, key=lambda one: (one[0], one[1], one[2] or 0))
    return [Listener(host=host, port=port, pid=pid) for port, host, pid in order]


def program(pid: int, token: str) -> Program:
    """What is known of a process; `token` names the environment variable that gesso marks its own with."""
    found = Program(pid=pid)
    with suppress(psutil.Error, OSError):
        process = psutil.Process(pid)
        found = Program(pid=pid, account=process.username(), argv=tuple(process.cmdline()))
        found = replace(found, directory=process.cwd())
        return replace(found, token=process.environ().get(token))
    return found
