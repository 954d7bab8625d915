"""A client of ComfyUI's protocol, as a script would be: sends jobs, hears of them, fetches pictures."""

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode

from websockets.sync.client import ClientConnection, connect

from bench.wire import Connection

PATIENCE_S = 60.0


class Client:
    """One connection for requests, one socket for news."""

    def __init__(self, line: Connection, socket: ClientConnection, client_id: str) -> None:
        self._line = line
        self._socket = socket
        self._id = client_id
        self._heard: set[tuple[str, str]] = set()
        self._files: dict[str, dict[str, str]] = {}
        self._previews = 0

    def send(self, prompt: dict[str, Any]) -> str:
        prompt_id = str(uuid.uuid4())
        body = {"prompt": prompt, "client_id": self._id, "prompt_id": prompt_id}
        answer = self._line.call("POST", "/prompt", json.dumps(body).encode())
        if answer.status != 200:
            raise AssertionError(f"the job was refused with {answer.status}: {answer.body[:300]!r}")
        self._previews = 0
        return prompt_id

    def heard(self, kind: str, prompt_id: str) -> None:
        """Read until this was said about the job, in whatever order jobs end; `executing`: of no node."""
        while (kind, prompt_id) not in self._heard:
            self._read()

    def previewed(self, number: int) -> None:
        """Read until so many previews have come since the last job was sent."""
        while self._previews < number:
            self._read()

    def picture(self, prompt_id: str) -> bytes:
        """The file of a job that has ended, and of which nothing was fetched yet."""
        query = urlencode(self._files.pop(prompt_id))
        answer = self._line.call("GET", f"/view?{query}")
        if answer.status != 200:
            raise AssertionError(f"the picture was refused with {answer.status}: {answer.body[:300]!r}")
        return answer.body

    def _read(self) -> None:
        message = self._socket.recv(PATIENCE_S)
        if isinstance(message, bytes):
            self._previews += 1
            return
        news = json.loads(message)
        data = news["data"]
        if news["type"] == "execution_error":
            raise AssertionError(f"the job failed: {data.get('exception_message')}")
        if news["type"] == "executed":
            self._files[data["prompt_id"]] = data["output"]["images"][0]
        if not data.get("node"):
            self._heard.add((news["type"], data.get("prompt_id")))


@contextmanager
def client(url: str, key: str = "") -> Iterator[Client]:
    name = uuid.uuid4().hex
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    address = f"{url.replace('http', 'ws', 1)}/ws?clientId={name}"
    with Connection(url, key) as line, connect(address, additional_headers=headers, max_size=None) as socket:
        line.call("GET", "/prompt")  # a connection on which nothing was asked is soon closed
        yield Client(line, socket, name)
