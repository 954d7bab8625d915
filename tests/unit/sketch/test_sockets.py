"""A client that does not read, and where previews go."""

import asyncio
from typing import Any

import pytest

from gesso.protocol import frames
from gesso.sketch import socket as sketch_socket
from gesso.sketch.socket import Client, Hub


def waiting(client: Client) -> list[Any]:
    return [client.outbox.get_nowait() for _ in range(client.outbox.qsize())]


def hub_with(*clients: Client) -> Hub:
    hub = Hub({}, lambda sid: [])
    for client in clients:
        hub.enter(client)
    return hub


def test_client_that_does_not_read_is_given_up_once(monkeypatch: pytest.MonkeyPatch, caplog: Any) -> None:
    monkeypatch.setattr(sketch_socket, "OUTBOX_LIMIT", 3)
    client = Client("slow")
    for number in range(10):
        client.put(str(number))
    assert waiting(client) == ["0", "1", "2"]
    assert len(caplog.records) == 1


@pytest.mark.parametrize(
    ("client_id", "metadata", "negotiated", "plain"),
    [
        ("new", {"node_id": "3"}, frames.PreviewWithMetadata, None),
        ("new", None, None, None),
        ("old", {"node_id": "3"}, None, None),
        ("old", None, None, frames.Preview),
        (None, {"node_id": "3"}, None, None),
        (None, None, frames.Preview, frames.Preview),
        ("gone", None, None, None),
    ],
)
def test_preview_reaches_whom_it_is_for_in_the_form_agreed_on(
    client_id: str | None, metadata: dict[str, Any] | None, negotiated: type | None, plain: type | None
) -> None:
    new, old = Client("new"), Client("old")
    new.flags = {"supports_preview_metadata": True}
    hub = hub_with(new, old)

    async def deliver() -> None:
        hub.bind(asyncio.get_running_loop())
        hub.send_preview(b"\xff\xd8", "image/jpeg", metadata, client_id)
        await asyncio.sleep(0)

    asyncio.run(deliver())
    for client, kind in ((new, negotiated), (old, plain)):
        assert [type(frames.decode(frame)) for frame in waiting(client)] == ([kind] if kind else [])


def test_text_of_a_node_goes_to_its_client() -> None:
    mine, other = Client("mine"), Client("other")
    hub = hub_with(mine, other)

    async def deliver() -> None:
        hub.bind(asyncio.get_running_loop())
        hub.send_text("3", "half way", "mine")
        await asyncio.sleep(0)

    asyncio.run(deliver())
    assert [frames.decode(frame) for frame in waiting(mine)] == [frames.Text(node_id="3", text="half way")]
    assert waiting(other) == []
