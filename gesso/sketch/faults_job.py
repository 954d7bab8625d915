"""The faults that happen in a job, in the thread that executes it."""

import errno
import logging
import os
import signal
import threading
import time
import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any

from PIL import Image

from gesso.sketch.executor import Result
from gesso.sketch.faults import Fault, Faults
from gesso.sketch.folders import Folders
from gesso.sketch.socket import Hub

logger = logging.getLogger(__name__)

_LOOK_S = 0.05
_LAST_WORDS_S = 0.5
_PAGE = 4096

_OOM = "Allocation on device \nThis error means you ran out of memory on your GPU."
_ILLEGAL = "an illegal memory access was encountered"
_ASSERT = "device-side assert triggered"
_CUDA = """CUDA error: {what}
CUDA kernel errors might be asynchronously reported at some other API call, so the stacktrace below might be incorrect.
For debugging consider passing CUDA_LAUNCH_BLOCKING=1
Compile with `TORCH_USE_CUDA_DSA` to enable device-side assertions.
"""  # noqa: E501 -- as torch words it


def _torch_error(name: str) -> type[RuntimeError]:
    # The error is told by its full name, which is "torch.OutOfMemoryError".
    return type(name, (RuntimeError,), {"__module__": "torch"})


OutOfMemoryError = _torch_error("OutOfMemoryError")
AcceleratorError = _torch_error("AcceleratorError")


class JobFaults:
    """Looks, at each message of a job, whether something is to go wrong now."""

    def __init__(self, faults: Faults, folders: Folders | None = None) -> None:
        self._faults = faults
        self._folders = folders
        self._hub: Hub | None = None
        self._once: set[str] = set()
        self._poisoned: set[str] = set()
        self._ended = 0
        self._failed_of_memory = 0
        self._previous: dict[str, Any] | None = None
        self._leaked: list[bytearray] = []

    def bind(self, hub: Hub | None) -> None:
        self._hub = hub

    def begin(self) -> None:
        """A job begins."""
        self._once.clear()
        self._poisoned = {name for name in self._poisoned if self._faults.get(name)}

    def told(self, type: str, data: dict[str, Any]) -> None:
        """The job has told this. May raise what a node would, may not return."""
        if self._due("ws-drop", type, data) and self._hub is not None:
            self._hub.drop()
        if fault := self._due("deaf", type, data):
            self._deafen(fault)
        if self._due("crash-in-job", type, data):
            logger.error("told to crash in a job")
            os._exit(1)
        if self._due("killed", type, data):
            os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))
        if self._due("hang", type, data):
            self._wait_while("hang")
        if self._due("frozen", type, data):
            self._freeze()
        self._fail(type, data)

    def ended(self, result: Result) -> Result:
        """What is told of a job that has ended in place of the truth."""
        if "oom" in self._once and not result.completed:
            logger.error("Got an OOM, unloading all loaded models.")
        if (fault := self._faults.get("no-pictures")) and fault.word(0, "none") == "black":
            self._blacken(result)
        elif fault:
            result = replace(result, outputs={}, meta={})
        if fault := self._faults.get("leak"):
            block = bytearray(fault.whole(0, 0) * 1024 * 1024)
            # Memory counts only once it was written to.
            block[::_PAGE] = b"\1" * len(range(0, len(block), _PAGE))
            self._leaked.append(block)
        return result

    def recorded(self, item: dict[str, Any]) -> dict[str, Any] | None:
        """What the history keeps of it; None: nothing."""
        previous, self._previous = self._previous, item
        fault = self._faults.get("wrong-history")
        if fault is None:
            return item
        if fault.word(0, "empty") == "empty":
            return None
        number, _, *rest = item["prompt"]
        return previous or {**item, "prompt": [number, str(uuid.uuid4()), *rest], "outputs": {}}

    def after(self) -> None:
        """A job has ended, and its end was told."""
        self._ended += 1
        fault = self._faults.get("crash-after")
        if fault is not None and self._ended >= fault.whole(0, 1):
            time.sleep(_LAST_WORDS_S)
            logger.error("told to crash after %d jobs", self._ended)
            os._exit(1)

    def _due(self, name: str, type: str, data: dict[str, Any]) -> Fault | None:
        """The fault, once in a job: at its step where it names one, else when the first node begins."""
        fault = self._faults.get(name)
        if fault is None or name in self._once:
            return None
        step = fault.whole(0, 0) if any(each.name == "STEP" for each in fault.kind.arguments) else 0
        reached = type == "progress" and data["value"] >= step if step else type == "progress_state"
        if not reached:
            return None
        self._once.add(name)
        return fault

    def _fail(self, type: str, data: dict[str, Any]) -> None:
        fault = self._due("oom", type, data)
        if fault is not None and self._failed_of_memory < fault.whole(0, 2**31):
            self._failed_of_memory += 1
            raise OutOfMemoryError(_OOM)
        for name, what in (("cuda-poison", _ILLEGAL), ("device-side-assert", _ASSERT)):
            if fault := self._due(name, type, data):
                if name in self._poisoned and fault.word(0, "fail") == "hang":
                    self._wait_while(name)
                    continue
                self._poisoned.add(name)
                raise AcceleratorError(_CUDA.format(what=what))
        if self._due("disk-full", type, data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "output/ComfyUI_00001_.png")

    def _wait_while(self, name: str) -> None:
        """As long as the fault is on: nothing looks whether the job was interrupted."""
        while self._faults.get(name) is not None:
            time.sleep(_LOOK_S)

    def _freeze(self) -> None:
        if self._hub is not None:
            self._hub.mute(True)
        self._wait_while("frozen")
        if self._hub is not None:
            self._hub.mute(False)

    def _deafen(self, fault: Fault) -> None:
        """The loop of the server waits as this thread does: as when native code holds the interpreter."""
        heard = threading.Event()
        if self._hub is not None:
            self._hub.call(heard.wait)
        self._faults.remove(fault.name)
        if fault.arguments:
            time.sleep(fault.seconds(0, 0.0))
            heard.set()
        heard.wait()

    def _blacken(self, result: Result) -> None:
        if self._folders is None:
            return
        for shown in result.outputs.values():
            for image in shown.get("images", ()):
                _blacken(self._folders.resolve(image["type"], image["subfolder"], image["filename"]))


def _blacken(path: Path) -> None:
    with Image.open(path) as picture:
        size = picture.size
    Image.new("RGB", size).save(path)
