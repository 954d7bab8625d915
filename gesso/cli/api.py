"""Asks gesso's own API, which a bare ComfyUI does not have."""

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any
from urllib.parse import quote

from gesso.cli.options import client, connection
from gesso.errors import GatewayError, NotFound

_REMEDY = (
    "For this, gesso has to be what answers: --url or GESSO_URL. `gesso run` and `gesso jobs` work with both."
)


class Api:
    """`/gesso/api` of one server."""

    def __init__(self, url: str | None, key: str | None) -> None:
        self._url = url
        self._key = key

    def get(self, *path: str, **params: object) -> Any:
        return self._ask("GET", path, params=_texts(params))

    def post(self, *path: str, body: Mapping[str, object] | None = None, repeat: bool = True) -> Any:
        return self._ask("POST", path, json=body, repeat=repeat)

    def put(self, *path: str, body: Mapping[str, object]) -> Any:
        return self._ask("PUT", path, json=body)

    def patch(self, *path: str, body: Mapping[str, object]) -> Any:
        return self._ask("PATCH", path, json=body)

    def delete(self, *path: str, **params: object) -> Any:
        return self._ask("DELETE", path, params=_texts(params))

    @contextmanager
    def text(self, *path: str, **params: object) -> Iterator[Iterator[bytes]]:
        """A text that may go on, in pieces as they come."""
        with closing(connection(self._url, self._key)) as asked:
            with asked.stream(_path(path), _texts(params), live=True) as chunks:
                yield chunks

    def _ask(self, method: str, path: tuple[str, ...], **options: Any) -> Any:
        with closing(connection(self._url, self._key)) as asked:
            try:
                return asked.json(method, _path(path), **options)
            except (NotFound, GatewayError) as error:
                with client(self._url, self._key) as other:
                    if not other.speaks_gesso():
                        raise GatewayError(f"{asked.url} is not gesso.", remedy=_REMEDY) from error
                raise


def _path(parts: tuple[str, ...]) -> str:
    return "/".join(["/gesso/api", *(quote(part, safe="") for part in parts)])


def _texts(params: Mapping[str, object]) -> dict[str, Any]:
    """What is None is not asked for; a list is asked for item by item."""
    wanted = {name: value for name, value in params.items() if value not in (None, False)}
    return {name: "true" if value is True else value for name, value in wanted.items()}
