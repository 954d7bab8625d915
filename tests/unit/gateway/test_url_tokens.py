"""Keys in addresses: taken out of path and query, never mixed up with what follows, never shown."""

import asyncio
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gesso.access import tokens
from gesso.errors import Forbidden, Unauthorized
from gesso.gateway.middleware.failures import response_for
from gesso.gateway.middleware.identify import Identify
from gesso.gateway.middleware.request_log import shown_target
from gesso.gateway.middleware.url_tokens import Taken, UrlTokens, guarded_headers, taken
from gesso.gateway.responses import json as answer_json
from gesso.gateway.responses import raw_path_of
from tests.unit.access.memory import Stage
from tests.unit.gateway.calls import Answer, call

KEY = "gesso_" + "Ab-_9" * 8 + "xyz"
OTHER = "gesso_" + "z" * 43


@pytest.mark.parametrize(
    ("path", "query", "rest", "kept", "token"),
    [
        (f"/k/{KEY}/", "", "/", "", KEY),
        (f"/k/{KEY}/prompt", "", "/prompt", "", KEY),
        (f"/k/{KEY}/userdata/a%2Fx.json", "a=%20b&c", "/userdata/a%2Fx.json", "a=%20b&c", KEY),
        (f"/k/{quote(KEY).replace('_', '%5F')}/queue", "", "/queue", "", KEY),
        (f"/k/{KEY}", "", "", "", KEY),
        (f"/k/{KEY}", "a=1", "", "a=1", KEY),
        ("/prompt", f"token={KEY}", "/prompt", "", KEY),
        ("/ws", f"clientId=7&token={KEY}&x", "/ws", "clientId=7&x", KEY),
        ("/ws", f"%74oke%6E={KEY}", "/ws", "", KEY),
        # What cannot be a key, and more than one, opens nothing and is shown nowhere.
        ("/k/", "", "/", "", ""),
        ("/k//x", "", "/x", "", ""),
        ("/k/x", "", "/", "", ""),
        ("/k/x/gesso/login", "", "/gesso/login", "", ""),
        (f"/k/{KEY}%2Fqueue", "", "/", "", ""),
        (f"/k/{KEY}%2Fqueue/x", "", "/x", "", ""),
        (f"/k/%2E%2E/{KEY}", "", f"/{KEY}", "", ""),
        (f"/k/{KEY}/x", f"token={OTHER}", "/x", "", ""),
        (f"/k/{KEY}/x", f"token={KEY}", "/x", "", ""),
        ("/x", f"token={KEY}&token={KEY}", "/x", "", ""),
        ("/x", "token", "/x", "", ""),
        ("/x", "token=", "/x", "", ""),
        # Not an address with a key at all.
        ("/k", "", "/k", "", None),
        (f"/%6B/{KEY}/x", "", f"/%6B/{KEY}/x", "", None),
        (f"/K/{KEY}/x", "", f"/K/{KEY}/x", "", None),
        (f"//k/{KEY}/x", "", f"//k/{KEY}/x", "", None),
        ("/x", "Token=1&tokens=2&xtoken=3", "/x", "Token=1&tokens=2&xtoken=3", None),
        # Once is enough: what follows is for the route table to refuse.
        (f"/k/{KEY}/k/{OTHER}/x", "", f"/k/{OTHER}/x", "", KEY),
        (f"/k/{KEY}//k/x", "", "//k/x", "", KEY),
        (f"/k/{KEY}/../gesso/login", "", "/../gesso/login", "", KEY),
    ],
)  # fmt: skip
def test_what_is_taken_and_what_is_left(
    path: str, query: str, rest: str, kept: str, token: str | None
) -> None:
    found = taken(path, query)
    assert (found.path, found.query, found.token) == (rest, kept, token)
    shown = shown_target(found.shown_path, found.shown_query.encode())
    assert KEY not in shown and OTHER not in shown
    assert (token is None) is ("***" not in found.shown_path + found.shown_query)


SEGMENT = st.text(st.sampled_from("ak./%2F\\;:@?&=#~é_-"), max_size=8).map(
    lambda text: quote(text, safe="%.;:@=~_-\\").replace("/", "%2F")
)
REST = st.lists(SEGMENT, max_size=4).map(lambda parts: "".join(f"/{part}" for part in parts))


@given(rest=REST)
def test_what_follows_a_key_stays_byte_for_byte(rest: str) -> None:
    found = taken(f"/k/{KEY}{rest}", "")
    assert (found.path, found.token) == (rest, KEY)
    assert found.shown_path == f"/k/***{rest}"


@given(segment=SEGMENT, rest=REST)
def test_no_other_segment_is_a_key_whatever_stands_around_it(segment: str, rest: str) -> None:
    found = taken(f"/k/{segment}{rest}", "")
    assert found.token == "" and found.path == (rest or "/")


PAIRS = st.lists(
    st.tuples(st.sampled_from(["a", "token", "%74oken", "Token", "token%20", "filename", ""]), SEGMENT)
)


@given(pairs=PAIRS)
def test_a_query_loses_every_token_and_nothing_else(pairs: list[tuple[str, str]]) -> None:
    query = "&".join(f"{name}={value}" for name, value in pairs)
    found = taken("/view", query)
    kept = [f"{name}={value}" for name, value in pairs if name not in ("token", "%74oken")]
    assert found.query == "&".join(kept)
    assert (found.token is None) is (len(kept) == len(pairs))
    assert found.token in (None, "")


def test_an_answer_sets_no_cookie_tells_no_referrer_and_is_nobody_elses() -> None:
    headers = guarded_headers(
        [
            (b"Set-Cookie", b"gesso_session=x"),
            (b"Referrer-Policy", b"same-origin"),
            (b"Cache-Control", b"public, max-age=300, s-maxage=9"),
            (b"content-type", b"image/png"),
        ]
    )
    assert headers == [
        (b"content-type", b"image/png"),
        (b"referrer-policy", b"no-referrer"),
        (b"cache-control", b"private, max-age=300"),
    ]
    assert guarded_headers([])[1] == (b"cache-control", b"private")


async def _seen(scope: Any, receive: Any, send: Any) -> None:
    """Answers with all that a part further down could log, forward or tell."""
    identity = scope.get("gesso.identity")
    told = {
        "path": scope["path"],
        "raw": raw_path_of(scope),
        "query": scope["query_string"].decode(),
        "headers": [f"{name!r} {value!r}" for name, value in scope["headers"]],
        "shown": [str(each) for each in scope["gesso.shown"]] if "gesso.shown" in scope else None,
        "who": None if identity is None else f"{identity.name} by {identity.via}",
    }
    if scope["type"] == "websocket":
        await send({"type": "websocket.http.response.start", "status": 200, "headers": []})
        await send({"type": "websocket.http.response.body", "body": str(told).encode()})
    else:
        await answer_json(told)(scope, receive, send)


async def _through(stage: Stage, target: str, **more: Any) -> Answer:
    door = Identify(_seen, access=stage.access, is_public=lambda path: path == "/gesso/login")
    return await call(UrlTokens(door), target, **more)


def test_a_key_made_for_it_opens_by_prefix_and_by_parameter() -> None:
    async def main() -> None:
        async with Stage() as stage:
            token = (await stage.access.create_key("ada", "viewer", in_url=True)).token
            headers = [
                ("Referer", f"http://x/k/{token}/"),
                ("X-Original-URI", f"/k/{token}/a"),
                ("Host", "x"),
            ]
            for kind in ("http", "websocket"):
                for target in (f"/k/{token}/a%2Fb?c=1", f"/a%2Fb?token={token}&c=1"):
                    answer = await _through(stage, target, kind=kind, headers=headers)
                    assert b"ada by url" in answer.body and token.encode() not in answer.body
                    assert b"eferer" not in answer.body
                    assert b"/a%2Fb" in answer.body and b"'c=1'" in answer.body.replace(b'"', b"'")
            # A page of another site cannot know the address, and whoever knows it needs no page.
            foreign = [
                ("Origin", "https://evil.example"),
                ("Host", "x"),
                ("Cookie", "gesso_session=" + "x" * 43),
            ]
            answer = await _through(stage, f"/k/{token}/prompt", method="POST", headers=foreign)
            assert answer.json["who"] == "ada by url"

    asyncio.run(main())


def test_no_other_key_opens_and_the_answer_does_not_say_why() -> None:
    async def main() -> None:
        async with Stage() as stage:
            revoked = await stage.access.create_key("ada", "old", in_url=True)
            await stage.access.revoke_key(revoked.key.id)
            expired = await stage.access.create_key("ada", "b", in_url=True, expires=stage.clock.now + 1)
            await stage.access.create_account("eve")
            disabled = await stage.access.create_key("eve", "c", in_url=True)
            await stage.access.set_disabled("eve", True)
            stage.clock.now += 2
            said = set()
            for token in (stage.ada, tokens.new_key(), revoked.token, expired.token, disabled.token, "", "x"):
                for target in (f"/k/{token}/queue", f"/queue?token={token}"):
                    for kind in ("http", "websocket"):
                        with pytest.raises(Unauthorized) as raised:
                            await _through(stage, target, kind=kind)
                        said.add((raised.value.message, raised.value.remedy))
            assert len(said) == 1
            # The very key opens in a header, before and after it was tried in an address.
            assert (await stage.who(stage.ada)).name == "ada"
            with pytest.raises(Unauthorized):
                await _through(stage, f"/k/{stage.ada}/queue")

    asyncio.run(main())


def test_the_key_in_the_address_counts_before_a_cookie_and_not_beside_a_header() -> None:
    async def main() -> None:
        async with Stage() as stage:
            token = (await stage.access.create_key("ada", "viewer", in_url=True)).token
            login = await stage.access.open_login(await stage.who(stage.admin))
            cookie = ("Cookie", f"gesso_session={login.token}")
            assert (await _through(stage, f"/k/{token}/a", headers=[cookie])).json["who"] == "ada by url"
            with pytest.raises(Unauthorized):
                await _through(stage, "/k/x/a", headers=[cookie])
            with pytest.raises(Unauthorized):
                await _through(
                    stage, f"/a?token={token}", headers=[("Authorization", f"Bearer {stage.admin}")]
                )

    asyncio.run(main())


def test_a_public_page_stays_open_and_a_browser_is_not_led_away_with_the_key() -> None:
    async def main() -> None:
        async with Stage() as stage:
            answer = await _through(stage, "/k/x/gesso/login")
            assert answer.json["who"] is None
            browser = [("Accept", "text/html"), ("Sec-Fetch-Mode", "navigate")]
            scope = (await _through(stage, "/k/x/gesso/login", headers=browser)).scope
            refused = response_for(Unauthorized(), scope)
            assert refused.status_code == 401 and "location" not in refused.headers

    asyncio.run(main())


def test_a_missing_slash_is_added() -> None:
    async def main() -> None:
        async with Stage() as stage:
            answer = await _through(stage, f"/k/{KEY}?a=1")
            assert (answer.status, answer.headers["location"]) == (308, f"{KEY}/?a=1")
            assert answer.headers["referrer-policy"] == "no-referrer"
            with pytest.raises(Unauthorized):
                await _through(stage, f"/k/{KEY}", method="POST")
            with pytest.raises(Unauthorized):
                await _through(stage, f"/k/{KEY}", kind="websocket")

    asyncio.run(main())


def test_a_key_in_an_address_makes_no_other_and_no_password() -> None:
    async def main() -> None:
        async with Stage() as stage:
            token = (await stage.access.create_key("admin", "viewer", in_url=True)).token
            by = await stage.access.identify_url_key(token)
            with pytest.raises(Forbidden):
                await stage.access.create_key("admin", "more", by=by)
            with pytest.raises(Forbidden):
                await stage.access.change_password(by, None, "ten letters")

    asyncio.run(main())


def test_an_address_without_a_key_passes_untouched() -> None:
    async def main() -> None:
        answer = await call(UrlTokens(_seen), "/view?filename=a%20b.png", headers=[("Referer", "http://x/")])
        assert answer.json["headers"] and answer.json["shown"] is None
        assert "referrer-policy" not in answer.headers
        assert isinstance(taken("/", ""), Taken)

    asyncio.run(main())
