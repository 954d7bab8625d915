"""Files larger than a block come in and go out byte for byte, however they are cut on the way."""

import asyncio
import random
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from gesso.access.access import Access
from gesso.access.audit import Audit
from gesso.access.identity import Identity, Via
from gesso.access.scopes import Role
from gesso.gateway.comfyui.pictures import CHUNK_BYTES, Pictures
from gesso.gateway.oversight import Oversight
from gesso.jobs.artifacts import Artifacts
from gesso.jobs.files import Files
from gesso.jobs.queue import Queue
from tests.databases import opened
from tests.unit.gateway.calls import Answer, call

BORDER = "border"
CONTENT = random.Random(7).randbytes(2 * CHUNK_BYTES + 12_345)  # noqa: S311
ADA = Identity(account_id="ada", name="ada", role=Role.USER, scopes=frozenset(), key_id="k", via=Via.KEY)
# From 2.4 on a response does not listen for the client's going away while it sends.
SCOPE = {"gesso.identity": ADA, "asgi": {"spec_version": "2.4"}}


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


async def ask(pictures: Pictures, target: str, method: str = "GET", **more: Any) -> Answer:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        route = pictures.upload_image if method == "POST" else pictures.view
        response = await route(Request(scope, receive, send))
        await response(scope, receive, send)

    return await call(app, target, method, scope=SCOPE, **more)


async def upload(pictures: Pictures, size: int) -> Answer:
    head = f'--{BORDER}\r\nContent-Disposition: form-data; name="image"; filename="large.bin"\r\n\r\n'
    tail = f'\r\n--{BORDER}\r\nContent-Disposition: form-data; name="subfolder"\r\n\r\nin\r\n--{BORDER}--\r\n'
    body = head.encode() + CONTENT + tail.encode()
    headers = [("content-type", f"multipart/form-data; boundary={BORDER}")]
    return await ask(pictures, "/upload/image", "POST", headers=headers, chunks=cut(body, size))


@pytest.mark.parametrize("size", [65_536, CHUNK_BYTES, 10 * CHUNK_BYTES])
def test_a_large_upload_comes_back_as_it_was(tmp_path: Path, size: int) -> None:
    async def main() -> None:
        async with opened("sqlite://") as database, Artifacts(tmp_path / "artifacts", database) as artifacts:
            pictures = Pictures(
                artifacts=artifacts,
                files=Files(database),
                oversight=Oversight(audit=Audit(database), access=Access(database), queue=Queue(database)),
            )
            stored = await upload(pictures, size)
            assert stored.json == {"name": "large.bin", "subfolder": "in", "type": "input"}
            where = "/view?filename=large.bin&subfolder=in&type=input"
            whole = await ask(pictures, where)
            assert whole.body == CONTENT
            assert max(len(message.get("body", b"")) for message in whole.messages) <= CHUNK_BYTES
            part = await ask(
                pictures, where, headers=[("range", f"bytes={CHUNK_BYTES - 5}-{CHUNK_BYTES + 5}")]
            )
            assert (part.status, part.body) == (206, CONTENT[CHUNK_BYTES - 5 : CHUNK_BYTES + 6])

    asyncio.run(main())
