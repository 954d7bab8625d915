"""ComfyUI's WebSocket for many users: each socket hears of its owner's jobs and of nothing else."""

import json
from collections import Counter
from typing import Any
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket

from gesso.access.identity import Identity
from gesso.errors import OverLimit
from gesso.events import Bus, JobChanged, JobMessage, JobPreview, JobText
from gesso.gateway import responses
from gesso.gateway.comfyui.socket import Socket
from gesso.jobs.queue import Queue
from gesso.protocol.frames import PreviewWithMetadata

# Told to the client that asked for the job, and to nobody where it gave no clientId.
PERSONAL = frozenset(
    {
        "execution_start",
        "execution_cached",
        "executing",
        "executed",
        "execution_success",
        "execution_error",
    }
)


class Sockets:
    """All open sockets of this gateway, fed from the bus."""

    def __init__(self, *, bus: Bus, queue: Queue, upload_limit: int) -> None:
        self._queue = queue
        # What ComfyUI 0.3.64 says of itself; more would promise what an engine may not have.
        self._features = {"supports_preview_metadata": True, "max_upload_size": upload_limit}
        self._by_owner: dict[str, set[Socket]] = {}
        self._open: Counter[str] = Counter()
        # Which node of a client's job runs: ComfyUI repeats it to a client that comes back.
        self._executing: dict[tuple[str, str], str] = {}
        bus.subscribe(JobChanged, self._on_change)
        bus.subscribe(JobMessage, self._on_message)
        bus.subscribe(JobPreview, self._on_preview)
        bus.subscribe(JobText, self._on_text)

    def __len__(self) -> int:
        return sum(len(sockets) for sockets in self._by_owner.values())

    async def asgi(self, scope: Scope, receive: Receive, send: Send) -> None:
        """`GET /ws?clientId=…`, from the upgrade to the close."""
        identity: Identity = scope["gesso.identity"]
        owner = identity.account_id
        # Counted before the first wait: of a hundred that come at once, too.
        limit = identity.allowance.sockets
        if limit is not None and self._open[owner] >= limit:
            raise OverLimit(
                f"You have {limit} sockets open, which is your limit.",
                retry_after_s=5.0,
                remedy="Close a tab of ComfyUI, or a program that listens.",
            )
        self._open[owner] += 1
        try:
            await self._serve(WebSocket(scope, receive, send))
        finally:
            self._open[owner] -= 1
            if not self._open[owner]:
                del self._open[owner]

    def open_of(self, owner: str) -> int:
        """How many sockets of the owner's are open."""
        return self._open[owner]

    async def features(self, request: Request) -> Response:
        """`GET /features`: what a socket's negotiation is answered with."""
        return responses.json(self._features)

    async def _serve(self, websocket: WebSocket) -> None:
        identity: Identity = websocket.scope["gesso.identity"]
        sid = websocket.query_params.get("clientId") or uuid4().hex
        socket = Socket(websocket=websocket, owner=identity.account_id, sid=sid)
        await websocket.accept()
        # Asked last before the socket is entered, so that no change is missed in between.
        remaining = await self._queue.remaining(socket.owner)
        socket.send("status", {"status": {"exec_info": {"queue_remaining": remaining}}, "sid": sid})
        if node := self._executing.get((socket.owner, sid)):
            socket.send("executing", {"node": node})
        mine = self._by_owner.setdefault(socket.owner, set())
        mine.add(socket)
        try:
            await socket.converse(self._read(socket))
        finally:
            mine.discard(socket)
            if not mine and self._by_owner.get(socket.owner) is mine:
                del self._by_owner[socket.owner]

    async def _read(self, socket: Socket) -> None:
        """Until the client leaves. Only its first message means anything: the feature flags."""
        first = True
        while (message := await socket.websocket.receive())["type"] != "websocket.disconnect":
            flags = _feature_flags(message.get("text")) if first else None
            first = False
            if flags is not None:
                socket.preview_metadata = flags.get("supports_preview_metadata") is True
                socket.send("feature_flags", self._features)

    def _of(self, owner: str, client_id: str | None) -> list[Socket]:
        """The owner's sockets with this client id; all of them when the job named none."""
        mine = self._by_owner.get(owner, ())
        return [socket for socket in mine if client_id is None or socket.sid == client_id]

    def _on_change(self, event: JobChanged) -> None:
        for socket in self._of(event.owner, None):
            socket.send("status", {"status": {"exec_info": {"queue_remaining": event.remaining}}})

    def _on_message(self, event: JobMessage) -> None:
        if event.type == "executing" and event.client_id is not None:
            key = (event.owner, event.client_id)
            if event.data.get("node") is None:
                self._executing.pop(key, None)
            else:
                self._executing[key] = event.data["node"]
        if event.client_id is None and event.type in PERSONAL:
            return
        # ComfyUI tells everybody of an interruption; here everybody is the owner.
        client_id = None if event.type == "execution_interrupted" else event.client_id
        for socket in self._of(event.owner, client_id):
            socket.send(event.type, event.data)

    def _on_preview(self, event: JobPreview) -> None:
        preview = PreviewWithMetadata(metadata=event.metadata, image=event.image)
        for socket in self._of(event.owner, event.client_id):
            socket.send_preview(preview, plain=event.client_id is None)

    def _on_text(self, event: JobText) -> None:
        for socket in self._of(event.owner, event.client_id):
            socket.send_text(event.node_id, event.text)


def _feature_flags(text: str | None) -> dict[str, Any] | None:
    """The flags of `{"type": "feature_flags", "data": {…}}`; None for anything else, rubbish too."""
    try:
        message = json.loads(text or "null")
    except ValueError:
        return None
    if not isinstance(message, dict) or message.get("type") != "feature_flags":
        return None
    flags = message.get("data")
    return flags if isinstance(flags, dict) else None
