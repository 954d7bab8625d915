"""Names of files, per user: what `input/`, `output/` and `temp/` are to a ComfyUI."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from posixpath import commonprefix
from typing import Any, Literal

from sqlalchemy import Connection, Row, and_, bindparam, delete, func, select

from gesso.database.database import Database
from gesso.database.locks import upsert_of
from gesso.database.schema import file
from gesso.errors import Conflict, NotFound
from gesso.jobs.artifacts import Artifact
from gesso.jobs.usage import within_storage
from gesso.protocol.files import FileRef, may_become, next_name, next_output_name

# "number": another free name, as ComfyUI would number it. "overwrite": the name now means this content.
# "same": Conflict. In each case, a name that already has this very content is simply used.
OnConflict = Literal["number", "overwrite", "same"]

KEY = ("account_id", "type", "subfolder", "name")
_IS_NAMED = and_(*(file.c[column] == bindparam(column) for column in KEY))
_NAMED = select(file).where(_IS_NAMED)
_REMOVE = delete(file).where(_IS_NAMED)


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file as its owner sees it."""

    ref: FileRef
    sha256: str
    size: int
    content_type: str | None
    job_id: str | None
    node_id: str | None
    created: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a file came from."""

    content_type: str | None = None
    job_id: str | None = None
    node_id: str | None = None


class Files:
    """Every account has its own names; one account's are nothing to another."""

    def __init__(self, database: Database, *, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock

    async def put(
        self,
        account: str,
        ref: FileRef,
        artifact: Artifact,
        *,
        content_type: str | None = None,
        job_id: str | None = None,
        node_id: str | None = None,
        on_conflict: OnConflict = "number",
        storage: int | None = None,
    ) -> FileRef:
        """Name a stored artifact; returns the name it got, which may be another (`on_conflict`).

        OverLimit, where the account's files would weigh more than `storage` with it.
        """
        origin = Origin(content_type=content_type, job_id=job_id, node_id=node_id)
        return await self._database.tx(
            put, account, ref, artifact, origin, on_conflict, self._clock(), storage
        )

    def naming(
        self,
        account: str,
        ref: FileRef,
        *,
        content_type: str | None = None,
        job_id: str | None = None,
        on_conflict: OnConflict = "number",
        storage: int | None = None,
    ) -> Callable[[Connection, Artifact], FileRef]:
        """As `put`, for a file that is named in the transaction that stores it: `Writer.commit_with`."""
        origin = Origin(content_type=content_type, job_id=job_id)
        return lambda conn, kept: put(conn, account, ref, kept, origin, on_conflict, self._clock(), storage)

    async def find(self, account: str, ref: FileRef) -> File:
        """Raises NotFound."""
        return await self._database.read(find, account, ref)

    async def page(self, account: str, type: str | None, *, largest: bool, limit: int) -> list[File]:
        """The newest or the largest of the account's files (of one type)."""
        return await self._database.read(page, account, type, largest, limit)

    async def list(self, account: str, type: str | None = None) -> list[File]:
        """The account's files (of one type), in the order of their names."""
        return await self._database.read(list_files, account, type)

    async def delete(self, account: str, ref: FileRef) -> None:
        """Forget the name; a later sweep removes the content, if nothing else needs it. Raises NotFound."""
        await self._database.tx(remove, account, ref)


def put(
    conn: Connection,
    account: str,
    ref: FileRef,
    artifact: Artifact,
    origin: Origin,
    on_conflict: OnConflict,
    now: float,
    storage: int | None = None,
) -> FileRef:
    with within_storage(conn, account, storage):
        return _put_name(conn, account, ref, artifact, origin, on_conflict, now)


def _put_name(
    conn: Connection,
    account: str,
    ref: FileRef,
    artifact: Artifact,
    origin: Origin,
    on_conflict: OnConflict,
    now: float,
) -> FileRef:
    while True:
        chosen = ref if on_conflict != "number" else _free_name(conn, account, ref, artifact, origin)
        if _write(conn, account, chosen, artifact, origin, on_conflict == "overwrite", now):
            return chosen
        if on_conflict == "same":
            raise Conflict(f"There is another file named {ref.filename!r}.")
        # PostgreSQL only: the name was given away between our look and our insert; look again.


def _free_name(conn: Connection, account: str, ref: FileRef, artifact: Artifact, origin: Origin) -> FileRef:
    """`ref`, or the next like it that is free or already means this content."""
    present = conn.execute(_NAMED, _key(account, ref)).one_or_none()
    if present is None or present.sha256 == artifact.sha256:
        return ref
    following = next_name if origin.job_id is None else next_output_name
    second = following(ref.filename, lambda name: name == ref.filename)
    # All candidates begin alike; one query finds those that are taken, however many they are.
    alike = commonprefix([ref.filename, second]).rstrip("0123456789")
    rows = conn.execute(
        select(file.c.name, file.c.sha256, file.c.job_id).where(
            file.c.account_id == account,
            file.c.type == ref.type,
            file.c.subfolder == ref.subfolder,
            file.c.name.startswith(alike, autoescape=True),
        )
    ).all()
    # A job whose files were fetched before gesso died has its names already.
    own = [row.name for row in rows if row.sha256 == artifact.sha256 and row.job_id == origin.job_id]
    if own := [name for name in own if may_become(ref.filename, name)]:
        return replace(ref, filename=min(own, key=lambda name: (len(name), name)))
    others = {row.name for row in rows if row.sha256 != artifact.sha256}
    return replace(ref, filename=following(ref.filename, others.__contains__))


def find(conn: Connection, account: str, ref: FileRef) -> File:
    row = conn.execute(_NAMED, _key(account, ref)).one_or_none()
    if row is None:
        raise NotFound(f"There is no file {ref.filename!r} in {ref.type!r}.")
    return _to_file(row)


def list_files(conn: Connection, account: str, type: str | None) -> list[File]:
    wanted = select(file).where(file.c.account_id == account)
    if type is not None:
        wanted = wanted.where(file.c.type == type)
    return [
        _to_file(row) for row in conn.execute(wanted.order_by(file.c.type, file.c.subfolder, file.c.name))
    ]


def page(conn: Connection, account: str, type: str | None, largest: bool, limit: int) -> list[File]:
    wanted = select(file).where(file.c.account_id == account)
    if type is not None:
        wanted = wanted.where(file.c.type == type)
    order = file.c.size if largest else file.c.created
    return [
        _to_file(row) for row in conn.execute(wanted.order_by(order.desc(), file.c.id.desc()).limit(limit))
    ]


def remove(conn: Connection, account: str, ref: FileRef) -> None:
    find(conn, account, ref)
    conn.execute(_REMOVE, _key(account, ref))


def _write(
    conn: Connection,
    account: str,
    ref: FileRef,
    artifact: Artifact,
    origin: Origin,
    overwrite: bool,
    now: float,
) -> bool:
    """Whether the name now means the artifact."""
    new = {
        **_key(account, ref),
        "sha256": artifact.sha256,
        "size": artifact.size,
        "content_type": origin.content_type,
        "job_id": origin.job_id,
        "node_id": origin.node_id,
        "created": now,
    }
    return conn.execute(_put(conn.dialect.name, overwrite), new).one_or_none() is not None


@cache
def _put(dialect: str, overwrite: bool) -> Any:
    """The insert, to be executed with a row as its parameters."""
    row = upsert_of(dialect, file)
    new = row.excluded
    fresh = {name: new[name] for name in ("sha256", "size", "content_type", "job_id", "node_id", "created")}
    # The same content again: as young as its last mention, and of the job that made it last.
    again = {"created": new.created, "job_id": func.coalesce(new.job_id, file.c.job_id)}
    written = row.on_conflict_do_update(
        index_elements=KEY,
        set_=fresh if overwrite else again,
        where=None if overwrite else file.c.sha256 == new.sha256,
    )
    return written.returning(file.c.id)


def _key(account: str, ref: FileRef) -> dict[str, str]:
    return {"account_id": account, "type": ref.type, "subfolder": ref.subfolder, "name": ref.filename}


def _to_file(row: Row[Any]) -> File:
    return File(
        ref=FileRef(filename=row.name, subfolder=row.subfolder, type=row.type),
        sha256=row.sha256,
        size=row.size,
        content_type=row.content_type,
        job_id=row.job_id,
        node_id=row.node_id,
        created=row.created,
    )
