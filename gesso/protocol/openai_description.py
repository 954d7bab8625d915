"""`/v1` in OpenAPI's words, made from the table that requests are read by (pure)."""

from collections.abc import Iterable, Sequence
from typing import Any

from gesso.protocol.openai import SIZE
from gesso.protocol.openai_chat import PASSED_ON, TEXT_PARTS
from gesso.protocol.openai_parameters import (
    FORMATS,
    LONGEST_PROMPT,
    MOST_IMAGES,
    Effect,
    Kind,
    Parameter,
    Route,
    parameters_of,
)
from gesso.protocol.openai_pictures import MEDIA

Json = dict[str, Any]

JSON, FORM = "application/json", "multipart/form-data"
TYPES = {Kind.TEXT: "string", Kind.INTEGER: "integer", Kind.NUMBER: "number", Kind.BOOLEAN: "boolean"}
TEXT: Json = {"type": "string"}
MAYBE_TEXT: Json = {"anyOf": [TEXT, {"type": "null"}]}
COUNT: Json = {"type": "integer", "minimum": 0}
FILE: Json = {"type": "string", "format": "binary"}
PICTURES: Json = {kind: {"schema": FILE} for kind in MEDIA.values()}
LINK: Json = {"type": "string", "pattern": "^data:[^,]*;base64,"}


def paths() -> Json:
    """Every route of `/v1` that answers with more than an error."""
    name = {"name": "name", "in": "path", "required": True, "schema": TEXT}
    model = _operation("One model.", _content("Model"))
    edit = {FORM: "EditForm", JSON: "EditRequest"}
    links = _operation("Where the links in answers lead: they are signed, and need no key.", PICTURES)
    return {
        "/v1/models": {"get": _operation("Every model, also those that cannot draw.", _content("Models"))},
        "/v1/models/{name}": {"get": {**model, "parameters": [name]}},
        "/v1/images/generations": {"post": _drawing("Draw pictures.", {JSON: "GenerationRequest"})},
        "/v1/images/edits": {"post": _drawing("Change pictures as the prompt says.", edit)},
        "/v1/images/variations": {
            "post": _drawing("Draw pictures like one.", {FORM: "VariationForm"}, streams=False)
        },
        "/v1/chat/completions": {
            "post": _drawing(
                "Draw what the last message of the user says.", {JSON: "ChatRequest"}, "ChatCompletion"
            )
        },
        "/v1/images/content": {"get": {**links, "security": []}},
    }


def schemas() -> Json:
    """The shapes that `paths` names."""
    return _requests() | _answers()


def _requests() -> Json:
    generate, edit, vary = (_fields(parameters_of(route)) for route in Route)
    files = {name: _one_or_more(FILE) for name in ("image", "image[]")}
    pictures = {name: _one_or_more(_ref("Picture")) for name in ("image", "images")}
    return {
        "Picture": {"anyOf": [LINK, _whole({"image_url": LINK})]},
        "GenerationRequest": _request(generate, ["prompt"]),
        "EditForm": _request(edit | files | {"mask": FILE}, ["prompt"], any_of=files),
        "EditRequest": _request(edit | pictures | {"mask": _ref("Picture")}, ["prompt"], any_of=pictures),
        "VariationForm": _request(vary | files, any_of=files),
        "ChatRequest": _chat(generate),
    }


def _answers() -> Json:
    picture = {"type": "object", "properties": {"b64_json": TEXT, "url": TEXT}, "minProperties": 1}
    split = _whole({"text_tokens": COUNT, "image_tokens": COUNT})
    usage = {f"{name}_tokens": COUNT for name in ("total", "input", "output")}
    usage |= {"input_tokens_details": split, "output_tokens_details": split}
    can = {"available": {"type": "boolean"}, "reason": MAYBE_TEXT}
    choice = {"index": COUNT, "message": {"type": "object"}, "finish_reason": TEXT}
    error = {"message": TEXT, "type": TEXT, "param": MAYBE_TEXT, "code": TEXT}
    return {
        "Images": _whole(
            {
                "created": COUNT,
                "data": {"type": "array", "items": picture, "minItems": 1},
                "background": {"enum": ["opaque", "transparent"]},
                "output_format": {"enum": list(FORMATS)},
                "quality": TEXT,
                "size": {"type": "string", "pattern": f"^{SIZE.pattern}$"},
                "usage": _whole(usage),
            }
        ),
        "Model": _whole(
            {"id": TEXT, "object": {"enum": ["model"]}, "created": COUNT, "owned_by": TEXT}
            | can
            | {"routes": {"type": "object", "additionalProperties": _whole(can)}}
        ),
        "Models": _whole({"object": {"enum": ["list"]}, "data": {"type": "array", "items": _ref("Model")}}),
        "ChatCompletion": _whole(
            {"id": TEXT, "object": {"enum": ["chat.completion"]}, "created": COUNT, "model": TEXT}
            | {"choices": {"type": "array", "items": _whole(choice), "minItems": 1}}
            | {"usage": _whole({f"{name}_tokens": COUNT for name in ("prompt", "completion", "total")})}
        ),
        "OpenAIError": _whole({"error": _whole(error)}),
    }


def _fields(rows: dict[str, Parameter]) -> Json:
    """What a request may say beside its pictures; what is always refused is not among it."""
    return {
        name: _value(row)
        for name, row in rows.items()
        if row.kind in TYPES and row.effect is not Effect.REFUSED
    }


def _value(row: Parameter) -> Json:
    told: Json = {"type": TYPES[row.kind], "description": row.meaning}
    limits = {"enum": list(row.choices), "minimum": row.least, "maximum": row.most}
    told |= {name: limit for name, limit in limits.items() if limit not in (None, [])}
    match row.name:
        case "prompt":
            told |= {"minLength": 1, "maxLength": LONGEST_PROMPT}
        case "size":
            told["pattern"] = f"^(auto|{SIZE.pattern})$"
    return told


def _chat(fields: Json) -> Json:
    text = _whole({"type": {"enum": list(TEXT_PARTS)}, "text": TEXT})
    link = {"anyOf": [LINK, _whole({"url": LINK})]}
    picture = _whole({"type": {"enum": ["image_url"]}, "image_url": link})
    content = {"anyOf": [TEXT, {"type": "array", "items": {"anyOf": [text, picture]}}]}
    message = {"type": "object", "required": ["role"], "properties": {"role": TEXT, "content": content}}
    meaning = "The user's last one is what to draw, or what to do to the pictures in it."
    messages = {"type": "array", "items": message, "minItems": 1, "description": meaning}
    passed_on = {name: fields[name] for name in PASSED_ON}
    # What else chats send has no effect.
    return {**_request(passed_on | {"messages": messages}, ["messages"]), "additionalProperties": True}


def _drawing(meaning: str, bodies: dict[str, str], answer: str = "Images", *, streams: bool = True) -> Json:
    content = _content(answer) | ({"text/event-stream": {"schema": TEXT}} if streams else {})
    told = _operation(meaning, content)
    told["responses"]["200"]["headers"] = {"x-gesso-job": {"description": "Its job.", "schema": TEXT}}
    body = {kind: {"schema": _ref(name)} for kind, name in bodies.items()}
    return {**told, "requestBody": {"required": True, "content": body}}


def _operation(meaning: str, content: Json) -> Json:
    answer = {"description": "Success", "content": content}
    return {"summary": meaning, "tags": ["openai"], "responses": {"200": answer}}


def _content(name: str) -> Json:
    return {JSON: {"schema": _ref(name)}}


def _ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def _one_or_more(each: Json) -> Json:
    return {"anyOf": [each, {"type": "array", "items": each, "minItems": 1, "maxItems": MOST_IMAGES}]}


def _request(properties: Json, required: Sequence[str] = (), *, any_of: Iterable[str] = ()) -> Json:
    told: Json = {"type": "object", "properties": properties, "required": list(required)}
    told["additionalProperties"] = False
    if one_of_these := [{"required": [name]} for name in any_of]:
        told["anyOf"] = one_of_these
    return told


def _whole(properties: Json) -> Json:
    """All of it is there."""
    return {"type": "object", "properties": properties, "required": list(properties)}
