"""The route table: raw paths, decoded once; what is not there; how fast it is found."""

import asyncio
import timeit
from functools import partial
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from gesso.access.identity import Identity, Via
from gesso.access.scopes import OF_ROLE, Role
from gesso.errors import Forbidden, MethodNotAllowed, NotFound, Unauthorized
from gesso.gateway.routing import Routes
from tests.unit.gateway.calls import call


async def handler(request: Request, **params: str) -> Response:
    return PlainTextResponse(f"{request.method} {params}")


async def app(scope: Any, receive: Any, send: Any) -> None:
    await PlainTextResponse(f"mounted {scope['path_params']}")(scope, receive, send)


def table() -> Routes:
    """A table like the gateway's."""
    routes = Routes()
    for path in ("/queue", "/prompt", "/history"):
        routes.add("GET", path, handler, api=True)
        routes.add("POST", path, handler, api=True)
    routes.add("GET", "/history/{prompt_id}", handler, api=True)
    routes.add("GET", "/userdata/{file}", handler, api=True)
    routes.add("POST", "/userdata/{file}/move/{dest}", handler, api=True)
    routes.add("POST", "/free", handler, needs="engines:control")
    routes.add("GET", "/gesso/healthz", handler, public=True)
    routes.mount("/gesso/api", app)
    routes.websocket("/ws", app, api=True)
    routes.add("GET", "/", handler)
    routes.add("GET", "/{path...}", handler)
    return routes


def found(method: str, path: str) -> tuple[str, dict[str, str]]:
    route, params = table().find(method, path)
    return route.pattern, params


@pytest.mark.parametrize(
    ("path", "pattern", "params"),
    [
        ("/", "/", {}),
        ("/queue", "/queue", {}),
        ("/api/queue", "/api/queue", {}),
        ("/%71ueue", "/queue", {}),
        ("/history/abc", "/history/{prompt_id}", {"prompt_id": "abc"}),
        ("/api/history/abc", "/api/history/{prompt_id}", {"prompt_id": "abc"}),
        ("/userdata/workflows%2Fx.json", "/userdata/{file}", {"file": "workflows/x.json"}),
        ("/userdata/a%2520b", "/userdata/{file}", {"file": "a%20b"}),
        ("/userdata/%C3%A4%2Fb", "/userdata/{file}", {"file": "ä/b"}),
        ("/userdata/..%2F..%2Fetc", "/userdata/{file}", {"file": "../../etc"}),
        ("/assets/index.js", "/{path...}", {"path": "assets/index.js"}),
        ("/gesso/api", "/gesso/api", {}),
        ("/gesso/api/keys/x", "/gesso/api/{rest...}", {"rest": "keys/x"}),
    ],
)
def test_a_path_leads_to_its_route(path: str, pattern: str, params: dict[str, str]) -> None:
    assert found("GET", path) == (pattern, params)


def test_two_parameters_are_taken_in_order() -> None:
    assert found("POST", "/userdata/a%2Fb/move/c%2Fd") == (
        "/userdata/{file}/move/{dest}",
        {"file": "a/b", "dest": "c/d"},
    )


def with_fallback() -> Routes:
    routes = Routes()
    routes.add("GET", "/queue", handler, api=True)
    routes.add("GET", "/assets/{path...}", handler)
    routes.websocket("/ws", app)
    routes.fallback(handler, needs="engines:control", kept=("/gesso", "/queue", "/v2/userdata"))
    return routes


@pytest.mark.parametrize("path", ["/manager/x", "/api/manager/x", "/v2/manager/x", "/foo/", "/gessoes"])
@pytest.mark.parametrize("method", ["GET", "POST", "HEAD", "PROPFIND"])
def test_an_unknown_path_falls_to_the_last_row(method: str, path: str) -> None:
    routes = with_fallback()
    route, _ = routes.find(method, path)
    assert (route.hidden, route.needs) == (True, "engines:control")
    assert route in routes.all


@pytest.mark.parametrize(
    "path",
    [
        "/gesso/x",
        "/api/gesso/x",
        "/queue/x",
        "/%71ueue/x",
        "/api/queue/x",
        "/v2/userdata/x",
        "/a//b",
        "//internal",
        "/a/../b",
        "/a/%2e%2e/b",
        "/a%2Fb",
        "/a%5Cb",
    ],
)
def test_what_is_kept_or_ambiguous_falls_nowhere(path: str) -> None:
    with pytest.raises(NotFound):
        with_fallback().find("GET", path)


def test_a_known_path_takes_no_other_method_and_unknown_sockets_are_refused() -> None:
    for path in ("/queue", "/api/queue", "/assets/x.js"):
        with pytest.raises(MethodNotAllowed):
            with_fallback().find("DELETE", path)
    with pytest.raises(NotFound) as refused:
        with_fallback().find("WEBSOCKET", "/pack/socket")
    assert "custom nodes" in refused.value.remedy


def test_without_the_scope_the_last_row_is_as_if_it_were_not_there() -> None:
    for role, expected in ((Role.USER, NotFound), (Role.ADMIN, None)):
        identity = Identity(
            account_id="a", name="a", role=role, scopes=OF_ROLE[role], key_id=None, via=Via.KEY
        )
        asked = call(with_fallback(), "/manager/x", "POST", scope={"gesso.identity": identity})
        if expected is None:
            assert asyncio.run(asked).status == 200
        else:
            with pytest.raises(expected, match="nothing at this address"):
                asyncio.run(asked)


@pytest.mark.parametrize(
    "path",
    [
        "//queue",
        "/queue//",
        "/./queue",
        "/../queue",
        "/a/../queue",
        "/%2e%2e/queue",
        "/%2E%2e",
        "/.%2e/x",
        "/assets/%2e%2e%2fsecret",
        "/assets/a%2Fb",
        "/assets/a%5Cb",
        "/assets/%00",
        "/userdata/%00",
        "/userdata/%ff",
        "/assets//x",
        "/assets/",
        "queue",
        "*",
        "",
        "http://elsewhere/queue",
    ],
)
def test_paths_that_climb_or_deceive_lead_nowhere(path: str) -> None:
    with pytest.raises(NotFound):
        table().find("GET", path)


def test_an_encoded_slash_never_makes_two_segments() -> None:
    with pytest.raises(MethodNotAllowed):
        table().find("POST", "/userdata/a%2Fmove%2Fb")
    with pytest.raises(NotFound):
        table().find("GET", "/api%2Fqueue")


def test_head_is_answered_by_get() -> None:
    assert found("HEAD", "/queue")[0] == "/queue"


def test_another_method_is_refused_with_those_allowed() -> None:
    with pytest.raises(MethodNotAllowed) as caught:
        table().find("DELETE", "/queue")
    assert caught.value.allowed == ("GET", "POST")
    with pytest.raises(MethodNotAllowed):
        table().find("GET-ME", "/%71ueue")


def test_websockets_and_requests_do_not_meet() -> None:
    assert found("WEBSOCKET", "/api/ws")[0] == "/api/ws"
    assert found("GET", "/ws")[0] == "/{path...}"
    with pytest.raises(NotFound):
        table().find("WEBSOCKET", "/queue")
    with pytest.raises(NotFound):
        table().find("WEBSOCKET", "/gesso/api/keys")


def test_only_what_was_declared_public_is() -> None:
    routes = table()
    assert routes.is_public("/gesso/healthz")
    for path in ("/gesso/healthz/", "/gesso/%68ealthz", "/gesso//healthz", "/queue", "/gesso/api/keys"):
        assert not routes.is_public(path)
    with pytest.raises(ValueError, match="public"):
        routes.add("GET", "/open/{name}", handler, public=True)


def identity(*scopes: str) -> Identity:
    return Identity(
        account_id="1",
        name="ada",
        role=Role.USER,
        scopes=frozenset(scopes or OF_ROLE[Role.USER]),
        key_id="k",
        via=Via.KEY,
    )


def test_a_route_is_closed_to_nobody_and_to_keys_without_its_scope() -> None:
    async def main() -> None:
        routes = table()
        for target in ("/queue", "/gesso/api/keys", "/"):
            with pytest.raises(Unauthorized):
                await call(routes, target)
        with pytest.raises(Unauthorized):
            await call(routes, "/ws", kind="websocket")
        with pytest.raises(Forbidden, match="engines:control"):
            await call(routes, "/free", "POST", scope={"gesso.identity": identity()})
        with pytest.raises(Forbidden, match="jobs:own"):
            await call(routes, "/queue", scope={"gesso.identity": identity("keys:own")})
        assert (await call(routes, "/gesso/healthz")).status == 200
        answer = await call(routes, "/history/x%2Fy", scope={"gesso.identity": identity()})
        assert answer.body == b"GET {'prompt_id': 'x/y'}"
        assert answer.scope["path_params"] == {"prompt_id": "x/y"}

    asyncio.run(main())


def test_finding_a_route_takes_microseconds() -> None:
    """The goal is 20 µs on a quiet machine; ten times that is a defect on any."""
    routes = table()
    for number in range(60):
        routes.add("GET", f"/more/{number}/{{name}}", handler, api=True)
    for path in ("/queue", "/api/userdata/workflows%2Fx.json", "/more/59/x", "/assets/a/b/c.js"):
        find = partial(routes.find, "GET", path)
        best = min(timeit.repeat(find, number=100, repeat=5)) / 100
        assert best < 200e-6, f"{path}: {best * 1e6:.1f} µs"
