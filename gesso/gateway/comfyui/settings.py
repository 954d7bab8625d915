"""A user's settings of the ComfyUI frontend, and what `/users` says: there is one user here, you."""

from typing import Any

from sqlalchemy import Connection, delete, select
from starlette.requests import Request
from starlette.responses import Response

from gesso.database.database import Database
from gesso.database.schema import setting
from gesso.errors import RequestError
from gesso.gateway import responses
from gesso.gateway.comfyui.body import read_json
from gesso.gateway.comfyui.caller import caller

# What the frontend takes for these anyway. Its navigation mode sets the other two before it knows them, which
# throws, at each start, unless they already have the values that belong to the mode.
STARTING = {
    "Comfy.Canvas.LeftMouseClickBehavior": "panning",
    "Comfy.Canvas.MouseWheelScroll": "zoom",
    "Comfy.Canvas.NavigationMode": "legacy",
}


class Settings:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def users(self, request: Request) -> Response:
        """`GET /users`: ComfyUI's answer in single-user mode; who the user is, the key says."""
        return responses.json({"storage": "server", "migrated": True})

    async def index(self, request: Request) -> Response:
        """`GET /settings`"""
        return responses.json(await self._database.read(_read, caller(request).account_id))

    async def read(self, request: Request, name: str) -> Response:
        """`GET /settings/{name}`: the value, or null."""
        values = await self._database.read(_read, caller(request).account_id)
        return responses.json(values.get(name))

    async def write_all(self, request: Request) -> Response:
        """`POST /settings`: the settings named in the body; others stay."""
        values = await read_json(request)
        if not isinstance(values, dict):
            raise RequestError("Settings are a JSON object: {name: value}.")
        await self._database.tx(_write, caller(request).account_id, values)
        return Response()

    async def write(self, request: Request, name: str) -> Response:
        """`POST /settings/{name}`"""
        await self._database.tx(_write, caller(request).account_id, {name: await read_json(request)})
        return Response()


def _read(conn: Connection, owner: str) -> dict[str, Any]:
    query = select(setting.c.name, setting.c.value).where(setting.c.account_id == owner)
    return STARTING | {row.name: row.value for row in conn.execute(query.order_by(setting.c.name))}


def _write(conn: Connection, owner: str, values: dict[str, Any]) -> None:
    for name, value in values.items():
        conn.execute(delete(setting).where(setting.c.account_id == owner, setting.c.name == name))
        conn.execute(setting.insert().values(account_id=owner, name=name, value=value))
