"""Which container a process is in, and where a container's port is published, as Linux shows it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

# /system.slice/docker-<id>.scope, /docker/<id>, /libpod-<id>.scope, /kubepods/…/cri-containerd-<id>.scope
_GROUP = re.compile(
    r"(docker|libpod|cri-containerd|crio|containerd)[-/:]([0-9a-f]{12,64})|(lxc)(?:\.payload\.|/)([\w-]+)"
)
SHORT = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """Example: runtime "docker", id "3f2a9c1d4e5b" (shortened as `docker ps` shows it)."""

    runtime: str
    id: str

    def __str__(self) -> str:
        return f"{self.runtime} container {self.id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A port of this machine that leads into a container."""

    host: str
    port: int
    inner_host: str
    inner_port: int


def container_of(pid: int) -> Container | None:
    """The container of a process; None: in none, or nobody may know."""
    try:
        return read_group((Path("/proc") / str(pid) / "cgroup").read_text())
    except (OSError, UnicodeDecodeError):
        return None


def read_group(text: str) -> Container | None:
    """The container in the text of /proc/PID/cgroup."""
    found = _GROUP.search(text)
    if found is None:
        return None
    if found[3]:
        return Container(runtime="lxc", id=found[4])
    runtime = {"libpod": "podman", "cri-containerd": "containerd", "crio": "cri-o"}.get(found[1], found[1])
    return Container(runtime=runtime, id=found[2][:SHORT])


def read_proxy(argv: Sequence[str]) -> Published | None:
    """What a `docker-proxy` process publishes; None where the command line is of another program."""
    if not argv or Path(argv[0]).name != "docker-proxy":
        return None
    options = dict(zip(argv[1:-1], argv[2:], strict=True))
    try:
        return Published(
            host=options.get("-host-ip", "0.0.0.0"),  # noqa: S104 - what Docker means without it
            port=int(options["-host-port"]),
            inner_host=options["-container-ip"],
            inner_port=int(options["-container-port"]),
        )
    except (KeyError, ValueError):
        return None
