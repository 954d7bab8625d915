"""A client's socket that writes down what it hears."""

import json
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.integration.sketch.exchange import bearer
from tests.running import wait_for

Heard = dict[str, Any] | bytes
NEGOTIATION = {"type": "feature_flags", "data": {"supports_preview_metadata": True}}


class Listener:
    """Reads in the background, so that messages and requests may overlap."""

    def __init__(self, connection: ClientConnection, client_id: str) -> None:
        self.client_id = client_id
        self.connection = connection
        self.heard: list[Heard] = []
        self.closed = threading.Event()
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        try:
            for message in self.connection:
                self.heard.append(json.loads(message) if isinstance(message, str) else message)
        except ConnectionClosed:
            pass
        self.closed.set()

    def join(self) -> None:
        self._thread.join(10)

    def send(self, content: Any) -> None:
        self.connection.send(content if isinstance(content, str | bytes) else json.dumps(content))

    def messages(self, *types: str) -> list[dict[str, Any]]:
        """The JSON messages heard so far, of these types or of all."""
        found = [message for message in self.heard if isinstance(message, dict)]
        return [message for message in found if not types or message["type"] in types]

    def frames(self) -> list[bytes]:
        return [message for message in self.heard if isinstance(message, bytes)]

    def wait(self, matches: Callable[[dict[str, Any]], bool], timeout_s: float = 20) -> dict[str, Any]:
        """The first message that matches, once it is there."""
        return wait_for(lambda: [each for each in self.messages() if matches(each)], timeout_s)[0]

    def wait_type(self, type_: str) -> dict[str, Any]:
        return self.wait(lambda message: message["type"] == type_)

    def wait_end(self, prompt_id: str, timeout_s: float = 20) -> None:
        """Until the prompt is over, as ComfyUI says it."""
        end = {"type": "executing", "data": {"node": None, "prompt_id": prompt_id}}
        self.wait(lambda message: message == end, timeout_s)


@contextmanager
def listening(url: str, client_id: str | None = None, *, negotiate: bool = True) -> Iterator[Listener]:
    """A socket whose greeting, and answer to the negotiation, have been heard."""
    client_id = client_id or str(uuid.uuid4())
    place = urlsplit(url)
    address = f"ws://{place.hostname}:{place.port}/ws?clientId={client_id}"
    with connect(address, max_size=None, additional_headers=bearer(place.password)) as connection:
        listener = Listener(connection, client_id)
        try:
            listener.wait_type("status")
            if negotiate:
                listener.send(NEGOTIATION)
                listener.wait_type("feature_flags")
            yield listener
        finally:
            connection.close()
            listener.join()
