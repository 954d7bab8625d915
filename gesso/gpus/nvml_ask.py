"""One question to NVML at a time: an answer, or None and why."""

import ctypes
from typing import Any

# NVML's codes that are more than a reading that fails: nvmlReturn_t.
UNINITIALIZED, NOT_SUPPORTED, NO_PERMISSION, NOT_FOUND, DRIVER_NOT_LOADED, TIMEOUT = 1, 3, 4, 6, 9, 10
LIBRARY_NOT_FOUND, FUNCTION_NOT_FOUND, GPU_IS_LOST, MISMATCH, OTHER_VERSION = 12, 13, 15, 18, 25
UNKNOWN = 999
# After these, nothing that was opened before is worth asking.
SESSION_OVER = frozenset({UNINITIALIZED, DRIVER_NOT_LOADED, MISMATCH})
# The driver is older than the question.
NOT_KNOWN = frozenset({NOT_SUPPORTED, FUNCTION_NOT_FOUND, OTHER_VERSION})

WORDS = {
    UNINITIALIZED: "the connection to the driver is over",
    2: "invalid argument",
    NOT_SUPPORTED: "not supported",
    NO_PERMISSION: "no permission",
    NOT_FOUND: "not found",
    DRIVER_NOT_LOADED: "no NVIDIA driver is loaded",
    TIMEOUT: "no answer in time",
    11: "the card's interrupts do not arrive",
    LIBRARY_NOT_FOUND: "no NVIDIA driver is installed (there is no NVML library)",
    FUNCTION_NOT_FOUND: "not known to this driver",
    GPU_IS_LOST: "GPU is lost",
    16: "the card needs a reset",
    17: "the operating system blocks it",
    MISMATCH: "the NVIDIA driver and its library have different versions: the driver was updated, and the "
    "old one is still loaded; restart the machine",
    OTHER_VERSION: "not known to this driver",
    27: "not ready yet",
    UNKNOWN: "unknown error",
}


class SessionOver(Exception):
    """What was opened before is worth nothing any more."""

    def __init__(self, code: int) -> None:
        super().__init__(words(code))


class Failed(Exception):
    """One question was not answered."""

    def __init__(self, code: int | None, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


def words(code: int | None) -> str:
    return WORDS.get(code or 0, f"error {code}")


def call(nvml: Any, function: str, *arguments: Any) -> Any:
    """What NVML answers. Raises Failed, and SessionOver where nothing else will be answered either."""
    try:
        return text_of(getattr(nvml, function)(*arguments))
    except nvml.NVMLError as error:
        code = getattr(error, "value", None)
        if code in SESSION_OVER:
            raise SessionOver(code) from error
        raise Failed(code, words(code)) from error
    except AttributeError as error:
        raise Failed(FUNCTION_NOT_FOUND, words(FUNCTION_NOT_FOUND)) from error
    except (UnicodeError, OSError, ctypes.ArgumentError) as error:
        raise Failed(None, f"unusable answer ({error})") from error


def text_of(answer: Any) -> Any:
    """Older versions of the library answer in bytes."""
    return answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer


class Questions:
    """To one card or MIG instance. Collects what failed, in words, and whether the card is lost."""

    def __init__(self, nvml: Any, handle: Any) -> None:
        self._nvml = nvml
        self._handle = handle
        self.problems: list[str] = []
        self.lost = False

    def ask(self, what: str, function: str, *arguments: Any, optional: bool = False) -> Any:
        """The answer, or None; the failure is noted as `what`, unless it is optional."""
        try:
            return call(self._nvml, function, self._handle, *arguments)
        except Failed as failed:
            self.note(what, failed, optional=optional)
            return None

    def ask_first(self, what: str, *questions: tuple[Any, ...], optional: bool = False) -> Any:
        """The answer to the first of these questions that this driver knows."""
        for question in questions[:-1]:
            try:
                return call(self._nvml, question[0], self._handle, *question[1:])
            except Failed as failed:
                if failed.code not in NOT_KNOWN:
                    self.note(what, failed, optional=optional)
                    return None
        return self.ask(what, *questions[-1], optional=optional)

    def note(self, what: str, failed: Failed, *, optional: bool = False) -> None:
        if failed.code == GPU_IS_LOST:
            self.lost = True
        if not optional or failed.code not in NOT_KNOWN:
            self.problems.append(f"{what}: {failed.reason}")
