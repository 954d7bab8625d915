"""Waiting for one job: listens to the WebSocket where there is one, else asks the history."""

# Generated from ../_async by `python -m gesso.client.generate`: change it there.

import json
import time
from collections.abc import Callable, Mapping
from typing import Any

from gesso.client import verdict
from gesso.client._sync.connection import Connection
from gesso.client._sync.lookup import locate, record, was_cancelled
from gesso.client.flavour import SyncSocket, SocketLost, sync_sleep
from gesso.client.place import Place
from gesso.client.position import position_of
from gesso.client.progress import Progress, Tracker
from gesso.errors import EngineUnreachable, GatewayError, GessoError, NotFinished, OverLimit

_HELLO = json.dumps({"type": "feature_flags", "data": {"supports_preview_metadata": True}})
_SOCKET_TIMEOUT_S = 10.0
# A socket may stay open and silent though the job goes on: an older one with our id, closing late, may have
# taken it off the server's list. So the longer nothing is heard, the less that is trusted.
_LOOK_ANYWAY_S = (1.0, 10.0)
_SHORTEST_SOCKET_S, _LONGEST_SOCKET_PAUSE_S = 0.5, 15.0
_SHORTEST_S, _LONGEST_S = 0.05, 2.0
# Before the first question after the place of a job that waits for its turn, and between two.
_POSITION_AFTER_S, _POSITION_EVERY_S = 0.3, 2.0


class Waiting:
    """One wait. `finished()` is called once."""

    def __init__(
        self,
        connection: Connection,
        job_id: str,
        *,
        prompt: Mapping[str, Any] | None,
        on_progress: Callable[[Progress], None] | None,
        timeout_s: float | None,
        patience_s: float,
    ) -> None:
        self._connection = connection
        self._job_id = job_id
        self._on_progress = on_progress
        self._tracker = Tracker(job_id, prompt)
        self._deadline = None if timeout_s is None else time.monotonic() + timeout_s
        self._patience_s = patience_s
        self._heard = time.monotonic()
        self._socket: SyncSocket | None = None
        self._retry_socket = 0.0
        self._socket_pause_s = 1.0
        self._look_anyway_s = _LOOK_ANYWAY_S[0]
        self._pause_s = _SHORTEST_S
        self._queued = False
        # When its place is asked for next; never, where nobody looks, or the server does not tell.
        asks_after_s = float("inf") if on_progress is None else _POSITION_AFTER_S
        self._ask_position_at = time.monotonic() + asks_after_s

    def finished(self, *, cancelled: Callable[[], bool]) -> dict[str, Any]:
        """The job's history item, once there is one."""
        try:
            while True:
                # The socket comes first: what happens between two questions is then not missed.
                self._connect()
                item = self._ask(cancelled)
                if item is not None:
                    self._tell(Progress(fraction=1.0))
                    return item
                if self._remaining_s() <= 0:
                    raise NotFinished(f"Job {self._job_id} is not finished yet; it goes on.")
                self._listen()
        finally:
            if self._socket is not None:
                self._socket.close()

    def _connect(self) -> None:
        if self._socket is not None or self._tracker.ended or time.monotonic() < self._retry_socket:
            return
        if self._remaining_s() < _SHORTEST_SOCKET_S:
            return
        try:
            limit_s = min(_SOCKET_TIMEOUT_S, self._remaining_s())
            self._socket = self._connection.socket(self._job_id, limit_s)
            self._socket.send(_HELLO)
        except SocketLost:
            self._drop_socket()

    def _drop_socket(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        self._retry_socket = time.monotonic() + self._socket_pause_s
        self._socket_pause_s = min(_LONGEST_SOCKET_PAUSE_S, self._socket_pause_s * 2)

    def _ask(self, cancelled: Callable[[], bool]) -> dict[str, Any] | None:
        """The history item; None while there is none, or while the server is away for a while."""
        hurried = self._connection.within(max(_SHORTEST_S, self._remaining_s()))
        try:
            found = locate(hurried, self._job_id)
        except OverLimit as error:
            sync_sleep(max(0.0, min(error.retry_after_s, self._remaining_s())))
            return None
        except (EngineUnreachable, GatewayError):
            if self._deadline is None and time.monotonic() - self._heard > self._patience_s:
                raise
            return None
        self._heard = time.monotonic()
        if found.place is Place.ABSENT:
            raise verdict.gone(self._job_id, cancelled() or was_cancelled(hurried, self._job_id))
        self._queued = found.place is Place.QUEUED
        self._tracker.prompt = self._tracker.prompt or found.prompt
        if found.place is not Place.FINISHED and self._pause_s >= _LONGEST_S:
            self._tracker.ended = False  # the end we were told of was that of an attempt; another one follows
        return found.item

    def _listen(self) -> None:
        """Return when it is time to ask again."""
        self._ask_position()
        self._tracker.idle = False
        if self._socket is None or self._tracker.ended:
            sync_sleep(max(0.0, min(self._pause_s, self._remaining_s())))
            self._pause_s = min(_LONGEST_S, self._pause_s * 1.5)
            return
        look = time.monotonic() + min(self._look_anyway_s, self._remaining_s())
        self._look_anyway_s = min(_LOOK_ANYWAY_S[1], self._look_anyway_s * 2)
        while not (self._tracker.ended or self._tracker.idle) and (left_s := look - time.monotonic()) > 0:
            try:
                frame = self._socket.receive(min(left_s, self._position_in_s()))
            except SocketLost:
                self._drop_socket()
                return
            if frame is None:
                self._ask_position()
            else:
                self._heard = time.monotonic()
                self._pause_s, self._socket_pause_s = _SHORTEST_S, 1.0
                self._tell(self._tracker.feed(frame))

    def _tell(self, progress: Progress | None) -> None:
        if progress is None:
            return
        self._queued = False
        self._look_anyway_s = _LOOK_ANYWAY_S[0]
        if self._on_progress is not None:
            self._on_progress(progress)

    def _position_in_s(self) -> float:
        """When to ask for the job's place."""
        return max(0.0, self._ask_position_at - time.monotonic()) if self._queued else float("inf")

    def _ask_position(self) -> None:
        """Tell where it stands, while it waits for its turn on a server that says so."""
        if self._on_progress is None or self._position_in_s() > 0:
            return
        self._ask_position_at = time.monotonic() + _POSITION_EVERY_S
        try:
            job = record(self._connection.within(_POSITION_EVERY_S), self._job_id)
        except GessoError:
            return  # of no weight: what matters is asked elsewhere
        if job is None:
            self._ask_position_at = float("inf")
            return
        position = position_of(job)
        if position is not None and position.place:
            self._on_progress(Progress(fraction=0.0, position=position))

    def _remaining_s(self) -> float:
        return float("inf") if self._deadline is None else self._deadline - time.monotonic()
