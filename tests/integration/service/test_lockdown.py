"""Routes that gesso does not know, levers of the server, and node classes that a role may not use."""

import json
from collections.abc import Iterator

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.pack import Pack, pack_engine
from tests.running import wait_for
from tests.service import PLAIN, Reply, RunningGesso, running_service

LIMIT_S = 60.0
NAMES = ("sketch", "pack")


@pytest.fixture(scope="module")
def pack() -> Iterator[Pack]:
    with pack_engine() as made:
        yield made


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory, pack: Pack) -> Iterator[RunningGesso]:
    toml = (
        '[gateway.passthrough]\nusers = ["/mtb/status", "/pack/files/*"]\n'
        '[limits.user]\ndenied_nodes = ["Image*", "*Shell*"]\n'
        '[[engine]]\nname = "sketch"\nkind = "sketch"\n'
        f'[[engine]]\nname = "pack"\nkind = "comfyui"\nurl = "{pack.url}"\n'
    )
    with running_service(tmp_path_factory.mktemp("lockdown"), toml) as service:
        wait_for(lambda: all(service.engine(name)["ready"] for name in NAMES), LIMIT_S)
        assert service.call("POST", "/gesso/api/users", {"name": "ada"}).status == 201
        yield service


@pytest.fixture(scope="module")
def ada(fleet: RunningGesso) -> str:
    key: str = fleet.call("POST", "/gesso/api/keys", {"name": "laptop", "account": "ada"}).json()["token"]
    return key


def answers_nothing(reply: Reply) -> bool:
    return reply.status == 404 and reply.json()["error"]["message"] == "There is nothing at this address"


@pytest.mark.parametrize("path", ["/mtb/status", "/api/mtb/status", "/pack/files/a/b.png"])
def test_opened_paths_are_read_by_users_and_changed_by_administrators(
    fleet: RunningGesso, pack: Pack, ada: str, path: str
) -> None:
    pack.answers[path] = {"from": "pack"}
    reply = fleet.call("GET", path + "?deep=1&x=a%2Fb", key=ada, headers={"Cookie": "a=b"})
    assert (reply.status, reply.json()) == (200, {"from": "pack"})
    sent = pack.last(path)
    assert sent.target == path + "?deep=1&x=a%2Fb"
    told = json.dumps(sent.headers).lower()
    assert ada not in told and "cookie" not in told and "authorization" not in told and "origin" not in told
    assert fleet.call("POST", path, {}, key=ada).status == 403
    assert fleet.call("POST", path, {}, headers={"Gesso-Engine": "pack"}).status == 200
    assert "gesso-engine" not in json.dumps(pack.last(path).headers).lower()
    assert fleet.call("GET", path, key="").status == 401


@pytest.mark.parametrize(
    "path",
    ["/pack/files/..%2f..%2finternal%2flogs", "/pack/files/%2e%2e/x", "/pack/files/", "/pack/files", "/mtb"],
)
def test_nothing_beside_an_opened_path_is_opened(
    fleet: RunningGesso, pack: Pack, ada: str, path: str
) -> None:
    pack.answers["/mtb"] = pack.answers["/pack/files"] = pack.answers["/pack/files/"] = "secret"
    before = len(pack.sent)
    assert answers_nothing(fleet.call("GET", path, key=ada))
    assert not any(path in each.target for each in pack.sent[before:])


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_unknown_paths_are_the_administrators(fleet: RunningGesso, pack: Pack, ada: str, method: str) -> None:
    for path in ("/manager/queue/start", "/api/v2/manager/x"):
        pack.answers[path] = {"done": True}
        body = None if method == "GET" else b'{"a": 1}'
        assert answers_nothing(fleet.call(method, path, body, key=ada))
        reply = fleet.call(method, path + "?a=%2F", body, headers={"Gesso-Engine": "pack"})
        assert (reply.status, reply.json()) == (200, {"done": True})
        sent = pack.last(path)
        assert (sent.method, sent.target, sent.body) == (method, path + "?a=%2F", body or b"")
        assert fleet.key not in json.dumps(sent.headers)
        # The first engine is asked else, and has nothing there.
        assert fleet.call(method, path, body).status in (404, 405)
    assert fleet.call("GET", "/manager/x", headers={"Gesso-Engine": "none"}).status == 404


@pytest.mark.parametrize(
    "path",
    ["/gesso/none", "/v1/images/none", "/sdapi/v1/x", "/k/token/queue", "/api/jobs", "/userdata/a/b/c"],
)
def test_what_is_ours_never_travels_on(fleet: RunningGesso, pack: Pack, path: str) -> None:
    before = len(pack.sent)
    reply = fleet.call("GET", path, headers={"Gesso-Engine": "pack"})
    assert reply.status in (401, 404)
    assert not any(path in each.target for each in pack.sent[before:])


def test_a_known_path_with_another_method_stays_unknown_to_engines(fleet: RunningGesso, pack: Pack) -> None:
    before = len(pack.sent)
    assert fleet.call("DELETE", "/queue", headers={"Gesso-Engine": "pack"}).status == 405
    assert not any("/queue" in each.target for each in pack.sent[before:])


def test_bodies_for_engines_have_the_same_limit(fleet: RunningGesso, pack: Pack) -> None:
    pack.answers["/custom/upload"] = {}
    named = {"Gesso-Engine": "pack"}
    whole = fleet.call("POST", "/custom/upload", b"x" * 2_000_000, headers=named)
    assert whole.status == 200
    assert len(pack.last("/custom/upload").body) == 2_000_000


def test_sockets_of_custom_nodes_are_refused_clearly(fleet: RunningGesso) -> None:
    with pytest.raises(InvalidStatus) as refused:
        connect(
            f"ws://127.0.0.1:{fleet.port}/pack/socket",
            additional_headers={"Authorization": f"Bearer {fleet.key}"},
        ).close()
    assert refused.value.response.status_code == 404
    assert b"custom nodes are not passed on" in refused.value.response.body


def test_memory_is_freed_on_every_engine_and_each_is_reported(
    fleet: RunningGesso, pack: Pack, ada: str
) -> None:
    pack.answers["/free"] = {}
    body = {"unload_models": True}
    assert fleet.call("POST", "/free", body, key=ada).status == 403
    reply = fleet.call("POST", "/free", body)
    assert (reply.status, reply.json()) == (
        200,
        {"engines": {"sketch": {"status": 200}, "pack": {"status": 200}}},
    )
    assert json.loads(pack.last("/free").body) == body
    asked = pack.asked("/free")
    assert fleet.call("POST", "/api/free?engine=sketch", body).status == 200
    assert pack.asked("/free") == asked
    del pack.answers["/free"]
    refused = fleet.call("POST", "/free", body)
    assert refused.status == 502
    assert refused.json()["engines"] == {"sketch": {"status": 200}, "pack": {"status": 404}}
    assert "pack" in refused.json()["error"]["message"]


def test_an_engine_is_named_in_the_address_or_the_header(fleet: RunningGesso, pack: Pack) -> None:
    pack.answers["/internal/logs/raw"] = {"entries": ["of pack"]}
    assert fleet.call("GET", "/internal/logs/raw?engine=pack&a=1").json() == {"entries": ["of pack"]}
    assert pack.last("/internal/logs/raw").target == "/internal/logs/raw?a=1"
    assert fleet.call("GET", "/internal/logs/raw").json() != {"entries": ["of pack"]}


def test_denied_classes_are_hidden_from_the_role_and_refused(fleet: RunningGesso, ada: str) -> None:
    seen = fleet.call("GET", "/object_info", key=ada).json().keys()
    assert "SaveImage" in seen and not any(name.startswith("Image") for name in seen)
    assert "ImageInvert" in fleet.call("GET", "/object_info").json()
    assert fleet.call("GET", "/object_info/ImageInvert", key=ada).json() == {}
    assert "ImageInvert" in fleet.call("GET", "/object_info/ImageInvert").json()
    packed = fleet.call("GET", "/object_info", key=ada, headers={"Accept-Encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip"

    refused = fleet.call("POST", "/prompt", {"prompt": PLAIN}, key=ada)
    assert refused.status == 400
    body = refused.json()
    assert body["error"]["type"] == "node_denied"
    assert body["error"]["message"] == "Node class ImageInvert is not allowed for your role"
    assert body["node_errors"]["2"]["class_type"] == "ImageInvert"
    assert fleet.call("POST", "/prompt", {"prompt": PLAIN}).status == 200
