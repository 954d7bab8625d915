"""OpenAI's Images API as values: what a request asks for, and how the answer tells it (pure)."""

import base64
import difflib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gesso.errors import InvalidParameter
from gesso.protocol.openai_parameters import LONGEST_PROMPT, Effect, Kind, Parameter, Route, parameters_of

SIZE = re.compile(r"([1-9][0-9]{0,4})x([1-9][0-9]{0,4})")
# The answer's words for the qualities that are asked for in others.
PLAIN_QUALITY = {"auto": "medium", "standard": "medium", "hd": "high"}
TILE = 16
WORDS = {"true": True, "false": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class ImagesRequest:
    """What one request asks for; None is what it does not say. `size` None is auto."""

    route: Route
    prompt: str = ""
    model: str | None = None
    n: int = 1
    size: tuple[int, int] | None = None
    quality: str = "auto"
    response_format: str = "b64_json"
    output_format: str = "png"
    output_compression: int = 100
    background: str = "auto"
    stream: bool = False
    partial_images: int = 0
    negative_prompt: str | None = None
    seed: int | None = None
    steps: int | None = None
    guidance: float | None = None
    user: str | None = None
    safety_identifier: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """One picture of an answer: its file in the form asked for, or the link to it."""

    width: int
    height: int
    opaque: bool
    data: bytes | None = None
    url: str | None = None


def parse_request(route: Route, fields: Mapping[str, Any], *, texts: bool = False) -> ImagesRequest:
    """The request that these fields make; `texts`: they come from a form, where all is text.

    Raises InvalidParameter for what is not known, not right, or refused. Files are not looked at here.
    """
    known = parameters_of(route)
    given = {name: value for name, value in fields.items() if value is not None}
    for name in given:
        if name not in known:
            raise _unknown(name, known)
    for parameter in known.values():
        if route in parameter.required and parameter.kind is not Kind.FILE and parameter.name not in given:
            raise missing(parameter.name)
    values = {
        name: _value(known[name], value, texts=texts)
        for name, value in given.items()
        if known[name].kind not in (Kind.FILE, Kind.ANYTHING) or known[name].effect is Effect.REFUSED
    }
    size = values.pop("size", "auto")
    kept = {name: value for name, value in values.items() if name in ImagesRequest.__dataclass_fields__}
    asked = ImagesRequest(route=route, size=_size(size), **kept)
    _check_together(asked)
    return asked


def missing(name: str) -> InvalidParameter:
    """What a request has to say, and does not."""
    message = f"Missing required parameter: '{name}'."
    return InvalidParameter(message, param=name, kind="missing_required_parameter", remedy="Send it as well.")


def answer(
    asked: ImagesRequest, pictures: Sequence[Drawn], created: int, usage: Mapping[str, Any]
) -> dict[str, Any]:
    """The JSON of an answer."""
    data = [picture_data(each) for each in pictures]
    return {"created": created, "data": data, **described(asked, pictures[0]), "usage": dict(usage)}


def picture_data(picture: Drawn) -> dict[str, Any]:
    """One picture in an answer or an event."""
    if picture.data is None:
        return {"url": picture.url}
    return {"b64_json": base64.b64encode(picture.data).decode()}


def described(asked: ImagesRequest, picture: Drawn) -> dict[str, Any]:
    """What answers and events say of a picture."""
    return {
        "background": "opaque" if picture.opaque else "transparent",
        "output_format": asked.output_format,
        "quality": PLAIN_QUALITY.get(asked.quality, asked.quality),
        "size": f"{picture.width}x{picture.height}",
    }


def usage_of(
    asked: ImagesRequest, sources: Sequence[tuple[int, int]], drawn: Sequence[Drawn], *, read: bool = True
) -> dict[str, Any]:
    """Counted, not invented: a token of text is a word, a token of a picture a square of 16 by 16 pixels.

    Without `read`, only what was drawn is counted.
    """
    words = len(f"{asked.prompt} {asked.negative_prompt or ''}".split()) if read else 0
    shown = sum(_tiles(*size) for size in sources) if read else 0
    made = sum(_tiles(each.width, each.height) for each in drawn)
    return {
        "total_tokens": words + shown + made,
        "input_tokens": words + shown,
        "output_tokens": made,
        "input_tokens_details": {"text_tokens": words, "image_tokens": shown},
        "output_tokens_details": {"text_tokens": 0, "image_tokens": made},
    }


def event(kind: str, data: Mapping[str, Any]) -> bytes:
    """One server-sent event."""
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **data})}\n\n".encode()


def _tiles(width: int, height: int) -> int:
    return -(-width // TILE) * -(-height // TILE)


def _unknown(name: str, known: Mapping[str, Parameter]) -> InvalidParameter:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    hint = f" Did you mean '{near[0]}'?" if near else ""
    return InvalidParameter(
        f"Unknown parameter: '{name[:100]}'.{hint}", param=name[:100], kind="unknown_parameter"
    )


def _value(parameter: Parameter, value: Any, *, texts: bool) -> Any:
    name = parameter.name
    if parameter.effect is Effect.REFUSED:
        raise InvalidParameter(f"'{name}' is not supported. {parameter.meaning}", param=name)
    if texts:
        value = _from_text(parameter.kind, value)
    if not _is(parameter.kind, value):
        raise InvalidParameter(f"'{name}' must be {_WORDS[parameter.kind]}.", param=name, kind="invalid_type")
    if parameter.choices and value not in parameter.choices:
        choices = ", ".join(f"'{choice}'" for choice in parameter.choices)
        raise InvalidParameter(f"'{name}' must be one of {choices}, not '{value[:100]}'.", param=name)
    if parameter.least is not None and value < parameter.least:
        raise InvalidParameter(f"'{name}' must be at least {parameter.least}.", param=name)
    if parameter.most is not None and value > parameter.most:
        raise InvalidParameter(f"'{name}' must be at most {parameter.most}.", param=name)
    return value


_WORDS = {
    Kind.TEXT: "a text",
    Kind.INTEGER: "a whole number",
    Kind.NUMBER: "a number",
    Kind.BOOLEAN: "true or false",
}


def _from_text(kind: Kind, value: Any) -> Any:
    if not isinstance(value, str) or kind is Kind.TEXT:
        return value
    if kind is Kind.BOOLEAN:
        return WORDS.get(value.strip().lower(), value)
    try:
        return int(value) if kind is Kind.INTEGER else float(value)
    except ValueError:
        return value


def _is(kind: Kind, value: Any) -> bool:
    match kind:
        case Kind.TEXT:
            return isinstance(value, str)
        case Kind.BOOLEAN:
            return isinstance(value, bool)
        case Kind.INTEGER:
            return isinstance(value, int) and not isinstance(value, bool)
        case Kind.NUMBER:
            return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300
    return True


def _size(text: str) -> tuple[int, int] | None:
    if text == "auto":
        return None
    found = SIZE.fullmatch(text)
    if found is None:
        message = f"'size' must be 'auto' or like '768x512', not '{text[:40]}'."
        raise InvalidParameter(message, param="size")
    return int(found[1]), int(found[2])


def _check_together(asked: ImagesRequest) -> None:
    if len(asked.prompt) > LONGEST_PROMPT:
        raise InvalidParameter(f"'prompt' must have at most {LONGEST_PROMPT} characters.", param="prompt")
    if Route.VARIATIONS is not asked.route and not asked.prompt.strip():
        raise InvalidParameter("'prompt' must not be empty.", param="prompt")
    if asked.output_format == "png" and asked.output_compression != 100:
        message = "'output_compression' is for jpeg and webp; png keeps every pixel."
        raise InvalidParameter(message, param="output_compression")
    if asked.partial_images and not asked.stream:
        raise InvalidParameter("'partial_images' needs 'stream': true.", param="partial_images")
    if asked.stream and asked.response_format == "url":
        raise InvalidParameter("A stream brings the pictures themselves, no links.", param="response_format")
