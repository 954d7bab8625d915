"""Reads what a request for pictures brings: JSON or a form, with its files."""

import base64
import binascii
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException
from starlette.requests import Request

from gesso.errors import InvalidParameter, RequestError
from gesso.gateway.comfyui.body import JSON_BYTES, PROMPT_BYTES, read_json
from gesso.gateway.openai.darkroom import Darkroom
from gesso.protocol.openai import ImagesRequest, missing, parse_request
from gesso.protocol.openai_chat import Chat, parse_chat
from gesso.protocol.openai_parameters import MOST_IMAGES, Route
from gesso.protocol.openai_pictures import Source, read_source

FILES = ("image", "mask")
# A form's fields are few and short, but for the prompt.
MOST_FIELDS = 64

Brought = tuple[ImagesRequest, list[Source], Source | None]
"""What is asked for, the pictures, and the mask."""

Content = Callable[[], bytes]
"""Reads a file or a link to its end; called in the darkroom, as what it gives may be large."""


async def read_fields(request: Request, *, limit: int = JSON_BYTES) -> dict[str, Any]:
    """The fields of a JSON body, with the model that the address names, as Azure's do, before the body's."""
    body = await read_json(request, default={}, limit=limit)
    if not isinstance(body, dict):
        raise RequestError("The body is not a JSON object.")
    return body | _named(request)


async def read_edit(request: Request, route: Route, darkroom: Darkroom) -> Brought:
    """A form with files, or a JSON body with references to pictures; these are read last."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() == "application/json":
        return await _read_references(request, route, darkroom)
    try:
        form = await request.form(max_files=MOST_IMAGES + 4, max_fields=MOST_FIELDS)
    except MultiPartException as error:
        raise RequestError(f"The body is no multipart form: {error.message}") from error
    try:
        fields: dict[str, Any] = {}
        found: dict[str, list[Content]] = {name: [] for name in FILES}
        for name, value in form.multi_items():
            plain = name.removesuffix("[]")
            if isinstance(value, UploadFile):
                if plain not in FILES:
                    raise InvalidParameter(f"'{name[:100]}' is no file here.", param=name[:100])
                found[plain].append(value.file.read)
            elif name in fields:
                raise InvalidParameter(f"'{name[:100]}' is given twice.", param=name[:100])
            else:
                fields[name] = value
        asked = parse_request(route, fields | _named(request), texts=True)
        return asked, *await _sources(found, darkroom)
    finally:
        await form.close()


async def read_chat(request: Request, darkroom: Darkroom) -> tuple[Chat, list[Source]]:
    """What the last message of the user asks for, and the pictures in it, which the chat has no more then."""
    chat = parse_chat(await read_fields(request, limit=PROMPT_BYTES))
    if len(chat.pictures) > MOST_IMAGES:
        raise InvalidParameter(f"At most {MOST_IMAGES} pictures are taken.", param="messages")
    links = [_linked(link, "messages") for link in chat.pictures]
    return replace(chat, pictures=()), [await darkroom.run(_source, link, "messages") for link in links]


async def _read_references(request: Request, route: Route, darkroom: Darkroom) -> Brought:
    """`images` and `mask` as {"image_url": "data:…"}; `image` as one of these, or a list of them."""
    body = await read_fields(request, limit=PROMPT_BYTES)
    found: dict[str, list[Content]] = {name: [] for name in FILES}
    for name, plain in (("images", "image"), ("image", "image"), ("mask", "mask")):
        value = body.pop(name, None)
        for each in value if isinstance(value, list) else [] if value is None else [value]:
            found[plain].append(_linked(each, name))
    return parse_request(route, body), *await _sources(found, darkroom)


def _named(request: Request) -> dict[str, str]:
    name: str | None = request.scope.get("gesso.model")
    return {} if name is None else {"model": name}


def _linked(reference: Any, param: str) -> Content:
    address = reference.get("image_url") if isinstance(reference, dict) else reference
    if isinstance(address, dict):
        address = address.get("url")
    head, comma, text = address.partition(",") if isinstance(address, str) else ("", "", "")
    if not head.startswith("data:") or not head.endswith(";base64") or not comma:
        message = (
            f'\'{param}\' takes pictures as data links only: {{"image_url": "data:image/png;base64,…"}}.'
        )
        remedy = "Send the picture itself; gesso fetches nothing from elsewhere, and keeps no files by id."
        raise InvalidParameter(message, param=param, remedy=remedy)

    def content() -> bytes:
        try:
            return base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError) as error:
            raise InvalidParameter(f"'{param}' is not base64.", param=param) from error

    return content


async def _sources(found: dict[str, list[Content]], darkroom: Darkroom) -> tuple[list[Source], Source | None]:
    if not found["image"]:
        raise missing("image")
    if len(found["image"]) > MOST_IMAGES:
        raise InvalidParameter(f"At most {MOST_IMAGES} pictures are taken.", param="image")
    if len(found["mask"]) > 1:
        raise InvalidParameter("'mask' is given twice.", param="mask")
    sources = [await darkroom.run(_source, each, "image") for each in found["image"]]
    mask = await darkroom.run(_source, found["mask"][0], "mask") if found["mask"] else None
    if mask is not None:
        _check_mask(mask, sources[0])
    return sources, mask


def _source(content: Content, param: str) -> Source:
    return read_source(content(), param)


def _check_mask(mask: Source, first: Source) -> None:
    if not mask.has_alpha:
        message = "'mask' has no transparency; what is transparent in it shows where to draw."
        raise InvalidParameter(message, param="mask")
    if (mask.width, mask.height) != (first.width, first.height):
        message = f"'mask' is {mask.width}x{mask.height}, and the first picture {first.width}x{first.height}."
        raise InvalidParameter(message, param="mask")
