"""One client's socket: what waits to be written to it, in order, and the end of one that reads nothing."""

import asyncio
import json
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from gesso.protocol import frames
from gesso.protocol.frames import PreviewWithMetadata

# A client that reads slowly loses previews from the first bound on; at one of the others it is
# disconnected (1013, "try again later"): what it missed it reads from /history.
PREVIEWS_WAITING = 4
MESSAGES_WAITING = 2000
BYTES_WAITING = 256 << 20
WRITE_S = 60.0
CLOSE_S = 1.0
TRY_AGAIN_LATER = 1013


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message that waits; a preview is one that a newer one makes worthless."""

    content: str | bytes
    is_preview: bool = False


@dataclass(slots=True, eq=False)
class Socket:
    """One open socket: `sid` is the clientId it gave, in its owner's namespace."""

    websocket: WebSocket
    owner: str
    sid: str
    preview_metadata: bool = False
    _outgoing: asyncio.Queue[Waiting] = field(default_factory=asyncio.Queue)
    _previews: int = 0
    _bytes: int = 0
    _held: Waiting | None = None
    _overflow: asyncio.Event = field(default_factory=asyncio.Event)

    def send(self, kind: str, data: dict[str, Any]) -> None:
        message = Waiting(json.dumps({"type": kind, "data": data}))
        if kind != "progress":
            self._release()
        self._put(message)
        self._release()

    def send_text(self, node_id: str, text: str) -> None:
        self._release()
        self._put(Waiting(frames.encode_text(node_id, text)))

    def send_preview(self, preview: PreviewWithMetadata, *, plain: bool = False) -> None:
        """With its metadata to those who asked for it (unless `plain`), else as ComfyUI always did."""
        # Samplers preview in JPEG. What comes as PNG is a result (SaveImageWebsocket), never dropped.
        is_preview = preview.metadata.get("image_type") != "image/png"
        self._release()
        if self.preview_metadata and not plain:
            frame = frames.encode_preview_with_metadata(preview.metadata, preview.image)
            self._put(Waiting(frame, is_preview))
        else:
            # ComfyUI sends the old kind after the `progress` of its step, and the new kind before it.
            self._held = Waiting(frames.downgrade(preview), is_preview)

    def _release(self) -> None:
        held, self._held = self._held, None
        if held is not None:
            self._put(held)

    def _put(self, message: Waiting) -> None:
        if message.is_preview and self._previews >= PREVIEWS_WAITING:
            return
        if self._outgoing.qsize() >= MESSAGES_WAITING or self._bytes > BYTES_WAITING:
            self._overflow.set()
            return
        self._previews += message.is_preview
        self._bytes += len(message.content)
        self._outgoing.put_nowait(message)

    async def write(self) -> None:
        """Write what waits, until the client has left or has read nothing for too long."""
        pump = asyncio.create_task(self._pump())
        overflow = asyncio.create_task(self._overflow.wait())
        try:
            await asyncio.wait((pump, overflow), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (pump, overflow):
                task.cancel()
            await asyncio.gather(pump, overflow, return_exceptions=True)
        async with asyncio.timeout(CLOSE_S):
            await self.websocket.close(TRY_AGAIN_LATER)

    async def _pump(self) -> None:
        while True:
            message = await self._outgoing.get()
            self._previews -= message.is_preview
            self._bytes -= len(message.content)
            async with asyncio.timeout(WRITE_S):
                if isinstance(message.content, str):
                    await self.websocket.send_text(message.content)
                else:
                    await self.websocket.send_bytes(message.content)

    async def converse(self, read: Coroutine[Any, Any, None]) -> None:
        """Write, and `read` beside it, until one of them ends."""
        tasks = (asyncio.create_task(self.write()), asyncio.create_task(read))
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
        for result in ended:
            gone = (WebSocketDisconnect, RuntimeError, OSError)
            if isinstance(result, Exception) and not isinstance(result, gone):
                raise result
