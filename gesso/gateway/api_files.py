"""`/gesso/api/files`: what one's files weigh, and making room. They are fetched from ComfyUI's `/view`."""

from typing import Annotated, Literal, Self

from fastapi import APIRouter, Depends, Query

from gesso.access.identity import Identity
from gesso.gateway.api_answers import Answer
from gesso.gateway.api_caller import holder
from gesso.jobs import files
from gesso.protocol.files import FileRef

Owner = Annotated[Identity, Depends(holder("jobs:own"))]
Limit = Annotated[int, Query(ge=1, le=1000)]
Type = Literal["input", "output", "temp"]


class StoredFile(Answer):
    """To be fetched from `/view?filename=…&subfolder=…&type=…`."""

    filename: str
    subfolder: str
    type: str
    size: int
    created: float
    job: str | None
    """The job that made it; null: it was uploaded."""

    @classmethod
    def of(cls, file: files.File) -> Self:
        return cls(
            filename=file.ref.filename,
            subfolder=file.ref.subfolder,
            type=file.ref.type,
            size=file.size,
            created=file.created,
            job=file.job_id,
        )


class StoredFiles(Answer):
    files: list[StoredFile]
    more: bool
    """There are more than `limit` of them."""


def file_routes(store: files.Files) -> APIRouter:
    router = APIRouter(prefix="/files", tags=["files"])

    @router.get("")
    async def list_files(
        identity: Owner,
        type: Type | None = None,
        order: Literal["newest", "largest"] = "newest",
        limit: Limit = 50,
    ) -> StoredFiles:
        """Your files: uploads (`input`), and what jobs made (`output`) or only showed (`temp`)."""
        largest = order == "largest"
        found = await store.page(identity.account_id, type, largest=largest, limit=limit + 1)
        return StoredFiles(files=[StoredFile.of(file) for file in found[:limit]], more=len(found) > limit)

    @router.delete("")
    async def delete_file(
        identity: Owner, filename: str, type: Type = "output", subfolder: str = ""
    ) -> StoredFile:
        """Delete one file of yours. Jobs that wait and read it still have it."""
        ref = FileRef(filename=filename, subfolder=subfolder, type=type)
        found = await store.find(identity.account_id, ref)
        await store.delete(identity.account_id, ref)
        return StoredFile.of(found)

    return router
