"""The streamed answer: the sampler's previews as they come, then the pictures, as server-sent events."""

import asyncio
from collections.abc import Awaitable, Callable

from starlette.types import Send

from gesso.errors import EngineRefused, GessoError
from gesso.events import JobPreview
from gesso.gateway.openai.answer import BREATH_S, headers_of, start
from gesso.gateway.openai.darkroom import Darkroom
from gesso.gateway.openai.shapes import Shape
from gesso.gateway.openai.waiting import Attendance, Waiting
from gesso.jobs.job import Job
from gesso.protocol.openai import Drawn, ImagesRequest
from gesso.protocol.openai_pictures import deliver

# A comment: whoever reads events passes over it.
BREATH = b": still drawing\n\n"
# Where a template does not say how many steps it takes.
USUAL_STEPS = 20

Draw = Callable[[Job], Awaitable[list[Drawn]]]


class Partials:
    """Chooses, of all previews of a job, those to be sent: `count` of them, evenly over its `steps`."""

    def __init__(self, count: int, steps: int) -> None:
        self._due = [number * steps / (count + 1) for number in range(1, count + 1)]
        self._seen = 0
        self._sent = 0

    def index(self) -> int | None:
        """Called at each preview: its number among those sent, or None if it is not."""
        self._seen += 1
        if self._sent >= len(self._due) or self._seen < self._due[self._sent]:
            return None
        self._sent += 1
        return self._sent - 1


class Streamed:
    """The answer as events. `draw` gives the pictures when the job has ended."""

    def __init__(
        self, asked: ImagesRequest, *, shape: Shape, waiting: Waiting, draw: Draw, darkroom: Darkroom
    ) -> None:
        self._asked = asked
        self._shape = shape
        self._waiting = waiting
        self._draw = draw
        self._darkroom = darkroom

    async def tell(self, mine: Attendance, send: Send) -> None:
        await send(start(headers_of(mine.job, b"text/event-stream; charset=utf-8")))
        try:
            for told in await self._follow(mine, send):
                await _write(send, told)
        except GessoError as error:
            await _write(send, self._shape.failed(error))
        mine.answered = mine.job.state.ended
        await send({"type": "http.response.body", "body": b""})

    async def _follow(self, mine: Attendance, send: Send) -> list[bytes]:
        """Send the previews until the job has ended, and its pictures are there: their events."""
        known = mine.job.payload.get("openai") or {}
        partials = Partials(self._asked.partial_images, known.get("steps") or USUAL_STEPS)
        # Engines show previews in a size of their own.
        within = (known["width"], known["height"]) if {"width", "height"} <= known.keys() else None
        previews: asyncio.Queue[tuple[int, bytes]] = asyncio.Queue()

        def take(preview: JobPreview) -> None:
            if (index := partials.index()) is not None:
                previews.put_nowait((index, preview.image))

        mine.on_preview = take
        made = asyncio.ensure_future(self._made(mine))
        coming = asyncio.ensure_future(previews.get())
        try:
            while True:
                done, _ = await asyncio.wait(
                    {made, coming}, timeout=BREATH_S, return_when=asyncio.FIRST_COMPLETED
                )
                if coming in done:
                    await _write(send, await self._partial(*coming.result(), within))
                    coming = asyncio.ensure_future(previews.get())
                elif made in done:
                    return made.result()
                else:
                    await _write(send, BREATH)
        finally:
            for task in (made, coming):
                task.cancel()
            await asyncio.gather(made, coming, return_exceptions=True)

    async def _made(self, mine: Attendance) -> list[bytes]:
        job = await self._waiting.ended(mine)
        drawn = await self._draw(job)
        return await self._darkroom.run(self._shape.completed, job, drawn)

    async def _partial(self, index: int, image: bytes, within: tuple[int, int] | None) -> bytes:
        asked = self._asked
        try:
            made = await self._darkroom.run(
                deliver, image, asked.output_format, asked.output_compression, asked.background, within
            )
        except EngineRefused:
            return BREATH  # an engine's preview that is no picture
        drawn = Drawn(width=made.width, height=made.height, opaque=made.opaque, data=made.data)
        return self._shape.partial(index, drawn)


async def _write(send: Send, data: bytes) -> None:
    await send({"type": "http.response.body", "body": data, "more_body": True})
