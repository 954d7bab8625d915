"""Who hears what: greetings, negotiation, reconnection, and whose messages go where."""

import json
import socket
import time

import pytest
from websockets.sync.client import connect

from gesso.protocol import frames
from tests.integration.sketch.exchange import send, send_json
from tests.integration.sketch.listening import NEGOTIATION, listening
from tests.integration.sketch.workflows import Prompt, plain, steps
from tests.running import Sketch, wait_for


def submit(url: str, prompt: Prompt, client_id: str | None = None) -> str:
    body = {"prompt": prompt} if client_id is None else {"prompt": prompt, "client_id": client_id}
    answer = send_json(url, "POST", "/prompt", body)
    assert answer.status == 200, answer.body
    return str(answer.json["prompt_id"])


def wait_finished(url: str, prompt_id: str) -> None:
    wait_for(lambda: send(url, "GET", f"/history/{prompt_id}").json)


def test_new_socket_is_told_the_queue_and_its_own_id(url: str) -> None:
    with connect(url.replace("http", "ws") + "/ws") as connection:
        greeting = json.loads(connection.recv(10))
    assert greeting["type"] == "status"
    assert greeting["data"]["status"] == {"exec_info": {"queue_remaining": 0}}
    assert len(greeting["data"]["sid"]) == 32


def test_features_are_negotiated_by_the_first_message_only(url: str) -> None:
    with listening(url, negotiate=False) as listener:
        listener.send("{}")
        listener.send(NEGOTIATION)
        prompt_id = submit(url, steps(1), listener.client_id)
        listener.wait_end(prompt_id)
        assert listener.messages("feature_flags") == []
        assert isinstance(frames.decode(listener.frames()[0]), frames.Preview)


@pytest.mark.parametrize("rubbish", ["not json", "[]", "[" * 100_000, '"feature_flags"', b"\x00\x01"])
def test_rubbish_from_a_client_leaves_its_socket_open(rubbish: str | bytes, url: str) -> None:
    with listening(url, negotiate=False) as listener:
        listener.send(rubbish)
        listener.wait_end(submit(url, plain(), listener.client_id))


def test_flags_that_are_no_object_count_as_none(url: str) -> None:
    with listening(url, negotiate=False) as listener:
        listener.send({"type": "feature_flags", "data": [1]})
        listener.wait_type("feature_flags")
        listener.wait_end(submit(url, steps(1, seed=3), listener.client_id))
        assert isinstance(frames.decode(listener.frames()[0]), frames.Preview)


def test_only_the_submitting_client_hears_of_its_prompt(url: str) -> None:
    with listening(url) as mine, listening(url) as other:
        mine.wait_end(submit(url, steps(2, seed=1), mine.client_id))
        other.wait(
            lambda message: message["data"].get("status", {}).get("exec_info") == {"queue_remaining": 1}
        )
        assert {message["type"] for message in other.messages()} == {"status", "feature_flags"}
        assert other.frames() == []
        assert len(mine.frames()) == 2


def test_prompt_without_client_shows_its_progress_to_all(url: str) -> None:
    with listening(url) as negotiated, listening(url, negotiate=False) as plainly:
        wait_finished(url, submit(url, steps(2, seed=2)))
        for listener in (negotiated, plainly):
            wait_for(lambda listener=listener: len(listener.frames()) == 2)  # type: ignore[misc]
            types = {message["type"] for message in listener.messages()} - {"status", "feature_flags"}
            assert types == {"progress_state", "progress"}
            assert all(isinstance(frames.decode(frame), frames.Preview) for frame in listener.frames())


def test_second_socket_of_a_client_takes_the_place_of_the_first(url: str) -> None:
    with listening(url) as first:
        with listening(url, first.client_id) as second:
            count = len(first.heard)
            second.wait_end(submit(url, plain(1), first.client_id))
            assert len(first.heard) == count
            assert not first.closed.is_set()


def test_closing_the_replaced_socket_leaves_its_successor(url: str) -> None:
    with listening(url) as first, listening(url, first.client_id) as second:
        first.connection.close()
        wait_for(first.closed.is_set)
        second.wait_end(submit(url, plain(2), first.client_id))


def test_reconnected_client_is_told_which_node_runs(url: str) -> None:
    with listening(url) as first:
        prompt_id = submit(url, steps(50, 0.1, seed=5), first.client_id)
        first.wait_type("progress")
    with listening(url, first.client_id) as second:
        assert second.messages()[1] == {"type": "executing", "data": {"node": "3"}}
        send_json(url, "POST", "/interrupt", {"prompt_id": prompt_id})
        second.wait_end(prompt_id)
    with listening(url, first.client_id) as third:
        assert third.messages("executing") == []


def test_client_that_does_not_read_delays_nobody_else(sketch: Sketch) -> None:
    with socket.create_connection(("127.0.0.1", sketch.port)) as silent:
        silent.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        silent.sendall(
            b"GET /ws?clientId=silent HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
            b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        assert silent.recv(4) == b"HTTP"
        started = time.monotonic()
        with listening(sketch.url) as listener:
            wait_finished(sketch.url, submit(sketch.url, steps(200, 0, seed=6)))
            listener.wait_end(submit(sketch.url, plain(3), listener.client_id))
        assert time.monotonic() - started < 30


def test_log_lines_go_to_those_who_subscribed(url: str) -> None:
    with listening(url) as listener, listening(url) as other:
        body = {"clientId": listener.client_id, "enabled": True}
        assert send_json(url, "PATCH", "/internal/logs/subscribe", body).status == 200
        wait_finished(url, submit(url, plain(4)))
        entry = listener.wait_type("logs")["data"]["entries"][0]
        assert set(entry) == {"t", "m"} and entry["m"].endswith("\n")
        send_json(url, "PATCH", "/internal/logs/subscribe", {**body, "enabled": False})
        assert other.messages("logs") == []
