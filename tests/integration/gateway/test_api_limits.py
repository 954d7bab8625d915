"""gesso's API of limits and usage: who may see and change what, and that a change counts at once."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import Connection

from gesso.database.schema import userdata
from gesso.errors import OverLimit
from gesso.jobs.job import Limits, Spec, State
from tests.integration.gateway.door import Door, opened


async def limits(client: httpx.AsyncClient, **asked: str) -> dict[str, Any]:
    answer = await client.get("/gesso/api/limits", params=asked)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


async def ended(door: Door, owner: str, state: State = State.SUCCEEDED) -> None:
    await door.queue.submit(Spec(owner=(await door.access.account(owner)).id, payload={"prompt": {}}))
    session = await door.queue.open_session()
    (claim,) = await door.queue.claim("gpu0", session)
    await door.queue.finish(claim, state)


def saved(conn: Connection, owner: str, size: int) -> None:
    content = {"content": b"", "size": size, "created": 0.0, "modified": 0.0}
    conn.execute(userdata.insert().values(account_id=owner, path="workflows/x.json", **content))


def test_a_user_sees_his_limits_and_what_he_has_of_each(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path) as door, door.client(door.ada) as client:
            ada = await door.access.account("ada")
            await door.queue.submit(Spec(owner=ada.id, payload={"prompt": {}}))
            await door.db.tx(saved, ada.id, 1234)
            told = await limits(client)
            assert (told["account"], told["role"], told["weight"]) == ("ada", "user", 1.0)
            assert told["limits"]["jobs_queued"] == {"used": 1, "limit": 1000, "own": False}
            assert told["limits"]["jobs_running"] == {"used": 0, "limit": None, "own": False}
            assert told["limits"]["storage"] == {"used": 1234, "limit": None, "own": False}
            assert told["limits"]["requests_per_s"] == {"used": None, "limit": 100.0, "own": False}
            assert set(told["limits"]) == {
                *("jobs_queued", "jobs_running", "gpu_seconds_per_day", "storage"),
                *("requests_per_s", "sockets", "body"),
            }
            for method, path in (
                ("GET", "/limits?account=admin"),
                ("PATCH", "/users/ada/limits"),
                ("PATCH", "/users/nobody/limits"),
                ("GET", "/usage?all=true"),
            ):
                body = {"weight": 9} if method == "PATCH" else None
                answer = await client.request(method, f"/gesso/api{path}", json=body)
                assert answer.status_code == 403, path

    asyncio.run(main())


def test_an_administrator_changes_limits_and_they_count_at_once(tmp_path: Path) -> None:
    async def main() -> None:
        async with (
            opened(tmp_path) as door,
            door.client(door.admin) as admin,
            door.client(door.ada) as client,
        ):
            before = await limits(client)
            change = {"jobs_running": 2, "storage": "5GB", "sockets": "none", "weight": 2, "jobs_queued": 1}
            answer = await admin.patch("/gesso/api/users/ada/limits", json=change)
            assert answer.status_code == 200, answer.text
            told = await limits(client)
            assert answer.json() == told == await limits(admin, account="Ada")
            assert told["weight"] == 2.0
            assert told["limits"]["storage"] == {"used": 0, "limit": 5_000_000_000, "own": True}
            assert told["usual"]["sockets"] == 100 and told["usual"]["storage"] is None
            assert told["limits"]["sockets"] == {"used": 0, "limit": None, "own": True}
            ada = await door.access.account("ada")
            spec = Spec(owner=ada.id, payload={"prompt": {}})
            await door.queue.submit(spec)
            with pytest.raises(OverLimit):
                await door.queue.submit(spec)
            await admin.patch("/gesso/api/users/ada/limits", json={"jobs_queued": None, "storage": None})
            await door.queue.submit(spec)
            told = await limits(client)
            assert told["limits"]["storage"] == before["limits"]["storage"]
            assert told["limits"]["jobs_running"] == {"used": 0, "limit": 2, "own": True}
            assert (await limits(admin))["account"] == "admin"

    asyncio.run(main())


def test_a_rate_counts_from_the_next_request_on_and_is_lifted_again(tmp_path: Path) -> None:
    async def main() -> None:
        async with (
            opened(tmp_path) as door,
            door.client(door.admin) as admin,
            door.client(door.ada) as client,
        ):
            assert (await client.get("/who")).status_code == 200
            slow = {"requests_per_s": 0.01}
            assert (await admin.patch("/gesso/api/users/ada/limits", json=slow)).status_code == 200
            told = [await client.get(path) for path in ("/who", "/who", "/gesso/api/whoami", "/v1/models")]
            assert [answer.status_code for answer in told[1:]] == [429, 429, 429]
            assert all(int(answer.headers["retry-after"]) > 0 for answer in told[1:])
            assert told[1].json()["error"]["type"] == "over_limit" and told[1].json()["node_errors"] == {}
            assert told[2].json()["error"]["code"] == "over_limit"
            assert told[3].json()["error"]["type"] == "rate_limit_error"
            assert (await admin.get("/who")).status_code == 200
            await admin.patch("/gesso/api/users/ada/limits", json={"requests_per_s": "none"})
            assert (await client.get("/who")).status_code == 200

    asyncio.run(main())


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"jobs_runing": 2}, "jobs_runing"),
        ({"jobs_running": 0}, "jobs_running"),
        ({"jobs_running": "many"}, "jobs_running"),
        ({"storage": "5 elephants"}, "5 elephants"),
        ({"weight": 0}, "weight"),
        ({"weight": "none"}, "weight"),
        ({"body": -1}, "body"),
        ({"body": False}, "body"),
        ({"weight": True}, "weight"),
    ],
)
def test_what_is_no_limit_is_refused_and_nothing_changes(
    tmp_path: Path, change: dict[str, Any], named: str
) -> None:
    async def main() -> None:
        async with opened(tmp_path) as door, door.client(door.admin) as admin:
            answer = await admin.patch("/gesso/api/users/ada/limits", json={"sockets": 3, **change})
            assert answer.status_code == 400
            assert named in answer.json()["error"]["message"]
            assert (await limits(admin, account="ada"))["limits"]["sockets"]["limit"] == 100
            assert (await admin.patch("/gesso/api/users/nobody/limits", json={})).status_code == 404

    asyncio.run(main())


def test_usage_is_told_by_user_day_and_engine_as_json_and_csv(tmp_path: Path) -> None:
    async def main() -> None:
        async with (
            opened(tmp_path) as door,
            door.client(door.admin) as admin,
            door.client(door.ada) as client,
        ):
            await ended(door, "ada")
            await ended(door, "ada", State.FAILED)
            await ended(door, "admin")
            told = (await client.get("/gesso/api/usage?by=engine")).json()
            (row,) = told["rows"]
            assert (row["key"], row["jobs"], row["succeeded"], row["failed"]) == ("gpu0", 2, 1, 1)
            assert row["gpu_seconds"] > 0 and told["until"] - told["since"] == pytest.approx(30 * 86_400)
            (row,) = (await client.get("/gesso/api/usage?by=user&since=24h")).json()["rows"]
            assert (row["key"], row["jobs"]) == ("ada", 2)
            everybody = (await admin.get("/gesso/api/usage?by=user&all=true")).json()["rows"]
            assert [(row["key"], row["jobs"]) for row in everybody] == [("ada", 2), ("admin", 1)]
            assert (await client.get("/gesso/api/usage?until=1h&since=2h")).json()["rows"] == []
            answer = await client.get("/gesso/api/usage?by=day&format=csv")
            assert answer.headers["content-type"] == "text/csv; charset=utf-8"
            head, line = answer.text.splitlines()
            assert head == "day,jobs,succeeded,failed,cancelled,gpu_seconds,storage"
            assert line.split(",")[1:5] == ["2", "1", "1", "0"] and line.startswith("20")
            for query in ("by=week", "since=yesterday", "format=xml"):
                assert (await client.get(f"/gesso/api/usage?{query}")).status_code == 400

    asyncio.run(main())


def test_the_queue_is_told_of_limits_that_were_set_before_the_first_job(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path) as door, door.client(door.admin) as admin:
            await admin.patch("/gesso/api/users/ada/limits", json={"jobs_queued": 1})
            ada = await door.access.account("ada")
            await door.queue.submit(Spec(owner=ada.id, payload={"prompt": {}}), Limits())
            with pytest.raises(OverLimit):
                await door.queue.submit(Spec(owner=ada.id, payload={"prompt": {}}), Limits())

    asyncio.run(main())
