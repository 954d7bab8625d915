"""gesso as a unit of systemd, the system's or a user's: its text, its installation and its state.

Directives as in systemd.service(5), systemd.exec(5) and systemd.kill(5).
"""

import os
import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from gesso.deploy.boot import BootEntry, Remove, Run, Step, Write, ask
from gesso.errors import ConfigError, ProcessError

# gesso ends with this when its configuration is wrong: starting it again does not mend that.
INVALID_CONFIGURATION = 5


class Scope(StrEnum):
    """Whose service manager runs it."""

    SYSTEM = "system"
    USER = "user"


# Written for CUDA: no PrivateDevices, ProtectClock or DevicePolicy (the card is a device), no
# MemoryDenyWriteExecute (kernels are compiled while it runs), no ProtectProc (cards are proven by PID).
# Home is not protected: engines, models and their caches are often there. No PrivateTmp: it is emptied
# when gesso is restarted, under the hands of the engines that outlive it.
SANDBOX = (
    "NoNewPrivileges=yes",
    "RestrictSUIDSGID=yes",
    "RestrictRealtime=yes",
    "LockPersonality=yes",
    "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK",
)
# A user's manager may not do these.
SYSTEM_SANDBOX = (
    "ProtectSystem=full",
    "ProtectKernelTunables=yes",
    "ProtectKernelModules=yes",
    "ProtectControlGroups=yes",
    "ProtectHostname=yes",
)
# Without privileges of its own, gesso cannot load the module that CUDA needs.
LOAD_UVM = "+-/bin/sh -c 'command -v nvidia-modprobe >/dev/null && nvidia-modprobe -c 0 -u'"


def render(service: BootEntry, scope: Scope) -> str:
    """The unit's text."""
    system = scope is Scope.SYSTEM
    return "\n".join(
        [
            "# Written by `gesso service install`; changes belong into a drop-in: `systemctl edit`.",
            "[Unit]",
            "Description=gesso, one image service over ComfyUI engines",
            *(("Wants=network-online.target",) if system else ()),
            *(("After=network-online.target nvidia-persistenced.service",) if system else ()),
            *(f"RequiresMountsFor={_quoted(str(folder))}" for folder in service.folders),
            "StartLimitIntervalSec=300",
            "StartLimitBurst=10",
            "",
            "[Service]",
            "Type=notify",
            *((f"ExecStartPre={LOAD_UVM}",) if system else ()),
            f"ExecStart={' '.join(_quoted(word) for word in service.argv)}",
            # Where it is absent, gesso makes it: all its paths are absolute.
            f"WorkingDirectory=-{_escaped(str(service.directory))}",
            *((f"StateDirectory={service.name}",) if system and service.owns_state else ()),
            *((f"User={service.account}",) if system and service.account else ()),
            "Restart=on-failure",
            "RestartSec=2",
            f"RestartPreventExitStatus={INVALID_CONFIGURATION}",
            "# Only gesso itself: engines outlive it, and the next gesso adopts them.",
            "KillMode=process",
            f"TimeoutStopSec={service.stop_s:.0f}",
            "# An engine that is out of memory is gesso's to restart, not a reason to stop everything.",
            "OOMPolicy=continue",
            "LimitNOFILE=65536",
            "TasksMax=infinity",
            "UMask=0077",
            *SANDBOX,
            *(SYSTEM_SANDBOX if system else ()),
            "",
            "[Install]",
            f"WantedBy={'multi-user.target' if system else 'default.target'}",
            "",
        ]
    )


def _escaped(text: str) -> str:
    if re.search(r"[\n\r\0]", text):
        raise ConfigError(f"{text!r} cannot stand in a unit of systemd")
    return text.replace("%", "%%")


def _quoted(word: str) -> str:
    """One word of a command line: systemd expands % and $, and knows C's escapes in double quotes."""
    word = _escaped(word).replace("$", "$$")
    if re.fullmatch(r"[A-Za-z0-9_@%+=:,./$-]+", word):
        return word
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'


def unit_path(name: str, scope: Scope) -> Path:
    """Where the unit's file belongs, per systemd.unit(5)."""
    if scope is Scope.SYSTEM:
        return Path("/etc/systemd/system") / f"{name}.service"
    home = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(home) / "systemd/user" / f"{name}.service"


def _systemctl(scope: Scope, *words: str, may_fail: bool = False) -> Run:
    chosen = ("--user",) if scope is Scope.USER else ()
    return Run(argv=("systemctl", *chosen, *words), may_fail=may_fail)


def installation(service: BootEntry, scope: Scope, *, start: bool) -> list[Step]:
    """What to do, in this order. A running one of the same name is restarted with the new text."""
    steps: list[Step] = [
        Write(path=unit_path(service.name, scope), text=render(service, scope)),
        _systemctl(scope, "daemon-reload"),
        _systemctl(scope, "enable", f"{service.name}.service"),
    ]
    if scope is Scope.USER:
        # Else it ends with the last session of its user, and does not begin at boot.
        steps.append(Run(argv=("loginctl", "enable-linger"), may_fail=True))
    if start:
        steps.append(_systemctl(scope, "restart", f"{service.name}.service"))
    return steps


def removal(name: str, scope: Scope) -> list[Step]:
    """What to do, in this order: it is stopped in order, engines with it."""
    return [
        _systemctl(scope, "disable", "--now", f"{name}.service"),
        Remove(path=unit_path(name, scope)),
        _systemctl(scope, "daemon-reload"),
        _systemctl(scope, "reset-failed", f"{name}.service", may_fail=True),
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What systemd says of it."""

    installed: bool
    changed: bool | None
    """Its file differs from what would be written today; None: not known."""
    enabled: str
    active: str
    since: str
    pid: int | None
    restarts: int
    result: str


def state(name: str, scope: Scope, wanted: str | None) -> State:
    """Ask systemd; `wanted` is the text that would be written today. Raises ProcessError."""
    path = unit_path(name, scope)
    text = path.read_text(encoding="utf-8") if path.is_file() else None
    properties = "UnitFileState,ActiveState,SubState,MainPID,NRestarts,Result,ActiveEnterTimestamp"
    done = ask(_systemctl(scope, "show", f"{name}.service", f"--property={properties}").argv)
    if done.returncode != 0:
        said = (done.stderr.strip().splitlines() or [""])[-1]
        raise ProcessError(
            f"systemd does not answer: {said}",
            remedy="It must be running; without it, `gesso service install --dry-run` prints the unit.",
        )
    told = dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)
    return State(
        installed=text is not None,
        changed=None if text is None or wanted is None else text != wanted,
        enabled=told.get("UnitFileState") or "no",
        active=f"{told.get('ActiveState', 'unknown')} ({told.get('SubState', 'unknown')})",
        since=told.get("ActiveEnterTimestamp", ""),
        pid=int(told.get("MainPID", "0")) or None,
        restarts=int(told.get("NRestarts", "0")),
        result=told.get("Result", ""),
    )
