"""Our one WebSocket to an engine: its messages, sorted by prompt, to whoever listens for that prompt."""

import asyncio
import json
import logging
import random
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
from yarl import URL

from gesso.engines.comfyui import ComfyUI
from gesso.protocol.frames import Preview, PreviewWithMetadata, Text, decode

logger = logging.getLogger(__name__)

# Half of it is what an answer to a ping may take: a model that loads blocks the engine for seconds.
HEARTBEAT_S = 60.0
OPEN_S = 10.0
# A frozen engine says no goodbye.
CLOSE_S = 1.0
LARGEST_MESSAGE = 256 << 20
BACK_OFF_S = 0.25
BACK_OFF_LIMIT_S = 5.0
# Previews that wait for one listener; older ones are dropped. Nothing else is ever dropped, and neither
# are pictures in PNG: samplers preview in JPEG, what comes as PNG is a result (SaveImageWebsocket).
PREVIEWS_WAITING = 4
FLAGS = {"type": "feature_flags", "data": {"supports_preview_metadata": True}}
# Not about any prompt.
IMPERSONAL = frozenset({"status", "feature_flags", "logs"})
ENDS = frozenset({"execution_success", "execution_error", "execution_interrupted"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A JSON message, e.g. type "progress", data {"value": 1, "max": 20, "prompt_id": "…", "node": "3"}."""

    type: str
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Reconnected:
    """The socket was away for a while: messages were lost, so ask the engine what became of the prompt."""


Delivery = Message | PreviewWithMetadata | Text | Reconnected


class Listener(asyncio.Queue[Delivery]):
    """What the engine says about one prompt, in order. Slow readers lose previews, never messages."""

    def _init(self, maxsize: int) -> None:
        self._queue: deque[Delivery] = deque()
        self._previews = 0
        self.begun_at: float | None = None
        """When (by time.monotonic) the engine first said anything about it."""
        self.ended_at: float | None = None
        """When it said that it is done with it; a reader may be far from having read that."""
        self.silence_s = 0.0
        """The longest time between two things it said about it, up to its end."""
        self.said: Message | None = None
        """What it said about it last, but for pictures and texts."""
        self._heard_at = 0.0
        self.on_end: Callable[[Message], None] = lambda message: None

    def _put(self, item: Delivery) -> None:
        if not isinstance(item, Reconnected):
            self._note(item)
        if _is_preview(item):
            self._previews += 1
            if self._previews > PREVIEWS_WAITING:
                self._queue.remove(next(filter(_is_preview, self._queue)))
                self._previews -= 1
        self._queue.append(item)

    def _get(self) -> Delivery:
        item = self._queue.popleft()
        self._previews -= _is_preview(item)
        return item

    def _note(self, item: Delivery) -> None:
        now = time.monotonic()
        if self.begun_at is None:
            self.begun_at = self._heard_at = now
        if self.ended_at is None:
            self.silence_s, self._heard_at = max(self.silence_s, now - self._heard_at), now
        if isinstance(item, Message):
            self.said = item
        if self.ended_at is None and isinstance(item, Message) and is_end(item.type, item.data):
            self.ended_at = now
            self.on_end(item)


def is_end(kind: str, data: dict[str, Any]) -> bool:
    """Whether a message says that its prompt is no longer executed."""
    return kind in ENDS or (kind == "executing" and data.get("node") is None)


def _is_preview(item: Delivery) -> bool:
    return isinstance(item, PreviewWithMetadata) and item.metadata.get("image_type") != "image/png"


class Socket:
    """`run` keeps the connection for as long as it runs; everything else may be used meanwhile."""

    def __init__(self, engine: ComfyUI, client_id: str) -> None:
        self.client_id = client_id
        self.queue_remaining: int | None = None
        """How many prompts the engine has, running ones included; None while nobody can tell."""
        self.executing: str | None = None
        """The prompt the engine was last heard to execute for us."""
        self.worked_at = float("-inf")
        """When (by time.monotonic) it last said that it has prompts, or had had some just before."""
        self.progressed_at = time.monotonic()
        """When (by time.monotonic) the engine last said anything about a prompt of ours."""
        self.succeeded_at: float | None = None
        """When (by time.monotonic) the engine last completed a prompt of ours."""
        self.connections = 0
        """How often it was opened; more by one means that the engine, or the line to it, came back."""
        self._engine = engine
        self._node: str | None = None
        self._listeners: dict[str, list[Listener]] = {}
        self._open = asyncio.Event()
        self._hurry = asyncio.Event()

    @property
    def connected(self) -> bool:
        return self._open.is_set()

    async def opened(self, timeout_s: float) -> bool:
        """Wait until it is connected, but not longer than that."""
        self.hurry()
        try:
            async with asyncio.timeout(timeout_s):
                await self._open.wait()
        except TimeoutError:
            return False
        return True

    def hurry(self) -> None:
        """Try again now: the engine was seen to answer."""
        self._hurry.set()

    @asynccontextmanager
    async def listen(self, prompt_id: str) -> AsyncIterator[Listener]:
        """Everything about this prompt from now on. Begin before submitting, or the start is missed."""
        listener = Listener()
        self._listeners.setdefault(prompt_id, []).append(listener)
        try:
            yield listener
        finally:
            self._listeners[prompt_id].remove(listener)
            if not self._listeners[prompt_id]:
                del self._listeners[prompt_id]

    async def run(self) -> None:
        """Connect, and again whenever the line breaks, until cancelled."""
        wait_s = BACK_OFF_S
        while True:
            self._hurry.clear()
            try:
                await self._connect()
                wait_s = BACK_OFF_S
            except (aiohttp.ClientError, OSError) as error:
                logger.debug("socket of %s: %s", self._engine.name, error)
            finally:
                self._away()
            # Not all at once, when many engines come back together.
            jittered_s = wait_s * random.uniform(0.5, 1.0)  # noqa: S311
            try:
                async with asyncio.timeout(jittered_s):
                    await self._hurry.wait()
            except TimeoutError:
                wait_s = min(wait_s * 2, BACK_OFF_LIMIT_S)

    async def _connect(self) -> None:
        url = URL(f"{self._engine.url}/ws", encoded=True).with_query(clientId=self.client_id)
        async with asyncio.timeout(OPEN_S):
            socket = await self._engine.session.ws_connect(
                url,
                headers=self._engine.headers,
                heartbeat=HEARTBEAT_S,
                max_msg_size=LARGEST_MESSAGE,
                timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_S),
            )
        async with socket:
            # The engine takes flags from a connection's first message only.
            await socket.send_json(FLAGS)
            self.connections += 1
            self._open.set()
            self._tell_all(Reconnected())
            async for frame in socket:
                if frame.type is aiohttp.WSMsgType.TEXT:
                    self._text(frame.data)
                elif frame.type is aiohttp.WSMsgType.BINARY:
                    self._binary(frame.data)

    def _away(self) -> None:
        self._open.clear()
        self.queue_remaining = None
        self.executing = self._node = None

    def _text(self, text: str) -> None:
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            logger.debug("socket of %s: a message that is no JSON", self._engine.name)
            return
        kind = value.get("type") if isinstance(value, dict) else None
        data = value.get("data") if isinstance(value, dict) else None
        if not isinstance(kind, str) or not isinstance(data, dict):
            return
        if kind == "status":
            self._status(data)
        if kind in IMPERSONAL:
            return
        prompt_id = data.get("prompt_id") or self.executing
        if not isinstance(prompt_id, str):
            return
        self._deliver(prompt_id, Message(type=kind, data=data))
        self._follow(kind, data, prompt_id)

    def _status(self, data: dict[str, Any]) -> None:
        status = data.get("status")
        info = status.get("exec_info") if isinstance(status, dict) else None
        remaining = info.get("queue_remaining") if isinstance(info, dict) else None
        if remaining or self.queue_remaining:
            self.worked_at = time.monotonic()
        self.queue_remaining = remaining if isinstance(remaining, int) else None

    def _follow(self, kind: str, data: dict[str, Any], prompt_id: str) -> None:
        """Remember what is being executed: frames of the types 1 and 3 do not say."""
        if kind == "execution_success":
            self.succeeded_at = time.monotonic()
        if is_end(kind, data):
            if self.executing == prompt_id:
                self.executing = self._node = None
        elif kind == "execution_start":
            self.executing, self._node = prompt_id, None
        elif kind in ("executing", "progress"):
            node = data.get("node")
            self.executing, self._node = prompt_id, node if isinstance(node, str) else self._node

    def _binary(self, data: bytes) -> None:
        frame = decode(data)
        if isinstance(frame, Preview):
            node = self._node
            metadata = {
                "node_id": node,
                "prompt_id": self.executing,
                "display_node_id": node,
                "parent_node_id": node,
                "real_node_id": node,
                "image_type": frame.mime,
            }
            frame = PreviewWithMetadata(metadata=metadata, image=frame.image)
        if isinstance(frame, PreviewWithMetadata):
            prompt_id = frame.metadata.get("prompt_id") or self.executing
        elif isinstance(frame, Text):
            prompt_id = frame.prompt_id or self.executing
        else:
            return
        if isinstance(prompt_id, str):
            self._deliver(prompt_id, frame)

    def _deliver(self, prompt_id: str, item: Delivery) -> None:
        self.progressed_at = time.monotonic()
        for listener in self._listeners.get(prompt_id, ()):
            listener.put_nowait(item)

    def _tell_all(self, item: Delivery) -> None:
        for listeners in self._listeners.values():
            for listener in listeners:
                listener.put_nowait(item)
