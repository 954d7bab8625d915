"""The one table of exit codes: what `gesso` ends with, and which errors lead there."""

from dataclasses import dataclass
from enum import IntEnum

from gesso.errors import (
    ConfigError,
    Conflict,
    EngineError,
    Forbidden,
    GatewayError,
    GessoError,
    JobError,
    NotFinished,
    NotFound,
    OverLimit,
    ProcessError,
    RequestError,
    StorageError,
    Unauthorized,
)


class Exit(IntEnum):
    """What a command ends with; a script may rely on the numbers."""

    OK = 0
    FAILED = 1
    USAGE = 2
    UNREACHABLE = 3
    UNAUTHORIZED = 4
    INVALID = 5
    NOT_FOUND = 6
    OVER_LIMIT = 7
    NOT_FINISHED = 8
    LOCAL = 9
    INTERNAL = 70
    HUNG_UP = 129
    INTERRUPTED = 130
    TERMINATED = 143


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table; `errors` are the exceptions that lead there, with all that derive from them."""

    exit: Exit
    when: str
    errors: tuple[type[GessoError], ...] = ()


TABLE: tuple[Row, ...] = (
    Row(exit=Exit.OK, when="It was done."),
    Row(
        exit=Exit.FAILED,
        when="The job failed, was cancelled, or was lost; a test message was not delivered.",
        errors=(JobError,),
    ),
    Row(exit=Exit.USAGE, when="The command line is wrong: unknown verb or option, or a value missing."),
    Row(
        exit=Exit.UNREACHABLE,
        when="Nothing answers at the address, what answers is no gesso or ComfyUI, or no engine is ready.",
        errors=(EngineError, GatewayError),
    ),
    Row(
        exit=Exit.UNAUTHORIZED,
        when="No valid key was given, or the key may not do that.",
        errors=(Unauthorized, Forbidden),
    ),
    Row(
        exit=Exit.INVALID,
        when="The workflow, the configuration or a value is not usable, or too large.",
        errors=(RequestError, ConfigError),
    ),
    Row(
        exit=Exit.NOT_FOUND,
        when="There is no such job, key, account or engine, or it is not in a state for that.",
        errors=(NotFound, Conflict),
    ),
    Row(exit=Exit.OVER_LIMIT, when="A limit is reached; try again later.", errors=(OverLimit,)),
    Row(
        exit=Exit.NOT_FINISHED,
        when="The time given to wait is over; the job goes on.",
        errors=(NotFinished,),
    ),
    Row(
        exit=Exit.LOCAL,
        when="This machine is in the way: a file cannot be written, the disk is full, a program not started.",
        errors=(StorageError, ProcessError),
    ),
    Row(exit=Exit.INTERNAL, when="A defect in gesso; GESSO_TRACEBACK=1 shows where.", errors=(GessoError,)),
    Row(exit=Exit.HUNG_UP, when="SIGHUP: its terminal was closed; a job that was waited for is cancelled."),
    Row(exit=Exit.INTERRUPTED, when="Ctrl-C; a job that was waited for is cancelled."),
    Row(exit=Exit.TERMINATED, when="SIGTERM; a job that was waited for is cancelled."),
)

_OF = {error: row.exit for row in TABLE for error in row.errors}


def exit_for(error: GessoError) -> Exit:
    """The exit code of the nearest ancestor that the table names."""
    return next(_OF[kind] for kind in type(error).__mro__ if kind in _OF)
