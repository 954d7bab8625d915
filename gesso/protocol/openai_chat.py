"""Chat with a model that draws: the user's last message is what to draw, the answer the picture (pure)."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gesso.errors import InvalidParameter
from gesso.protocol.openai import Drawn, ImagesRequest, missing, parse_request, picture_data
from gesso.protocol.openai_follow_up import is_change, link_of, shown_last
from gesso.protocol.openai_parameters import LONGEST_PROMPT, Route
from gesso.protocol.openai_pictures import MEDIA

# Of what chats send besides their messages, what means something to a picture.
PASSED_ON = (
    *("model", "n", "size", "quality", "stream", "user", "safety_identifier"),
    *("negative_prompt", "seed", "steps", "guidance"),
)
TEXT_PARTS = ("text", "input_text")


@dataclass(frozen=True, slots=True, kw_only=True)
class Chat:
    """What the last message of the user asks for, and the data links of the pictures that it is about.

    `counted`: a stream shall end with what was used. `as_parts`: it shall bring the pictures as parts, too.
    """

    asked: ImagesRequest
    pictures: tuple[str, ...]
    counted: bool = False
    as_parts: bool = False


def parse_chat(body: Mapping[str, Any]) -> Chat:
    """Raises InvalidParameter. What chats are told about words (temperature, tools …) has no effect."""
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise missing("messages")
    users = [
        place for place, each in enumerate(messages) if isinstance(each, dict) and each.get("role") == "user"
    ]
    if not users:
        raise InvalidParameter("'messages' holds none of the user's, so nothing to draw.", param="messages")
    text, pictures = _content(messages[users[-1]].get("content"))
    if not pictures and is_change(text) and (shown := shown_last(messages[: users[-1]])):
        pictures = [shown]
    if not text.strip():
        raise InvalidParameter("The user's last message says nothing to draw.", param="messages")
    if len(text) > LONGEST_PROMPT:
        message = f"The user's last message must have at most {LONGEST_PROMPT} characters."
        raise InvalidParameter(message, param="messages")
    fields = {name: body[name] for name in PASSED_ON if name in body}
    route = Route.EDITS if pictures else Route.GENERATIONS
    options, modalities = body.get("stream_options"), body.get("modalities")
    return Chat(
        asked=parse_request(route, {**fields, "prompt": text}),
        pictures=tuple(pictures),
        counted=isinstance(options, dict) and options.get("include_usage") is True,
        as_parts=isinstance(modalities, list) and "image" in modalities,
    )


def _content(content: Any) -> tuple[str, list[str]]:
    """The text of a message, and its pictures: a text, or a list of parts."""
    if isinstance(content, str):
        return content, []
    texts, pictures = [], []
    for part in content if isinstance(content, list) else ():
        kind = part.get("type") if isinstance(part, dict) else None
        if kind in TEXT_PARTS and isinstance(part.get("text"), str):
            texts.append(part["text"])
        elif kind == "image_url":
            pictures.append(link_of(part))
        else:
            message = f"'messages' holds a part of type {str(kind)[:40]!r}; text and image_url are taken."
            raise InvalidParameter(message, param="messages")
    return "\n".join(texts), pictures


def chat_answer(
    chat: Chat, job: str, drawn: Sequence[Drawn], created: int, usage: Mapping[str, Any]
) -> dict[str, Any]:
    """The whole answer, one choice for each picture: as Markdown, which every chat shows, and as a part."""
    choices = [
        {
            "index": index,
            "message": _message(link, as_part=True),
            "finish_reason": "stop",
        }
        for index, link in enumerate(_links(chat.asked, drawn))
    ]
    return {**_head(chat, job, created, "chat.completion"), "choices": choices, "usage": _usage(usage)}


def chat_chunks(
    chat: Chat, job: str, drawn: Sequence[Drawn], created: int, usage: Mapping[str, Any]
) -> list[bytes]:
    """The answer as the events of a stream: each picture whole, then the end.

    As Markdown; as a part only for those who ask for parts: Open WebUI does not, knows both, and shows both.
    """
    head = _head(chat, job, created, "chat.completion.chunk")
    told: list[dict[str, Any]] = []
    for index, link in enumerate(_links(chat.asked, drawn)):
        delta = _message(link, as_part=chat.as_parts)
        told.append({**head, "choices": [{"index": index, "delta": delta, "finish_reason": None}]})
        told.append({**head, "choices": [{"index": index, "delta": {}, "finish_reason": "stop"}]})
    if chat.counted:
        told.append({**head, "choices": [], "usage": _usage(usage)})
    return [*(chunk(each) for each in told), b"data: [DONE]\n\n"]


def chunk(data: Mapping[str, Any]) -> bytes:
    """An event without a name, as chats have them."""
    return f"data: {json.dumps(data)}\n\n".encode()


def _head(chat: Chat, job: str, created: int, kind: str) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{job}",
        "object": kind,
        "created": created,
        "model": chat.asked.model or "default",
    }


def _message(link: str, *, as_part: bool) -> dict[str, Any]:
    part = {"images": [{"type": "image_url", "image_url": {"url": link}}]} if as_part else {}
    return {"role": "assistant", "content": f"![picture]({link})", **part}


def _links(asked: ImagesRequest, drawn: Sequence[Drawn]) -> list[str]:
    head = f"data:{MEDIA[asked.output_format]};base64,"
    return [head + picture_data(each)["b64_json"] for each in drawn]


def _usage(usage: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "prompt_tokens": usage["input_tokens"],
        "completion_tokens": usage["output_tokens"],
        "total_tokens": usage["total_tokens"],
    }
