"""The table of failures: what engines say when something is wrong, what it is called, and what to do."""

import re
from dataclasses import dataclass

from gesso.fleet.finding import Finding
from gesso.fleet.log_lines import Raised

LONGEST_EVIDENCE = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One row of the table. The patterns are matched from the beginning of what they are about."""

    name: str
    summary: str
    remedy: str
    error: str | None = None
    """The last line of a traceback: "OSError: [Errno 28] No space left on device"."""
    in_job: str | None = None
    """What ComfyUI says of an error in a job's node, after which it goes on."""
    line: str | None = None
    """Any line."""
    running: bool = False
    """An engine that goes on may have it, too."""
    fatal: bool = True
    """Its `line` is a reason for the end of the process."""

    def told_by_line(self, line: str) -> bool:
        return self.line is not None and re.match(self.line, line) is not None

    def told_by_error(self, raised: Raised) -> bool:
        pattern = self.in_job if raised.in_job else self.error
        return pattern is not None and re.match(pattern, raised.text) is not None

    def finding(self, evidence: str, at: float) -> Finding:
        return Finding(
            name=self.name,
            summary=self.summary,
            evidence=evidence.strip()[:LONGEST_EVIDENCE],
            remedy=self.remedy,
            at=at,
        )


# The errors after which every later call to the card in the same process fails, too.
STICKY = (
    "an illegal memory access was encountered|an illegal instruction was encountered"
    "|device-side assert triggered|unspecified launch failure|misaligned address|invalid program counter"
    "|hardware stack error"
    "|operation not supported on global/shared address space|the launch timed out and was terminated"
    "|uncorrectable ECC error encountered|unknown error"
)
RAISER = r"(?:[\w.]*\.)?(?:RuntimeError|AcceleratorError|DeferredCudaCallError|CudaError|Error)"
NO_MODEL = (
    r"Model in folder '.+' with filename '|\[Errno 2\] No such file or directory: '[^']*[/\\]models[/\\]"
)
TABLE = (
    Failure(
        name="cuda-poisoned",
        summary="the card's context in this process is broken: whatever it runs there fails",
        remedy="gesso restarts it. If it happens again with the same workflow, update the custom node that "
        "it uses; with any workflow, check the driver, the card's power and its memory.",
        error=rf"{RAISER}: (?:CUDA|HIP|CUDA driver) error: (?:{STICKY})",
        in_job=rf"(?:CUDA|HIP|CUDA driver) error: (?:{STICKY})",
        line=rf"  what\(\):  (?:CUDA|HIP|CUDA driver) error: (?:{STICKY})",
        running=True,
    ),
    Failure(
        name="cuda-out-of-memory",
        summary="the card's memory did not suffice",
        remedy="Make smaller pictures or batches, use a smaller or a quantised model, or see with "
        "`gesso gpus` who else holds memory on the card.",
        error=r"(?:[\w.]*\.)?OutOfMemoryError: |RuntimeError: CUDA out of memory"
        rf"|{RAISER}: (?:CUDA|HIP|CUDA driver) error: out of memory|{RAISER}: Allocation on device",
        in_job=r"Allocation on device|CUDA out of memory\.|(?:CUDA|HIP|CUDA driver) error: out of memory",
        line=r"Got an OOM, unloading all loaded models\.$",
        running=True,
        fatal=False,
    ),
    Failure(
        name="out-of-memory",
        summary="the machine's memory did not suffice",
        remedy="Give the machine more memory or swap, run fewer engines on it, or set `memory_limit` so that "
        "the engine is restarted between jobs before.",
        error=r"MemoryError(?:$|: )|RuntimeError: .*DefaultCPUAllocator: (?:can't|not enough)"
        r"|OSError: \[Errno 12\] |OSError: \[WinError 1455\] ",
        in_job=r".*DefaultCPUAllocator: (?:can't|not enough)|\[Errno 12\] |\[WinError 1455\] ",
        running=True,
    ),
    Failure(
        name="disk-full",
        summary="a disk is full",
        remedy="Make room on the disk of the engine's folder, or move its output and temp folders.",
        error=r"OSError: \[Errno 28\] |OSError: \[WinError 112\] "
        r"|(?:[\w.]*\.)?OperationalError: (?:\(sqlite3\.OperationalError\) )?database or disk is full",
        in_job=r"\[Errno 28\] |\[WinError 112\] |(?:\(sqlite3\.OperationalError\) )?database or disk is full",
        running=True,
    ),
    Failure(
        name="models-missing",
        summary="a model file, or the folder of the models, is not there",
        remedy="Check that the folder of the models is mounted and holds the file, and what "
        "extra_model_paths.yaml says; then `gesso engines restart`.",
        error=rf"FileNotFoundError: (?:{NO_MODEL})",
        in_job=NO_MODEL,
        running=True,
    ),
    Failure(
        name="asset-database-locked",
        summary="another instance uses the same database of assets",
        remedy="Give each engine that shares a folder a database of its own: "
        'arguments = ["--database-url", "sqlite:///PATH"], or end the other instance.',
        error=r"RuntimeError: Could not acquire lock on database ",
        line=r"(?:Failed to initialize database\..*)?(?:Could not acquire lock on database '"
        r"|(?<=: )\(sqlite3\.OperationalError\) database is locked)",
        running=True,
    ),
    Failure(
        name="port-in-use",
        summary="another program listens on its port",
        remedy="End that program, or leave `port` out: gesso then takes a free one at each start.",
        error=r"OSError: \[Errno (?:48|98|10048)\] |OSError: \[WinError 10048\] ",
        line=r"Port \d+ is already in use on address "
        r"|sketch cannot run: (?:OSError: )?\[Errno (?:48|98|10048)\] ",
    ),
    Failure(
        name="missing-module",
        summary="a Python module that it needs is not installed",
        remedy="Install it into the engine's own environment (`pip install -r requirements.txt` there), or "
        "set `python` to the one that has it.",
        error=r"(?:ModuleNotFoundError|ImportError): No module named ",
    ),
    Failure(
        name="missing-library",
        summary="a shared library that it needs is not there, or is another version",
        remedy="Install the system's package that holds the library, or reinstall the Python package that "
        "wants it.",
        error=r"(?:ImportError|OSError): (?:.*: cannot open shared object file|.*: undefined symbol: "
        r"|DLL load failed|.*version `[^']+' not found|\[WinError 126\] |\[WinError 127\] )",
        line=r"\S+: error while loading shared libraries: ",
    ),
    Failure(
        name="no-cuda",
        summary="it finds no card that it can use",
        remedy="Load the NVIDIA driver (`nvidia-smi` must list the card), install a torch that fits it, or "
        'let it run without: arguments = ["--cpu"].',
        error=r"RuntimeError: Found no NVIDIA driver on your system"
        r"|AssertionError: Torch not compiled with CUDA enabled"
        r"|RuntimeError: The NVIDIA driver on your system is too old"
        rf"|{RAISER}: (?:Unexpected error from cudaGetDeviceCount|No CUDA GPUs are available)"
        rf"|{RAISER}: CUDA (?:driver )?error: (?:no CUDA-capable device is detected|invalid device ordinal"
        r"|CUDA driver version is insufficient)",
    ),
    Failure(
        name="wrong-arguments",
        summary="it does not take its command line",
        remedy="Correct `arguments` of the engine: this version of it does not know them.",
        line=r"\S+: error: unrecognized arguments: ",
    ),
    Failure(
        name="not-executable",
        summary="the program cannot be run",
        remedy="Check `python` and `directory` of the engine: the program or main.py is not there, or may "
        "not be run.",
        line=r"\S+: can't open file '"
        r"|\S*sh: (?:\d+: |line \d+: )?.+: (?:command not found|not found|Permission denied)$",
    ),
)
BY_NAME = {failure.name: failure for failure in TABLE}
KILLED = Failure(
    name="killed",
    summary="somebody ended it, not gesso",
    remedy="See who did: another service manager, a script or a person; the system's log may tell.",
)
CRASHED = Failure(
    name="crashed",
    summary="it ended by itself",
    remedy="Read its log around the end: `gesso engines logs NAME`.",
)
