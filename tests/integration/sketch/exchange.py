"""Recorded exchanges with ComfyUI, sending them again, and telling where the answers differ."""

import http.client
import json
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

EXACT_HEADERS = ("Content-Type", "Cache-Control", "Pragma", "Expires", "Content-Disposition")
PRESENT_HEADERS = ("Etag", "Last-Modified", "Accept-Ranges", "Content-Length", "Transfer-Encoding")

# What differs from run to run and from machine to machine; only its type is the contract.
LOOSE = frozenset(
    "timestamp prompt_id sid client_id ram_total ram_free vram_total vram_free torch_vram_total "
    "torch_vram_free python_version pytorch_version argv modified created number traceback os "
    "max_upload_size".split()
)
# ComfyUI keeps these in sets: their order is chance.
UNORDERED = frozenset({"dependent_outputs", "executed", "current_outputs"})
# Left out of the recordings.
PROSE = frozenset({"tooltip", "output_tooltips", "description"})
_NAMES = (
    (re.compile(r"ComfyUI_temp_[a-z]{5}_"), "ComfyUI_temp_?????_"),
    (re.compile(r"_\d{5}_\."), "_#####_."),
)

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a server answered."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers.items() if key.lower() == name.lower()), None)


def send(
    url: str, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
) -> Answer:
    """One request on a connection of its own, its path sent exactly as written.

    A key in the address ("http://:KEY@127.0.0.1:8700") goes along as a bearer token.
    """
    address = urlsplit(url)
    headers = {**bearer(address.password), **(headers or {})}
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=30)
    try:
        connection.request(method, path, body=body, headers={"Connection": "close", **headers})
        response = connection.getresponse()
        return Answer(status=response.status, headers=dict(response.getheaders()), body=response.read())
    finally:
        connection.close()


def bearer(key: str | None) -> dict[str, str]:
    """The header that proves who we are, where the server asks for it."""
    return {"Authorization": f"Bearer {key}"} if key else {}


def send_json(
    url: str, method: str, path: str, content: Any, headers: dict[str, str] | None = None
) -> Answer:
    headers = {"Content-Type": "application/json", **(headers or {})}
    return send(url, method, path, json.dumps(content).encode(), headers)


def form(fields: dict[str, str], image: tuple[str, bytes] | None = None) -> tuple[bytes, dict[str, str]]:
    """A multipart body with its header, as browsers send it; `image` is a file name and its content."""
    boundary = uuid.uuid4().hex
    parts = []
    if image is not None:
        head = f'Content-Disposition: form-data; name="image"; filename="{image[0]}"\r\n'
        parts.append(head.encode() + b"Content-Type: image/png\r\n\r\n" + image[1])
    for name, value in fields.items():
        parts.append(f'Content-Disposition: form-data; name="{name}"\r\n\r\n{value}'.encode())
    body = b"".join(b"--" + boundary.encode() + b"\r\n" + part + b"\r\n" for part in parts)
    closed = body + b"--" + boundary.encode() + b"--\r\n"
    return closed, {"Content-Type": f"multipart/form-data; boundary={boundary}"}


def differences(
    want: dict[str, Any], got: Answer, rename: Callable[[Any], Any] = lambda value: value
) -> list[str]:
    """Where an answer departs from a recorded exchange: status, headers that matter, JSON or text."""
    found = []
    if want["status"] != got.status:
        found.append(f"status: {want['status']} became {got.status}: {got.body[:500]!r}")
    for name in EXACT_HEADERS:
        if want["headers"].get(name) != got.header(name):
            found.append(f"{name}: {want['headers'].get(name)!r} became {got.header(name)!r}")
    for name in PRESENT_HEADERS:
        if (name in want["headers"]) != (got.header(name) is not None):
            found.append(f"{name}: {want['headers'].get(name)!r} became {got.header(name)!r}")
    if "json" in want and got.status == want["status"]:
        found += compare(want["json"], rename(got.json))
    if "text" in want and want["text"] != got.body.decode():
        found.append(f"text: {want['text']!r} became {got.body!r}")
    if want.get("bytes") == 0 and got.body:
        found.append(f"body: nothing became {got.body[:200]!r}")
    return found


def compare(want: Any, got: Any, path: Path = ()) -> list[str]:
    """Same keys, same types, and the same values but for those that differ from run to run."""
    where = ".".join(map(str, path)) or "(all)"
    if _is_loose(path):
        return [] if _alike(want, got) else [f"{where}: {want!r} became {got!r}"]
    if isinstance(want, dict) and isinstance(got, dict):
        found = [f"{where}: {key!r} is missing" for key in want.keys() - got.keys()]
        found += [f"{where}: {key!r} is new" for key in got.keys() - want.keys() - PROSE]
        for key in want.keys() & got.keys():
            found += compare(want[key], got[key], (*path, key))
        return found
    if isinstance(want, list) and isinstance(got, list):
        if len(want) != len(got):
            return [f"{where}: {len(want)} entries became {len(got)}: {got!r}"[:600]]
        if _is_unordered(path):
            want, got = sorted(want), sorted(got)
        return [
            line for i, pair in enumerate(zip(want, got, strict=True)) for line in compare(*pair, (*path, i))
        ]
    if type(want) is not type(got) or _masked(want) != _masked(got):
        return [f"{where}: {want!r} became {got!r}"]
    return []


def _is_loose(path: Path) -> bool:
    """By name; and the number that begins a queue item, which is a list."""
    return bool(path) and (path[-1] in LOOSE or _is_item_entry(path, 0))


def _is_unordered(path: Path) -> bool:
    return bool(path) and (path[-1] in UNORDERED or _is_item_entry(path, 4))


def _is_item_entry(path: Path, index: int) -> bool:
    in_history = len(path) == 3 and path[-2:] == ("prompt", index)
    in_queue = len(path) == 3 and path[0] in ("queue_running", "queue_pending") and path[-1] == index
    return in_history or in_queue


def _alike(want: Any, got: Any) -> bool:
    if isinstance(want, int | float) and isinstance(got, int | float):
        return (want < 0) == (got < 0)
    if isinstance(want, list) and isinstance(got, list):
        return all(isinstance(entry, str) for entry in got)
    return type(want) is type(got)


def _masked(value: Any) -> Any:
    if isinstance(value, str):
        for pattern, name in _NAMES:
            value = pattern.sub(name, value)
    return value


def renaming(names: dict[str, str]) -> Callable[[Any], Any]:
    """Replaces texts wherever they stand in a JSON value: {"ours": "the recording's"}."""

    def rename(value: Any) -> Any:
        text = json.dumps(value)
        for ours, theirs in names.items():
            text = text.replace(json.dumps(ours)[1:-1], theirs)
        return json.loads(text)

    return rename
