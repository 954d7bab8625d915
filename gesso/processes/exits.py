"""Exit codes and signals in words."""

SIGNALS = {
    1: ("SIGHUP", "its terminal was closed"),
    2: ("SIGINT", "interrupted from the keyboard"),
    3: ("SIGQUIT", "asked to quit with a core dump"),
    4: ("SIGILL", "an instruction this processor does not have: a library built for another one"),
    6: ("SIGABRT", "it gave up by itself, usually a failed assertion in a native library"),
    7: ("SIGBUS", "a memory error, often a full /dev/shm or a truncated model file"),
    8: ("SIGFPE", "an arithmetic error in native code"),
    9: ("SIGKILL", "killed at once: by the kernel, out of memory, or by somebody's kill -9"),
    11: ("SIGSEGV", "a memory fault in native code, often a driver or an extension"),
    13: ("SIGPIPE", "it wrote to a pipe nobody reads"),
    15: ("SIGTERM", "asked to end"),
    24: ("SIGXCPU", "its limit of processor time was used up"),
    25: ("SIGXFSZ", "its limit of file size was reached"),
    31: ("SIGSYS", "a system call was forbidden by a sandbox"),
}
CODES = {
    0: "ended by itself, without an error",
    1: "ended with an error; its log says which",
    2: "refused its command line",
    126: "found, but not executable",
    127: "program or shared library not found",
}
# NTSTATUS values that Windows gives as exit codes.
WINDOWS = {
    0x40010004: "ended because Windows shut down or the session was logged off",
    0xC0000005: "a memory fault (access violation), often a driver or an extension",
    0xC0000017: "Windows was out of memory",
    0xC000001D: "an instruction this processor does not have",
    0xC00000FD: "a stack overflow",
    0xC0000135: "a DLL was not found",
    0xC0000139: "a DLL has not what the program needs: another version of it",
    0xC000013A: "interrupted with Ctrl+C, or its console was closed",
    0xC0000142: "a DLL failed to start",
    0xC0000374: "its heap was damaged",
    0xC0000409: "it gave up by itself after damaging its stack",
}
LARGEST_SIGNAL = 64
SHELL_OFFSET = 128


def explain(code: int) -> str:
    """Words for an exit code, e.g. 137, -9, 127, 3221225477; negative codes are signals."""
    # Windows codes come as signed or as unsigned 32 bits.
    if code & 0xFFFFFFFF in WINDOWS:
        return f"exit code {code & 0xFFFFFFFF:#010x}: {WINDOWS[code & 0xFFFFFFFF]}"
    if -LARGEST_SIGNAL <= code < 0:
        return f"ended by {_signal(-code)}"
    if code in CODES:
        return f"exit code {code}: {CODES[code]}"
    if SHELL_OFFSET < code <= SHELL_OFFSET + LARGEST_SIGNAL:
        return f"exit code {code}: ended by {_signal(code - SHELL_OFFSET)}"
    return f"exit code {code}: an error of its own; its log says which"


def _signal(number: int) -> str:
    name, meaning = SIGNALS.get(number, (f"signal {number}", "a signal gesso does not know"))
    return f"{name} ({number}): {meaning}" if number in SIGNALS else f"{name}: {meaning}"
