"""Secrets of the installation itself: they outlive a restart, and all its gateways share them."""

import secrets

from sqlalchemy import Connection, select

from gesso.database.locks import upsert
from gesso.database.schema import secret

BYTES = 32


def stored_secret(conn: Connection, name: str) -> bytes:
    """The secret of that name; made now, if there was none."""
    made = {"name": name, "value": secrets.token_bytes(BYTES)}
    conn.execute(upsert(conn, secret).on_conflict_do_nothing(), made)
    found: bytes = conn.execute(select(secret.c.value).where(secret.c.name == name)).scalar_one()
    return found
