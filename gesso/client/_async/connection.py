"""Requests to one server: tried again where that is safe, and every failure one of gesso's exceptions."""

import copy
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx

from gesso.client import answers
from gesso.client.address import credentials, socket_url
from gesso.client.flavour import AsyncSocket, async_sleep
from gesso.errors import EngineUnreachable, GatewayError, GessoError, RequestError

_CONNECT_TIMEOUT_S = 10.0
_CHUNK_BYTES = 256 * 1024


class AsyncConnection:
    """One server, one key. `retries` counts the repetitions after the first try."""

    def __init__(self, url: str, key: str | None, *, timeout_s: float, retries: int) -> None:
        self.url = url
        self._headers = credentials(key)
        self._retries = retries
        self._timeout_s = timeout_s
        self._http = httpx.AsyncClient(
            headers=self._headers,
            follow_redirects=False,
        )

    def within(self, timeout_s: float) -> "AsyncConnection":
        """The same connection for a caller in a hurry, who repeats by himself."""
        hurried = copy.copy(self)
        hurried._timeout_s = min(self._timeout_s, timeout_s)
        hurried._retries = 0
        return hurried

    async def close(self) -> None:
        await self._http.aclose()

    async def call(
        self,
        method: str,
        path: str,
        *,
        json: object = None,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        files: Mapping[str, Any] | Sequence[tuple[str, Any]] | None = None,
        data: Mapping[str, str] | None = None,
        repeat: bool = True,
    ) -> httpx.Response:
        """Send a request and return its 2xx answer; `repeat=False` when doing it twice would do harm."""
        for tried in range(self._retries + 1):
            last = tried == self._retries
            try:
                response = await self._http.request(
                    method,
                    self.url + path,
                    json=json,
                    params=params,
                    headers=headers,
                    files=files,
                    data=data,
                    timeout=self._timeout(),
                )
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                if last or not _may_repeat(error, repeat):
                    raise self._translated(error, method, path) from error
            else:
                if last or not repeat or response.status_code not in answers.PASSING:
                    await self._check(response)
                    return response
            await async_sleep(pause_s(tried))
        raise AssertionError("the last try returns or raises")

    async def json(self, method: str, path: str, **options: Any) -> Any:
        """The JSON of the answer."""
        response = await self.call(method, path, **options)
        try:
            return response.json()
        except ValueError as error:
            asked = f"{method} {self.url}{path}"
            raise answers.misunderstood(asked, response.headers, response.content) from error

    @asynccontextmanager
    async def stream(
        self, path: str, params: Mapping[str, Any], *, live: bool = False
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """The body of a GET, piece by piece; `live` hands on what comes as it comes, however seldom."""
        timeout = self._timeout()
        if live:
            timeout.read = None
        try:
            async with self._http.stream("GET", self.url + path, params=params, timeout=timeout) as response:
                await self._check(response)
                yield response.aiter_bytes(None if live else _CHUNK_BYTES)
        except httpx.HTTPError as error:
            raise self._translated(error, "GET", path) from error

    async def socket(self, client_id: str, timeout_s: float) -> AsyncSocket:
        return await AsyncSocket.open(socket_url(self.url, client_id), self._headers, timeout_s)

    def _timeout(self) -> httpx.Timeout:
        return httpx.Timeout(self._timeout_s, connect=min(self._timeout_s, _CONNECT_TIMEOUT_S))

    async def _check(self, response: httpx.Response) -> None:
        if response.is_success:
            return
        asked = f"{response.request.method} {str(response.request.url).split('?')[0]}"
        raise answers.failure(asked, response.status_code, response.headers, await response.aread())

    def _translated(self, error: Exception, method: str, path: str) -> GessoError:
        words = str(error) or type(error).__name__
        match error:
            case httpx.UnsupportedProtocol() | httpx.InvalidURL() | httpx.LocalProtocolError():
                return RequestError(f"{method} {self.url}{path} cannot be sent: {words}")
            case httpx.TimeoutException():
                return EngineUnreachable(
                    f"{self.url} does not answer in time.", remedy=answers.UNREACHABLE_REMEDY
                )
            case httpx.TransportError():
                return EngineUnreachable(
                    f"{self.url} does not answer: {words}.", remedy=answers.UNREACHABLE_REMEDY
                )
            case _:
                return GatewayError(f"{method} {self.url}{path}: {words}")


def pause_s(tried: int) -> float:
    """A quarter of a second, then twice as long each time, up to two seconds."""
    return min(2.0, 0.25 * (1 << tried))


def _may_repeat(error: Exception, repeat: bool) -> bool:
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
        return True  # it never left
    return repeat and isinstance(
        error, httpx.NetworkError | httpx.TimeoutException | httpx.RemoteProtocolError
    )
