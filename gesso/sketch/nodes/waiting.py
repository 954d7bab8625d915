"""Waiting inside a node: interrupted at once when the prompt is."""

import time

from gesso.sketch.node import Context

_SLICE_S = 0.02
"""How long a wait goes on before it looks whether it was interrupted."""


def wait_until(deadline: float, context: Context) -> None:
    """`deadline` by time.monotonic."""
    while (left := deadline - time.monotonic()) > 0:
        context.check()
        time.sleep(min(left, _SLICE_S))
