"""The last log lines in memory, for /internal/logs and the frontend's console."""

import logging
from collections import deque
from collections.abc import Callable
from datetime import datetime

CAPACITY = 300

Entry = dict[str, str]


class Recent(logging.Handler):
    """Keeps the last lines, and tells listeners of each new one, from whichever thread logs it."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(logging.Formatter("%(message)s"))
        self._entries: deque[Entry] = deque(maxlen=CAPACITY)
        self._listeners: list[Callable[[Entry], None]] = []

    def emit(self, record: logging.LogRecord) -> None:
        # Local time without a zone, as ComfyUI writes it.
        moment = datetime.fromtimestamp(record.created).isoformat()
        entry = {"t": moment, "m": self.format(record) + "\n"}
        self._entries.append(entry)
        for listener in tuple(self._listeners):
            listener(entry)

    def entries(self) -> list[Entry]:
        return list(self._entries)

    def listen(self, listener: Callable[[Entry], None]) -> None:
        self._listeners.append(listener)
