"""ComfyUI's routes as a table: complete where other parts rely on it."""

from typing import Any, cast

from gesso.config.passthrough import ALIAS, RESERVED
from gesso.gateway.comfyui.merged import Merged
from gesso.gateway.comfyui.passthrough import Passthrough
from gesso.gateway.comfyui.table import ComfyUIParts, add_comfyui
from gesso.gateway.routing import ANY, Route, Routes


class Anything:
    def __getattr__(self, name: str) -> Any:
        return Anything()

    def __call__(self, *_: Any) -> Any:
        return self


def table(*opened: str) -> list[Route]:
    routes, nobody = Routes(), cast(Any, Anything())
    passthrough = Passthrough(nobody, opened)
    names = ComfyUIParts.__dataclass_fields__.keys() - {"passthrough", "merged"}
    parts: dict[str, Any] = {name: nobody for name in names}
    add_comfyui(routes, ComfyUIParts(passthrough=passthrough, merged=Merged(nobody, passthrough), **parts))
    return routes.all


def test_the_configuration_knows_which_paths_are_taken() -> None:
    for route in table():
        literal = route.pattern.partition("/{")[0].removeprefix(ALIAS)
        taken = any(literal == own or literal.startswith(own + "/") for own in RESERVED)
        assert taken or route.hidden or not literal or literal == "/", route.pattern


def test_opened_paths_are_rows_and_only_their_reading_is_for_users() -> None:
    before = {(route.method, route.pattern) for route in table()}
    rows = [route for route in table("/mtb/status", "/pack/*") if (route.method, route.pattern) not in before]
    patterns = {"/mtb/status", "/api/mtb/status", "/pack/{rest...}", "/api/pack/{rest...}"}
    assert {route.pattern for route in rows} == patterns
    for route in rows:
        assert route.needs == ("jobs:own" if route.method == "GET" else "engines:control")


def test_the_last_row_is_for_those_who_run_the_engines() -> None:
    (last,) = [route for route in table() if route.hidden]
    assert (last.method, last.needs, last.public) == (ANY, "engines:control", False)
