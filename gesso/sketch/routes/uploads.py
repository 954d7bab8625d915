"""POST /upload/image and /upload/mask: pictures into the input folder, streamed to disk."""

import asyncio
import filecmp
import json
import os
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import BodyPartReader, web
from aiohttp.http import HttpProcessingError

from gesso.errors import NotFound, RequestError
from gesso.protocol.files import next_name, parse_annotated, safe_name, safe_subfolder
from gesso.protocol.pictures import apply_mask
from gesso.sketch.folders import Folders

_CHUNK = 256 * 1024
_FIELD_LIMIT = 1024 * 1024
# Encodings under which the bytes of a part are what they are.
_PLAIN = (None, "binary", "7bit", "8bit", "identity")


@dataclass(slots=True, kw_only=True)
class Form:
    """A multipart body: the text fields, and where the picture was put meanwhile."""

    fields: dict[str, str] = field(default_factory=dict)
    filename: str | None = None
    file: Path | None = None


class Uploads:
    """Receives files into a hidden folder beside their target and moves them there whole."""

    def __init__(self, folders: Folders, limit: int) -> None:
        self._folders = folders
        self._limit = limit
        # Two uploads of the same name must not choose the same new name.
        self._naming = asyncio.Lock()

    def routes(self) -> list[web.RouteDef]:
        return [web.post("/upload/image", self.image), web.post("/upload/mask", self.mask)]

    async def image(self, request: web.Request) -> web.Response:
        return await self._answer(request, masked=False)

    async def mask(self, request: web.Request) -> web.Response:
        """A picture whose alpha becomes the alpha of the picture that `original_ref` names."""
        return await self._answer(request, masked=True)

    async def _answer(self, request: web.Request, *, masked: bool) -> web.Response:
        form = Form()
        try:
            await self._read(request, form)
            if form.file is None or not form.filename:
                return web.Response(status=400)
            return web.json_response(await self._keep(form, masked=masked))
        except NotFound:
            return web.Response(status=404)
        except HttpProcessingError:  # what aiohttp's parser says of a part's headers
            return web.Response(status=400)
        except (RequestError, ValueError, OSError) as error:
            if isinstance(error, OSError) and not _callers_fault(error):
                raise
            return web.Response(status=400)
        finally:
            if form.file is not None:
                form.file.unlink(missing_ok=True)

    async def _read(self, request: web.Request, form: Form) -> None:
        if request.content_type != "multipart/form-data":
            return
        received = 0
        async for part in await request.multipart():
            if not isinstance(part, BodyPartReader) or not _is_plain(part):
                raise RequestError("The form holds a part that is encoded or nested.")
            if part.name == "image" and part.filename is not None and form.file is None:
                form.filename = part.filename
                form.file = self._incoming()
                with await asyncio.to_thread(form.file.open, "wb") as file:
                    while chunk := await part.read_chunk(_CHUNK):
                        received += len(chunk)
                        self._check(received)
                        await asyncio.to_thread(file.write, chunk)
            else:
                value = await _text(part)
                received += len(value)
                self._check(received)
                form.fields.setdefault(part.name or "", value.decode())

    def _incoming(self) -> Path:
        folder = self._folders.temp / ".incoming"
        folder.mkdir(parents=True, exist_ok=True)
        return folder / uuid.uuid4().hex

    def _check(self, received: int) -> None:
        if received > self._limit:
            raise web.HTTPRequestEntityTooLarge(max_size=self._limit, actual_size=received)

    async def _keep(self, form: Form, *, masked: bool) -> dict[str, Any]:
        type_ = form.fields.get("type", "input")
        subfolder = form.fields.get("subfolder", "")
        overwrite = form.fields.get("overwrite") in ("true", "1")
        name = safe_name(form.filename or "")
        directory = self._folders.resolve(type_, safe_subfolder(subfolder), name).parent
        original = self._original(form.fields.get("original_ref")) if masked else None
        async with self._naming:
            name = await asyncio.to_thread(_place, form, directory, name, overwrite, original)
        return {"name": name, "subfolder": subfolder, "type": type_}

    def _original(self, reference: str | None) -> Path:
        content = json.loads(reference or "null")
        if not isinstance(content, dict) or not isinstance(content.get("filename"), str):
            raise RequestError("original_ref does not name a picture.")
        type_, subfolder = content.get("type", "output"), content.get("subfolder", "")
        if not isinstance(type_, str) or not isinstance(subfolder, str):
            raise RequestError("original_ref is not a reference to a picture.")
        # A type written behind the name ("x.png [input]") goes before the field.
        named = parse_annotated(content["filename"], default=type_)
        path = self._folders.resolve(named.type, os.path.join(subfolder, named.subfolder), named.filename)
        if not path.is_file():
            raise NotFound("The picture that original_ref names is not there.")
        return path


def _is_plain(part: BodyPartReader) -> bool:
    return all(
        part.headers.get(name, "binary").lower() in _PLAIN
        for name in ("Content-Encoding", "Content-Transfer-Encoding")
    )


async def _text(part: BodyPartReader) -> bytes:
    value = bytearray()
    while chunk := await part.read_chunk(_CHUNK):
        value += chunk
        if len(value) > _FIELD_LIMIT:
            raise RequestError(f"The field {part.name!r} is too long.")
    return bytes(value)


def _place(form: Form, directory: Path, name: str, overwrite: bool, original: Path | None) -> str:
    """Moves the received file to a free name, and answers the name; the same file twice keeps one name."""
    incoming = form.file
    if incoming is None:
        raise RequestError("No picture was sent.")
    directory.mkdir(parents=True, exist_ok=True)

    def same(candidate: str) -> bool:
        path = directory / candidate
        return path.is_file() and filecmp.cmp(path, incoming, shallow=False)

    if not overwrite:
        name = next_name(name, lambda candidate: (directory / candidate).exists() and not same(candidate))
        if same(name):
            return name
    if original is None:
        os.replace(incoming, directory / name)
    else:
        _apply_mask(original, incoming, directory / name)
    return name


def _apply_mask(original: Path, mask: Path, target: Path) -> None:
    made = mask.with_name(f"{mask.name}{target.suffix}")
    try:
        made.write_bytes(apply_mask(original.read_bytes(), mask.read_bytes()))
        os.replace(made, target)
    finally:
        made.unlink(missing_ok=True)


def _callers_fault(error: OSError) -> bool:
    """Whether the names or the picture are to blame (Pillow says OSError without a number), not the disk."""
    return error.errno is None or isinstance(error, NotADirectoryError | FileExistsError | IsADirectoryError)
