"""A picture in the lines above the cursor, or above a progress bar, drawn anew in its place."""

import secrets
import sys
import time
from collections.abc import Sequence
from io import BytesIO

from PIL import Image
from rich.console import Console, ConsoleOptions, RenderResult
from rich.segment import ControlType, Segment

from gesso.cli.terminal import Preview
from gesso.cli.terminal_pictures import blocks, fitted, iterm2, kitty, kitty_gone, sixel

_MOST_ROWS = 20
# For the bar, the line that is typed next, and one of what was there before.
_OTHER_ROWS = 3
# Where the cursor is when nothing is drawn: at the first line below the picture. Some forget it once used.
_KEEP, _BACK = "\x1b7", "\x1b8\x1b7"
_END = "\x1b\\"
_ERASE_BELOW = "\x1b[J"
_USUAL_CELL = (8, 16)
_SHORTEST_S = 0.1
# More than a terminal shows in so many rows is not worth sending.
_MOST_PIXELS = 320


class Canvas:
    """Draws on the terminal of `console`; `way` is not AUTO."""

    def __init__(self, console: Console, way: Preview) -> None:
        self.console = console
        self._way = way
        self._cell = _cell_size()
        self._number = 1 + secrets.randbelow(2**31)
        self._rows = 0
        self._box = (0, 0)
        self._within = (0, 0)
        self._drawn = 0.0

    def preview(self, data: bytes) -> None:
        """Show this picture instead of the one before, unless that came a moment ago."""
        if time.monotonic() - self._drawn >= _SHORTEST_S:
            self.show([data])

    def show(self, pictures: Sequence[bytes]) -> None:
        """Show these, side by side, instead of what was there. What is no picture is passed over."""
        try:
            picture = _beside(pictures)
        except (OSError, ValueError, Image.DecompressionBombError):
            return
        size = self.console.size
        within = (size.width, min(_MOST_ROWS, size.height - _OTHER_ROWS))
        if within[1] < 1:
            return
        text = ""
        if within != self._within:
            # The first, or the terminal's lines have moved since: on new ones.
            self._within, self._rows = within, 0
        room = (within[0], self._rows or within[1])
        box = fitted(picture.size, room, self._cell)
        if not self._rows:
            self._rows = box[1]
            text += "\n" * self._rows + _KEEP
        elif box != self._box:
            text += f"{self._away()}{self._top()}" + "\x1b[2K\n" * self._rows
        self._box = box
        self._write(f"{text}{self._top()}{self._encoded(picture)}{_BACK}")
        self._drawn = time.monotonic()

    def clear(self) -> None:
        """Leave nothing, and the cursor where the picture began."""
        if self._rows:
            self._write(f"{self._top()}{self._away()}{_ERASE_BELOW}")
            self._rows = 0

    def _top(self) -> str:
        """To the picture's first line, from wherever Ctrl-C has cut off what was written before."""
        return f"{_END}{_BACK}\x1b[{self._rows}A"

    def _away(self) -> str:
        """What erasing lines does not take away."""
        return kitty_gone(self._number) if self._way is Preview.KITTY else ""

    def _encoded(self, picture: Image.Image) -> str:
        match self._way:
            case Preview.KITTY:
                return kitty(picture, *self._box, self._number)
            case Preview.ITERM2:
                return iterm2(picture, *self._box)
            case Preview.SIXEL:
                return sixel(picture, *self._box, self._cell)
            case _:
                return blocks(picture, *self._box, true_color=self.console.color_system == "truecolor")

    def _write(self, text: str) -> None:
        # Through Rich, which erases a bar below first, and draws it again in the same breath.
        self.console.print(_AsItIs(text), end="", crop=False)


class _AsItIs:
    """A text that moves the cursor by itself, and that Rich shall not look into."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield Segment(self._text, None, [(ControlType.CARRIAGE_RETURN,)])


def canvas(asked: Preview, detected: Preview) -> Canvas | None:
    """Where pictures are shown on the terminal of standard error; None: it can show none."""
    console = Console(stderr=True)
    way = detected if asked is Preview.AUTO else asked
    if way is Preview.NONE or console.is_dumb_terminal or console.legacy_windows:
        return None
    colorful = console.color_system in ("truecolor", "256") and not console.no_color
    return None if way is Preview.BLOCKS and not colorful else Canvas(console, way)


def _beside(pictures: Sequence[bytes]) -> Image.Image:
    """All of them in a row, on white where they are transparent."""
    opened = [_small(each) for each in pictures]
    gap = max(1, opened[0].width // 16)
    size = (sum(each.width + gap for each in opened) - gap, max(each.height for each in opened))
    whole = Image.new("RGBA", size, "white")
    left = 0
    for each in opened:
        whole.alpha_composite(each, (left, 0))
        left += each.width + gap
    return whole.convert("RGB")


def _small(data: bytes) -> Image.Image:
    with Image.open(BytesIO(data)) as picture:
        picture.thumbnail((_MOST_PIXELS, _MOST_PIXELS))
        return picture.convert("RGBA")


def _cell_size() -> tuple[int, int]:
    """Width and height of a character in pixels, where the terminal tells."""
    if sys.platform == "win32":
        return _USUAL_CELL
    import fcntl
    import struct
    import termios

    try:
        told = fcntl.ioctl(sys.stderr, termios.TIOCGWINSZ, bytes(8))
    except (OSError, ValueError):
        return _USUAL_CELL
    rows, columns, width, height = struct.unpack("HHHH", told)
    if not (rows and columns and width and height):
        return _USUAL_CELL
    return width // columns, height // rows
