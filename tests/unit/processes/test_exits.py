"""Every exit code an operator meets has words that name the cause."""

import pytest

from gesso.processes.exits import explain

CASES = {
    0: "without an error",
    1: "its log says which",
    2: "refused its command line",
    3: "exit code 3: an error of its own",
    126: "not executable",
    127: "shared library not found",
    128: "exit code 128: an error of its own",
    130: "SIGINT (2)",
    134: "SIGABRT (6)",
    137: "out of memory",
    139: "memory fault",
    143: "SIGTERM (15): asked to end",
    -9: "SIGKILL (9): killed at once: by the kernel, out of memory, or by somebody",
    -11: "SIGSEGV (11)",
    -15: "SIGTERM (15)",
    -40: "signal 40: a signal gesso does not know",
    255: "exit code 255: an error of its own",
    0xC0000005: "exit code 0xc0000005: a memory fault",
    0xC0000005 - 2**32: "exit code 0xc0000005: a memory fault",
    0xC000013A: "Ctrl+C",
    0xC0000135: "a DLL was not found",
    0x40010004: "Windows shut down",
    -12345: "exit code -12345: an error of its own",
}


@pytest.mark.parametrize(("code", "words"), CASES.items())
def test_exit_code_is_explained_in_words(code: int, words: str) -> None:
    assert words in explain(code)


def test_signal_told_by_a_shell_means_the_same_as_the_signal() -> None:
    assert explain(137).endswith(explain(-9).removeprefix("ended by "))
