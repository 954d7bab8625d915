"""Faults of whatever is asked, as they are on the wire; and the route that controls them all."""

import http.client
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.exceptions import InvalidHandshake
from websockets.sync.client import connect

from gesso.sketch.faults import KINDS
from gesso.sketch.routes.faults import is_local
from tests.integration.sketch.exchange import send, send_json
from tests.integration.sketch.faulty import heal, inflict, with_faults
from tests.running import running_sketch, wait_for

ANSWERS = ("locked", "forbidden", "login", "html", "truncated", "drop", "slow-answers:0.1", "models-missing")


@pytest.fixture(autouse=True)
def healed(url: str) -> Iterator[None]:
    """The module's sketch is shared: what a test inflicted on it ends with the test."""
    yield
    heal(url)


@pytest.mark.parametrize(("fault", "status"), [("locked", 401), ("forbidden", 403), ("login", 302)])
def test_refusal_is_for_all_and_for_sockets(fault: str, status: int, url: str) -> None:
    inflict(url, fault)
    for path in ("/system_stats", "/api/object_info", "/queue", "/"):
        answer = send(url, "GET", path)
        assert answer.status == status
        assert (answer.header("Location") == "/login") == (status == 302)
    assert send_json(url, "POST", "/prompt", {}).status == status
    with pytest.raises(InvalidHandshake), connect(url.replace("http", "ws") + "/ws"):
        pass
    heal(url, fault)
    assert send(url, "GET", "/system_stats").status == 200


def test_page_of_a_proxy(url: str) -> None:
    inflict(url, "html")
    answer = send(url, "GET", "/system_stats")
    assert answer.status == 200
    assert answer.header("Content-Type") == "text/html; charset=utf-8"
    assert answer.body.startswith(b"<html>")


def test_truncated_json_is_whole_to_http(url: str) -> None:
    inflict(url, "truncated")
    answer = send(url, "GET", "/system_stats")
    assert answer.status == 200
    assert answer.header("Content-Length") == str(len(answer.body))
    with pytest.raises(json.JSONDecodeError):
        json.loads(answer.body)


def test_connection_closed_in_the_middle_of_the_answer(url: str) -> None:
    inflict(url, "drop")
    with pytest.raises(http.client.IncompleteRead) as error:
        send(url, "GET", "/system_stats")
    assert error.value.partial.startswith(b'{"system"')


def test_slow_answers_are_right_answers(url: str) -> None:
    inflict(url, "slow-answers:0.3")
    assert "system" in send(url, "GET", "/system_stats").json


def test_engine_without_models_offers_none(url: str) -> None:
    healthy = send(url, "GET", "/object_info/SketchPretendLoader").json
    inflict(url, "models-missing")
    loader = send(url, "GET", "/object_info/SketchPretendLoader").json["SketchPretendLoader"]
    assert healthy["SketchPretendLoader"]["input"]["required"]["model_name"][0]
    assert loader["input"]["required"]["model_name"][0] == []
    assert send(url, "GET", "/models/checkpoints").json == []
    prompt = {
        "1": {"class_type": "SketchPretendLoader", "inputs": {"model_name": "harbour.safetensors"}},
        "2": {"class_type": "PreviewImage", "inputs": {"images": ["1", 0]}},
    }
    refused = send_json(url, "POST", "/prompt", {"prompt": prompt})
    assert refused.status == 400
    assert "value_not_in_list" in refused.body.decode()


@pytest.mark.parametrize("fault", ANSWERS)
def test_control_route_is_never_the_faults_victim(fault: str, url: str) -> None:
    inflict(url, fault)
    answer = send(url, "GET", "/sketch/faults")
    assert answer.status == 200
    assert answer.json["on"] == [fault]
    assert heal(url).json["on"] == []


def test_control_route_lists_all_faults_and_what_the_command_turned_on(tmp_path: Path) -> None:
    with running_sketch(tmp_path / "data", *with_faults("slow-answers:0", "hang:3")) as sketch:
        state = send(sketch.url, "GET", "/sketch/faults").json
        assert state["on"] == ["slow-answers:0", "hang:3"]
        assert [each["name"] for each in state["faults"]] == list(KINDS)
        assert all(each["usage"] and each["help"] and each["when"] for each in state["faults"])


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"fault": "hnag"}, "did you mean 'hang'"),
        ({"fault": "stuck-start"}, "give it with --fault"),
        ({"fault": 3}, "The body is not like"),
        ([], "not a JSON object"),
    ],
)
def test_control_route_says_what_it_does_not_understand(body: object, words: str, url: str) -> None:
    answer = send_json(url, "POST", "/sketch/faults", body)
    assert answer.status == 400
    assert words in answer.body.decode()
    assert send(url, "GET", "/sketch/faults").json["on"] == []


def test_removing_what_does_not_exist_is_told_and_what_is_off_is_not(url: str) -> None:
    assert heal(url, "hnag").status == 400
    assert heal(url, "exit").status == 200


def test_page_of_another_site_cannot_inflict_faults(url: str) -> None:
    body = json.dumps({"fault": "locked"}).encode()
    answer = send(url, "POST", "/sketch/faults", body, {"Origin": "http://example.org"})
    assert answer.status == 403
    wait_for(lambda: send(url, "GET", "/sketch/faults").json["on"] == [])


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"])
def test_this_machine_may_inflict_faults(peer: str) -> None:
    assert is_local(peer)


@pytest.mark.parametrize("peer", ["192.0.2.1", "::ffff:192.0.2.1", "2001:db8::1", "", "localhost", None])
def test_nobody_else_may(peer: str | None) -> None:
    assert not is_local(peer)
