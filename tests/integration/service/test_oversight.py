"""An administrator at what is others': only with `all=true`, only he, never without a line in the audit."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import pytest

from gesso.cli.main import run
from tests.integration.service.test_comfyui_jobs import load_and_save, upload
from tests.integration.sketch.workflows import plain, steps
from tests.running import wait_for
from tests.service import RunningGesso


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """Ada or Ben: a key, and a job that has ended with a picture."""

    service: RunningGesso
    name: str
    key: str

    def call(self, method: str, path: str, body: Any = None) -> Any:
        return self.service.call(method, path, body, key=self.key)

    def submit(self, prompt: Any) -> str:
        answer = self.call("POST", "/prompt", {"prompt": prompt})
        assert answer.status == 200, answer
        return str(answer.json()["prompt_id"])

    def ended(self, job_id: str) -> dict[str, Any]:
        item: dict[str, Any] = wait_for(
            lambda: self.call("GET", f"/history/{job_id}").json().get(job_id), 60.0
        )
        return item

    def state(self, job_id: str) -> str:
        return str(self.call("GET", f"/gesso/api/jobs/{job_id}").json()["state"])


def new_user(service: RunningGesso, name: str) -> User:
    return User(service=service, name=name, key=service.new_key(name))


@pytest.fixture(scope="module")
def ada(service: RunningGesso) -> Iterator[User]:
    yield new_user(service, "ada")


@pytest.fixture(scope="module")
def ben(service: RunningGesso) -> Iterator[User]:
    yield new_user(service, "ben")


class Audit:
    """The lines since the test began."""

    def __init__(self, service: RunningGesso) -> None:
        self._service = service
        self._seen = self._read()[0]["seq"]

    def _read(self) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = self._service.call("GET", "/gesso/api/audit?limit=1000").json()[
            "entries"
        ]
        return entries

    def new(self) -> list[tuple[str, str | None]]:
        """(action, target) since the last call: all by the administrator, from here."""
        fresh = [each for each in self._read() if each["seq"] > self._seen]
        assert {(each["actor"], each["address"]) for each in fresh} <= {("admin", "127.0.0.1")}
        self._seen += len(fresh)
        return [(each["action"], each["target"]) for each in reversed(fresh)]


@pytest.fixture
def audit(service: RunningGesso) -> Audit:
    return Audit(service)


@pytest.fixture
def painted(ada: User) -> tuple[str, dict[str, Any]]:
    job_id = ada.submit(plain(4711))
    return job_id, ada.ended(job_id)


ALL = (
    ("GET", "/queue?all=true", None),
    ("GET", "/api/queue?all=1", None),
    ("GET", "/history?all=true", None),
    ("GET", "/history/{job}?all=true", None),
    ("GET", "/view?filename={file}&type=output&all=true&job={job}", None),
    ("POST", "/queue?all=true", {"delete": ["{job}"]}),
    ("POST", "/interrupt?all=true", {"prompt_id": "{job}"}),
    ("GET", "/gesso/api/jobs?all=true", None),
    ("GET", "/gesso/api/audit", None),
)


@pytest.mark.parametrize(("method", "path", "body"), ALL)
def test_users_may_not_look_at_all_not_even_at_what_is_theirs(
    ada: User, ben: User, audit: Audit, painted: Any, method: str, path: str, body: Any
) -> None:
    job_id, item = painted
    file = item["outputs"]["3"]["images"][0]["filename"]
    path = path.replace("{job}", job_id).replace("{file}", file)
    sent = None if body is None else json.loads(json.dumps(body).replace("{job}", job_id))
    for user in (ada, ben):
        answer = user.call(method, path, sent)
        assert answer.status == 403, (path, answer)
        assert b"4711" not in answer.body
    assert audit.new() == []


def test_without_all_an_administrator_sees_only_his_own(
    service: RunningGesso, audit: Audit, painted: Any
) -> None:
    job_id, item = painted
    image = item["outputs"]["3"]["images"][0]
    assert service.call("GET", "/history").json() == {}
    assert service.call("GET", "/history?all=false").json() == {}
    assert service.call("GET", f"/history/{job_id}").json() == {}
    assert service.call("GET", f"/view?{urlencode(image)}").status == 404
    assert service.call("GET", f"/view?{urlencode({**image, 'job': job_id})}").status == 404
    assert service.call("GET", "/queue?all=perhaps").status == 400
    assert audit.new() == []


def test_an_administrator_sees_everybodys_history_and_pictures_and_whose_they_are(
    service: RunningGesso, ada: User, audit: Audit, painted: Any
) -> None:
    job_id, item = painted
    whole = service.call("GET", "/history?all=true").json()
    assert whole[job_id]["outputs"] == item["outputs"]
    assert whole[job_id]["prompt"][3]["gesso"] == {"owner": "ada"}
    assert "gesso" not in item["prompt"][3]
    assert audit.new() == [("jobs.view_all", "history")]
    one = service.call("GET", f"/history/{job_id}?all=true").json()
    assert one == {job_id: whole[job_id]}
    assert service.call("GET", "/history/none?all=true").json() == {}
    assert audit.new() == [("job.view", job_id)]
    image = item["outputs"]["3"]["images"][0]
    for _ in range(2):
        shown = service.call("GET", f"/view?{urlencode({**image, 'all': 'true', 'job': job_id})}")
        assert shown.body == ada.call("GET", f"/view?{urlencode(image)}").body
    assert audit.new() == [("job.view", job_id)]


def test_of_a_job_only_its_own_files_are_shown(
    service: RunningGesso, ada: User, audit: Audit, painted: Any
) -> None:
    url = service.address(ada.key)
    given = upload(url, "given.png", "red")
    job_id = ada.submit(load_and_save(given["name"]))
    item = ada.ended(job_id)
    upload(url, "private.png", "blue")

    def look(name: str, job: str, type: str = "input") -> int:
        query = urlencode({"filename": name, "type": type, "all": "true", "job": job})
        return int(service.call("GET", f"/view?{query}").status)

    assert look(given["name"], job_id) == 200
    assert look(item["outputs"]["2"]["images"][0]["filename"], job_id, "output") == 200
    assert audit.new() == [("job.view", job_id)]
    # Of another job, of no job, of none at all; and one that was replaced since the job read it.
    assert look("private.png", job_id) == 404
    assert look(painted[1]["outputs"]["3"]["images"][0]["filename"], job_id, "output") == 404
    assert look(given["name"], "none") == 404
    assert look(given["name"], "") == 400
    upload(url, "given.png", "green", overwrite="true")
    assert look(given["name"], job_id) == 404
    assert audit.new() == []


def test_an_administrator_sees_the_queue_of_all_and_cancels_by_id_only(
    service: RunningGesso, ada: User, ben: User, audit: Audit
) -> None:
    running = ada.submit(steps(400, 0.05, 1))
    wait_for(lambda: ada.state(running) == "running", 60.0)
    wait_for(lambda: ada.call("GET", "/queue").json()["queue_running"], 60.0)
    waiting, kept = ben.submit(plain(2)), ben.submit(plain(3))
    shown = service.call("GET", "/queue?all=true").json()
    assert [(each[1], each[3]["gesso"]["owner"]) for each in shown["queue_running"]] == [(running, "ada")]
    assert {each[1] for each in shown["queue_pending"]} == {waiting, kept}
    assert audit.new() == [("jobs.view_all", "queue")]
    for path, body in (
        ("/queue?all=true", {"clear": True}),
        ("/queue?all=true", {"clear": True, "delete": [waiting]}),
        ("/interrupt?all=true", {}),
        ("/interrupt?all=true", None),
        ("/history?all=true", {"clear": True}),
    ):
        assert service.call("POST", path, body).status == 400, path
    # What runs does not wait, what waits does not run: nothing is done, so nothing is noted.
    assert service.call("POST", "/queue?all=true", {"delete": [running, "none"]}).status == 200
    assert service.call("POST", "/interrupt?all=true", {"prompt_id": kept}).status == 200
    assert audit.new() == []
    assert ada.state(running) == "running" and ben.state(kept) in ("queued", "running")
    assert service.call("POST", "/queue?all=true", {"delete": [waiting]}).status == 200
    assert ben.state(waiting) == "cancelled"
    assert service.call("POST", "/interrupt?all=true", {"prompt_id": running}).status == 200
    wait_for(lambda: ada.state(running) == "cancelled", 60.0)
    assert audit.new() == [("job.cancel", waiting), ("job.cancel", running)]
    assert ben.ended(kept)["status"]["status_str"] == "success"


def test_following_anothers_job_is_noted(service: RunningGesso, audit: Audit, painted: Any) -> None:
    job_id, _ = painted
    events = service.call("GET", f"/gesso/api/jobs/{job_id}/events")
    assert events.status == 200 and job_id in events.body.decode()
    assert audit.new() == [("job.view", job_id)]


def test_routes_that_change_the_server_are_noted_and_their_logs_once_in_a_while(
    service: RunningGesso, ada: User, audit: Audit
) -> None:
    assert ada.call("POST", "/free", {"unload_models": True}).status == 403
    assert ada.call("GET", "/internal/logs").status == 403
    assert audit.new() == []
    assert service.call("POST", "/free", {"unload_models": True}).status == 200
    assert service.call("POST", "/api/free?engine=sketch", {"unload_models": True}).status == 200
    assert audit.new() == [("route.control", "POST /free"), ("route.control", "POST /api/free")]
    for _ in range(3):
        service.call("GET", "/internal/logs")
        service.call("GET", "/gesso/api/engines/sketch/logs")
    assert audit.new() == [("route.control", "GET /internal/logs"), ("engine.logs", "sketch")]
    assert service.call("POST", "/custom/node/route", {}).status == 405
    assert audit.new() == [("route.control", "POST /custom/node/route")]


def test_engines_are_stopped_and_started_with_a_line_each(service: RunningGesso, audit: Audit) -> None:
    for verb, state in (("restart", "ready"), ("stop", "stopped"), ("start", "ready")):
        assert service.call("POST", f"/gesso/api/engines/sketch/{verb}", timeout_s=60).status in (200, 202)
        wait_for(lambda state=state: service.engine()["state"] == state, 60.0)  # type: ignore[misc]
    service.ready()
    assert audit.new() == [(f"engine.{verb}", "sketch") for verb in ("restart", "stop", "start")]


def test_the_command_shows_it_as_a_table_as_json_and_as_csv(
    service: RunningGesso, ada: User, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GESSO_URL", service.url)
    monkeypatch.setenv("GESSO_KEY", service.key)
    assert run(["audit", "--target", "ada", "--since", "1h"]) == 0
    head, line = capsys.readouterr().out.splitlines()
    assert head.split() == ["WHEN", "WHO", "FROM", "WHAT", "TO", "MORE"]
    assert line.split()[2:] == ["admin", "127.0.0.1", "user.create", "ada", "role", "user"]
    assert run(["audit", "--action", "key", "--limit", "2", "--json"]) == 0
    assert [each["action"] for each in json.loads(capsys.readouterr().out)] == ["key.create"] * 2
    assert run(["audit", "--csv", "--action", "user.create", "--target", "ada"]) == 0
    head, line = capsys.readouterr().out.splitlines()
    assert head == "seq,at,actor,account_id,key_id,address,action,target,detail"
    assert line.split(",", 2)[2].startswith("admin,") and "user.create,ada," in line
    assert run(["audit", "--csv", "--json"]) == 5
    monkeypatch.setenv("GESSO_KEY", ada.key)
    capsys.readouterr()
    assert run(["audit"]) != 0
    assert "accounts:manage" in capsys.readouterr().err


def test_no_key_is_in_any_line(service: RunningGesso, ada: User, ben: User) -> None:
    written = service.call("GET", "/gesso/api/audit?limit=1000").body.decode()
    assert '"key.create"' in written
    for key in (service.key, ada.key, ben.key):
        assert key[:20] not in written and key[-20:] not in written
