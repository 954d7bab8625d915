"""Brings a database to this version's schema, or refuses it."""

from collections.abc import Callable, Mapping

from sqlalchemy import Connection, insert, inspect, select, update

from gesso.database.locks import serialise
from gesso.database.schema import SCHEMA_VERSION, meta, metadata, turn
from gesso.errors import StorageError

Step = Callable[[Connection], None]

# From the version named to the next one.
STEPS: Mapping[int, Step] = {}


def prepare(conn: Connection, steps: Mapping[int, Step] = STEPS, target: int = SCHEMA_VERSION) -> None:
    """Make the tables of a new database; migrate an older one step by step; refuse any other.

    All in the caller's transaction: a failing step leaves the database as it was.
    """
    serialise(conn)
    present = set(inspect(conn).get_table_names())
    if meta.name not in present:
        strange = present & set(metadata.tables)
        if strange:
            raise StorageError(
                f"The database has a table {min(strange)!r}, but it was not made by gesso.",
                remedy="Name another, empty database in `storage.database`.",
            )
        metadata.create_all(conn)
        conn.execute(insert(meta).values(id=1, version=target))
        conn.execute(insert(turn).values(id=1, vtime=0.0))
        return
    version = conn.execute(select(meta.c.version)).scalar_one()
    if version > target:
        raise StorageError(
            f"The database has schema version {version}; this gesso knows {target} at most.",
            remedy="Use the newer gesso that wrote it, or restore a backup made before the upgrade.",
        )
    while version < target:
        if version not in steps:
            raise StorageError(
                f"The database has schema version {version}, and there is no way from there to {target}.",
                remedy="Upgrade through an older release of gesso first, or begin with a new database.",
            )
        steps[version](conn)
        version += 1
        conn.execute(update(meta).values(version=version))
