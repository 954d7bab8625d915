"""The states an engine can be in."""

from enum import StrEnum


class State(StrEnum):
    """What is known of an engine; the reason beside it says from what."""

    STOPPED = "stopped"
    """Nobody wants it to run, and it does not."""
    STARTING = "starting"
    """Its process runs, but has not answered yet."""
    ALIVE = "alive"
    """It answers, but not us, or its node classes are not loaded yet."""
    READY = "ready"
    """It answers us, we know what it can do, and it has nothing to do."""
    BUSY = "busy"
    """As ready, and it executes prompts; answers may be slow."""
    WEDGED = "wedged"
    """A job's progress has stopped for longer than its limit."""
    FAILING = "failing"
    """It exits, nothing listens, or what answers is no engine; the reason says what is done."""
    STOPPED_AFTER_FAILURES = "stopped-after-failures"
    """It exited more often than its budget allows. It stays stopped until somebody starts it."""
    UNKNOWN = "unknown"
    """It neither answers nor refuses, or the system does not tell. Nothing is done to it."""


USABLE = frozenset({State.READY, State.BUSY})
