"""NVIDIA's Xid errors in words: whose they are, and what to do about them."""

from dataclasses import dataclass

_PROGRAM = (
    "Restart the engine. If it happens again with the same workflow, update the custom node that it uses; "
    "with any workflow, update the driver and torch."
)
_RESET = "Stop what runs on the card and restart the machine; if the error comes back, replace the card."
_WATCH = "Restart the engines on the card when they are idle; if such errors become many, replace the card."
_BUS = "Restart the machine. If it happens again, check the card's power cables, seat and temperature."
_DRIVER = "Restart the machine; if the error comes back, install another version of the driver."


@dataclass(frozen=True, slots=True, kw_only=True)
class Xid:
    """What a number means. A lasting error is the card's, and outlives the process that met it."""

    words: str
    remedy: str
    lasting: bool


def _of(words: str, remedy: str, *, lasting: bool = False) -> Xid:
    return Xid(words=words, remedy=remedy, lasting=lasting)


XIDS = {
    13: _of("a program did what the card cannot do (graphics engine exception)", _PROGRAM),
    31: _of("a program reached for memory that is not its own (page fault)", _PROGRAM),
    32: _of("the card got broken commands (push buffer)", _PROGRAM),
    43: _of("a program's work was stopped after a fault of its own", _PROGRAM),
    45: _of("a program's work was cleared away, as after another error or a kill", _PROGRAM),
    48: _of("its memory had an error that could not be corrected (double-bit ECC)", _RESET, lasting=True),
    61: _of("its inner controller stopped (breakpoint)", _RESET, lasting=True),
    62: _of("its inner controller halted", _RESET, lasting=True),
    63: _of("a bad part of its memory is taken out of use (page retirement or row remapping)", _WATCH),
    64: _of("a bad part of its memory could not be taken out of use", _RESET, lasting=True),
    69: _of("a program did what the card cannot do (graphics engine class error)", _PROGRAM),
    74: _of("a link to another card fails (NVLink)", _BUS, lasting=True),
    79: _of("the machine does not reach it any more (it has fallen off the bus)", _BUS, lasting=True),
    92: _of("its memory needs many corrections (single-bit ECC)", _WATCH),
    94: _of("its memory had an error that hit one program only (contained ECC)", _WATCH),
    95: _of("its memory had an error that hits all programs on it (uncontained ECC)", _RESET, lasting=True),
    109: _of("it did not change between programs in time", _PROGRAM),
    119: _of("its own processor does not answer the driver (GSP timeout)", _DRIVER, lasting=True),
    120: _of("its own processor failed (GSP error)", _DRIVER, lasting=True),
    154: _of("the driver says that it must be reset", _RESET, lasting=True),
}


def explain(xid: int) -> Xid:
    """The error of that number; one that is not in the table is taken to be a program's."""
    look_up = f"Look the number up in NVIDIA's list of Xid errors. {_PROGRAM}"
    return XIDS.get(xid, _of("an error that gesso has no words for", look_up))
