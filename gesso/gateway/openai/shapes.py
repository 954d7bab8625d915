"""What answers and streams say, in the shape of the API that was asked."""

import time
from typing import Any, Protocol

from gesso.errors import GessoError
from gesso.gateway.middleware.bodies import body_of
from gesso.gateway.responses import Dialect
from gesso.jobs.job import Job
from gesso.protocol.openai import (
    Drawn,
    ImagesRequest,
    answer,
    described,
    event,
    picture_data,
    usage_of,
)
from gesso.protocol.openai_chat import Chat, chat_answer, chat_chunks, chunk
from gesso.protocol.openai_parameters import Route

KINDS = {Route.GENERATIONS: "image_generation", Route.EDITS: "image_edit"}
Sizes = list[tuple[int, int]]


class Shape(Protocol):
    """The words of one API for a job that has ended, and for one that goes on."""

    def whole(self, job: Job, drawn: list[Drawn]) -> dict[str, Any]:
        """The answer, where it is no stream."""

    def partial(self, index: int, drawn: Drawn) -> bytes:
        """The event of a preview."""

    def completed(self, job: Job, drawn: list[Drawn]) -> list[bytes]:
        """The events of the pictures."""

    def failed(self, error: GessoError) -> bytes:
        """The event of a job that made none."""


class ImagesShape:
    """Of `/v1/images/…`. `sources`: the sizes of the pictures that the request brought."""

    def __init__(self, asked: ImagesRequest, sources: Sizes) -> None:
        self._asked = asked
        self._sources = sources

    def whole(self, job: Job, drawn: list[Drawn]) -> dict[str, Any]:
        return answer(self._asked, drawn, _when(job), usage_of(self._asked, self._sources, drawn))

    def partial(self, index: int, drawn: Drawn) -> bytes:
        data = {
            **picture_data(drawn),
            "created_at": int(time.time()),
            "partial_image_index": index,
            **described(self._asked, drawn),
        }
        return event(f"{KINDS[self._asked.route]}.partial_image", data)

    def completed(self, job: Job, drawn: list[Drawn]) -> list[bytes]:
        told = []
        for number, each in enumerate(drawn):
            data = {
                **picture_data(each),
                "created_at": _when(job),
                **described(self._asked, each),
                # What was read is counted once, whatever the number of pictures.
                "usage": usage_of(self._asked, self._sources, [each], read=not number),
            }
            told.append(event(f"{KINDS[self._asked.route]}.completed", data))
        return told

    def failed(self, error: GessoError) -> bytes:
        # OpenAI's library raises what stands under "error".
        return event("error", body_of(error, Dialect.OPENAI))


class ChatShape:
    """Of `/v1/chat/completions`, whose streams bring each picture whole."""

    def __init__(self, chat: Chat, sources: Sizes) -> None:
        self._chat = chat
        self._sources = sources

    def whole(self, job: Job, drawn: list[Drawn]) -> dict[str, Any]:
        return chat_answer(self._chat, job.id, drawn, _when(job), self._usage(drawn))

    def partial(self, index: int, drawn: Drawn) -> bytes:
        return b""

    def completed(self, job: Job, drawn: list[Drawn]) -> list[bytes]:
        return chat_chunks(self._chat, job.id, drawn, _when(job), self._usage(drawn))

    def failed(self, error: GessoError) -> bytes:
        return chunk(body_of(error, Dialect.OPENAI))

    def _usage(self, drawn: list[Drawn]) -> dict[str, Any]:
        return usage_of(self._chat.asked, self._sources, drawn)


def _when(job: Job) -> int:
    return int(job.finished or time.time())
