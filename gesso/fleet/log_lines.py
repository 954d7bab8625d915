"""The lines of an engine's log: cleaned of colours and times, and the errors that their tracebacks tell."""

import re
from dataclasses import dataclass

COLOUR = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
# "[2024-11-06 23:42:20.536] ", "2026-08-21T09:55:51.945026 - [INFO] ", "2024-09-16 01:38:13,877 - root -
# ERROR - ", "2026-01-02 10:00:00,123 INFO gesso.sketch.server "; one blank, for indentation counts.
LEVEL = r"(?:DEBUG|INFO|WARNING|ERROR|CRITICAL)"
PREFIX = re.compile(
    r"^(?:\[?\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?\]?(?: -)? ?)?"
    rf"(?:[\w.:-]+ - {LEVEL} - |\[{LEVEL}\] |{LEVEL} [\w.]+ )?"
)
LONGEST = 2000

TRACEBACK = "Traceback (most recent call last):"
IN_JOB = "!!! Exception during processing !!! "
ERROR = re.compile(r"[A-Za-z_][\w.]*(?:: (.*))?")
# Between what ComfyUI says of an error in a job and the traceback that it writes next.
NEXT_S = 3.0


def cleaned(line: str) -> str:
    """The words of a line: no colours, no time and no level before them; not longer than can be read."""
    return PREFIX.sub("", COLOUR.sub("", line[: 2 * LONGEST]), count=1).rstrip()[:LONGEST]


@dataclass(frozen=True, slots=True, kw_only=True)
class Raised:
    """An error, as `text`: the end of a traceback ("ModuleNotFoundError: No module named 'torch'"), or, in a
    job, what it says ("CUDA error: …"); and as the line of the log."""

    text: str
    line: str
    in_job: bool


class Tracebacks:
    """Reads cleaned lines one by one. A line that only says "CUDA error", as a prompt or the name of a file
    may, is no error: that is the end of a whole traceback, or what ComfyUI says of an error in a job.

    What an error in a job says may hold words of its user, and lines: so nothing that follows is believed,
    up to the traceback that belongs to it.
    """

    def __init__(self) -> None:
        self._frames: int | None = None
        self._said: str | None = None
        self._said_at = 0.0

    def feed(self, line: str, at: float = 0.0) -> Raised | None:
        """The error, if this line is the one that names it. `at` in seconds."""
        if self._said is not None and at - self._said_at > NEXT_S:
            self._said = None
        if line.startswith(IN_JOB.rstrip()) and self._said is None:
            self._said, self._said_at, self._frames = line[len(IN_JOB) :], at, None
            return Raised(text=self._said, line=line, in_job=True)
        if line == TRACEBACK:
            self._frames = 0
            return None
        if self._frames is None:
            return None
        if not line or line[0].isspace():
            self._frames += line.startswith("  File ")
            return None
        whole, self._frames = self._frames > 0, None
        found = ERROR.fullmatch(line)
        if not whole or found is None:
            return None
        if self._said is not None:
            message = found[1] or ""
            if message.startswith(self._said) or (message and self._said.startswith(message)):
                self._said = None
            return None
        return Raised(text=line, line=line, in_job=False)
