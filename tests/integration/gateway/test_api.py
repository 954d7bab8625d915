"""gesso's own API on a real server: accounts, keys, engines, jobs, errors, and its description."""

import asyncio
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from gesso.config.engine import EngineConfig
from gesso.fleet.member import Status
from gesso.fleet.state import State as EngineState
from gesso.gateway import api_models
from gesso.jobs.job import Job, Spec, State
from gesso.jobs.queue_listing import Listed
from tests.integration.gateway.door import Door, opened


def test_whoami_and_status(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path) as door, door.client(door.ada) as client:
            me = (await client.get("/gesso/api/whoami")).json()
            assert (me["account"], me["role"], me["via"]) == ("ada", "user", "key")
            assert me["scopes"] == ["engines:read", "jobs:own", "keys:own"]
            await _job(door, "ada")
            status = (await client.get("/gesso/api/status")).json()
            assert status["mine"] == 1 and status["jobs"] == {"queued": 1, "running": 0}
            assert [engine["name"] for engine in status["engines"]] == ["away"]
            assert status["whoami"] == me

    asyncio.run(main())


def test_no_request_is_taken_to_a_thread_of_the_framework(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path) as door, door.client(door.ada) as client:
            for path in ("whoami", "status", "jobs", "keys", "engines", "limits"):
                assert (await client.get(f"/gesso/api/{path}")).status_code == 200
            names = {thread.name for thread in threading.enumerate()}
            assert not [name for name in names if name.startswith("AnyIO")], names

    asyncio.run(main())


def test_a_key_is_made_shown_once_listed_and_revoked(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path) as door, door.client(door.ada) as client:
            answer = await client.post("/gesso/api/keys", json={"name": "script", "expires_in_s": 3600})
            assert answer.status_code == 201 and answer.headers["cache-control"] == "no-store"
            made = answer.json()
            assert made["token"].startswith(made["key"]["prefix"])
            assert 3500 < made["key"]["expires"] - time.time() <= 3600
            listed = await client.get("/gesso/api/keys")
            assert made["token"] not in listed.text
            assert {key["name"] for key in listed.json()["keys"]} == {"laptop", "script"}
            assert {key["account"] for key in listed.json()["keys"]} == {"ada"}
            async with door.client(made["token"]) as other:
                assert (await other.get("/gesso/api/whoami")).json()["key"] == made["key"]["id"]
                for _ in range(2):
                    revoked = await client.delete(f"/gesso/api/keys/{made['key']['id']}")
                    assert revoked.status_code == 200 and revoked.json()["revoked"]
                assert (await other.get("/gesso/api/whoami")).status_code == 401

    asyncio.run(main())


def test_a_user_sees_and_changes_only_what_is_his(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path) as door, door.client(door.ada) as client:
            admins = next(key for key in await door.access.keys() if key.account == "admin")
            job = await _job(door, "admin")
            for method, path, body, status in (
                ("GET", "/keys?all=true", None, 403),
                ("GET", "/keys?account=admin", None, 403),
                ("POST", "/keys", {"name": "x", "account": "admin"}, 403),
                ("POST", "/keys", {"name": "x", "scopes": ["engines:control"]}, 403),
                ("DELETE", f"/keys/{admins.id}", None, 404),
                ("GET", "/users", None, 403),
                ("POST", "/users", {"name": "eve"}, 403),
                ("POST", "/users/admin/disable", None, 403),
                ("POST", "/engines/away/restart", None, 403),
                ("POST", "/engines/away/stop", None, 403),
                ("GET", "/engines/away/logs", None, 403),
                ("GET", "/jobs?all=true", None, 403),
                ("GET", f"/jobs/{job.id}", None, 404),
                ("POST", f"/jobs/{job.id}/cancel", None, 404),
            ):
                answer = await client.request(method, f"/gesso/api{path}", json=body)
                assert answer.status_code == status, (method, path, answer.text)
                assert set(answer.json()["error"]) == {"code", "message", "remedy"}
            assert (await client.get("/gesso/api/jobs")).json() == {"jobs": [], "more": False}
            assert (await door.queue.get(job.id)).state is State.QUEUED

    asyncio.run(main())


def test_an_administrator_keeps_accounts_and_their_keys(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path) as door, door.client(door.admin) as client:
            made = await client.post("/gesso/api/users", json={"name": "grace"})
            assert (made.status_code, made.json()["role"]) == (201, "user")
            again = await client.post("/gesso/api/users", json={"name": "Grace"})
            assert (again.status_code, again.json()["error"]["code"]) == (409, "conflict")
            new = (await client.post("/gesso/api/keys", json={"name": "first", "account": "grace"})).json()
            assert new["key"]["account"] == "grace"
            async with door.client(new["token"]) as grace:
                assert (await grace.get("/who")).json() == "grace"
                for _ in range(2):
                    assert (await client.post("/gesso/api/users/grace/disable")).json()["disabled"] is True
                assert (await grace.get("/who")).status_code == 401
                assert (await client.post("/gesso/api/users/grace/enable")).json()["disabled"] is False
                assert (await grace.get("/who")).status_code == 200
                await client.delete(f"/gesso/api/keys/{new['key']['id']}")
                assert (await grace.get("/who")).status_code == 401
            users = (await client.get("/gesso/api/users")).json()["users"]
            assert [user["name"] for user in users] == ["admin", "ada", "grace"]
            assert len((await client.get("/gesso/api/keys?all=1")).json()["keys"]) == 3
            assert (await client.post("/gesso/api/users/admin/disable")).status_code == 409
            assert (await client.post("/gesso/api/users/nobody/disable")).status_code == 404

    asyncio.run(main())


async def _job(door: Door, name: str) -> Job:
    owner = (await door.access.account(name)).id
    return await door.queue.submit(Spec(owner=owner, payload={"prompt": {}}))


def test_jobs_are_listed_shown_and_cancelled_by_their_owner(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path) as door, door.client(door.ada) as client:
            first, second = await _job(door, "ada"), await _job(door, "ada")
            listed = (await client.get("/gesso/api/jobs")).json()["jobs"]
            assert [job["id"] for job in listed] == [first.id, second.id]
            assert {job["owner"] for job in listed} == {"ada"} and "payload" not in listed[0]
            shown = (await client.get(f"/gesso/api/jobs/{first.id}")).json()
            assert shown["state"] == "queued" and shown["payload"] == {"prompt": {}}
            for _ in range(2):
                cancelled = await client.post(f"/gesso/api/jobs/{first.id}/cancel")
                assert (cancelled.status_code, cancelled.json()["state"]) == (200, "cancelled")
            assert door.interrupted == [first.id]
            for query, ids in (
                ("?state=queued", [second.id]),
                ("?state=running&state=queued", [second.id]),
                ("?state=running", []),
                ("?limit=1", [second.id]),
            ):
                answer = (await client.get(f"/gesso/api/jobs{query}")).json()["jobs"]
                assert [job["id"] for job in answer] == ids, query

    asyncio.run(main())


def test_an_administrator_may_look_at_all_jobs_but_is_not_shown_them_unasked(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path) as door, door.client(door.admin) as client:
            job = await _job(door, "ada")
            assert (await client.get("/gesso/api/jobs")).json() == {"jobs": [], "more": False}
            (shown,) = (await client.get("/gesso/api/jobs?all=true")).json()["jobs"]
            assert (shown["id"], shown["owner"]) == (job.id, "ada")
            cancelled = await client.post(f"/gesso/api/jobs/{job.id}/cancel")
            assert cancelled.json()["state"] == "cancelled"

    asyncio.run(main())


@pytest.mark.parametrize(
    ("method", "path", "body", "named"),
    [
        ("POST", "/keys", {}, "`name`"),
        ("POST", "/keys", {"name": "x", "scope": []}, "`scope`"),
        ("POST", "/keys", {"name": "x", "expires_in_s": -1}, "`expires_in_s`"),
        ("POST", "/keys", {"name": "x", "scopes": ["jobs:owm"]}, "jobs:owm"),
        ("POST", "/keys", [], "dictionary"),
        ("POST", "/users", {"name": "../x"}, "../x"),
        ("POST", "/users", {"name": "x", "role": "king"}, "`role`"),
        ("GET", "/jobs?state=lost", None, "`state.0`"),
        ("GET", "/jobs?limit=0", None, "`limit`"),
        ("GET", "/engines/away/logs?lines=-1", None, "`lines`"),
    ],
)
def test_what_is_wrong_with_a_request_is_named(
    tmp_path: Path, method: str, path: str, body: Any, named: str
) -> None:
    async def main() -> None:
        async with opened(tmp_path) as door, door.client(door.admin) as client:
            answer = await client.request(method, f"/gesso/api{path}", json=body)
            assert answer.status_code == 400
            assert answer.json()["error"]["code"] == "bad_request"
            assert named in answer.json()["error"]["message"]

    asyncio.run(main())


def test_a_body_that_is_not_json_is_told_so(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path) as door, door.client(door.admin) as client:
            for content in (b"{", b"\xff", b""):
                answer = await client.post(
                    "/gesso/api/keys", content=content, headers={"Content-Type": "application/json"}
                )
                assert (answer.status_code, answer.json()["error"]["code"]) == (400, "bad_request")

    asyncio.run(main())


def test_engines_that_are_not_ours_are_watched_only(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path) as door, door.client(door.admin) as client:
            (engine,) = (await client.get("/gesso/api/engines")).json()["engines"]
            assert (engine["name"], engine["external"], engine["ready"]) == ("away", True, False)
            assert engine["reason"] and engine["pid"] is None
            for act in ("start", "stop", "restart"):
                assert (await client.post(f"/gesso/api/engines/away/{act}")).status_code == 409
                assert (await client.post(f"/gesso/api/engines/none/{act}")).status_code == 404
            assert (await client.get("/gesso/api/engines/away/logs")).status_code == 404
            assert (await client.get("/gesso/api/engines/none")).status_code == 404

    asyncio.run(main())


def test_an_engine_of_ours_is_started_stopped_and_its_log_read(tmp_path: Path) -> None:
    async def main() -> None:
        sketch = EngineConfig(name="one", kind="sketch")
        async with opened(tmp_path, [sketch]) as door, door.client(door.admin, timeout=60) as client:
            await door.supervisor.wait_for("one", EngineState.READY, timeout_s=60)
            ready = (await client.get("/gesso/api/engines/one")).json()
            assert ready["ready"] and ready["pid"] and ready["url"].startswith("http://127.0.0.1:")
            readiness = await client.get("/gesso/readyz")
            assert readiness.status_code == 200 and readiness.json()["status"] == "ready"
            log = door.supervisor.member("one").log
            await asyncio.to_thread(_append, log, "one\ntwo\n")
            tail = await client.get("/gesso/api/engines/one/logs?lines=1")
            assert tail.text == "two\n" and tail.headers["content-type"].startswith("text/plain")
            async with client.stream("GET", "/gesso/api/engines/one/logs?lines=2&follow=1") as stream:
                lines = stream.aiter_lines()
                assert [await anext(lines), await anext(lines)] == ["one", "two"]
                await asyncio.to_thread(_append, log, "three\n")
                async with asyncio.timeout(10):
                    assert await anext(lines) == "three"
            stopped = (await client.post("/gesso/api/engines/one/stop")).json()
            assert (stopped["state"], stopped["pid"], stopped["ready"]) == ("stopped", None, False)
            assert (await client.get("/gesso/readyz")).status_code == 503
            assert (await client.post("/gesso/api/engines/one/start")).status_code == 202
            await door.supervisor.wait_for("one", EngineState.READY, timeout_s=60)

    asyncio.run(main())


def _append(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


def test_readiness_tells_strangers_how_many_and_friends_which(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path) as door:
            async with door.client() as client:
                assert (await client.get("/gesso/healthz")).json() == {"status": "alive"}
                answer = await client.get("/gesso/readyz")
                assert answer.status_code == 503
                database, engines = answer.json()["checks"]
                assert database["ok"] is True and database["took_ms"] >= 0
                assert engines["ok"] is False and engines["evidence"] == "0 of 1 ready"
                assert "away" not in answer.text
            async with door.client(door.ada) as client:
                assert "away" in (await client.get("/gesso/readyz")).text

    asyncio.run(main())


def test_the_description_names_every_route_and_needs_a_key(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path) as door:
            async with door.client() as client:
                assert (await client.get("/gesso/api/openapi.json")).status_code == 401
            async with door.client(door.ada) as client:
                described = (await client.get("/gesso/api/openapi.json")).json()
                assert {"/gesso/api/whoami", "/gesso/api/jobs/{job_id}/cancel"} <= set(described["paths"])
                assert {"/v1/models/{name}", "/v1/images/edits"} <= set(described["paths"])
                for operations in described["paths"].values():
                    for operation in operations.values():
                        assert {"4XX", "5XX"} <= set(operation["responses"]) and operation[
                            "security"
                        ] is not None
                        assert "422" not in operation["responses"]
                page = await client.get("/gesso/api/docs")
                assert page.status_code == 200
                for path in described["paths"]:
                    assert f"<code>{path}</code>" in page.text
                assert "//" not in page.text.replace("</", "")
                assert "default-src 'none'" in page.headers["content-security-policy"]

    asyncio.run(main())


def test_a_method_that_an_address_does_not_take_is_answered_with_all_that_it_takes(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path) as door, door.client(door.ada) as client:
            for path, methods in (("keys", "GET, POST"), ("keys/x", "DELETE"), ("jobs/x/cancel", "POST")):
                refused = await client.put(f"/gesso/api/{path}")
                assert (refused.status_code, refused.headers["allow"]) == (405, methods)

    asyncio.run(main())


def test_answers_take_their_fields_from_records_that_have_them() -> None:
    """By name: a renamed one fails here, and not in front of a user."""
    assert set(api_models.Engine.model_fields) <= set(Status.__dataclass_fields__)
    assert set(api_models.JobDetails.model_fields) - api_models.MADE_UP <= set(Job.__dataclass_fields__)
    assert set(api_models.Job.model_fields) - api_models.MADE_UP <= set(Listed.__dataclass_fields__)
    assert set(Listed.__dataclass_fields__) <= set(Job.__dataclass_fields__)
