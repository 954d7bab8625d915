"""Two questions a machine may ask without a key: does the process live, and can it do its work?"""

import asyncio
import time
from typing import Any

from sqlalchemy import Connection, text
from starlette.requests import Request
from starlette.responses import Response

from gesso.access.identity import Identity
from gesso.database.database import Database
from gesso.errors import StorageError
from gesso.fleet.supervisor import Supervisor
from gesso.gateway.api_findings import reason, sees_logs
from gesso.gateway.responses import json
from gesso.gateway.routing import Routes

DATABASE_LIMIT_S = 2.0
# Anybody may ask, and as often as he likes; the database is asked at most so often.
RECHECK_S = 0.5

Check = dict[str, Any]


class Health:
    """`/gesso/healthz` and `/gesso/readyz`."""

    def __init__(self, db: Database, supervisor: Supervisor) -> None:
        self._db = db
        self._supervisor = supervisor
        self._lock = asyncio.Lock()
        self._last: tuple[float, Check] | None = None

    def add_to(self, routes: Routes) -> None:
        routes.add("GET", "/gesso/healthz", self.alive, public=True)
        routes.add("GET", "/gesso/readyz", self.ready, public=True)

    async def alive(self, request: Request) -> Response:
        """200 as long as the event loop turns."""
        return json({"status": "alive"})

    async def ready(self, request: Request) -> Response:
        """200 when the database answers and an engine is ready, else 503; each check with its evidence."""
        identity: Identity | None = request.scope.get("gesso.identity")
        checks = [await self._database(), self._engines(identity)]
        ready = all(check["ok"] for check in checks)
        body = {"status": "ready" if ready else "not ready", "checks": checks}
        return json(body, 200 if ready else 503, {"cache-control": "no-store"})

    async def _database(self) -> Check:
        async with self._lock:
            if self._last is None or time.monotonic() - self._last[0] >= RECHECK_S:
                check = await self._ask_database()
                self._last = (time.monotonic(), check)
            return self._last[1]

    async def _ask_database(self) -> Check:
        begun = time.monotonic()
        try:
            async with asyncio.timeout(DATABASE_LIMIT_S):
                await self._db.tx(_ask)
        except StorageError as error:
            return {"name": "database", "ok": False, "evidence": error.code}
        except TimeoutError:
            return {"name": "database", "ok": False, "evidence": f"no answer within {DATABASE_LIMIT_S:.0f} s"}
        took_ms = round((time.monotonic() - begun) * 1000, 1)
        return {"name": "database", "ok": True, "evidence": "SELECT 1 was answered", "took_ms": took_ms}

    def _engines(self, identity: Identity | None) -> Check:
        """How many are ready; which, and why not the others, only for those who may see engines."""
        members = self._supervisor.members()
        ready = sum(1 for member in members if member.ready)
        check: Check = {
            "name": "engines",
            "ok": ready > 0,
            "evidence": f"{ready} of {len(members)} ready",
            "ready": ready,
            "total": len(members),
        }
        if identity is not None and identity.may("engines:read"):
            check["engines"] = [
                {
                    "name": member.name,
                    "state": str(member.state),
                    "reason": reason(member.told, whole=sees_logs(identity)),
                }
                for member in members
            ]
        return check


def _ask(conn: Connection) -> None:
    conn.execute(text("SELECT 1"))
