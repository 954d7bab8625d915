"""The terminal's keyboard: single keys without waiting for Enter, and keys that leave no trace."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Any, Self

POLL_S = 0.05


class Keyboard:
    """Inside `with`, `wait` tells of keys at once. Where there is no terminal, there are no keys."""

    def __init__(self) -> None:
        self._is_terminal = sys.stdin.isatty()
        self._before: list[Any] = []

    def __enter__(self) -> Self:
        if self._is_terminal and sys.platform != "win32":
            import termios
            import tty

            self._before = termios.tcgetattr(sys.stdin)
            tty.setcbreak(sys.stdin)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._before and sys.platform != "win32":
            import termios

            # A terminal that was closed needs nothing back.
            with suppress(termios.error):
                termios.tcsetattr(sys.stdin, termios.TCSADRAIN, self._before)

    def wait(self, limit_s: float) -> str | None:
        """The next key, or None when the time is over."""
        if not self._is_terminal:
            time.sleep(limit_s)
            return None
        if sys.platform == "win32":
            import msvcrt

            deadline = time.monotonic() + limit_s
            while not msvcrt.kbhit():
                if time.monotonic() > deadline:
                    return None
                time.sleep(POLL_S)
            return msvcrt.getwch()
        import os
        import select

        if not select.select([sys.stdin], [], [], limit_s)[0]:
            return None
        # Past the buffer of sys.stdin, which would keep what `select` cannot see. Nothing: it was closed.
        return os.read(sys.stdin.fileno(), 1).decode("latin-1") or "q"


@contextmanager
def untraced() -> Iterator[None]:
    """What is typed does not show up in what is drawn, nor does Ctrl-C drop what is on its way there."""
    if sys.platform == "win32" or not _in_front():
        yield
        return
    import termios

    before = termios.tcgetattr(sys.stderr)
    within = before.copy()
    within[3] = within[3] & ~termios.ECHO | termios.NOFLSH
    termios.tcsetattr(sys.stderr, termios.TCSADRAIN, within)
    try:
        yield
    finally:
        if _in_front():
            termios.tcsetattr(sys.stderr, termios.TCSADRAIN, before)


def _in_front() -> bool:
    """Whether the terminal is ours now; whoever changes it from the background is stopped."""
    import os

    try:
        return os.tcgetpgrp(sys.stderr.fileno()) == os.getpgrp()
    except OSError:
        return False
