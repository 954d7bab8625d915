"""Runs the real `gesso` command and kills it at a named point: `python -m tests.crash POINT up …`.

The points are seams of the product found by name, so the product carries nothing for this test.
"""

import functools
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from gesso.cli.main import main
from gesso.engines.comfyui import ComfyUI
from gesso.jobs.artifacts import Artifacts, Writer
from gesso.jobs.collect import Collector
from gesso.jobs.queue import Queue
from gesso.jobs.relay import Relay

When = Callable[..., bool]


def always(*args: Any, **kwargs: Any) -> bool:
    return True


def message_of_type(kind: str) -> When:
    def matches(relay: Any, message: Any, *rest: Any) -> bool:
        return getattr(message, "type", None) == kind

    return matches


def sealing(artifacts: Any, fn: Callable[..., Any], *rest: Any) -> bool:
    return fn.__name__ == "seal"


# point: (class, method, before or after it, on which call)
POINTS: dict[str, tuple[type, str, str, When]] = {
    "before-submit-is-stored": (Queue, "submit", "before", always),
    "after-submit-is-stored": (Queue, "submit", "after", always),
    "after-claim": (Queue, "place", "after-some", always),
    "before-the-engine-gets-it": (ComfyUI, "submit", "before", always),
    "after-the-engine-got-it": (ComfyUI, "submit", "after", always),
    "after-it-began": (Relay, "tell", "after", message_of_type("execution_start")),
    "in-progress": (Relay, "tell", "after", message_of_type("progress")),
    "before-an-output-is-fetched": (Collector, "_keep", "before", always),
    "after-an-output-is-on-disk": (Artifacts, "on_disk", "after", sealing),
    "after-an-output-is-named": (Writer, "commit_with", "after", always),
    "before-the-end-is-stored": (Queue, "finish", "before", always),
    "after-the-end-is-stored": (Queue, "finish", "after", always),
}


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def arm(point: str) -> None:
    """Replace the method of `point` by one that dies before or after doing its work."""
    owner, name, moment, when = POINTS[point]
    original = getattr(owner, name)

    @functools.wraps(original)
    async def deadly(*args: Any, **kwargs: Any) -> Any:
        matches = when(*args, **kwargs)
        if moment == "before" and matches:
            die()
        answer = await original(*args, **kwargs)
        if matches and (moment == "after" or (moment == "after-some" and answer)):
            die()
        return answer

    setattr(owner, name, deadly)


if __name__ == "__main__":
    arm(sys.argv[1])
    sys.argv = ["gesso", *sys.argv[2:]]
    main()
