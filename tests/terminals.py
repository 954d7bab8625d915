"""What has appeared on a terminal: its text, and the pictures in it, decoded as terminals do."""

import base64
import codecs
import fcntl
import io
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from PIL import Image

# Becomes the leader of a session that has this terminal, as a shell's jobs do; Ctrl-C then reaches it.
AS_LEADER = """
import fcntl, os, sys, termios
os.setsid()
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""
KITTY = re.compile(r"\x1b_G([^;\x1b]*);([^\x1b]*)\x1b\\")
ITERM2 = re.compile(r"\x1b\]1337;File=([^:]*):([^\x07]*)\x07")
SIXEL = re.compile(r'\x1bP[0-9;]*q"1;1;(\d+);(\d+)([^\x1b]*)\x1b\\')
COLOR = r"(5;\d+|2;\d+;\d+;\d+)"
CELL = re.compile(rf"(?:\x1b\[38;{COLOR};48;{COLOR}m)?▀")
CUBE = (0, 95, 135, 175, 215, 255)
# Longer than anything is silent.
PATIENCE_S = 60.0


class Screen:
    """The master's side of a pseudo-terminal."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._is_open = True
        # A letter of several bytes may come in two parts.
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self.text = ""

    def close(self) -> None:
        """As somebody closes the window; once is enough."""
        if self._is_open:
            self._is_open = False
            os.close(self._descriptor)

    def type(self, text: str) -> None:
        os.write(self._descriptor, text.encode())

    @property
    def echoes(self) -> bool:
        """Whether what is typed is seen."""
        return bool(termios.tcgetattr(self._descriptor)[3] & termios.ECHO)

    def until(self, wanted: str) -> None:
        """Read until this has appeared; AssertionError where the program ends without it."""
        while wanted not in self.text:
            assert self._read(), f"{wanted!r} is not in {self.text[-2000:]!r}"

    def rest(self) -> None:
        """Read until the program has ended."""
        while self._read():
            pass

    def _read(self) -> bool:
        """Whether there was something more to read."""
        ready, _, _ = select.select([self._descriptor], [], [], PATIENCE_S)
        assert ready, f"nothing has come for {PATIENCE_S} s after {self.text[-2000:]!r}"
        try:
            more = os.read(self._descriptor, 65536)
        except OSError:  # how Linux tells that the other side is closed
            return False
        self.text += self._decoder.decode(more)
        return bool(more)


@contextmanager
def in_terminal(
    command: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: Path,
    size: tuple[int, int] = (80, 24),
    cell: tuple[int, int] = (0, 0),
) -> Iterator[tuple["subprocess.Popen[bytes]", Screen]]:
    """The command in a terminal of its own, of so many columns and rows."""
    ours, theirs = pty.openpty()
    pixels = (size[0] * cell[0], size[1] * cell[1])
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], *pixels))
    started = [sys.executable, "-c", AS_LEADER, *command]
    process = subprocess.Popen(started, env=env, cwd=cwd, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    screen = Screen(ours)
    try:
        yield process, screen
    finally:
        # A test that fails leaves it waiting for an answer.
        process.kill()
        process.wait()
        screen.close()


def kitty_pictures(text: str) -> list[tuple[dict[str, str], Image.Image]]:
    """The keys of each picture, and the picture; it may come in chunks."""
    found: list[tuple[dict[str, str], str]] = []
    for head, data in KITTY.findall(text):
        keys = dict(pair.split("=") for pair in head.split(","))
        if keys.get("a") == "T":
            found.append((keys, ""))
        keys_of_first, before = found[-1]
        found[-1] = (keys_of_first, before + data)
    return [(keys, opened(data)) for keys, data in found]


def iterm2_pictures(text: str) -> list[tuple[dict[str, str], Image.Image]]:
    return [
        (dict(pair.split("=") for pair in head.split(";") if pair), opened(data))
        for head, data in ITERM2.findall(text)
    ]


def opened(data: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(data, validate=True))).convert("RGB")


def sixel_pictures(text: str) -> list[Image.Image]:
    return [_sixel(int(width), int(height), data) for width, height, data in SIXEL.findall(text)]


def _sixel(width: int, height: int, data: str) -> Image.Image:
    picture = Image.new("RGB", (width, height), (1, 2, 3))
    palette: dict[int, tuple[int, ...]] = {}
    color, x, top = 0, 0, 0
    for token in re.findall(r"#\d+(?:;\d+)*|!\d+[?-~]|[?-~]|\$|-", data):
        if token[0] == "#":
            number, *more = (int(each) for each in token[1:].split(";"))
            color = number
            if more:
                assert more[0] == 2
                palette[number] = tuple(round(each * 255 / 100) for each in more[1:])
        elif token == "$":
            x = 0
        elif token == "-":
            x, top = 0, top + 6
        else:
            length = int(token[1:-1]) if token[0] == "!" else 1
            for bit in range(6):
                if (ord(token[-1]) - 63) >> bit & 1:
                    assert top + bit < height and x + length <= width
                    picture.paste(palette[color], (x, top + bit, x + length, top + bit + 1))
            x += length
    return picture


def blocks_picture(text: str) -> Image.Image:
    """Of the lines of half blocks in this text."""
    lines = [line for line in text.replace("\r", "").split("\n") if "▀" in line]
    rows = [list(CELL.finditer(line)) for line in lines]
    picture = Image.new("RGB", (len(rows[0]), 2 * len(rows)))
    for y, row in enumerate(rows):
        above = below = (0, 0, 0)
        for x, cell in enumerate(row):
            if cell[1]:
                above, below = _color(cell[1]), _color(cell[2])
            picture.putpixel((x, 2 * y), above)
            picture.putpixel((x, 2 * y + 1), below)
    return picture


def _color(codes: str) -> tuple[int, int, int]:
    kind, *numbers = (int(each) for each in codes.split(";"))
    if kind == 2:
        return numbers[0], numbers[1], numbers[2]
    assert kind == 5
    number = numbers[0]
    if number >= 232:
        return (8 + 10 * (number - 232),) * 3
    assert number >= 16
    red, rest = divmod(number - 16, 36)
    return CUBE[red], CUBE[rest // 6], CUBE[rest % 6]


def difference(one: Image.Image, other: Image.Image) -> float:
    """The mean difference of their channels, 0 to 255, at the size of the smaller one."""
    size = min(one.size, other.size)
    first, second = (
        each.convert("RGB").resize(size, Image.Resampling.BOX).tobytes() for each in (one, other)
    )
    return sum(abs(a - b) for a, b in zip(first, second, strict=True)) / len(first)
