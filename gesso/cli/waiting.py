"""Handing in a job and waiting for it in front of a terminal: what is seen of it, and what ends it."""

import sys
import uuid
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

import typer

from gesso.cli import show
from gesso.cli.exits import Exit
from gesso.errors import GessoError, NotFinished

if TYPE_CHECKING:
    from gesso.cli.canvas import Canvas
    from gesso.client._sync.job import Job
    from gesso.client._sync.output import Result


def handed_in(ask: Callable[[str], "Job"]) -> "Job":
    """The job that `ask` makes under an idempotency key; whatever ends us meanwhile leaves none behind."""
    key = str(uuid.uuid4())
    try:
        return ask(key)
    except (KeyboardInterrupt, SystemExit):
        # It may have come as far as the server: by the same key, this is that job.
        with suppress(GessoError):
            ask(key).cancel()
        raise


def waited(job: "Job", timeout_s: float | None, *, quiet: bool, canvas: "Canvas | None" = None) -> "Result":
    """What the job made.

    SIGTERM and a closed terminal cancel it, and Ctrl-C does after a question where there is somebody to ask.
    """
    try:
        return _watched(job, timeout_s, quiet=quiet, canvas=canvas)
    except NotFinished:
        # An OSError, too, as TimeoutError is one; here the job goes on.
        raise
    except (SystemExit, OSError):
        # A closed terminal may be noticed by writing to it, before SIGHUP comes.
        _cancel(job)
        raise


def _cancel(job: "Job") -> None:
    try:
        was_alive = job.cancel()
    except SystemExit:
        was_alive = job.cancel()
    if was_alive:
        show.note(f"gesso: job {job.id} is cancelled.")


def _watched(job: "Job", timeout_s: float | None, *, quiet: bool, canvas: "Canvas | None") -> "Result":
    from gesso.cli.bars import bar

    while True:
        try:
            with bar(quiet=quiet, canvas=canvas) as shown:
                return job.wait(shown, timeout_s=timeout_s)
        except KeyboardInterrupt:
            if not _gives_up(job):
                continue
            if not job.cancel():
                show.note(f"gesso: job {job.id} was over already.")
                continue
        show.note(f"gesso: job {job.id} is cancelled.")
        raise typer.Exit(Exit.INTERRUPTED)


def _gives_up(job: "Job") -> bool:
    """Ask once, where there is somebody to ask; a second Ctrl-C is an answer, too."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return True
    try:
        return typer.confirm(f"\nCancel job {job.id}?", default=True, err=True)
    except (KeyboardInterrupt, typer.Abort):
        show.note("")
        return True
