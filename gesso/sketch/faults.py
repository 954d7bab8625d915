"""What can be made to go wrong in sketch, by name, so that supervision can be tried on it: `hang:3`."""

import difflib
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from gesso.errors import RequestError


class UnknownFault(RequestError):
    """There is no such fault, or it does not take these arguments."""

    code = "unknown_fault"
    remedy = "`python -m gesso.sketch --help` lists the faults with their arguments."


class When(StrEnum):
    START = "start"
    """While it starts: only by `--fault`."""
    JOB = "job"
    ANSWER = "answer"
    """Whatever is asked of it."""
    ALWAYS = "always"


@dataclass(frozen=True, slots=True, kw_only=True)
class Argument:
    name: str
    parse: Callable[[str], object]
    """Raises ValueError."""
    needed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A fault that there is."""

    when: When
    help: str
    arguments: tuple[Argument, ...] = ()

    def usage(self, name: str) -> str:
        """`exit:CODE[:S]`"""
        words = (f":{each.name}" if each.needed else f"[:{each.name}]" for each in self.arguments)
        return name + "".join(words)


def _whole(text: str) -> int:
    if not text.isdecimal():
        raise ValueError("is not a whole number")
    return int(text)


def _code(text: str) -> int:
    if (code := _whole(text)) > 255:
        raise ValueError("is no exit code: 0 to 255")
    return code


def _seconds(text: str) -> float:
    if not 0 <= (seconds := float(text)) < 1e6:
        raise ValueError("is no number of seconds")
    return seconds


def _one_of(*words: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in words:
            raise ValueError(f"is none of {', '.join(words)}")
        return text

    return parse


_STEP = Argument(name="STEP", parse=_whole)
_S = Argument(name="S", parse=_seconds)
_S_NEEDED = Argument(name="S", parse=_seconds, needed=True)

KINDS: Mapping[str, Kind] = {
    "slow-start": Kind(
        when=When.START, arguments=(_S_NEEDED,), help="its log tells one phase after the other over S seconds"
    ),
    "stuck-start": Kind(when=When.START, help="logs the first phases, then nothing, and never listens"),
    "crash-at-start": Kind(
        when=When.START,
        arguments=(Argument(name="CODE", parse=_code),),
        help="ends with a traceback and CODE (1) before it listens",
    ),
    "missing-module": Kind(
        when=When.START,
        arguments=(Argument(name="NAME", parse=str),),
        help="ends with the traceback of a module that is not installed (torch)",
    ),
    "missing-library": Kind(when=When.START, help="ends with the traceback of a shared library not found"),
    "database-locked": Kind(when=When.START, help="ends because another ComfyUI holds its database"),
    "port-stolen": Kind(when=When.START, help="finds its port taken when it is about to listen"),
    "exit": Kind(
        when=When.ALWAYS,
        arguments=(Argument(name="CODE", parse=_code, needed=True), _S),
        help="ends with CODE, S seconds (0.1) after it listens or after this was asked",
    ),
    "crash-in-job": Kind(
        when=When.JOB, arguments=(_STEP,), help="ends with code 1 in the middle of a job, at STEP"
    ),
    "crash-after": Kind(
        when=When.JOB,
        arguments=(Argument(name="N", parse=_whole, needed=True),),
        help="ends with code 1 half a second after its Nth job",
    ),
    "killed": Kind(when=When.JOB, arguments=(_STEP,), help="is killed (SIGKILL) in the middle of a job"),
    "oom": Kind(
        when=When.JOB,
        arguments=(Argument(name="N", parse=_whole),),
        help="jobs, or only the next N, fail for want of memory on the card",
    ),
    "cuda-poison": Kind(
        when=When.JOB,
        arguments=(Argument(name="THEN", parse=_one_of("fail", "hang")),),
        help="a job fails of an illegal memory access, and all after it likewise, or hang",
    ),
    "device-side-assert": Kind(
        when=When.JOB,
        arguments=(Argument(name="THEN", parse=_one_of("fail", "hang")),),
        help="the same with an assertion on the card",
    ),
    "disk-full": Kind(when=When.JOB, help="jobs fail because no space is left on the disk"),
    "hang": Kind(
        when=When.JOB, arguments=(_STEP,), help="a job makes no progress from STEP on; all else answers"
    ),
    "frozen": Kind(
        when=When.JOB,
        arguments=(_STEP,),
        help="the same, and its sockets stay open but say nothing; HTTP answers 200",
    ),
    "deaf": Kind(
        when=When.JOB,
        arguments=(_S,),
        help="from its next job on nothing answers at all, for S seconds or for ever",
    ),
    "ws-drop": Kind(
        when=When.JOB, arguments=(_STEP,), help="its sockets are closed in the middle of each job"
    ),
    "leak": Kind(
        when=When.JOB,
        arguments=(Argument(name="MB", parse=_whole, needed=True),),
        help="each job takes MB megabytes of memory that are never given back",
    ),
    "wrong-history": Kind(
        when=When.JOB,
        arguments=(Argument(name="WHAT", parse=_one_of("empty", "other")),),
        help="the history of a job is empty, or another prompt's",
    ),
    "no-pictures": Kind(
        when=When.JOB,
        arguments=(Argument(name="WHAT", parse=_one_of("none", "black")),),
        help="jobs succeed without a picture, or with a black one",
    ),
    "models-missing": Kind(when=When.ANSWER, help="there are no models: its loaders offer nothing"),
    "locked": Kind(when=When.ANSWER, help="401 to all"),
    "forbidden": Kind(when=When.ANSWER, help="403 to all"),
    "login": Kind(when=When.ANSWER, help="302 to /login for all"),
    "html": Kind(when=When.ANSWER, help="a proxy's page with status 200 for all"),
    "truncated": Kind(when=When.ANSWER, help="its JSON breaks off in the middle"),
    "drop": Kind(when=When.ANSWER, help="connections are closed in the middle of the answer"),
    "slow-answers": Kind(when=When.ANSWER, arguments=(_S_NEEDED,), help="each answer takes S seconds longer"),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault as it was asked for; its arguments are known to be right. `str` gives back `exit:137:2`."""

    name: str
    arguments: tuple[str, ...] = ()

    def __str__(self) -> str:
        return ":".join((self.name, *self.arguments))

    @property
    def kind(self) -> Kind:
        return KINDS[self.name]

    def word(self, index: int, default: str) -> str:
        return self.arguments[index] if index < len(self.arguments) else default

    def whole(self, index: int, default: int) -> int:
        return int(self.word(index, str(default)))

    def seconds(self, index: int, default: float) -> float:
        return float(self.word(index, str(default)))


def known(name: str) -> Kind:
    """Raises UnknownFault, which names the nearest."""
    kind = KINDS.get(name)
    if kind is None:
        near = difflib.get_close_matches(name, KINDS, n=1, cutoff=0.0)[0]
        raise UnknownFault(f"There is no fault {name!r}; did you mean {near!r}?")
    return kind


def parse(text: str) -> Fault:
    """`NAME[:args]`; raises UnknownFault, which says what would be right."""
    name, *arguments = text.split(":")
    kind = known(name)
    usage = kind.usage(name)
    needed = sum(each.needed for each in kind.arguments)
    if not needed <= len(arguments) <= len(kind.arguments):
        raise UnknownFault(f"{text!r} has the wrong number of arguments: it is {usage}.")
    for given, argument in zip(arguments, kind.arguments, strict=False):
        try:
            argument.parse(given)
        except ValueError as error:
            raise UnknownFault(f"{argument.name} of {usage}: {given!r} {error}.") from error
    return Fault(name, tuple(arguments))


class Faults:
    """The faults that are on, each name once; safe to ask from any thread."""

    def __init__(self, *faults: Fault) -> None:
        self._lock = threading.Lock()
        self._on = {fault.name: fault for fault in faults}

    def get(self, name: str) -> Fault | None:
        with self._lock:
            return self._on.get(name)

    def on(self) -> list[Fault]:
        with self._lock:
            return list(self._on.values())

    def add(self, fault: Fault) -> None:
        with self._lock:
            self._on[fault.name] = fault

    def remove(self, name: str | None = None) -> None:
        """This one, or all."""
        with self._lock:
            for each in (name,) if name is not None else tuple(self._on):
                self._on.pop(each, None)


def table() -> str:
    """All there are, with arguments and meaning, for people."""
    usages = {name: kind.usage(name) for name, kind in KINDS.items()}
    width = max(map(len, usages.values()))
    return "\n".join(f"  {usages[name]:<{width}}  {kind.help}" for name, kind in KINDS.items())
