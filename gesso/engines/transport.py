"""The one HTTP session all engines share, and what its errors mean to us."""

from collections.abc import Iterator
from contextlib import contextmanager

import aiohttp

from gesso.errors import EngineRefused, EngineUnreachable

CONNECT_S = 5.0
# Shorter than ComfyUI's own 75 s, so that we never send on a connection that it is just closing.
KEEP_ALIVE_S = 15.0
READ_BUFFER = 256 * 1024


def open_session() -> aiohttp.ClientSession:
    """A session for `ComfyUI` and `Socket`: bodies as they come (never decompressed), no cookies, no proxy.

    Nothing limits its connections: engines are few, and the gateway limits its own clients.
    """
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP_ALIVE_S),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding"),
        read_bufsize=READ_BUFFER,
        trust_env=False,
    )


@contextmanager
def reaching(engine: str, what: str) -> Iterator[None]:
    """Turns every failure of the HTTP client inside into EngineUnreachable or EngineRefused."""
    try:
        yield
    except TimeoutError as error:
        raise EngineUnreachable(f"{engine!r} did not answer {what} in time") from error
    except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, OSError) as error:
        raise EngineUnreachable(f"{engine!r} did not answer {what}: {words(error)}") from error
    except aiohttp.ClientError as error:
        raise EngineRefused(f"{engine!r} answered {what} with no valid HTTP: {words(error)}") from error


def words(error: BaseException) -> str:
    """An error in words, also where it has none of its own."""
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "it closed the connection"
    if isinstance(error, aiohttp.ClientConnectorError):
        return str(error.os_error.strerror or error.os_error)
    if isinstance(error, aiohttp.ClientResponseError):
        # Its text would hold the whole address.
        return error.message
    return str(error) or type(error).__name__
