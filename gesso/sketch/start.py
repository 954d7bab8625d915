"""What sketch logs while it starts, in ComfyUI's words, and what can go wrong before it listens."""

import logging
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack

import psutil

from gesso.sketch.faults import Faults
from gesso.sketch.routes.information import COMFYUI_VERSION

logger = logging.getLogger(__name__)

# What ComfyUI logs on its way: the card is found, its own modules are loaded, custom nodes are loaded.
# Its last two lines ("Starting server", "To see the GUI go to: …") come from the server.
_FIRST = 2
_MODULE = """Traceback (most recent call last):
  File "main.py", line 148, in <module>
    import execution
ModuleNotFoundError: No module named {name!r}"""
_LIBRARY = """Traceback (most recent call last):
  File "main.py", line 148, in <module>
    import execution
ImportError: libGL.so.1: cannot open shared object file: No such file or directory"""
_CRASH = """Traceback (most recent call last):
  File "main.py", line 371, in <module>
    event_loop, _, start_all_func = start_comfyui()
RuntimeError: sketch was told to crash at its start"""
_LOCKED = (
    "Could not acquire lock on database 'user/comfyui.db'. "
    "Another ComfyUI process may already be using it. "
    "Use --database-url to specify a separate database file.",
    "Database is locked. Another ComfyUI process is already using this database.\n"
    "To resolve this, specify a separate database file for this instance:\n"
    "  --database-url sqlite:///path/to/another.db",
)


def phases() -> Iterator[str]:
    total = psutil.virtual_memory().total // 2**20
    yield f"Total VRAM {total} MB, total RAM {total} MB"
    yield "Device: cpu"
    yield f"Python version: {sys.version}"
    yield f"ComfyUI version: {COMFYUI_VERSION}"
    yield "Import times for custom nodes:\n   0.0 seconds: sketch has none\n"


def start(faults: Faults) -> int | None:
    """Logs the phases, with the faults of the start; an exit code where they end it."""
    slow = faults.get("slow-start")
    lines = list(phases())
    for number, line in enumerate(lines):
        if number == _FIRST and faults.get("stuck-start"):
            threading.Event().wait()
        logger.info(line)
        if number == _FIRST and (code := _failed(faults)) is not None:
            return code
        if slow is not None:
            time.sleep(slow.seconds(0, 0.0) / len(lines))
    return None


def _failed(faults: Faults) -> int | None:
    if fault := faults.get("missing-module"):
        logger.error(_MODULE.format(name=fault.word(0, "torch")))
    elif faults.get("missing-library"):
        logger.error(_LIBRARY)
    elif faults.get("database-locked"):
        for text in _LOCKED:
            logger.error(text)
    elif fault := faults.get("crash-at-start"):
        logger.error(_CRASH)
        return fault.whole(0, 1)
    else:
        return None
    return 1


def steal_port(faults: Faults, hosts: tuple[str, ...], port: int) -> ExitStack:
    """Holds the port where that is the fault, so that our own listening fails as ComfyUI's would."""
    stolen = ExitStack()
    if faults.get("port-stolen"):
        for host in hosts:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            stolen.enter_context(socket.create_server((host, port), family=family))
    return stolen
