"""An engine's raw answer, for passing on."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from types import TracebackType

import aiohttp

from gesso.engines.transport import reaching


class Answer:
    """Status, headers as sent, and the body as it comes. Use with `async with`, or `close` it."""

    __slots__ = ("_engine", "_response", "headers", "status")

    def __init__(self, engine: str, response: aiohttp.ClientResponse) -> None:
        self._engine = engine
        self._response = response
        self.status: int = response.status
        self.headers: tuple[tuple[bytes, bytes], ...] = response.raw_headers

    def header(self, name: str) -> str | None:
        """The first header of that name, whatever its case."""
        return self._response.headers.get(name)

    @property
    def size(self) -> int | None:
        """Bytes of the body as sent; None where the engine does not say."""
        return self._response.content_length

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body, each piece as soon as it is there; raises EngineUnreachable where it breaks off."""
        with reaching(self._engine, "with its whole body"):
            async for chunk in self._response.content.iter_any():
                yield chunk

    async def read(self) -> bytes:
        """The whole body."""
        with reaching(self._engine, "with its whole body"):
            return await self._response.read()

    def close(self) -> None:
        """Done with it: a body read to its end gives the connection back, any other drops it."""
        if self._response.content.is_eof():
            self._response.release()
        else:
            self._response.close()

    async def __aenter__(self) -> "Answer":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """A file on its way: `chunks` can be read once, inside the `async with` that gave it."""

    content_type: str
    size: int | None
    chunks: AsyncIterator[bytes]
