"""Each limit of an account on a real gesso: hit, told in the route's dialect, at the price of no result."""

import http.client
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any
from urllib.parse import quote

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.integration.service.test_bad_input import multipart
from tests.running import wait_for
from tests.service import PLAIN, Reply, RunningGesso, running_service

FRONTEND_FILES = 470
SLOW: dict[str, Any] = {
    "1": {"class_type": "EmptyImage", "inputs": {"width": 8, "height": 8, "batch_size": 1, "color": 0}},
    "2": {"class_type": "SketchSteps", "inputs": {"image": ["1", 0], "steps": 4, "seconds": 30, "seed": 1}},
    "3": {"class_type": "SaveImage", "inputs": {"images": ["2", 0], "filename_prefix": "slow"}},
}


class User:
    """A new account, and what its key is told."""

    def __init__(self, service: RunningGesso, name: str) -> None:
        self.service, self.name = service, name
        assert service.call("POST", "/gesso/api/users", {"name": name}).status == 201
        made = service.call("POST", "/gesso/api/keys", {"name": "test", "account": name})
        self.key = made.json()["token"]

    def limit(self, **change: Any) -> None:
        reply = self.service.call("PATCH", f"/gesso/api/users/{self.name}/limits", change)
        assert reply.status == 200, reply.body

    def call(self, method: str, path: str, body: Any = None, **more: Any) -> Reply:
        return self.service.call(method, path, body, key=self.key, **more)

    def submit(self, prompt: dict[str, Any] = PLAIN) -> Reply:
        return self.call("POST", "/prompt", {"prompt": prompt})

    def upload(self, name: str, size: int, route: str = "image") -> Reply:
        body, headers = multipart(name, b"x" * size)
        return self.call("POST", f"/upload/{route}", body, headers=headers)

    def ended(self, reply: Reply) -> dict[str, Any]:
        assert reply.status == 200, reply.body
        id = reply.json()["prompt_id"]
        item: dict[str, Any] = wait_for(lambda: self.call("GET", f"/history/{id}").json().get(id), 60)
        return item


def refused(reply: Reply, words: str) -> dict[str, Any]:
    """Told as ComfyUI tells errors, and when to come back."""
    assert reply.status == 429 and int(reply.headers["retry-after"]) >= 1
    told: dict[str, Any] = reply.json()
    assert set(told) == {"error", "node_errors"} and told["node_errors"] == {}
    assert set(told["error"]) == {"type", "message", "details", "extra_info"}
    assert told["error"]["type"] == "over_limit" and words in told["error"]["message"]
    return told


@pytest.fixture(scope="module")
def ada(service: RunningGesso) -> User:
    return User(service, "ada")


@pytest.fixture
def limited(ada: User) -> Iterator[User]:
    """Ada, whose limits a test may change."""
    yield ada
    told = ada.service.call("GET", f"/gesso/api/limits?account={ada.name}").json()
    ada.limit(**dict.fromkeys(told["limits"]), weight=None)


def test_the_frontends_first_files_pass_at_once(ada: User) -> None:
    line = http.client.HTTPConnection("127.0.0.1", ada.service.port, timeout=30)
    statuses = set()
    for _ in range(FRONTEND_FILES):
        line.request("GET", "/features", headers={"Authorization": f"Bearer {ada.key}"})
        with line.getresponse() as answer:
            answer.read()
            statuses.add(answer.status)
    line.close()
    assert statuses == {200}


def test_unfinished_jobs(limited: User) -> None:
    limited.limit(jobs_queued=1)
    slow = limited.submit(SLOW)
    assert slow.status == 200
    refused(limited.submit(), "1 unfinished")
    shown = limited.call("GET", "/gesso/api/limits").json()["limits"]["jobs_queued"]
    assert shown == {"used": 1, "limit": 1, "own": True}
    limited.call("POST", "/interrupt", {"prompt_id": slow.json()["prompt_id"]})
    limited.ended(slow)
    limited.ended(limited.submit())


def test_seconds_of_engines(limited: User) -> None:
    limited.ended(limited.submit())
    used = limited.call("GET", "/gesso/api/limits").json()["limits"]["gpu_seconds_per_day"]["used"]
    assert 0 < used < 60
    limited.limit(gpu_seconds_per_day=used)
    refused(limited.submit(), "24 hours")
    assert limited.call("GET", "/queue").json() == {"queue_running": [], "queue_pending": []}
    limited.limit(gpu_seconds_per_day=used + 60)
    limited.ended(limited.submit())


def test_storage_stops_uploads_and_jobs_but_keeps_every_result(limited: User) -> None:
    used = limited.call("GET", "/gesso/api/limits").json()["limits"]["storage"]["used"]
    limited.limit(storage=used + 1000)
    assert limited.upload("a.bin", 100).status == 200
    told = refused(limited.upload("b.bin", 950), "this would add 950 B")
    assert "Delete" in told["error"]["details"]
    refused(limited.call("POST", "/userdata/x.json", b"x" * 950), "this would add 950 B")
    assert limited.call("GET", "/view?filename=b.bin&type=input").status == 404
    assert limited.call("GET", "/userdata/x.json").status == 404
    assert limited.call("POST", "/userdata/x.json", b"x" * 890).status == 200
    assert limited.upload("a.bin", 100).status == 200
    # The picture of the last job that may be submitted is kept, though it does not fit.
    large = {**PLAIN, "1": {"class_type": "EmptyImage", "inputs": {**PLAIN["1"]["inputs"], "width": 640}}}
    (image,) = limited.ended(limited.submit(large))["outputs"]["3"]["images"]
    query = "&".join(f"{name}={quote(value)}" for name, value in image.items())
    assert limited.call("GET", f"/view?{query}").status == 200
    refused(limited.submit(), "your limit is")
    listed = limited.call("GET", "/gesso/api/files?order=largest").json()["files"]
    assert (listed[0]["filename"], listed[0]["size"]) == (image["filename"], max(f["size"] for f in listed))
    nobodys = limited.service.call("DELETE", f"/gesso/api/files?filename={listed[0]['filename']}")
    assert nobodys.status == 404
    gone = limited.call("DELETE", f"/gesso/api/files?filename={listed[0]['filename']}")
    assert gone.json() == listed[0]
    assert limited.call("GET", f"/view?{query}").status == 404
    limited.ended(limited.submit())


def test_requests_in_a_second(limited: User) -> None:
    limited.limit(requests_per_s=0.01)
    wait_for(lambda: limited.call("GET", "/queue").status == 429)
    refused(limited.call("GET", "/queue"), "requests")
    refused(limited.submit(), "requests")
    assert limited.call("GET", "/gesso/api/whoami").json()["error"]["code"] == "over_limit"
    assert limited.service.call("GET", "/queue").status == 200


def test_sockets(limited: User) -> None:
    limited.limit(sockets=1)
    address = f"ws://127.0.0.1:{limited.service.port}/ws"
    headers = {"Authorization": f"Bearer {limited.key}"}
    with connect(address, additional_headers=headers) as first:
        first.recv(timeout=30)
        assert limited.call("GET", "/gesso/api/limits").json()["limits"]["sockets"]["used"] == 1
        with pytest.raises(InvalidStatus) as caught:
            connect(address, additional_headers=headers)
        assert caught.value.response.status_code == 429
        assert int(caught.value.response.headers["retry-after"]) >= 1
    wait_for(lambda: not limited.call("GET", "/gesso/api/limits").json()["limits"]["sockets"]["used"], 30)
    with connect(address, additional_headers=headers) as second:
        second.recv(timeout=30)


def test_a_body(limited: User) -> None:
    limited.limit(body="2KB")
    reply = limited.upload("c.bin", 3000)
    assert reply.status == 413 and "2 KB, which is your limit" in reply.json()["error"]["message"]
    assert limited.upload("c.bin", 1000).status == 200


def test_own_limits_survive_a_restart_and_the_roles_follow_the_configuration(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    directory = tmp_path_factory.mktemp("limits")
    with running_service(directory, ready=False) as service:
        ada, ben = User(service, "ada"), User(service, "ben")
        ada.limit(jobs_queued=3, weight=2)
        # Both have an account in the queue from now on.
        ben.limit(sockets=5)
        service.close()
        text = service.config.read_text()
        service.config.write_text("[limits.user]\njobs_queued = 7\nstorage = '1GB'\n" + text)
        service.launch()
        for user, jobs, storage in ((ada, 3, 10**9), (ben, 7, 10**9)):
            told = user.call("GET", "/gesso/api/limits").json()
            assert told["limits"]["jobs_queued"]["limit"] == jobs
            assert told["limits"]["storage"]["limit"] == storage
            assert told["weight"] == (2.0 if user is ada else 1.0)
        assert ben.call("GET", "/gesso/api/limits").json()["limits"]["sockets"]["own"]
        with closing(sqlite3.connect(directory / "storage" / "gesso.sqlite3")) as database:
            flows = dict(database.execute("SELECT max_queued, weight FROM flow"))
        assert flows == {3: 2.0, 7: 1.0}
