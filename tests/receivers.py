"""Those who are told of alarms: a webhook, a mail server, a syslog; real sockets on loopback."""

import json
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.running import wait_for

HEARD_S = 60.0


@dataclass(slots=True, kw_only=True)
class Receiver:
    """What has arrived at `port`, in order."""

    port: int
    heard: list[str] = field(default_factory=list)

    def waits_for(self, wanted: Callable[[str], bool], timeout_s: float = HEARD_S) -> str:
        """The first that fits."""
        return wait_for(lambda: next((text for text in self.heard if wanted(text)), ""), timeout_s)

    def count(self, count: int, timeout_s: float = HEARD_S) -> list[str]:
        """All, once there are so many."""
        wait_for(lambda: len(self.heard) >= count, timeout_s)
        return list(self.heard)


@contextmanager
def webhook(status: int = 200, *, port: int = 0, wait: threading.Event | None = None) -> Iterator[Receiver]:
    """Takes JSON messages, as "title / text"; answers with `status`, once `wait` is set."""
    receiver = Receiver(port=0)

    class Answering(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if wait is not None:
                wait.wait(HEARD_S)
            receiver.heard.append(f"{body['title']} / {body['message']}")
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", port), Answering) as server:
        receiver.port = server.server_address[1]
        with _serving(server):
            yield receiver


@contextmanager
def mail_server() -> Iterator[Receiver]:
    """Takes mails as SMTP servers do; `heard` are whole mails with their headers."""
    receiver = Receiver(port=0)

    class Taking(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.say("220 loopback")
            while line := self.rfile.readline().decode().strip():
                match line.split()[0].upper():
                    case "DATA":
                        self.say("354 go on")
                        receiver.heard.append("".join(self.mail()))
                        self.say("250 taken")
                    case "QUIT":
                        self.say("221 bye")
                        return
                    case _:
                        self.say("250 fine")

        def mail(self) -> Iterator[str]:
            while (line := self.rfile.readline().decode()) != ".\r\n":
                yield line

        def say(self, line: str) -> None:
            self.wfile.write(f"{line}\r\n".encode())

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Taking) as server:
        receiver.port = server.server_address[1]
        with _serving(server):
            yield receiver


@contextmanager
def syslog() -> Iterator[Receiver]:
    """Takes datagrams, as a central syslog does."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taking:
        taking.bind(("127.0.0.1", 0))
        receiver = Receiver(port=taking.getsockname()[1])

        def take() -> None:
            while text := taking.recv(65_536).decode():
                receiver.heard.append(text)

        thread = threading.Thread(target=take)
        thread.start()
        try:
            yield receiver
        finally:
            taking.sendto(b"", taking.getsockname())
            thread.join()


@contextmanager
def _serving(server: socketserver.BaseServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
