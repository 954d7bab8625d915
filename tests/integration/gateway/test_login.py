"""Signing in and out: the form without scripts, the cookie, where `next` may lead, guesses."""

import asyncio
import re
from pathlib import Path

import httpx
import pytest

from gesso.access import tokens
from gesso.gateway import guesses
from gesso.gateway.guesses import FREE, FREE_OF_NAME
from tests.integration.gateway.door import opened

NAVIGATION = {"Accept": "text/html"}


def _attributes(answer: httpx.Response) -> set[str]:
    """The cookie's attributes, without its value."""
    return {part.strip().split("=")[0].lower() for part in answer.headers["set-cookie"].split(";")[1:]}


async def _signs_in(client: httpx.AsyncClient, name: str, password: str, **headers: str) -> httpx.Response:
    return await client.post("/gesso/login", data={"name": name, "password": password}, headers=headers)


def test_a_browser_is_led_to_the_login_and_back(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path) as door, door.client() as client:
            sent_away = await client.get("/who?a=1&b=%2F", headers=NAVIGATION)
            assert sent_away.status_code == 302
            page = await client.get(sent_away.headers["location"])
            assert page.status_code == 200 and page.headers["content-type"].startswith("text/html")
            assert "no-store" in page.headers["cache-control"]
            hidden = re.search(r'name="next" value="([^"]*)"', page.text)
            assert hidden and hidden[1] == "/who?a=1&amp;b=%2F"
            signed_in = await client.post(
                "/gesso/login", data={"key": f" {door.ada}\n", "next": "/who?a=1&b=%2F"}
            )
            assert (signed_in.status_code, signed_in.headers["location"]) == (303, "/who?a=1&b=%2F")
            assert _attributes(signed_in) == {"httponly", "max-age", "path", "samesite"}
            assert "samesite=lax" in signed_in.headers["set-cookie"].lower()
            assert door.ada not in signed_in.headers["set-cookie"]
            assert (await client.get("/who", headers=NAVIGATION)).json() == "ada"
            assert "You are signed in" in (await client.get("/gesso/login")).text

    asyncio.run(main())


def test_behind_tls_the_cookie_travels_on_tls_only(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path, behind_proxy=True) as door, door.client() as client:
            signed_in = await client.post("/gesso/login", data={"key": door.ada})
            assert "secure" in _attributes(signed_in)

    asyncio.run(main())


def test_signing_out_ends_the_login_on_the_server_and_a_link_does_not(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path) as door, door.client() as client:
            signed_in = await client.post("/gesso/login", data={"key": door.ada})
            cookie = {"gesso_session": signed_in.cookies["gesso_session"]}
            assert (await client.get("/gesso/logout")).headers["location"] == "/gesso/login"
            assert (await client.get("/who")).status_code == 200
            signed_out = await client.post("/gesso/logout")
            assert signed_out.status_code == 303 and "Max-Age=0" in signed_out.headers["set-cookie"]
            async with door.client(cookies=cookie) as thief:
                assert (await thief.get("/who")).status_code == 401
                assert (await thief.post("/gesso/logout")).status_code == 303

    asyncio.run(main())


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        "/ /evil.example",
        "javascript:alert(1)",
        "evil.example",
        "",
        "/gesso/login?next=/x",
        "/gesso/logout",
    ],
)
def test_next_never_leads_elsewhere(tmp_path: Path, target: str) -> None:
    async def main() -> None:
        async with opened(tmp_path) as door, door.client() as client:
            answer = await client.post("/gesso/login", data={"key": door.ada, "next": target})
            assert (answer.status_code, answer.headers["location"]) == (303, "/")

    asyncio.run(main())


def test_a_page_never_contains_what_was_typed_or_asked(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path) as door, door.client() as client:
            script = '"><script>alert(1)</script>'
            page = await client.get("/gesso/login", params={"next": f"/x?{script}"})
            assert "<script>alert" not in page.text
            wrong = tokens.new_key()
            answer = await client.post("/gesso/login", data={"key": wrong, "next": f"/x{script}"})
            assert answer.status_code == 401 and 'role="alert"' in answer.text
            assert wrong not in answer.text and "<script>alert" not in answer.text
            assert 'aria-invalid="true"' in answer.text

    asyncio.run(main())


def test_another_sites_form_cannot_sign_anybody_in_or_out(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path) as door, door.client() as client:
            foreign = {"Origin": "https://evil.example"}
            assert (
                await client.post("/gesso/login", data={"key": door.ada}, headers=foreign)
            ).status_code == 403
            own = {"Origin": door.url}
            assert (await client.post("/gesso/login", data={"key": door.ada}, headers=own)).status_code == 303
            assert (await client.post("/gesso/logout", headers=foreign)).status_code == 403
            assert (await client.get("/who")).status_code == 200

    asyncio.run(main())


def test_guesses_are_slowed_down_for_their_address_only(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path, behind_proxy=True) as door, door.client() as client:
            guesser = {"X-Forwarded-For": "198.51.100.1, 203.0.113.9"}
            for _ in range(FREE):
                answer = await client.post("/gesso/login", data={"key": tokens.new_key()}, headers=guesser)
                assert answer.status_code == 401
            for key in (tokens.new_key(), door.ada):
                answer = await client.post("/gesso/login", data={"key": key}, headers=guesser)
                assert answer.status_code == 429
                assert int(answer.headers["retry-after"]) >= 1 and "seconds" in answer.text
            forged = {"X-Forwarded-For": "192.0.2.77, 203.0.113.9"}
            assert (
                await client.post("/gesso/login", data={"key": door.ada}, headers=forged)
            ).status_code == 429
            other = {"X-Forwarded-For": "203.0.113.10"}
            assert (
                await client.post("/gesso/login", data={"key": door.ada}, headers=other)
            ).status_code == 303

    asyncio.run(main())


@pytest.mark.parametrize(
    "body", [b"", b"key", b"key=%ff", b"\xff\xfe", b"a=1&" * 5, b"{}", b"key=" + b"x" * 20_000, b"&" * 10_000]
)
def test_rubbish_is_answered_with_the_form_or_a_reason(tmp_path: Path, body: bytes) -> None:
    async def main() -> None:
        async with opened(tmp_path) as door, door.client() as client:
            answer = await client.post("/gesso/login", content=body)
            assert answer.status_code in (400, 401, 413), answer.text

    asyncio.run(main())


def test_a_key_that_is_revoked_ends_the_browsers_login(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path) as door, door.client() as client:
            await client.post("/gesso/login", data={"key": door.ada})
            (mine,) = (await client.get("/gesso/api/keys")).json()["keys"]
            await door.access.revoke_key(mine["id"])
            assert (await client.get("/who", headers=NAVIGATION)).status_code == 302

    asyncio.run(main())


def test_the_page_and_its_parts_are_whole_and_ours(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path) as door, door.client() as client:
            page = (await client.get("/gesso/login")).text
            parts = re.findall(r'(?:src|href)="([^"]+)"', page)
            assert len(parts) >= 3 and all(
                part.startswith(("/gesso/pages/", "/gesso/login?")) for part in parts
            )
            for part in parts:
                answer = await client.get(part)
                assert answer.status_code == 200 and answer.content
                assert answer.headers["x-content-type-options"] == "nosniff"
                assert "$" not in answer.text
            assert (await client.get("/gesso/pages/login.html")).status_code == 401

    asyncio.run(main())


def test_a_name_and_its_password_open_a_session_until_the_password_changes(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path) as door, door.client() as mine, door.client() as other:
            async with door.client(door.admin) as admin:
                path = "/gesso/api/users/ada/password"
                assert (await admin.put(path, json={"new": "too short"})).status_code == 400
                told = await admin.put(path, json={"new": "ten letters"})
                assert told.json()["has_password"] is True and "ten letters" not in told.text
            for client in (mine, other):
                signed_in = await _signs_in(client, " Ada ", "ten letters")
                assert (signed_in.status_code, signed_in.headers["location"]) == (303, "/")
                assert _attributes(signed_in) == {"httponly", "max-age", "path", "samesite"}
                whoami = (await client.get("/gesso/api/whoami")).json()
                assert (whoami["account"], whoami["via"], whoami["key"]) == ("ada", "cookie", None)
                assert whoami["has_password"] is True
            own = {"Origin": door.url}
            change = {"old": "ten letters", "new": "more letters"}
            foreign = await mine.post(
                "/gesso/api/password", json=change, headers={"Origin": "https://evil.example"}
            )
            assert foreign.status_code == 403
            wrong = await mine.post("/gesso/api/password", json={**change, "old": "no letters"}, headers=own)
            assert wrong.status_code == 403 and "no letters" not in wrong.text
            assert (await mine.post("/gesso/api/password", json=change, headers=own)).status_code == 200
            assert (await mine.get("/who")).json() == "ada"
            assert (await other.get("/who")).status_code == 401
            async with door.client(door.admin) as admin:
                assert (await admin.put(path, json={"new": None})).json()["has_password"] is False
            assert (await mine.get("/who")).status_code == 401

    asyncio.run(main())


def test_a_wrong_name_and_a_wrong_password_are_told_alike(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path) as door, door.client() as client:
            await door.access.set_password("ada", "ten letters")
            told = set()
            for name in ("ada", "bob"):
                answer = await _signs_in(client, name, "<b>wrong word</b>")
                assert answer.status_code == 401 and "wrong word" not in answer.text
                told.add(answer.text.replace(f'value="{name}"', ""))
            assert len(told) == 1
            script = '"><script>alert(1)</script>'
            assert "<script>alert" not in (await _signs_in(client, script, "x")).text
            for name, password in (("ada", ""), ("", "ten letters")):
                assert "Both are needed" in (await _signs_in(client, name, password)).text

    asyncio.run(main())


def test_guessing_one_name_from_everywhere_is_slow_and_does_not_lock_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        async with opened(tmp_path, behind_proxy=True) as door, door.client() as client:
            await door.access.set_password("ada", "ten letters")
            home = {"X-Forwarded-For": "192.0.2.1"}
            assert (await _signs_in(client, "ada", "ten letters", **home)).status_code == 303
            async with asyncio.TaskGroup() as group:
                for number in range(FREE_OF_NAME + 12):
                    strange = {"X-Forwarded-For": f"203.0.113.{number}"}
                    group.create_task(_signs_in(client, "ada", "wrong letters", **strange))
            strange = {"X-Forwarded-For": "198.51.100.1"}
            assert (await _signs_in(client, "ada", "wrong letters", **strange)).status_code == 429
            assert (await _signs_in(client, "ada", "ten letters", **home)).status_code == 303
            by_key = await client.post("/gesso/login", data={"key": door.ada}, headers=strange)
            assert by_key.status_code == 303

    monkeypatch.setattr(guesses, "SPACING_S", 100.0)
    monkeypatch.setattr(guesses, "LONGEST_TURN_S", 0.0)
    asyncio.run(main())


def test_many_guesses_at_once_from_one_address_are_not_many_guesses(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path) as door, door.client() as client:
            await door.access.set_password("ada", "ten letters")
            answers = await asyncio.gather(*(_signs_in(client, "ada", "wrong letters") for _ in range(40)))
            statuses = [answer.status_code for answer in answers]
            assert statuses.count(401) == FREE and set(statuses) == {401, 429}

    asyncio.run(main())


def test_guessing_the_present_password_of_an_open_session_is_slowed(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path) as door, door.client(door.ada) as client:
            await door.access.set_password("ada", "ten letters")
            guess = {"old": "wrong letters", "new": "more letters"}
            statuses = [
                (await client.post("/gesso/api/password", json=guess)).status_code for _ in range(FREE + 1)
            ]
            assert statuses == [403] * FREE + [429]

    asyncio.run(main())


def test_the_way_offered_is_the_one_used_last(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path) as door, door.client() as client:
            shown = re.compile(r'with=(\w+)[^"]*" aria-current="page"')

            async def offered(query: str = "") -> str:
                found = shown.search((await client.get(f"/gesso/login{query}")).text)
                assert found is not None
                return found[1]

            assert await offered() == "key"
            await door.access.set_password("ada", "ten letters")
            assert await offered() == "password"
            assert await offered("?with=key") == "key" and await offered("?with=rubbish") == "password"
            await client.post("/gesso/login", data={"key": door.ada})
            await client.post("/gesso/logout")
            assert await offered() == "key"
            assert await offered("?with=password&next=%2Fx%3F%22%3E") == "password"
            await _signs_in(client, "ada", "ten letters")
            await client.post("/gesso/logout")
            assert await offered() == "password"
            # A password manager may have kept the key as the password of this place.
            assert (await _signs_in(client, "gesso", door.ada)).status_code == 303

    asyncio.run(main())
