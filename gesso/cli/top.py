"""`gesso top`: cards, engines, queue and users on the whole screen."""

import shutil
import sys
import threading
from contextlib import closing
from typing import Annotated, Any

import typer

from gesso.cli import options, show
from gesso.cli.api import Api
from gesso.cli.keyboard import Keyboard
from gesso.cli.sparks import History
from gesso.errors import Forbidden, GessoError

app = typer.Typer()

SERIES = ("gpu.*.utilisation", "queue.queued", "queue.running")
# Between two looks at the size of the terminal, and at whether there is news.
DRAW_EVERY_S = 0.2
PLAIN_WIDTH = 120

Every = Annotated[float, typer.Option("--every", metavar="S", min=0.5, help="Seconds between two frames.")]
Once = Annotated[bool, typer.Option("--once", help="Print one frame, and end.")]


@app.command()
def top(
    every: Every = 2.0,
    once: Once = False,
    url: options.Url = None,
    key: options.Key = None,
    as_json: options.Json = False,
) -> None:
    """Show cards, engines, queue and users as they change.

    q or Ctrl-C ends it. Without a terminal it prints one frame. You see what your key may see: the jobs and
    names of others are for administrators.
    """
    api = Api(url, key)
    told = api.get("snapshot")
    if as_json:
        show.as_json(told)
        return
    watched = Watched(told, _past(api))
    if once or not sys.stdout.isatty():
        _print(watched)
        return
    stop = threading.Event()
    asking = threading.Thread(target=_ask, args=(watched, stop, every, url, key), daemon=True)
    asking.start()
    try:
        _draw(watched)
    except KeyboardInterrupt:
        pass
    finally:
        stop.set()


class Watched:
    """The last two snapshots, the minutes before, and what is wrong with asking."""

    def __init__(self, told: dict[str, Any], history: History) -> None:
        self.told = told
        self.before: dict[str, Any] | None = None
        self.history = history
        self.notice = ""
        self.news = threading.Event()
        self._note(told)

    def take(self, told: dict[str, Any]) -> None:
        if told["at"] != self.told["at"]:
            self.before, self.told = self.told, told
            self._note(told)
        self.notice = ""
        self.news.set()

    def fail(self, error: GessoError) -> None:
        self.notice = f"as of {show.moment(self.told['at'])}: {error.message}"
        self.news.set()

    def lines(self, width: int, height: int | None) -> list[Any]:
        # Late: Rich takes longer to load than `gesso --help` may.
        from gesso.cli.top_frame import Screen, frame

        screen = Screen(width=width, height=height)
        return list(frame(self.told, self.before, self.history, screen, notice=self.notice))

    def _note(self, told: dict[str, Any]) -> None:
        for card in told["cards"] or ():
            self.history.add(f"gpu.{card['uuid']}.utilisation", told["at"], card["utilisation"])
        for name in ("queued", "running"):
            self.history.add(f"queue.{name}", told["at"], told[name])


def _past(api: Api) -> History:
    """The last minutes, for those who may read them; for others they begin now."""
    history = History()
    try:
        history.load(api.get("samples", since="10m", series=list(SERIES))["samples"])
    except Forbidden:
        pass
    return history


def _ask(watched: Watched, stop: threading.Event, every_s: float, url: str | None, key: str | None) -> None:
    """Beside the drawing: a server that does not answer must not keep anybody from ending this."""
    with closing(options.connection(url, key)) as asked:
        while not stop.wait(every_s):
            try:
                watched.take(asked.json("GET", "/gesso/api/snapshot"))
            except GessoError as error:
                watched.fail(error)


def _print(watched: Watched) -> None:
    if sys.stdout.isatty():
        from rich.console import Console

        console = Console()
        for line in watched.lines(console.width, None):
            console.print(line, no_wrap=True, crop=True)
        return
    for line in watched.lines(PLAIN_WIDTH, None):
        print(line.plain.rstrip())


def _draw(watched: Watched) -> None:
    from rich.console import Console, Group
    from rich.live import Live

    console = Console()
    with Keyboard() as keyboard, Live(console=console, screen=True, auto_refresh=False) as live:
        drawn = (0, 0)
        while True:
            size = shutil.get_terminal_size()
            if watched.news.is_set() or drawn != size:
                watched.news.clear()
                drawn = size
                live.update(Group(*watched.lines(size.columns, size.lines)), refresh=True)
            if keyboard.wait(DRAW_EVERY_S) in ("q", "Q"):
                return
