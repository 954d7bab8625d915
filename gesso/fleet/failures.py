"""Failures by name: what an exit code and the lines of a log mean, and what to do about it."""

import re
from collections.abc import Sequence

from gesso.fleet.failure_table import BY_NAME, CRASHED, KILLED, TABLE
from gesso.fleet.finding import Finding
from gesso.fleet.log_lines import Raised, Tracebacks
from gesso.processes.exits import SHELL_OFFSET, explain

# What it said last; an older line is no reason for its end.
LAST_LINES = 40
# So many lines may follow the error that ended it: what it says while it goes.
AFTERMATH = 12
CUSTOM_NODE = re.compile(r"Cannot import .+ module for custom nodes: ")

USAGE = 2
NOT_EXECUTABLE = 126
NOT_FOUND = 127
# Asked from outside to end: hang-up, interrupt, quit, terminate.
ASKED = frozenset({1, 2, 3, 15})
KILL = 9
WINDOWS_MEANING = {
    0xC0000017: BY_NAME["out-of-memory"],
    0xC0000135: BY_NAME["missing-library"],
    0xC0000139: BY_NAME["missing-library"],
    0xC0000142: BY_NAME["missing-library"],
    0x40010004: KILLED,
    0xC000013A: KILLED,
}


class Watchful:
    """Reads the cleaned lines of an engine that runs, and tells what they say is wrong."""

    def __init__(self) -> None:
        self._tracebacks = Tracebacks()

    def feed(self, line: str, at: float) -> Finding | None:
        raised = self._tracebacks.feed(line, at)
        for failure in TABLE:
            if failure.running and (
                failure.told_by_line(line) or (raised is not None and failure.told_by_error(raised))
            ):
                return failure.finding(line, at)
        return None


def recognise(
    code: int | None, lines: Sequence[str], at: float, *, ended: bool = False, kills: int | None = None
) -> Finding | None:
    """What went wrong, from its exit code and its cleaned lines since its start.

    `code` None: it runs, and only what is wrong with a running one is told; or, with `ended`, nobody can
    tell how it ended. `kills`: how many processes the kernel killed for lack of memory meanwhile; None: not
    known. One that ended is always given a name: at the worst, "crashed".
    """
    if code is None and not ended:
        watchful = Watchful()
        found = [finding for line in lines if (finding := watchful.feed(line, at)) is not None]
        return found[-1] if found else None
    return explain_end(code, lines, at, kills=kills)


def explain_end(code: int | None, lines: Sequence[str], at: float, *, kills: int | None = None) -> Finding:
    """Why a process ended; `code` None: nobody can tell how. See `recognise`."""
    error = _last_error(lines) if code is None or 0 < code < NOT_EXECUTABLE else None
    if error is not None:
        for failure in TABLE:
            if failure.told_by_error(error):
                return failure.finding(error.line, at)
    for line in reversed(lines[-LAST_LINES:]):
        for failure in TABLE:
            if failure.fatal and failure.told_by_line(line):
                return failure.finding(line, at)
    return CRASHED.finding(error.line, at) if error is not None else _by_code(code, lines, at, kills)


def by_name(name: str, evidence: str, at: float) -> Finding:
    """A finding of the table, known from elsewhere than a log."""
    return BY_NAME[name].finding(evidence, at)


def _last_error(lines: Sequence[str]) -> Raised | None:
    """The error that ended it: the last one, unless it was one of a job or of a custom node, or is old."""
    tracebacks = Tracebacks()
    found: Raised | None = None
    since = 0
    for line in lines:
        raised = tracebacks.feed(line)
        if raised is not None:
            found, since = (None if raised.in_job else raised), 0
        elif line:
            since += 1
            if CUSTOM_NODE.match(line) or since > AFTERMATH:
                found = None
    return found


def _by_code(code: int | None, lines: Sequence[str], at: float, kills: int | None) -> Finding:
    if code is None:
        return CRASHED.finding("nobody can tell how it ended", at)
    words = explain(code)
    signal = -code if code < 0 else code - SHELL_OFFSET
    unsigned = code & 0xFFFFFFFF
    if unsigned in WINDOWS_MEANING:
        return WINDOWS_MEANING[unsigned].finding(words, at)
    if signal == KILL:
        return _killed(words, kills, at)
    if signal in ASKED:
        return KILLED.finding(words, at)
    if code == USAGE and (refusal := _refusal(lines)) is not None:
        return BY_NAME["wrong-arguments"].finding(refusal, at)
    if code == NOT_EXECUTABLE:
        return BY_NAME["not-executable"].finding(words, at)
    if code == NOT_FOUND:
        return BY_NAME["missing-library"].finding(words, at)
    last = next((line for line in reversed(lines) if line.strip()), "")
    return CRASHED.finding(f"{words}; its last line: {last.strip()}" if last else words, at)


def _refusal(lines: Sequence[str]) -> str | None:
    """What Python's own reader of command lines says last: "main.py: error: …", after the usage."""
    last = next((line for line in reversed(lines) if line.strip()), "")
    usage = any(line.startswith("usage: ") for line in lines)
    return last if usage and ": error: " in last else None


def _killed(words: str, kills: int | None, at: float) -> Finding:
    """SIGKILL: the kernel's, when memory ran out, or anybody's. Only a counter of the kernel tells."""
    if kills == 0:
        # Without the usual reason, which it was not.
        ended = words.partition(": killed")[0]
        return KILLED.finding(f"{ended}; the kernel killed nothing for lack of memory meanwhile", at)
    told = (
        f"the kernel killed {kills} process(es) for lack of memory meanwhile"
        if kills
        else "probably by the kernel for lack of memory: nothing tells otherwise"
    )
    return BY_NAME["out-of-memory"].finding(f"{words}; {told}", at)
