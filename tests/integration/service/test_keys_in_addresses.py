"""Keys in addresses on the whole service: what opens, and that no log, engine, store or answer has them."""

import http.client
import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from tests.integration.sketch.exchange import form
from tests.running import running_sketch, wait_for
from tests.service import PLAIN, Reply, RunningGesso, running_service
from tests.tap import Tap, tapped

ENDED_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A gesso that logs all it can, its engine behind a tap, and a user's key for addresses."""

    service: RunningGesso
    tap: Tap
    engine_log: Path
    token: str

    def call(self, method: str, target: str, body: Any = None, **headers: str) -> Reply:
        """A request of a client that sends no header of ours."""
        answer = self.service.call(method, target, body, headers=headers, key="")
        assert "set-cookie" not in answer.headers
        told = f"{answer.headers} {answer.body!r}"
        assert self.token not in told.replace(f"'location': '{self.token}/", ""), target
        return answer


BOTH: list[Callable[[str, str], str]] = [
    lambda token, target: f"/k/{token}{target}",
    lambda token, target: f"{target}{'&' if '?' in target else '?'}token={token}",
]
both = pytest.mark.parametrize("address", BOTH, ids=["prefix", "parameter"])


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    directory = tmp_path_factory.mktemp("addresses")
    with running_sketch(directory / "engine") as sketch, tapped(sketch.port) as tap:
        toml = f'[logs]\nlevel = "debug"\n[[engine]]\nname = "sketch"\nkind = "comfyui"\nurl = "{tap.url}"\n'
        with running_service(directory / "data", toml) as service:
            assert service.call("POST", "/gesso/api/users", {"name": "ada"}).status == 201
            place = Place(
                service=service, tap=tap, engine_log=sketch.log, token=key_for(service, in_url=True)
            )
            yield place
            seen_by_nobody(place)


def seen_by_nobody(place: Place) -> None:
    """After all tests: the client is the only one who has the key."""
    storage = place.service.directory / "storage"
    stored = b"".join(path.read_bytes() for path in storage.rglob("*") if path.is_file())
    assert b"SQLite" in stored and b"HTTP/1.1" in place.tap.heard()
    secret = place.token.removeprefix("gesso_").encode()
    for where in (place.service.log().encode(), place.tap.heard(), place.engine_log.read_bytes(), stored):
        assert secret not in where


def key_for(service: RunningGesso, **more: Any) -> str:
    made = service.call("POST", "/gesso/api/keys", {"name": "viewer", "account": "ada", **more})
    assert made.status == 201 and made.json()["key"]["in_url"] is more.get("in_url", False)
    token: str = made.json()["token"]
    return token


def socket_url(place: Place, target: str) -> str:
    return f"ws://127.0.0.1:{place.service.port}{target}"


def raw(place: Place, method: str, target: str) -> tuple[int, str | None]:
    """A request whose path nobody tidies up."""
    connection = http.client.HTTPConnection("127.0.0.1", place.service.port, timeout=20)
    try:
        connection.request(method, target)
        answer = connection.getresponse()
        answer.read()
        return answer.status, answer.headers["location"]
    finally:
        connection.close()


@both
def test_a_client_without_headers_runs_a_workflow_listens_and_fetches(
    place: Place, address: Callable[[str, str], str]
) -> None:
    def at(target: str) -> str:
        return address(place.token, target)

    client_id = uuid.uuid4().hex
    with connect(socket_url(place, at(f"/ws?clientId={client_id}"))) as websocket:
        body, content_type = form({"overwrite": "true"}, image=("red.png", b"\x89PNG not really"))
        place.call("POST", at("/upload/image"), body, **content_type)
        submitted = place.call("POST", at("/prompt"), {"prompt": PLAIN, "client_id": client_id})
        assert submitted.status == 200 and submitted.headers["referrer-policy"] == "no-referrer"
        job_id = submitted.json()["prompt_id"]
        kinds = set()
        while "execution_success" not in kinds:
            message = websocket.recv(ENDED_S)
            assert isinstance(message, str)
            kinds.add(json.loads(message)["type"])
    item = wait_for(lambda: place.call("GET", at(f"/history/{job_id}")).json().get(job_id), ENDED_S)
    image = item["outputs"]["3"]["images"][0]
    picture = place.call("GET", at("/view?" + "&".join(f"{n}={quote(v)}" for n, v in image.items())))
    assert picture.status == 200 and picture.body.startswith(b"\x89PNG")
    assert picture.headers["cache-control"].startswith("private")
    assert place.call("GET", at("/gesso/api/whoami")).json()["via"] == "url"
    page = place.call("GET", at("/"), Accept="text/html")
    assert page.status == 200 and b"<html" in page.body
    # What is passed on to the engine, with headers that name the address; what fails, what is refused.
    telling = {"Referer": f"http://x{at('/')}", "X-Original-URI": at("/favicon.ico")}
    assert place.call("GET", at("/favicon.ico?a=1"), **telling).status in (200, 404)
    assert place.call("GET", at("/nothing/here")).status == 404
    assert place.call("POST", at("/prompt"), b"{").status in (400, 500)
    assert place.call("POST", at("/free"), {}).status == 403
    assert place.call("POST", at("/gesso/api/keys"), {"name": "more"}).status == 403
    assert place.call("POST", at("/gesso/api/password"), {"new": "ten letters"}).status == 403
    assert place.call("POST", at("/interrupt"), Origin="https://elsewhere.example").status == 200
    with pytest.raises(InvalidStatus) as refused:
        connect(socket_url(place, at("/nothing")))
    assert refused.value.response.status_code == 404


@both
def test_no_other_key_opens_and_all_refusals_are_alike(
    place: Place, address: Callable[[str, str], str]
) -> None:
    service = place.service
    plain, revoked = key_for(service), key_for(service, in_url=True)
    mine = service.call("GET", "/gesso/api/keys?account=ada").json()["keys"]
    id_ = next(key["id"] for key in mine if revoked.startswith(key["prefix"]))
    opened = place.call("GET", address(revoked, "/queue"))
    assert opened.status == 200
    with connect(socket_url(place, address(revoked, "/ws"))) as websocket:
        assert service.call("DELETE", f"/gesso/api/keys/{id_}").status == 200
        with pytest.raises(ConnectionClosed):
            while True:
                websocket.recv(ENDED_S)
    said = set()
    for token in (plain, revoked, "gesso_" + "x" * 43, "", "rubbish"):
        answer = place.call("GET", address(token, "/queue"), Accept="text/html")
        assert answer.status == 401 and "location" not in answer.headers
        said.add(answer.body)
        with pytest.raises(InvalidStatus) as refused:
            connect(socket_url(place, address(token, "/ws")))
        assert refused.value.response.status_code == 401
    assert len(said) == 1
    assert service.call("GET", "/queue", key=plain).status == 200
    assert plain not in service.log() and revoked not in service.log()


def test_odd_addresses_open_nothing(place: Place) -> None:
    token = place.token
    assert raw(place, "GET", f"/k/{token}") == (308, f"{token}/")
    assert raw(place, "GET", f"/k/{token}?a=%2F") == (308, f"{token}/?a=%2F")
    assert raw(place, "GET", f"/k/{token}%2Fqueue")[0] == 401
    assert raw(place, "GET", f"/k//{token}/queue")[0] == 401
    assert raw(place, "GET", f"/K/{token}/queue")[0] in (401, 404)
    assert raw(place, "GET", f"/%6b/{token}/queue")[0] in (401, 404)
    assert raw(place, "GET", f"/k/{token}/k/{token}/queue")[0] == 404
    assert raw(place, "GET", f"/k/{token}/../../gesso/api/whoami")[0] == 404
    assert raw(place, "GET", f"/k/{token}//queue")[0] == 404
    assert raw(place, "GET", f"/k/{token}/queue?token={token}")[0] == 401
    assert raw(place, "POST", f"/k/{token}")[0] == 405
    # Public pages stay public, and a login made there is not handed out.
    assert raw(place, "GET", "/k/rubbish/gesso/login")[0] == 200
    # The console lives at its own address, where a login is asked for.
    assert raw(place, "GET", f"/k/{token}/gesso") == (308, "/gesso/")


@both
def test_the_log_shows_that_there_was_a_key_and_the_engine_sees_the_rest(
    place: Place, address: Callable[[str, str], str]
) -> None:
    name = uuid.uuid4().hex
    place.call("GET", address(place.token, f"/scripts/{name}?a=1"))
    with pytest.raises(InvalidStatus):
        connect(socket_url(place, address(place.token, f"/ws/{name}")))
    place.call("GET", address(place.token, f"/queue?{name}&token=second"))
    assert f"GET /scripts/{name}?a=1 ".encode() in place.tap.heard()
    wanted = (
        f"GET {address('***', f'/scripts/{name}?a=1')} ",
        f"WEBSOCKET {address('***', f'/ws/{name}')} ",
        f"GET {address('***', f'/queue?{name}&token=***')} 401",
        " DEBUG ",
    )
    # A line is written when its answer has gone out.
    wait_for(lambda: all(shown in place.service.log() for shown in wanted), ENDED_S)
