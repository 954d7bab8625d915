"""The servers the contract is held against, and both flavours of the client under one set of tests."""

import asyncio
import inspect
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest

import gesso
from tests.integration.client import workflows
from tests.running import running_sketch
from tests.service import running_service

Server = tuple[str, str | None]


@contextmanager
def _sketch(directory: Path) -> Iterator[Server]:
    with running_sketch(directory / "sketch") as sketch:
        yield sketch.url, None


@contextmanager
def _gesso(directory: Path) -> Iterator[Server]:
    with running_service(directory / "gesso") as service:
        yield service.url, service.key


# A server that speaks ComfyUI's protocol joins the contract by a line here: name → (url, key) while it runs.
SERVERS: dict[str, Callable[[Path], AbstractContextManager[Server]]] = {
    "gesso": _gesso,
    "sketch": _sketch,
}


# A real ComfyUI, where somebody has one: `GESSO_JUDGE=http://127.0.0.1:8188 pytest tests/integration/client`.
# It lacks sketch's slow node, so what needs that is passed over.
if JUDGE := os.environ.get("GESSO_JUDGE", "").split("=")[0]:
    SERVERS["comfyui"] = lambda directory: nullcontext((JUDGE, None))


@pytest.fixture(scope="package", params=sorted(SERVERS))
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with SERVERS[request.param](tmp_path_factory.mktemp(request.param)) as running:
        yield running


class Driven:
    """The asynchronous client, called as if it were the synchronous one: one suite holds for both."""

    def __init__(self, inner: Any, runner: asyncio.Runner) -> None:
        self._inner = inner
        self._runner = runner

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._inner, name)
        return self._call(value) if inspect.ismethod(value) else self._wrapped(value)

    def __repr__(self) -> str:
        return repr(self._inner)

    def _call(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def called(*args: Any, **kwargs: Any) -> Any:
            answer = method(*args, **kwargs)
            return self._wrapped(self._runner.run(answer) if inspect.iscoroutine(answer) else answer)

        return called

    def _wrapped(self, value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(self._wrapped(item) for item in value)
        ours = type(value).__module__.startswith("gesso.client._async")
        return Driven(value, self._runner) if ours else value


MakeClient = Callable[..., Any]


@pytest.fixture(params=["sync", "async"])
def make_client(request: pytest.FixtureRequest) -> Iterator[MakeClient]:
    """Makes clients of one flavour; closes them at the end."""
    made: list[Any] = []
    with asyncio.Runner() as runner:

        def make(url: str, key: str | None = None, **options: Any) -> Any:
            if request.param == "sync":
                client: Any = gesso.Client(url, key or "", **options)
            else:
                client = Driven(gesso.AsyncClient(url, key or "", **options), runner)
            made.append(client)
            return client

        yield make
        for client in made:
            client.close()


@pytest.fixture
def client(server: Server, make_client: MakeClient) -> Any:
    return make_client(*server)


@pytest.fixture
def slow(server: Server) -> Callable[..., dict[str, Any]]:
    """A workflow that takes its time; only sketch's own node does that without a GPU."""
    if server[0] == JUDGE:
        pytest.skip("ComfyUI has no node that is slow on purpose")
    return workflows.slow
