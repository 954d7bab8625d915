"""What the system must know to run gesso from boot on, and how the steps toward that are told and done."""

import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from gesso.errors import ProcessError


@dataclass(frozen=True, slots=True, kw_only=True)
class BootEntry:
    """gesso as a service of the system: everything a unit or a task is made from."""

    name: str
    argv: tuple[str, ...]
    """The command line, beginning with an absolute program."""
    directory: Path
    """Where it is run."""
    account: str | None = None
    """The system's account it runs as; None: whose service manager it is."""
    folders: tuple[Path, ...] = ()
    """Without these it does not begin: the storage, and the engines' own."""
    owns_state: bool = False
    """Its storage is the system's usual place for it, which the system makes."""
    stop_s: float = 60.0
    """How long its orderly end may take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """A file with this content."""

    path: Path
    text: str
    encoding: str = "utf-8"

    def __str__(self) -> str:
        return f"write {self.path}"

    def do(self) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.write_text(self.text, encoding=self.encoding)
        except OSError as error:
            raise ProcessError(
                f"cannot write {str(self.path)!r}: {error.strerror}",
                remedy="A service of the whole system is root's to install; `--user` makes one of your own.",
            ) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Remove:
    path: Path

    def __str__(self) -> str:
        return f"remove {self.path}"

    def do(self) -> None:
        try:
            self.path.unlink(missing_ok=True)
        except OSError as error:
            raise ProcessError(f"cannot remove {str(self.path)!r}: {error.strerror}") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A command that must succeed; with `may_fail`, one whose failure means that there was nothing to do."""

    argv: tuple[str, ...]
    may_fail: bool = False

    def __str__(self) -> str:
        return "run " + shlex.join(self.argv)

    def do(self) -> None:
        done = ask(self.argv)
        if done.returncode != 0 and not self.may_fail:
            said = (done.stderr.strip() or done.stdout.strip()).splitlines()
            raise ProcessError(f"`{shlex.join(self.argv)}` failed: {said[-1] if said else done.returncode}")


Step = Write | Remove | Run


def ask(argv: tuple[str, ...]) -> "subprocess.CompletedProcess[str]":
    """Run one of the system's tools; ProcessError where it is not there."""
    try:
        return subprocess.run(argv, capture_output=True, text=True, errors="replace")  # noqa: S603
    except OSError as error:
        raise ProcessError(f"cannot run {argv[0]!r}: {error.strerror}") from error


def program() -> tuple[str, ...]:
    """How this gesso is run, by its own Python: a service has no PATH to find it on."""
    return (sys.executable, "-m", "gesso")
