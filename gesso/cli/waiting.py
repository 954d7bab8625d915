"""Waiting for a job in front of a terminal: what is seen of it, and what Ctrl-C and SIGTERM do."""

import sys
from typing import TYPE_CHECKING

import typer

from gesso.cli import show
from gesso.cli.exits import Exit

if TYPE_CHECKING:
    from gesso.cli.canvas import Canvas
    from gesso.client._sync.job import Job
    from gesso.client._sync.output import Result


def waited(job: "Job", timeout_s: float | None, *, quiet: bool, canvas: "Canvas | None" = None) -> "Result":
    """What the job made. SIGTERM cancels it, and Ctrl-C after a question where there is somebody to ask."""
    try:
        return _watched(job, timeout_s, quiet=quiet, canvas=canvas)
    except SystemExit:
        if job.cancel():
            show.note(f"gesso: job {job.id} is cancelled.")
        raise


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
