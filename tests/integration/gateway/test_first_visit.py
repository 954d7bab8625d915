"""What the frontend finds at a user's first visit: nothing it must complain about."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gesso.access.access import Access
from gesso.access.identity import Identity
from gesso.database.database import open_database
from gesso.database.sqlite import sqlite_url
from gesso.gateway.comfyui.settings import Settings
from gesso.gateway.comfyui.userdata import Userdata
from gesso.gateway.routing import Routes
from tests.unit.gateway.calls import Answer, call

Ask = Callable[..., Any]


def _with_routes(directory: Path, story: Callable[[Ask], Any]) -> None:
    async def main() -> None:
        database = await open_database(sqlite_url(directory / "gesso.sqlite3"))
        try:
            access = Access(database)
            created = await access.ensure_admin()
            assert created is not None
            identity: Identity = await access.identify_key(created.token)
            await story(_asker(_routes(Userdata(database), Settings(database)), identity))
        finally:
            await database.close()

    asyncio.run(main())


def _routes(userdata: Userdata, settings: Settings) -> Routes:
    routes = Routes()
    routes.add("GET", "/user.css", userdata.stylesheet)
    routes.add("GET", "/userdata", userdata.index)
    routes.add("GET", "/userdata/{file}", userdata.read)
    routes.add("POST", "/userdata/{file}", userdata.write)
    routes.add("DELETE", "/userdata/{file}", userdata.remove)
    routes.add("GET", "/settings", settings.index)
    routes.add("GET", "/settings/{name}", settings.read)
    routes.add("POST", "/settings/{name}", settings.write)
    return routes


def _asker(routes: Routes, identity: Identity) -> Ask:
    async def ask(target: str, method: str = "GET", body: bytes = b"") -> Answer:
        return await call(routes, target, method, chunks=(body,), scope={"gesso.identity": identity})

    return ask


def test_the_folders_that_the_frontend_lists_are_there_and_empty(tmp_path: Path) -> None:
    async def story(ask: Ask) -> None:
        for folder in ("workflows", "subgraphs%2F"):
            listed = await ask(f"/userdata?dir={folder}&recurse=true&split=false&full_info=true")
            assert (listed.status, listed.json) == (200, [])
        assert (await ask("/userdata?dir=other")).status == 404
        await ask("/userdata/workflows%2Fmine.json", "POST", b"{}")
        assert (await ask("/userdata?dir=workflows")).json == ["mine.json"]

    _with_routes(tmp_path, story)


def test_the_files_that_the_frontend_reads_are_empty_until_they_are_written(tmp_path: Path) -> None:
    async def story(ask: Ask) -> None:
        assert (await ask("/userdata/comfy.templates.json")).json == []
        assert (await ask("/userdata/workflows%2F.index.json")).json == {"favorites": []}
        assert (await ask("/userdata/other.json")).status == 404
        for path in ("/user.css", "/userdata/user.css"):
            styles = await ask(path)
            assert (styles.status, styles.body) == (200, b"")
            assert styles.headers["content-type"].startswith("text/css")
        await ask("/userdata/user.css", "POST", b"body { color: red }")
        assert (await ask("/user.css")).body == b"body { color: red }"
        assert (await ask("/userdata/user.css", "DELETE")).status == 204
        assert (await ask("/userdata/user.css", "DELETE")).status == 404
        assert (await ask("/user.css")).body == b""

    _with_routes(tmp_path, story)


def test_the_mouse_is_set_as_the_navigation_mode_says_until_the_user_sets_it(tmp_path: Path) -> None:
    async def story(ask: Ask) -> None:
        starting = (await ask("/settings")).json
        assert starting["Comfy.Canvas.NavigationMode"] == "legacy"
        name = "Comfy.Canvas.MouseWheelScroll"
        assert starting[name] == (await ask(f"/settings/{name}")).json == "zoom"
        await ask(f"/settings/{name}", "POST", json.dumps("panning").encode())
        assert (await ask("/settings")).json == {**starting, name: "panning"}

    _with_routes(tmp_path, story)
