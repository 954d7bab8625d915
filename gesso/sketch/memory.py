"""What stands in for a GPU's memory: sketch's own model, and room for one pretended one."""

import threading

from gesso.sketch.model import Networks


class Memory:
    """Holds one pretended model, until another is loaded or it is told to let go."""

    def __init__(self, load_s: float = 0.0, networks: Networks | None = None) -> None:
        self.load_s = load_s
        """How long a pretended load takes."""
        self.networks = networks or Networks()
        self._lock = threading.Lock()
        self._loaded: str | None = None
        self._loads = 0

    def holds(self, model: str) -> bool:
        with self._lock:
            return self._loaded == model

    def note(self, model: str) -> int:
        """`model` has been loaded in place of what was there; returns how many loads that makes."""
        with self._lock:
            self._loaded = model
            self._loads += 1
            return self._loads

    def clear(self) -> None:
        """Hold nothing, as after POST /free."""
        self.networks.unload()
        with self._lock:
            self._loaded = None

    def state(self) -> dict[str, object]:
        """The answer of GET /sketch/loads."""
        with self._lock:
            return {"loaded": self._loaded, "loads": self._loads, "load_seconds": self.load_s}
