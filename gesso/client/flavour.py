"""All that differs between the two flavours of the client: sleeping, blocking calls, WebSockets."""

import asyncio
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection as AsyncConnection
    from websockets.sync.client import ClientConnection as SyncConnection

P = ParamSpec("P")
T = TypeVar("T")

# `executed` messages and previews may be large; the library's own limit of 1 MiB would end the socket.
_MAX_FRAME_BYTES = 128 * 1024 * 1024
_CLOSE_TIMEOUT_S = 1.0


class SocketLost(Exception):
    """There is no WebSocket: not granted, or broken. Never leaves the client, which then asks over HTTP."""


async def async_sleep(seconds: float) -> None:
    await asyncio.sleep(seconds)


def sync_sleep(seconds: float) -> None:
    time.sleep(seconds)


async def async_call(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run a blocking function without stopping the event loop."""
    return await asyncio.to_thread(function, *args, **kwargs)


def sync_call(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    return function(*args, **kwargs)


class AsyncSocket:
    """A WebSocket from which frames are taken one at a time."""

    def __init__(self, connection: "AsyncConnection") -> None:
        self._connection = connection

    @classmethod
    async def open(cls, url: str, headers: dict[str, str], timeout_s: float) -> "AsyncSocket":
        """Raises SocketLost when the server cannot be reached or does not grant a WebSocket."""
        from websockets.asyncio.client import connect
        from websockets.exceptions import WebSocketException

        try:
            connection = await connect(
                url,
                additional_headers=headers,
                open_timeout=timeout_s,
                close_timeout=_CLOSE_TIMEOUT_S,
                max_size=_MAX_FRAME_BYTES,
            )
        # ImportError: the environment names a SOCKS proxy whose library is absent.
        except (OSError, WebSocketException, TimeoutError, ImportError, EOFError) as error:
            raise SocketLost(str(error)) from error
        return cls(connection)

    async def send(self, text: str) -> None:
        from websockets.exceptions import WebSocketException

        try:
            await self._connection.send(text)
        except (OSError, WebSocketException) as error:
            raise SocketLost(str(error)) from error

    async def receive(self, timeout_s: float) -> str | bytes | None:
        """The next frame, or None when none came in time; raises SocketLost when none will come."""
        from websockets.exceptions import WebSocketException

        try:
            async with asyncio.timeout(timeout_s):
                return await self._connection.recv()
        except TimeoutError:
            return None
        except (OSError, WebSocketException) as error:
            raise SocketLost(str(error)) from error

    async def close(self) -> None:
        await self._connection.close()


class SyncSocket:
    """AsyncSocket's twin; the library has no common source for its two flavours, so neither have we."""

    def __init__(self, connection: "SyncConnection", stack: ExitStack) -> None:
        self._connection = connection
        self._stack = stack

    @classmethod
    def open(cls, url: str, headers: dict[str, str], timeout_s: float) -> "SyncSocket":
        from websockets.exceptions import WebSocketException
        from websockets.sync.client import connect

        stack = ExitStack()
        try:
            # The library wants to be entered, though this socket outlives the block.
            connection = stack.enter_context(
                connect(
                    url,
                    additional_headers=headers,
                    open_timeout=timeout_s,
                    close_timeout=_CLOSE_TIMEOUT_S,
                    max_size=_MAX_FRAME_BYTES,
                )
            )
        except (OSError, WebSocketException, TimeoutError, ImportError, EOFError) as error:
            raise SocketLost(str(error)) from error
        return cls(connection, stack)

    def send(self, text: str) -> None:
        from websockets.exceptions import WebSocketException

        try:
            self._connection.send(text)
        except (OSError, WebSocketException) as error:
            raise SocketLost(str(error)) from error

    def receive(self, timeout_s: float) -> str | bytes | None:
        from websockets.exceptions import WebSocketException

        try:
            return self._connection.recv(timeout=timeout_s)
        except TimeoutError:
            return None
        except (OSError, WebSocketException) as error:
            raise SocketLost(str(error)) from error

    def close(self) -> None:
        self._stack.close()
