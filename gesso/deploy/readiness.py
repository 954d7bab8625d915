"""Telling a service manager that gesso answers, by systemd's protocol (sd_notify(3))."""

import os
import socket
from collections.abc import Callable
from contextlib import suppress

VARIABLE = "NOTIFY_SOCKET"


def reporter() -> Callable[[], None]:
    """What says READY=1 to who started us; it does nothing where nobody wants to know.

    The variable is taken away: engines inherit the environment, and are not to speak for gesso.
    """
    address = os.environ.pop(VARIABLE, "")
    if not address or not hasattr(socket, "AF_UNIX"):
        return lambda: None
    # An abstract address begins with a zero byte, written as @.
    place = "\0" + address[1:] if address.startswith("@") else address

    def report() -> None:
        # A manager that does not listen finds out by its own time limit.
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
            line.sendto(b"READY=1", place)

    return report
