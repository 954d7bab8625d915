"""A job's progress on standard error: a bar on a terminal, plain lines elsewhere, nothing with --json."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from gesso.cli.keyboard import untraced
from gesso.client.position import in_words
from gesso.client.progress import Progress

if TYPE_CHECKING:
    from gesso.cli.canvas import Canvas

_LINE_EVERY_S = 2.0
_WAITING_LINE_EVERY_S = 10.0


class Bar(Protocol):
    """Shows one job's news."""

    def __call__(self, progress: Progress) -> None:
        """Show how far the job is."""


@contextmanager
def bar(*, quiet: bool, canvas: "Canvas | None" = None) -> Iterator[Bar]:
    """What fits where standard error goes; on a terminal, previews go to the `canvas`."""
    if quiet:
        yield lambda progress: None
    elif sys.stderr.isatty():
        with _drawn(canvas) as shown:
            yield shown
    else:
        yield Lines()


class Lines:
    """A line when a node begins, when it counts its first step, every two seconds, and at the end.

    Before that, while the job waits: when its place changes, and every ten seconds.
    """

    def __init__(self) -> None:
        self._at: tuple[str | None, int | None, bool] = (None, None, False)
        self._place = 0
        self._told = 0.0

    def __call__(self, progress: Progress) -> None:
        now = time.monotonic()
        if progress.position is not None:
            place = progress.position.place
            if place != self._place or now - self._told >= _WAITING_LINE_EVERY_S:
                self._place, self._told = place, now
                print(f"waiting: {in_words(progress.position)}", file=sys.stderr, flush=True)
            return
        if progress.node is None and not progress.fraction:
            return
        # A node's first step is news, too: it says how many there will be. And so is the end.
        at = (progress.node, progress.steps, progress.fraction >= 1)
        if at == self._at and now - self._told < _LINE_EVERY_S:
            return
        self._at, self._told = at, now
        print(f"{progress.fraction:4.0%} {described(progress)}".rstrip(), file=sys.stderr, flush=True)


def described(progress: Progress) -> str:
    """'KSampler (node 3) 12/20'; nothing between the nodes."""
    if progress.node is None:
        return ""
    name = f"{progress.class_type} (node {progress.node})" if progress.class_type else f"node {progress.node}"
    return f"{name} {progress.step}/{progress.steps}" if progress.steps else name


@contextmanager
def _drawn(canvas: "Canvas | None") -> Iterator[Bar]:
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Drawing

    columns = (BarColumn(), TaskProgressColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    console = canvas.console if canvas else Console(stderr=True)
    try:
        with untraced(), Drawing(*columns, console=console, transient=True) as drawing:
            task = drawing.add_task("waiting for its turn", total=1.0)

            def show(progress: Progress) -> None:
                text = in_words(progress.position) if progress.position else described(progress)
                drawing.update(task, completed=progress.fraction, description=escape(text))
                if canvas and progress.preview:
                    canvas.preview(progress.preview)

            yield show
    except BaseException:
        # What comes next is a question or an error, and belongs where the picture was.
        if canvas:
            canvas.clear()
        raise
