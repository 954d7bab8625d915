"""The sockets of /ws: who is connected, what they negotiated, and the delivery of messages to them."""

import asyncio
import json
import logging
import uuid
from collections.abc import Callable
from typing import Any

from aiohttp import WSCloseCode, WSMsgType, web

from gesso.protocol.frames import encode_preview, encode_preview_with_metadata, encode_text

logger = logging.getLogger(__name__)

# A client that does not read is cut off once this many messages wait for it; it reconnects and asks again.
OUTBOX_LIMIT = 2000
_CLOSE_S = 1.0

Message = str | bytes


def text(type_: str, data: Any) -> str:
    """A JSON message as it goes over the socket."""
    return json.dumps({"type": type_, "data": data})


class Client:
    """One open socket; its messages wait in an outbox so that a slow reader delays nobody else."""

    def __init__(self, sid: str) -> None:
        self.sid = sid
        self.flags: dict[str, Any] = {}
        self._socket = web.WebSocketResponse(timeout=_CLOSE_S)
        self._transport: asyncio.Transport | None = None
        self.outbox: asyncio.Queue[Message] = asyncio.Queue(OUTBOX_LIMIT)
        self._given_up = False

    @property
    def takes_metadata(self) -> bool:
        return self.flags.get("supports_preview_metadata") is True

    def put(self, message: Message) -> None:
        if self._given_up:
            return
        try:
            self.outbox.put_nowait(message)
        except asyncio.QueueFull:
            self._given_up = True
            logger.warning("client %s does not read its messages: its socket is closed", self.sid)
            self.abort()

    def abort(self) -> None:
        """Ends the connection without waiting for the other side."""
        if self._transport is not None:
            self._transport.abort()

    async def close(self) -> None:
        """Says good-bye, and ends the connection where that is not answered."""
        try:
            await self._socket.close(code=WSCloseCode.GOING_AWAY)
        except ConnectionError:
            pass
        self.abort()

    async def serve(self, request: web.Request, hub: "Hub") -> web.WebSocketResponse:
        """Greets, then writes what is put and reads what comes, until the connection ends."""
        await self._socket.prepare(request)
        self._transport = request.transport
        hub.enter(self)
        writer = asyncio.create_task(self._write())
        try:
            await self._read(hub.features)
        finally:
            hub.leave(self)
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)
        return self._socket

    async def _write(self) -> None:
        while True:
            message = await self.outbox.get()
            try:
                if isinstance(message, bytes):
                    await self._socket.send_bytes(message)
                else:
                    await self._socket.send_str(message)
            except ConnectionError:
                return  # the reader sees the end of the connection, too, and takes this client out

    async def _read(self, features: dict[str, Any]) -> None:
        first = True
        async for message in self._socket:
            if message.type is not WSMsgType.TEXT:
                continue
            try:
                content = json.loads(message.data)
            except (ValueError, RecursionError):
                logger.warning("client %s sent something that is not JSON", self.sid)
                continue
            if first and isinstance(content, dict) and content.get("type") == "feature_flags":
                flags = content.get("data")
                self.flags = flags if isinstance(flags, dict) else {}
                self.put(text("feature_flags", features))
            first = False


class Hub:
    """All sockets by client id.

    The `send` functions may be called from any thread and keep the order of the calls. A message goes to the
    socket of `client_id`, to all sockets where that is None, and nowhere where that client is not connected.
    """

    def __init__(self, features: dict[str, Any], greeting: Callable[[str], list[tuple[str, Any]]]) -> None:
        self.features = features
        self._greeting = greeting
        self._clients: dict[str, Client] = {}
        self._open: set[Client] = set()
        self._muted = False
        self._loop: asyncio.AbstractEventLoop | None = None

    def bind(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    async def connect(self, request: web.Request) -> web.WebSocketResponse:
        """GET /ws: a second socket with the same clientId takes the place of the first."""
        return await Client(request.query.get("clientId") or uuid.uuid4().hex).serve(request, self)

    def enter(self, client: Client) -> None:
        self._open.add(client)
        self._clients[client.sid] = client
        for type_, data in () if self._muted else self._greeting(client.sid):
            client.put(text(type_, data))

    def leave(self, client: Client) -> None:
        self._open.discard(client)
        # Only its own place: the successor of a replaced socket stays.
        if self._clients.get(client.sid) is client:
            del self._clients[client.sid]

    def knows(self, client_id: str) -> bool:
        return client_id in self._clients

    async def close(self) -> None:
        """Ends every connection, the replaced ones, too."""
        await asyncio.gather(*(client.close() for client in tuple(self._open)))

    def drop(self) -> None:
        """Ends every connection without a word; from any thread."""
        self.call(self._drop)

    def mute(self, muted: bool) -> None:
        """Whether to say nothing more to anybody; from any thread."""
        self.call(self._mute, muted)

    def send(self, type_: str, data: Any, client_id: str | None = None) -> None:
        self.call(self._deliver, text(type_, data), client_id)

    def send_text(self, node_id: str, content: str, client_id: str | None) -> None:
        self.call(self._deliver, encode_text(node_id, content), client_id)

    def send_preview(
        self, image: bytes, mime: str, metadata: dict[str, Any] | None, client_id: str | None
    ) -> None:
        """With metadata to a client that negotiated them (type 4), without to all others (type 1)."""
        self.call(self._deliver_preview, image, mime, metadata, client_id)

    def call(self, function: Callable[..., object], *arguments: Any) -> None:
        """Run it on the loop; from any thread."""
        if self._loop is None or self._loop.is_closed():
            return
        self._loop.call_soon_threadsafe(function, *arguments)

    def _mute(self, muted: bool) -> None:
        self._muted = muted

    def _drop(self) -> None:
        for client in tuple(self._open):
            client.abort()

    def _receivers(self, client_id: str | None) -> list[Client]:
        if self._muted:
            return []
        if client_id is None:
            return list(self._clients.values())
        client = self._clients.get(client_id)
        return [] if client is None else [client]

    def _deliver(self, message: Message, client_id: str | None) -> None:
        for client in self._receivers(client_id):
            client.put(message)

    def _deliver_preview(
        self, image: bytes, mime: str, metadata: dict[str, Any] | None, client_id: str | None
    ) -> None:
        # A prompt without a client shows its previews to all sockets in the old way, as ComfyUI does.
        for client in self._receivers(client_id):
            if metadata is None and not (client_id is not None and client.takes_metadata):
                client.put(encode_preview(image, mime))
            elif metadata is not None and client_id is not None and client.takes_metadata:
                client.put(encode_preview_with_metadata({**metadata, "image_type": mime}, image))
