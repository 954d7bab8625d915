"""An engine with custom nodes: it answers what a test says, and keeps what it was sent."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

LOADER: dict[str, Any] = {
    "input": {"required": {"file": [["b.safetensors"], {}]}},
    "output": ["IMAGE"],
    "output_node": True,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """One request as the engine got it."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


@dataclass(slots=True, kw_only=True)
class Pack:
    """What it answers by path, as JSON or as bytes; `silent` paths are answered when it is over."""

    url: str = ""
    answers: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)
    sent: list[Sent] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def last(self, path: str) -> Sent:
        return next(each for each in reversed(self.sent) if each.target.partition("?")[0] == path)

    def asked(self, path: str) -> int:
        return sum(each.target.partition("?")[0] == path for each in self.sent)


class Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """Clients hang up: that is what some tests are about."""


@contextmanager
def pack_engine() -> Iterator[Pack]:
    """An engine on loopback, with one loader of its own."""
    pack = Pack(
        answers={
            "/system_stats": {
                "system": {"comfyui_version": "0.3.64", "argv": ["/srv/pack/main.py", "--secret-place"]},
                "devices": [{"name": "cuda:0 Card", "type": "cuda", "index": 0}],
            },
            "/object_info": {"PackLoader": LOADER},
        }
    )

    class Answers(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            path = self.path.partition("?")[0]
            body = self.body()
            pack.sent.append(
                Sent(method=self.command, target=self.path, headers=dict(self.headers), body=body)
            )
            if path in pack.silent:
                pack.over.wait(60)
            found = pack.answers.get(path)
            content = found if isinstance(found, bytes) else json.dumps(found).encode()
            self.send_response(404 if found is None else 200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            for name, value in pack.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = answer

        def body(self) -> bytes:
            if self.headers.get("Transfer-Encoding") != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length", 0)))
            parts = []
            while size := int(self.rfile.readline(), 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)

        def log_message(self, *_: Any) -> None:
            pass

    with Quiet(("127.0.0.1", 0), Answers) as server:
        pack.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield pack
        finally:
            pack.over.set()
            server.shutdown()
            thread.join()
