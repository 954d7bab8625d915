"""Signing in and out: the form without scripts, the cookie, where `next` may lead, guesses."""

import asyncio
import re
from pathlib import Path

import httpx
import pytest

from gesso.access import tokens
from gesso.gateway.guesses import FREE
from tests.integration.gateway.door import opened

NAVIGATION = {"Accept": "text/html"}


def _attributes(answer: httpx.Response) -> set[str]:
    """The cookie's attributes, without its value."""
    return {part.strip().split("=")[0].lower() for part in answer.headers["set-cookie"].split(";")[1:]}


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
