"""SIGTERM and SIGHUP: what is under way still cancels its job, and gives the terminal back."""

import os
import signal
import stat
import sys


def watched() -> None:
    """Have each become a SystemExit with its exit code. Under nohup, SIGHUP is nothing to us."""
    signal.signal(signal.SIGTERM, _end)
    if sys.platform != "win32" and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signal.signal(signal.SIGHUP, _hang_up)


def _end(number: int, _: object) -> None:
    from gesso.cli.exits import Exit

    sys.exit(Exit(128 + number))


def _hang_up(number: int, frame: object) -> None:
    # It comes more than once: from the terminal, and from the shell that was told by the terminal.
    signal.signal(number, signal.SIG_IGN)
    _let_go_of_the_terminal()
    _end(number, frame)


def _let_go_of_the_terminal() -> None:
    """What is written to one that is closed would fail, in the middle of what still has to be done."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (1, 2):
        try:
            kind = os.fstat(descriptor).st_mode
        except OSError:
            continue
        if stat.S_ISCHR(kind) and not os.isatty(descriptor):
            os.dup2(nowhere, descriptor)
    os.close(nowhere)
