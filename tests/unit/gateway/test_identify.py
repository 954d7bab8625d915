"""Who is let in, by what, and from where."""

import asyncio
import json
from typing import Any

import pytest

from gesso.access import tokens
from gesso.errors import AccountsUnreadable, Forbidden, Unauthorized
from gesso.gateway.middleware.identify import Identify, credential_of
from gesso.gateway.responses import json as answer_json
from tests.unit.access.memory import Stage
from tests.unit.gateway.calls import Answer, call

PUBLIC = "/gesso/login"
HERE = "gesso.example:8700"


async def who(scope: Any, receive: Any, send: Any) -> None:
    identity = scope.get("gesso.identity")
    if identity is not None:
        assert scope["state"]["identity"] is identity
    told = None if identity is None else f"{identity.name} by {identity.via}"
    if scope["type"] == "websocket":
        await send({"type": "websocket.http.response.start", "status": 200, "headers": []})
        await send({"type": "websocket.http.response.body", "body": json.dumps(told).encode()})
    else:
        await answer_json(told)(scope, receive, send)


class Door:
    """The middleware in front of an app that tells who came in."""

    def __init__(self, stage: Stage, origins: tuple[str, ...] = ()) -> None:
        self._app = Identify(who, access=stage.access, is_public=lambda path: path == PUBLIC, origins=origins)

    async def enter(self, *headers: tuple[str, str], target: str = "/queue", **more: Any) -> Answer:
        return await call(self._app, target, headers=[("Host", HERE), *headers], **more)


def bearer(token: str) -> tuple[str, str]:
    return ("Authorization", f"Bearer {token}")


async def cookie(stage: Stage) -> tuple[str, str]:
    login = await stage.access.open_login(await stage.who(stage.ada))
    return ("Cookie", f"other=1; gesso_session={login.token}; more=2")


def test_a_key_or_a_cookie_opens() -> None:
    async def main() -> None:
        async with Stage() as stage:
            door = Door(stage)
            assert (await door.enter(bearer(stage.ada))).json == "ada by key"
            assert (await door.enter(("Authorization", f"bearer   {stage.ada} "))).json == "ada by key"
            assert (await door.enter(await cookie(stage))).json == "ada by cookie"

    asyncio.run(main())


@pytest.mark.parametrize(
    "header",
    [
        None,
        ("Authorization", ""),
        ("Authorization", "Bearer"),
        ("Authorization", "Bearer "),
        ("Authorization", "Basic dXNlcjpwYXNz"),
        ("Authorization", "gesso_" + "x" * 43),
        ("Authorization", "Bearer gesso_" + "x" * 43),
        ("Authorization", "Bearer gesso_\xe4"),
        ("Cookie", "gesso_session="),
        ("Cookie", "gesso_session=" + "x" * 43),
        ("X-API-Key", "gesso_" + "x" * 43),
    ],
)
def test_anything_else_does_not(header: tuple[str, str] | None) -> None:
    async def main() -> None:
        async with Stage() as stage:
            headers = [] if header is None else [header]
            for kind in ("http", "websocket"):
                with pytest.raises(Unauthorized):
                    await Door(stage).enter(*headers, kind=kind)

    asyncio.run(main())


def test_a_wrong_key_is_not_made_good_by_a_cookie_nor_by_a_second_key() -> None:
    async def main() -> None:
        async with Stage() as stage:
            right = await cookie(stage)
            with pytest.raises(Unauthorized):
                await Door(stage).enter(bearer(tokens.new_key()), right)
            with pytest.raises(Unauthorized, match="More than one"):
                await Door(stage).enter(bearer(tokens.new_key()), bearer(stage.ada))

    asyncio.run(main())


def test_a_public_path_is_open_to_nobody_in_particular_and_when_nothing_can_be_read() -> None:
    async def main() -> None:
        async with Stage() as stage:
            door = Door(stage)
            assert (await door.enter(target=PUBLIC)).json is None
            assert (await door.enter(bearer(tokens.new_key()), target=PUBLIC)).json is None
            assert (await door.enter(await cookie(stage), target=PUBLIC)).json == "ada by cookie"
            stage.db.broken = {"*"}
            assert (await door.enter(bearer(stage.admin), target=PUBLIC)).json is None
            with pytest.raises(AccountsUnreadable):
                await door.enter(bearer(stage.admin))

    asyncio.run(main())


FOREIGN = [
    [("Origin", "https://evil.example")],
    [("Origin", "http://gesso.example:8701")],
    [("Origin", "http://gesso.example")],
    [("Origin", "null")],
    [("Origin", "")],
    [("Origin", f"http://{HERE}.evil.example")],
    [("Origin", HERE)],
    [("Sec-Fetch-Site", "cross-site")],
    [("Sec-Fetch-Site", "same-site")],
    [("Origin", f"http://{HERE}"), ("Sec-Fetch-Site", "cross-site")],
]
OWN = [
    [],
    [("Origin", f"http://{HERE}")],
    [("Origin", f"http://{HERE.upper()}")],
    [("Sec-Fetch-Site", "same-origin")],
    [("Sec-Fetch-Site", "none")],
    [("Origin", f"https://{HERE}"), ("Sec-Fetch-Site", "same-origin")],
    [("Origin", "https://public.example"), ("Sec-Fetch-Site", "same-origin")],
]


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
def test_another_sites_page_cannot_use_the_cookie(headers: list[tuple[str, str]]) -> None:
    async def main() -> None:
        async with Stage() as stage:
            door, mine = Door(stage), await cookie(stage)
            for method in ("POST", "PUT", "PATCH", "DELETE"):
                with pytest.raises(Forbidden):
                    await door.enter(mine, *headers, method=method)
            with pytest.raises(Forbidden):
                await door.enter(mine, *headers, kind="websocket")
            with pytest.raises(Forbidden):
                await door.enter(*headers, target=PUBLIC, method="POST")
            assert (await door.enter(mine, *headers)).status == 200
            assert (await door.enter(bearer(stage.ada), *headers, method="POST")).status == 200
            assert (await door.enter(bearer(stage.ada), *headers, kind="websocket")).status == 200

    asyncio.run(main())


@pytest.mark.parametrize("headers", OWN, ids=str)
def test_our_own_pages_and_programs_can(headers: list[tuple[str, str]]) -> None:
    async def main() -> None:
        async with Stage() as stage:
            door, mine = Door(stage, ("https://Public.example:443/x",)), await cookie(stage)
            assert (await door.enter(mine, *headers, method="POST")).json == "ada by cookie"
            assert (await door.enter(mine, *headers, kind="websocket")).json == "ada by cookie"

    asyncio.run(main())


def test_an_open_socket_is_closed_when_what_opened_it_is_taken_back() -> None:
    async def main() -> None:
        async with Stage() as stage:
            opened, closed, sent = asyncio.Event(), asyncio.Event(), []

            async def app(scope: Any, receive: Any, send: Any) -> None:
                await send({"type": "websocket.accept"})
                opened.set()
                await closed.wait()
                await send({"type": "websocket.send", "text": "too late"})

            async def send(message: Any) -> None:
                sent.append(message)
                if message["type"] == "websocket.close":
                    closed.set()

            async def receive() -> Any:
                return {"type": "websocket.connect"}

            door = Identify(app, access=stage.access, is_public=lambda path: False)
            headers = [(b"authorization", f"Bearer {stage.ada}".encode())]
            scope = {"type": "websocket", "path": "/ws", "raw_path": b"/ws", "headers": headers}
            serving = asyncio.create_task(door(scope, receive, send))
            await opened.wait()
            await stage.access.close_login(tokens.new_cookie())
            for _ in range(10):
                await asyncio.sleep(0)
            assert [message["type"] for message in sent] == ["websocket.accept"]
            await stage.access.set_disabled("ada", True)
            async with asyncio.timeout(2):
                await serving
            assert [message["type"] for message in sent] == ["websocket.accept", "websocket.close"]
            assert sent[1]["code"] == 1008 and "disabled" in sent[1]["reason"]

    asyncio.run(main())


def test_the_credential_is_read_from_where_it_belongs_only() -> None:
    scope = {"headers": [(b"cookie", b'a=b; gesso_session="abc" ; gesso_session=def')]}
    assert credential_of(scope)[1] == "abc"
    with pytest.raises(Unauthorized):
        credential_of({"headers": [], "query_string": b"token=gesso_x"})
