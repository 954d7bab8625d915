"""Files in and out, ComfyUI's way: `/upload/image`, `/upload/mask` and `/view`, each user his own."""

import asyncio
import json
import mimetypes
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from gesso.errors import NotFound, RequestError
from gesso.gateway import responses
from gesso.gateway.comfyui.caller import caller
from gesso.gateway.middleware.addressed import from_where
from gesso.gateway.oversight import SCOPE, Oversight, asks_for_all
from gesso.jobs.artifacts import Also, Artifacts
from gesso.jobs.files import File, Files
from gesso.protocol.files import FileRef, parse_annotated, safe_name, safe_subfolder
from gesso.protocol.pictures import apply_mask, render_view

CHUNK_BYTES = 1 << 20
TYPES = ("input", "output", "temp")
# Words in the kinds that browsers show as documents with scripts of their own; sent as plain bytes, as
# ComfyUI does with most of them. Any XML can be XHTML.
ACTIVE = ("html", "xml", "script", "css", "hta", "rfc822", "flash")


class Pictures:
    def __init__(self, *, artifacts: Artifacts, files: Files, oversight: Oversight) -> None:
        self._artifacts = artifacts
        self._files = files
        self._oversight = oversight

    async def upload_image(self, request: Request) -> Response:
        """`POST /upload/image`: multipart `image`, `overwrite`, `type`, `subfolder`."""
        async with _form(request) as form:
            image = form.get("image")
            if not isinstance(image, UploadFile) or not image.filename:
                return Response(status_code=400)
            naming = self._naming(request, form, image.filename)
            if naming is None:
                return Response(status_code=400)
            async with self._artifacts.writer() as writer:
                while chunk := await image.read(CHUNK_BYTES):
                    await writer.write(chunk)
                return _named(await writer.commit_with(naming))

    async def upload_mask(self, request: Request) -> Response:
        """`POST /upload/mask`: as above, and `original_ref`: the picture that gets the upload's alpha."""
        async with _form(request) as form:
            image = form.get("image")
            if not isinstance(image, UploadFile) or not image.filename:
                return Response(status_code=400)
            naming = self._naming(request, form, image.filename)
            if naming is None:
                return Response(status_code=400)
            original = await self._original(request, form)
            source = await asyncio.to_thread(self._artifacts.path(original.sha256).read_bytes)
            masked = await asyncio.to_thread(apply_mask, source, await image.read())
            async with self._artifacts.writer() as writer:
                await writer.write(masked)
                return _named(await writer.commit_with(naming))

    async def _original(self, request: Request, form: FormData) -> File:
        try:
            named = json.loads(str(form.get("original_ref") or "null"))
        except ValueError as error:
            raise RequestError("`original_ref` is not JSON.") from error
        if not isinstance(named, dict) or not isinstance(named.get("filename"), str):
            raise RequestError('`original_ref` names no picture; it looks like {"filename": …, "type": …}.')
        ref = parse_annotated(named["filename"], default=str(named.get("type") or "output"))
        subfolder = safe_subfolder(str(named.get("subfolder") or ref.subfolder))
        ref = FileRef(filename=safe_name(ref.filename), subfolder=subfolder, type=ref.type)
        return await self._files.find(caller(request).account_id, ref)

    def _naming(self, request: Request, form: FormData, filename: str) -> Also[FileRef] | None:
        """Gives the upload its name as it is stored, if there is room for it; None for what is no name."""
        kind = str(form.get("type") or "input")
        try:
            if kind not in TYPES:
                raise RequestError(f"There is no folder {kind!r}.")
            ref = FileRef(
                filename=safe_name(filename),
                subfolder=safe_subfolder(str(form.get("subfolder") or "")),
                type=kind,
            )
        except RequestError:
            return None
        overwrite = form.get("overwrite") in ("true", "1")
        return self._files.naming(
            caller(request).account_id,
            ref,
            content_type=mimetypes.guess_type(filename)[0],
            on_conflict="overwrite" if overwrite else "number",
            storage=caller(request).allowance.storage,
        )

    async def view(self, request: Request) -> Response:
        """`GET /view?filename=…&type=…&subfolder=…&preview=webp;90&channel=rgb|rgba|a`

        With `all=true&job=ID`, for administrators: a file that this job made or was given, whosever it is.
        """
        query = request.query_params
        if "filename" not in query:
            return Response(status_code=404)
        ref = _ref(query)
        if isinstance(ref, int):
            return Response(status_code=ref)
        try:
            found = await self._find(request, ref)
        except NotFound:
            return Response(status_code=404)
        headers = {
            "Content-Disposition": f'filename="{_quotable(ref.filename)}"',
            "X-Content-Type-Options": "nosniff",
        }
        path = self._artifacts.path(found.sha256)
        if "preview" in query or query.get("channel") in ("rgb", "a"):
            data = await asyncio.to_thread(path.read_bytes)
            channel = query.get("channel") if "preview" not in query else None
            shown, kind = await asyncio.to_thread(render_view, data, query.get("preview"), channel)
            return Response(shown, media_type=kind, headers=headers)
        kind = mimetypes.guess_type(ref.filename)[0] or "application/octet-stream"
        if any(word in kind for word in ACTIVE):
            kind = "application/octet-stream"
        return _FileInBlocks(path, media_type=kind, headers=headers)

    async def _find(self, request: Request, ref: FileRef) -> File:
        identity = caller(request)
        if not asks_for_all(request):
            return await self._files.find(identity.account_id, ref)
        identity.require(SCOPE)
        if not (job_id := request.query_params.get("job")):
            raise RequestError("With `all=true`, `job` says of which job the file is.")
        owned = await self._oversight.finds_file(identity, from_where(request), job_id, ref)
        found = await self._files.find(owned.account_id, ref)
        if owned.sha256 not in (None, found.sha256):
            raise NotFound("The job was given another file of that name, which was replaced since.")
        return found


def _named(kept: FileRef) -> Response:
    return responses.json({"name": kept.filename, "subfolder": kept.subfolder, "type": kept.type})


@asynccontextmanager
async def _form(request: Request) -> AsyncIterator[FormData]:
    """The multipart fields; files are on disk already, whatever their size."""
    try:
        form = await _FormInBlocks(request.scope, request.receive).form(max_files=4)
    except MultiPartException as error:
        raise RequestError(f"The body is no multipart form: {error.message}") from error
    try:
        yield form
    finally:
        await form.close()


# Reading and writing files goes through threads: a hop for each block, not for each packet.
class _FileInBlocks(FileResponse):
    chunk_size = CHUNK_BYTES


class _FormInBlocks(Request):
    async def stream(self) -> AsyncGenerator[bytes, None]:
        gathered = bytearray()
        async for chunk in super().stream():
            gathered += chunk
            if len(gathered) >= CHUNK_BYTES:
                yield bytes(gathered)
                gathered.clear()
        yield bytes(gathered)


def _ref(query: Any) -> FileRef | int:
    """The file that `/view` asks for, or the status ComfyUI refuses it with."""
    try:
        named = parse_annotated(query["filename"], default=query.get("type") or "output")
        filename = safe_name(named.filename)
    except RequestError:
        return 400
    if named.type not in TYPES:
        return 400
    try:
        subfolder = safe_subfolder(query.get("subfolder") or named.subfolder)
    except RequestError:
        return 403
    return FileRef(filename=filename, subfolder=subfolder, type=named.type)


def _quotable(name: str) -> str:
    """`name` for a quoted header value: no quote can end it, and headers are Latin-1."""
    plain = name.replace("\\", "_").replace('"', "_")
    return plain.encode("latin-1", "replace").decode("latin-1")
