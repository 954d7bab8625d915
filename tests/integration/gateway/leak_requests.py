"""The rows of the leak matrix as requests: as they should be, and in many disguises."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from io import BytesIO
from urllib.parse import quote

from PIL import Image

from tests.integration.gateway.leak_rows import Ask, For, Row
from tests.integration.sketch.exchange import form
from tests.leaks import JSON, Heard, Ids, Person, coded, fill, filled, named_in, plainly


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request as it is sent."""

    method: str
    path: str
    query: str
    body: bytes | None
    headers: dict[str, str]

    @property
    def target(self) -> str:
        return self.path + (f"?{self.query}" if self.query else "")

    def by(self, person: Person) -> Heard:
        return person.ask(self.method, self.target, self.body, self.headers)


def request(row: Row, ask: Ask, ids: Ids, coding: Callable[[str], str] = plainly) -> Request:
    headers = {name: fill(value, ids) for name, value in (ask.headers or {}).items()}
    body = None
    if ask.form is not None:
        picture = BytesIO()
        Image.new("RGBA", (8, 8), "#0000ff80").save(picture, "PNG")
        fields = {name: fill(value, ids) for name, value in ask.form.items()}
        body, more = form(fields, (fill(ask.picture, ids), picture.getvalue()))
        headers |= more
    elif ask.fields:
        body = fill(ask.fields, ids).encode()
        headers |= {"Content-Type": "application/x-www-form-urlencoded"}
    elif ask.body is not None:
        body = json.dumps(filled(ask.body, ids)).encode()
        headers |= JSON
    path, _, query = fill(ask.path, coded(ids, coding)).partition("?")
    return Request(
        method="GET" if row.method == "ANY" else row.method,
        path=path,
        query=query,
        body=body,
        headers=headers,
    )


def everything(text: str) -> str:
    """Each character percent-encoded."""
    return "".join(f"%{byte:02x}" for byte in text.encode())


CODINGS: dict[str, Callable[[str], str]] = {
    "upper case": lambda value: quote(value.upper(), safe=""),
    "percent-encoded": everything,
    "percent-encoded twice": lambda value: quote(everything(value), safe=""),
    "slashes plain": lambda value: quote(value),
    "slashes encoded twice": lambda value: quote(quote(value, safe=""), safe=""),
    "climbing to it": lambda value: f"x%2f..%2f{quote(value, safe='')}",
    "climbing to it, encoded": lambda value: f"%2e%2e%2f{quote(value, safe='')}",
}
# "…" stands for the path as it should be.
PATHS = (
    "….js",
    "…/x.js",
    "….css",
    "…/",
    "….",
    "…/.",
    "…%2f",
    "…%00",
    "…%00.js",
    "…%20",
    "…;x=y",
    "…#x",
    "/…",
    "/.…",
    "/api…",
    "/x/..…",
    "/x/%2e%2e…",
    "/x/..%2f…",
    "/gesso/pages/..…",
    "/gesso/login/%2e%2e/%2e%2e…",
    "/gesso/login…",
    "/assets/%2e%2e…",
    "http://elsewhere…",
)
QUERIES = ("all=true", "all=1", "user={account_id}", "account={account}&owner={account_id}", "filename=x.js")
HEADERS = (
    "Comfy-User: {account_id}",
    "Comfy-User: {account}",
    "X-Forwarded-User: {account}",
    "Remote-User: {account}",
    "X-Original-URL: /history",
    "X-Rewrite-URL: /history",
    "X-HTTP-Method-Override: GET",
    "X-Forwarded-For: 127.0.0.1",
    "Cookie: gesso_session={account_id}",
    "If-None-Match: *",
    "Range: bytes=0-9",
    "Accept: text/html",
    "Host: elsewhere",
)
AS_IT_IS = "as it is"
DISGUISES = (AS_IT_IS, "HEAD", *CODINGS, *PATHS, *(f"?{query}" for query in QUERIES), *HEADERS)


def disguised(row: Row, ask: Ask, ids: Ids, disguise: str) -> Request:
    sent = request(row, ask, ids, CODINGS.get(disguise, plainly))
    if disguise == "HEAD":
        return replace(sent, method="HEAD" if sent.method == "GET" else sent.method)
    if disguise in PATHS:
        return replace(sent, path=disguise.replace("…", sent.path))
    if disguise.startswith("?"):
        more = fill(disguise[1:], coded(ids))
        return replace(sent, query=f"{sent.query}&{more}" if sent.query else more)
    if disguise in HEADERS:
        name, value = fill(disguise, ids).split(": ")
        return replace(sent, headers={**sent.headers, name: value})
    return sent


def asks(
    matrix: list[Row], whom: For | None = None, *, disguise: str = AS_IT_IS, most: int | None = None
) -> Iterator[tuple[Row, Ask]]:
    """Those for whom, `most` of each; what is only another name of a route is asked for undisguised."""
    for row in matrix:
        if (whom is None or row.whom is whom) and (disguise == AS_IT_IS or not row.alias):
            yield from ((row, ask) for ask in row.asks[:most])


def named(ask: Ask) -> set[str]:
    """The names of the ids in a request."""
    parts = (ask.path, ask.body, ask.fields, ask.form, ask.picture, ask.headers)
    return set().union(*(named_in(part) for part in parts))


def given(ask: Ask, ids: Ids, disguise: str = "") -> list[str]:
    """The ids that the asker wrote himself."""
    return [ids[name] for name in named(ask) | named_in(disguise) if name in ids]
