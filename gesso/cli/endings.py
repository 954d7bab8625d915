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
    silence(*filter(_is_closed_terminal, (1, 2)))
    _end(number, frame)


def _is_closed_terminal(descriptor: int) -> bool:
    """What is written to one would fail, in the middle of what still has to be done."""
    try:
        return stat.S_ISCHR(os.fstat(descriptor).st_mode) and not os.isatty(descriptor)
    except OSError:
        return False


def silence(*descriptors: int) -> None:
    """What is written to these from now on goes nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for descriptor in descriptors:
        os.dup2(nowhere, descriptor)
    os.close(nowhere)
