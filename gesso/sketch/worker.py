"""The queue of prompts, the one thread that executes them, and the history of what became of them."""

import heapq
import itertools
import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from gesso.protocol.comfyui import history_item, queue_item
from gesso.sketch.executor import Executor, Result
from gesso.sketch.faults import Faults
from gesso.sketch.faults_job import JobFaults
from gesso.sketch.socket import Hub

logger = logging.getLogger(__name__)

HISTORY_LIMIT = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """A validated prompt in the queue."""

    number: float
    prompt_id: str
    prompt: dict[str, Any]
    extra_data: dict[str, Any]
    outputs: Sequence[str]

    @property
    def client_id(self) -> str | None:
        client_id = self.extra_data.get("client_id")
        return None if client_id is None else str(client_id)

    def item(self) -> list[Any]:
        return queue_item(self.number, self.prompt_id, self.prompt, self.extra_data, list(self.outputs))


@dataclass(slots=True)
class _Running:
    prompt: Prompt
    interrupt: threading.Event = field(default_factory=threading.Event)
    node: str | None = None


class Worker:
    """Takes prompts from the lowest number to the highest, and in the order of arrival among equals."""

    def __init__(self, executor: Executor, faults: JobFaults | None = None) -> None:
        self._executor = executor
        self._faults = faults or JobFaults(Faults())
        self._changed = threading.Condition()
        self._pending: list[tuple[float, int, Prompt]] = []
        self._arrival = itertools.count()
        self._running: _Running | None = None
        self._history: dict[str, dict[str, Any]] = {}
        self._free = False
        self._stopping = False
        self._hub: Hub | None = None
        self._thread = threading.Thread(target=self._work, name="sketch-worker", daemon=True)

    def start(self, hub: Hub | None) -> None:
        """Begin to work; without a hub nobody is told."""
        self._hub = hub
        self._faults.bind(hub)
        self._thread.start()

    def stop(self, grace_s: float) -> None:
        """Interrupts what is running and ends the thread; a node that does not look up is left behind."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self.interrupt(None)
        self._thread.join(grace_s)

    def put(self, prompt: Prompt) -> None:
        with self._changed:
            heapq.heappush(self._pending, (prompt.number, next(self._arrival), prompt))
            self._tell_status()
            self._changed.notify()

    def remaining(self) -> int:
        with self._changed:
            return len(self._pending) + (self._running is not None)

    def status(self) -> dict[str, Any]:
        """The answer of GET /prompt and the content of each `status` message."""
        return {"exec_info": {"queue_remaining": self.remaining()}}

    def queue(self) -> tuple[list[list[Any]], list[list[Any]]]:
        """What runs and what waits, each as ComfyUI's queue items."""
        with self._changed:
            running = [self._running.prompt.item()] if self._running is not None else []
            return running, [prompt.item() for _, _, prompt in sorted(self._pending, key=lambda e: e[:2])]

    def clear(self) -> None:
        """Forgets all that waits; what runs is left alone."""
        with self._changed:
            self._pending.clear()
            self._tell_status()

    def delete(self, prompt_id: object) -> None:
        """Takes a waiting prompt out of the queue; the last one as if the queue were cleared."""
        with self._changed:
            for index, (_, _, prompt) in enumerate(self._pending):
                if prompt.prompt_id == prompt_id:
                    if len(self._pending) == 1:
                        self.clear()
                    else:
                        del self._pending[index]
                        heapq.heapify(self._pending)
                    self._tell_status()
                    return

    def interrupt(self, prompt_id: object | None) -> bool:
        """Stops the running prompt at its next step, if it is this one (None: whichever it is)."""
        with self._changed:
            running = self._running
            if running is None or (prompt_id is not None and running.prompt.prompt_id != prompt_id):
                return False
            running.interrupt.set()
            return True

    def free(self) -> None:
        """Has the executor forget its cached results before it takes the next prompt."""
        with self._changed:
            self._free = True
            self._changed.notify()

    def history(self, *, max_items: int | None = None, offset: int = -1) -> dict[str, Any]:
        """The newest `max_items`, or those from `offset` on, oldest first."""
        with self._changed:
            ids = list(self._history)
            if max_items is not None and offset < 0:
                offset = len(ids) - max_items
            start = max(offset, 0)
            end = len(ids) if max_items is None else start + max(max_items, 0)
            return {prompt_id: self._history[prompt_id] for prompt_id in ids[start:end]}

    def finished(self, prompt_id: str) -> dict[str, Any]:
        """The history of one prompt: {} while there is none."""
        with self._changed:
            entry = self._history.get(prompt_id)
            return {} if entry is None else {prompt_id: entry}

    def delete_history(self, prompt_id: object) -> None:
        with self._changed:
            if isinstance(prompt_id, str):
                self._history.pop(prompt_id, None)

    def clear_history(self) -> None:
        with self._changed:
            self._history.clear()

    def greeting(self, sid: str) -> list[tuple[str, Any]]:
        """What a new socket is told first, and once more which node runs where the prompt is its own."""
        messages: list[tuple[str, Any]] = [("status", {"status": self.status(), "sid": sid})]
        with self._changed:
            running = self._running
            if running is not None and running.node is not None and running.prompt.client_id == sid:
                messages.append(("executing", {"node": running.node}))
        return messages

    def _tell_status(self) -> None:
        # Under the lock: the order of the messages is then the order of the changes they tell.
        if self._hub is not None:
            self._hub.send("status", {"status": self.status()})

    def _work(self) -> None:
        while (running := self._next()) is not None:
            started = time.monotonic()
            self._faults.begin()
            result = self._faults.ended(self._execute(running))
            if self._stopping:
                return
            self._finish(running, result)
            logger.info(
                "prompt %s ended with %s after %.2f s",
                running.prompt.prompt_id,
                result.status_str,
                time.monotonic() - started,
            )
            self._faults.after()

    def _next(self) -> _Running | None:
        with self._changed:
            while True:
                if self._free:
                    self._executor.free()
                    self._free = False
                if self._stopping:
                    return None
                if self._pending:
                    self._running = _Running(heapq.heappop(self._pending)[2])
                    self._tell_status()
                    return self._running
                self._changed.wait()

    def _execute(self, running: _Running) -> Result:
        prompt = running.prompt
        outlet = _Outlet(self._hub, running, self._faults)
        try:
            return self._executor.execute(
                prompt.prompt_id,
                prompt.prompt,
                prompt.extra_data,
                prompt.outputs,
                outlet,
                running.interrupt.is_set,
            )
        except Exception:
            # Nodes' errors are results; this is a defect of ours, and the next prompt must still run.
            logger.exception("the executor failed on prompt %s", prompt.prompt_id)
            return Result(outputs={}, meta={}, status_str="error", completed=False, messages=[])

    def _finish(self, running: _Running, result: Result) -> None:
        prompt = running.prompt
        item = self._faults.recorded(
            history_item(
                prompt.item(),
                outputs=result.outputs,
                status_str=result.status_str,
                completed=result.completed,
                messages=result.messages,
                meta=result.meta,
            )
        )
        with self._changed:
            self._running = None
            if item is not None:
                self._history[prompt.prompt_id] = item
            while len(self._history) > HISTORY_LIMIT:
                del self._history[next(iter(self._history))]
            self._tell_status()
        if prompt.client_id is not None and self._hub is not None:
            self._hub.send("executing", {"node": None, "prompt_id": prompt.prompt_id}, prompt.client_id)


class _Outlet:
    """Carries the executor's messages to the sockets, and remembers the node that runs."""

    def __init__(self, hub: Hub | None, running: _Running, faults: JobFaults) -> None:
        self._hub = hub
        self._running = running
        self._faults = faults
        self._client_id = running.prompt.client_id

    def emit(self, type: str, data: dict[str, Any]) -> None:
        if type == "executing":
            self._running.node = data["display_node"]
        self._send(lambda hub: hub.send(type, data, self._client_id))
        self._faults.told(type, data)

    def emit_preview(self, node_id: str, image: bytes, mime: str, metadata: dict[str, Any] | None) -> None:
        self._send(lambda hub: hub.send_preview(image, mime, metadata, self._client_id))

    def emit_text(self, node_id: str, text: str) -> None:
        self._send(lambda hub: hub.send_text(node_id, text, self._client_id))

    def _send(self, send: Callable[[Hub], None]) -> None:
        if self._hub is not None:
            send(self._hub)
