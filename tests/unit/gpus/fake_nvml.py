"""A stand-in for the module `pynvml`: cards whose every answer a test may set, or make fail."""

from functools import partial
from types import SimpleNamespace

GIB = 2**30
UNINITIALIZED, NOT_SUPPORTED, NOT_FOUND, TIMEOUT, FUNCTION_NOT_FOUND, LOST, MISMATCH, UNKNOWN = (
    1,
    3,
    6,
    10,
    13,
    15,
    18,
    999,
)


class Failing(int):
    """An answer that is an error of this code."""


def holds(pid, memory):
    return SimpleNamespace(pid=pid, usedGpuMemory=memory)


def handle(number, **answers):
    """A card that answers everything; names without "nvmlDevice", as `GetPowerUsage=250_000`."""
    given = {
        "GetUUID": f"GPU-{number}",
        "GetName": "NVIDIA RTX A5000",
        "GetPciInfo_v3": SimpleNamespace(busId=f"00000000:{number + 1:02X}:00.0"),
        "GetMigMode": Failing(NOT_SUPPORTED),
        "GetNumGpuCores": 8192,
        "GetCudaComputeCapability": (8, 6),
        "GetMemoryInfo": lambda version=None: SimpleNamespace(
            total=24 * GIB, used=4 * GIB if version else 5 * GIB
        ),
        "GetUtilizationRates": SimpleNamespace(gpu=40, memory=20),
        "GetTemperature": lambda sensor: 61,
        "GetPowerUsage": 250_500,
        "GetEnforcedPowerLimit": 300_000,
        "GetPowerManagementLimit": 280_000,
        "GetClockInfo": lambda kind: {1: 1700, 2: 8000}[kind],
        "GetMaxClockInfo": lambda kind: {1: 2100, 2: 8001}[kind],
        "GetCurrentClocksEventReasons": 0x1,
        "GetCurrentClocksThrottleReasons": 0x4,
        "GetComputeRunningProcesses_v3": [holds(10, 3 * GIB)],
        "GetGraphicsRunningProcesses_v3": [],
        "GetMPSComputeRunningProcesses_v3": [],
        "RegisterEvents": lambda kinds, events: None,
    }
    return SimpleNamespace(number=number, answers=given | answers)


class FakeNvml:
    """`handles` may be changed between readings; None in it is a card that has no handle any more."""

    class NVMLError(Exception):
        def __init__(self, value):
            super().__init__(f"NVML error {value}")
            self.value = value

    def __init__(self, *handles):
        self.handles = list(handles)
        self.init = 0
        self.count = None
        self.events = []
        self.calls = []
        self.ready = False

    def __getattr__(self, name):
        if name.startswith("nvmlDevice"):
            return partial(self._of_device, name)
        if name.startswith("nvml"):
            return partial(self._of_system, name)
        raise AttributeError(name)

    def _of_system(self, name, *arguments):
        self.calls.append(name)
        if name == "nvmlInit":
            self._answer(Failing(self.init) if self.init else None)
            self.ready = True
            return None
        if not self.ready:
            raise self.NVMLError(UNINITIALIZED)
        match name:
            case "nvmlShutdown":
                self.ready = False
            case "nvmlSystemGetDriverVersion":
                return b"560.35.03"
            case "nvmlSystemGetCudaDriverVersion_v2":
                return 12060
            case "nvmlSystemGetProcessName":
                return f"/usr/bin/program-{arguments[0]}"
            case "nvmlEventSetCreate":
                return "events"
            case "nvmlEventSetWait_v2":
                assert arguments == ("events", 0), "it must not wait"
                return self.events.pop(0) if self.events else self._answer(Failing(TIMEOUT))
            case "nvmlEventSetFree":
                return None
            case _:
                raise AttributeError(name)
        return None

    def _of_device(self, name, *arguments):
        self.calls.append(name)
        if not self.ready:
            raise self.NVMLError(UNINITIALIZED)
        if name == "nvmlDeviceGetCount":
            return self._answer(len(self.handles) if self.count is None else self.count)
        if name == "nvmlDeviceGetHandleByIndex":
            found = self.handles[arguments[0]]
            return self._answer(Failing(UNKNOWN) if found is None else found)
        card, *rest = arguments
        name = name.removeprefix("nvmlDevice")
        if name not in card.answers:
            raise AttributeError(name)
        return self._answer(card.answers[name], *rest)

    def _answer(self, answer, *arguments):
        if isinstance(answer, Failing):
            raise self.NVMLError(int(answer))
        if isinstance(answer, Exception):
            raise answer
        return answer(*arguments) if callable(answer) else answer
