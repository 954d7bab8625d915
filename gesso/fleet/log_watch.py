"""The log of one engine's process, read as it grows: only what is new, and only what this process wrote."""

from collections import deque
from pathlib import Path

from gesso.fleet.log_lines import cleaned

# What is read at a time, and how far it may fall behind before the middle is skipped.
AT_ONCE = 256 << 10
BEHIND = 4 << 20
LONGEST_REST = 16 << 10
REMEMBERED = 300


class LogWatch:
    """Begins at the end of what earlier processes wrote: make it before the process starts.

    Rotation empties the file under its writer: then it is read from its beginning. `rotated` says so, for
    a log that has outgrown its former size between two looks.
    """

    def __init__(self, path: Path) -> None:
        self.recent: deque[str] = deque(maxlen=REMEMBERED)
        """The last lines, cleaned."""
        self._path = path
        self._position = self._size() or 0
        self._rest = b""

    def grown(self) -> bool:
        """Whether there is something new to read; does not read it."""
        size = self._size()
        return size is not None and size != self._position

    def rotated(self) -> None:
        self._position = 0

    def read(self) -> list[str]:
        """The new whole lines, cleaned, as many as can be had at a time."""
        size = self._size()
        if size is None:
            return []
        if size < self._position:
            self._position, self._rest = 0, b""
        if size - self._position > BEHIND:
            self._position, self._rest = size - AT_ONCE, b""
        try:
            with self._path.open("rb") as file:
                file.seek(self._position)
                found = file.read(AT_ONCE)
        except OSError:
            return []
        self._position += len(found)
        # Progress bars are drawn over themselves, on one line.
        *whole, rest = (self._rest + found).replace(b"\r", b"\n").split(b"\n")
        self._rest = rest[-LONGEST_REST:]
        return self._noted(whole)

    def read_all(self) -> list[str]:
        """What is left, with the last line even if it does not end: for a process that has ended."""
        lines: list[str] = []
        while self.grown():
            before = self._position
            lines += self.read()
            if self._position == before:
                break
        rest, self._rest = self._rest, b""
        return lines + self._noted([rest] if rest else [])

    def _noted(self, raw: list[bytes]) -> list[str]:
        lines = [cleaned(line.decode("utf-8", "replace")) for line in raw]
        self.recent.extend(lines)
        return lines

    def _size(self) -> int | None:
        try:
            return self._path.stat().st_size
        except OSError:
            return None
