"""Accounts, keys, logins, engines through the gateway: each change leaves one line, with no secret in it."""

import asyncio
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import Connection, text

from gesso.access.audit import Audit, Entry, Wanted
from gesso.jobs.job import Job, Spec
from tests.integration.gateway.door import Door, opened

PASSWORD = "four quite ordinary words"
FROM = {"X-Forwarded-For": "203.0.113.5, 198.51.100.7:4711"}
ADDRESS = "198.51.100.7"


class Told:
    """What the audit holds, and what of it is new."""

    def __init__(self, door: Door) -> None:
        self._audit = Audit(door.db)
        self._seen = 0

    async def all(self) -> list[Entry]:
        return await self._audit.entries(Wanted(limit=1000))

    async def new(self) -> list[tuple[Any, ...]]:
        """(actor, action, target) of the lines since the last call; each must come from ADDRESS."""
        fresh = [entry for entry in await self.all() if entry.seq > self._seen]
        self._seen = max((entry.seq for entry in fresh), default=self._seen)
        assert all(entry.address == ADDRESS for entry in fresh), fresh
        return [(entry.actor, entry.action, entry.target) for entry in reversed(fresh)]

    async def skip(self) -> None:
        self._seen = (await self.all())[0].seq


def _from_afar(door: Door, key: str | None = None) -> httpx.AsyncClient:
    """Behind the proxy, at ADDRESS."""
    client = door.client(key)
    client.headers.update(FROM)
    return client


async def _job(door: Door, name: str) -> Job:
    owner = (await door.access.account(name)).id
    return await door.queue.submit(Spec(owner=owner, payload={"prompt": {}}))


async def told_by(door: Door) -> Told:
    told = Told(door)
    await told.skip()
    return told


def test_the_first_start_is_noted_as_gessos_own(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path) as door:
            first = (await Told(door).all())[::-1][:2]
            assert [(one.actor, one.action) for one in first] == [
                ("gesso", "user.create"),
                ("gesso", "key.create"),
            ]
            assert first[0].target == "admin" and first[1].detail is not None
            assert first[1].detail["account"] == "admin" and first[1].account_id is None

    asyncio.run(main())


def test_accounts_and_keys_leave_one_line_for_each_change_and_none_for_nothing(tmp_path: Path) -> None:
    async def main() -> None:
        async with (
            opened(tmp_path, behind_proxy=True) as door,
            _from_afar(door, door.admin) as admin,
        ):
            told = await told_by(door)
            await admin.post("/gesso/api/users", json={"name": "grace"})
            assert await told.new() == [("admin", "user.create", "grace")]
            made = (await admin.post("/gesso/api/keys", json={"name": "first", "account": "grace"})).json()
            key_id = made["key"]["id"]
            assert await told.new() == [("admin", "key.create", key_id)]
            for _ in range(2):
                await admin.post("/gesso/api/users/grace/disable")
            for _ in range(2):
                await admin.post("/gesso/api/users/GRACE/enable")
            assert await told.new() == [("admin", "user.disable", "grace"), ("admin", "user.enable", "grace")]
            await admin.patch("/gesso/api/users/grace/limits", json={"jobs_running": 2})
            await admin.patch("/gesso/api/users/grace/limits", json={"jobs_running": 2})
            assert await told.new() == [("admin", "user.limits", "grace")]
            await admin.put("/gesso/api/users/grace/password", json={"new": PASSWORD})
            assert await told.new() == [("admin", "user.password", "grace")]
            for _ in range(2):
                assert (await admin.delete(f"/gesso/api/keys/{key_id}")).status_code == 200
            assert await told.new() == [("admin", "key.revoke", key_id)]
            refused = (
                await admin.post("/gesso/api/users", json={"name": "Grace"}),
                await admin.post("/gesso/api/users", json={"name": "gesso"}),
                await admin.post("/gesso/api/users/admin/disable"),
                await admin.post("/gesso/api/users/nobody/disable"),
                await admin.delete("/gesso/api/keys/000000000000"),
                await admin.patch("/gesso/api/users/grace/limits", json={"jobs_running": "many"}),
            )
            assert all(400 <= answer.status_code < 500 for answer in refused)
            assert await told.new() == []
            await _holds_no_secret(door, [door.admin, door.ada, made["token"], PASSWORD])

    asyncio.run(main())


async def _signs_in(client: httpx.AsyncClient, **fields: str) -> int:
    return (await client.post("/gesso/login", data=fields)).status_code


async def _holds_no_secret(door: Door, secrets: list[str]) -> None:
    """In no column of any line, nor any half of a secret."""
    written = json.dumps([asdict(entry) for entry in await Told(door).all()])
    for secret in secrets:
        half = len(secret) // 2
        assert secret[:half] not in written and secret[half:] not in written


def test_signing_in_and_out_is_noted_and_what_was_typed_is_not(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path, behind_proxy=True) as door, _from_afar(door) as browser:
            told = await told_by(door)
            assert await _signs_in(browser, key=door.ada) == 303
            cookie = browser.cookies["gesso_session"]
            assert await told.new() == [("ada", "login.key", None)]
            # The cookie is for TLS only, so it is sent by hand here.
            own = {"Origin": door.url, "Cookie": f"gesso_session={cookie}"}
            changed = await browser.post("/gesso/api/password", json={"new": PASSWORD}, headers=own)
            assert changed.status_code == 200
            assert await told.new() == [("ada", "user.password", "ada")]
            for _ in range(2):
                await browser.post("/gesso/logout", headers=own)
            assert await told.new() == [("ada", "logout", None)]
            assert await _signs_in(browser, name="ADA", password=PASSWORD) == 303
            assert await told.new() == [("ada", "login.password", None)]
            browser.cookies.clear()
            typed = "hunter2-in-the-wrong-field"
            for fields in ({"name": typed, "password": "x"}, {"name": "Ada", "password": typed}):
                assert await _signs_in(browser, **fields) == 401
            # One line for the first; the second, within the same minute, is counted.
            assert await told.new() == [("-", "login.failed", None)]
            await _holds_no_secret(door, [door.ada, cookie, PASSWORD, typed])

    asyncio.run(main())


def test_a_failed_login_names_the_account_that_was_meant(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path, behind_proxy=True) as door, _from_afar(door) as browser:
            told = await told_by(door)
            assert await _signs_in(browser, name="ADA", password="not the one") == 401
            assert await told.new() == [("-", "login.failed", "ada")]

    asyncio.run(main())


def test_engines_are_controlled_only_after_it_is_noted(tmp_path: Path) -> None:
    async def main() -> None:
        async with (
            opened(tmp_path, behind_proxy=True) as door,
            _from_afar(door, door.admin) as admin,
        ):
            told = await told_by(door)
            for verb in ("drain", "resume"):
                assert (await admin.post(f"/gesso/api/engines/away/{verb}")).status_code == 202
                assert await told.new() == [("admin", f"engine.{verb}", "away")]
            # Somebody else runs it: refused, so nothing was done.
            for verb in ("start", "stop", "restart"):
                assert (await admin.post(f"/gesso/api/engines/away/{verb}")).status_code == 409
                assert (await admin.post(f"/gesso/api/engines/none/{verb}")).status_code == 404
            assert await told.new() == []
            await door.db.tx(_cannot_be_written)
            assert (await admin.post("/gesso/api/engines/away/resume")).status_code == 500
            assert (await admin.get("/gesso/api/jobs?all=true")).status_code == 500
            # What stops something is done all the same.
            assert (await admin.post("/gesso/api/engines/away/drain")).status_code == 202
            assert door.supervisor.member("away").draining
            assert (await admin.post("/gesso/api/users", json={"name": "grace"})).status_code == 500
            assert [account.name for account in await door.access.accounts()] == ["admin", "ada"]

    asyncio.run(main())


def _cannot_be_written(conn: Connection) -> None:
    conn.execute(text("DROP TABLE audit"))


def test_only_who_manages_accounts_reads_the_audit(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path) as door:
            narrow = await door.access.create_key("admin", "narrow", scopes=["jobs:all", "engines:control"])
            for key, status in ((door.ada, 403), (narrow.token, 403), (None, 401), (door.admin, 200)):
                async with door.client(key) as client:
                    answer = await client.get("/gesso/api/audit")
                    assert answer.status_code == status
                    assert ("entries" in answer.json()) is (status == 200)
            async with door.client(door.admin) as admin:
                for method in ("POST", "PUT", "PATCH", "DELETE"):
                    assert (await admin.request(method, "/gesso/api/audit")).status_code == 405

    asyncio.run(main())


def test_the_audit_is_asked_for_page_by_page_and_by_what_is_wanted(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path) as door, door.client(door.admin) as admin:
            for number in range(5):
                await admin.post("/gesso/api/users", json={"name": f"user{number}"})

            async def ask(query: str) -> dict[str, Any]:
                answer = await admin.get(f"/gesso/api/audit?{query}")
                assert answer.status_code == 200, answer.text
                found: dict[str, Any] = answer.json()
                return found

            whole = (await ask(""))["entries"]
            paged: list[Any] = []
            more, before = True, ""
            while more:
                page = await ask(f"limit=2{before}")
                paged, more = paged + page["entries"], page["more"]
                before = f"&before={paged[-1]['seq']}"
            assert paged == whole and [one["seq"] for one in whole] == sorted(
                (one["seq"] for one in whole), reverse=True
            )
            assert len((await ask("actor=admin"))["entries"]) == 5
            (one,) = (await ask("target=user3"))["entries"]
            assert one["action"] == "user.create" and one["detail"] == {"role": "user"}
            assert {each["action"] for each in (await ask("action=key"))["entries"]} == {"key.create"}
            assert (await ask("since=2999-01-01"))["entries"] == []
            assert len((await ask("since=1h"))["entries"]) == len(whole)
            for wrong in ("since=yesterday", "limit=0", "limit=100000", "before=x", f"before={1 << 70}"):
                assert (await admin.get(f"/gesso/api/audit?{wrong}")).status_code == 400

    asyncio.run(main())


def test_looking_at_all_and_at_anothers_job_is_noted(tmp_path: Path) -> None:
    async def main() -> None:
        async with (
            opened(tmp_path, behind_proxy=True) as door,
            _from_afar(door, door.admin) as admin,
        ):
            told = await told_by(door)
            mine, hers = [await _job(door, name) for name in ("admin", "ada")]
            for _ in range(3):
                assert (await admin.get("/gesso/api/jobs?all=true")).status_code == 200
            assert await told.new() == [("admin", "jobs.view_all", "jobs")]
            for job in (mine, hers, hers):
                assert (await admin.get(f"/gesso/api/jobs/{job.id}")).status_code == 200
            assert await told.new() == [("admin", "job.view", hers.id)]
            for job in (mine, hers, hers):
                assert (await admin.post(f"/gesso/api/jobs/{job.id}/cancel")).json()["state"] == "cancelled"
            assert await told.new() == [("admin", "job.cancel", hers.id)]
            assert (await admin.get("/gesso/api/jobs")).status_code == 200
            assert (await admin.get("/gesso/api/jobs/none")).status_code == 404
            assert await told.new() == []

    asyncio.run(main())


@pytest.mark.parametrize("key", ["", "x"])
def test_a_wrong_key_in_a_header_leaves_no_line(tmp_path: Path, key: str) -> None:
    async def main() -> None:
        async with opened(tmp_path) as door, door.client(key) as client:
            told = await told_by(door)
            assert (await client.get("/gesso/api/whoami")).status_code == 401
            assert await told.new() == []

    asyncio.run(main())
