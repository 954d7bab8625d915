"""Reads a stream of server-sent events beside the test that waits for what it tells."""

import json
import threading
from typing import Any

import httpx

from tests.running import wait_for

DEADLINE_S = 60.0


class Stream:
    """All events so far, as (kind, data); `ended` when the server has ended it properly."""

    def __init__(self, url: str, key: str) -> None:
        self.events: list[tuple[str, Any]] = []
        self.status: int | None = None
        self.ended = False
        self.broken: Exception | None = None
        self._thread = threading.Thread(target=self._read, args=(url, key), daemon=True)
        self._thread.start()
        wait_for(lambda: self.status is not None or self.broken is not None, DEADLINE_S)

    def _read(self, url: str, key: str) -> None:
        try:
            headers = {"Authorization": f"Bearer {key}"}
            with httpx.stream("GET", url, headers=headers, timeout=DEADLINE_S) as response:
                self.status = response.status_code
                kind = ""
                for line in response.iter_lines():
                    name, _, value = line.partition(": ")
                    if name == "event":
                        kind = value
                    elif name == "data":
                        self.events.append((kind, json.loads(value)))
            self.ended = True
        except httpx.HTTPError as error:
            self.broken = error

    def of(self, kind: str, job_id: str) -> list[dict[str, Any]]:
        """What was told of this job, in order."""
        return [data for each, data in list(self.events) if each == kind and data.get("id") == job_id]

    def states(self, job_id: str) -> list[str]:
        return [data["state"] for data in self.of("job", job_id)]

    def wait_end(self) -> None:
        self._thread.join(DEADLINE_S)
        assert self.ended, self.broken
