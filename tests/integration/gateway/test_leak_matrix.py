"""The leak matrix: every HTTP route × every kind of id × (owner, other user, administrator, nobody)."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from PIL import Image

from tests.integration.gateway.leak_table import Ask, For, Row, rows
from tests.integration.sketch.exchange import form
from tests.leaks import (
    JSON,
    SECRET,
    Heard,
    Ids,
    Person,
    World,
    build,
    coded,
    fill,
    filled,
    named_in,
    new_person,
    plainly,
    traces,
)
from tests.running import wait_for
from tests.service import running_service

# The matrix asks faster than anybody may; how fast that is, is tested elsewhere.
UNHURRIED = "".join(f"[limits.{role}]\nrequests_per_s = 1e6\n" for role in ("user", "admin"))
ENGINE = '[[engine]]\nname = "sketch"\nkind = "sketch"\n'
WHAT_TO_DO = """
{routes}

is served, but has no row in tests/integration/gateway/leak_table.py. Enter it where routes like it are:
own(…) for what is of one user, with a request for each id it takes and what its owner must see;
same(…) where all are told the same; admin(…) where it needs a scope that users have not;
strangers(…) where no key is needed. Then run this file: it asks as everybody, in many disguises.
"""


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
    elif ask.body is not None:
        body = json.dumps(filled(ask.body, ids)).encode()
        headers |= JSON
    path, _, query = fill(ask.path, coded(ids, coding)).partition("?")
    return Request(method=row.method, path=path, query=query, body=body, headers=headers)


@pytest.fixture(scope="module")
def table_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("table") / "table.json"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, table_file: Path) -> Iterator[World]:
    directory = tmp_path_factory.mktemp("gesso")
    program = ("tests.route_table", str(table_file))
    with running_service(directory, UNHURRIED + ENGINE, program=program) as service:
        world = build(service)
        yield world
        for person in (world.ada, world.ben, world.admin, world.nobody):
            person.close()
        assert "Traceback" not in service.log()
        assert SECRET not in service.log()


@pytest.fixture(scope="module")
def table(world: World, table_file: Path) -> list[tuple[str, str]]:
    return [(method, pattern) for method, pattern in json.loads(table_file.read_text())]


@pytest.fixture(scope="module")
def matrix(table: list[tuple[str, str]]) -> list[Row]:
    return rows(table)


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
SAFE = ("GET", "HEAD")
# Those that act on a running job; after them all is quiet.
BITES_WHILE_RUNNING = 3


def asks(
    matrix: list[Row], whom: For | None = None, *, disguise: str = AS_IT_IS
) -> Iterator[tuple[Row, Ask]]:
    """Those for whom; what is only another name of a route is asked for undisguised."""
    for row in matrix:
        if (whom is None or row.whom is whom) and (disguise == AS_IT_IS or not row.alias):
            yield from ((row, ask) for ask in row.asks)


def named(ask: Ask) -> set[str]:
    """The names of the ids in a request."""
    parts = (ask.path, ask.body, ask.form, ask.picture, ask.headers)
    return set().union(*(named_in(part) for part in parts))


def given(ask: Ask, ids: Ids, disguise: str = "") -> list[str]:
    """The ids that the asker wrote himself."""
    return [ids[name] for name in named(ask) | named_in(disguise) if name in ids]


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


def told(row: Row, sent: Request, heard: Heard, why: Any) -> list[str]:
    """One failure in words, if there is a reason for it."""
    return [f"{row}: {sent.target} {(sent.body or b'')[:200]!r}: {why}: {heard}"[:1200]] if why else []


def differences(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    return [f"changed {target}: {after[target]}" for target in after if after[target] != before[target]]


def failures(found: list[str]) -> None:
    assert not found, f"{len(found)} of them:\n" + "\n".join(found[:20])


def test_every_route_has_a_row(table: list[tuple[str, str]], matrix: list[Row]) -> None:
    known = {(row.method, row.pattern) for row in matrix}
    unknown = [f"{method} {pattern}" for method, pattern in table if (method, pattern) not in known]
    assert not unknown, WHAT_TO_DO.format(routes="\n".join(unknown))
    gone = [str(row) for row in matrix if (row.method, row.pattern) not in set(table)]
    assert not gone, f"no longer served, so take them out of leak_table.py: {gone}"


def test_every_kind_of_id_is_asked_for(world: World, matrix: list[Row]) -> None:
    """Or a kind of id that is entered in the world would be looked for, and never asked for."""
    asked = {name for _, ask in asks(matrix) for name in named(ask)}
    assert set(world.ids) - asked == {"saved_file", "key_name", "key_in_use"}, "enter requests for it"


def test_owner_sees_what_is_hers(world: World, matrix: list[Row]) -> None:
    """Without this the others' tests could not fail."""
    found = []
    for row in matrix:
        if row.whom is For.OWNER and row.method == "GET":
            answers = [request(row, ask, world.ids).by(world.ada) for ask in row.asks]
            found += [f"{row}: Ada does not see {shown}" for shown in unseen(row, answers, world)]
    failures(found)


def unseen(row: Row, answers: list[Heard], world: World) -> list[str]:
    """What none of the answers shows, and the row says they do."""
    what = {shown: SECRET if shown == "SECRET" else fill(shown, world.ids) for shown in row.shows}
    return [shown for shown in what if not any(shown in traces(each, what) for each in answers)]


def test_all_are_told_the_same_where_it_is_everybodys(world: World, matrix: list[Row]) -> None:
    found = []
    for row, ask in asks(matrix, For.ALL):
        sent = request(row, ask, world.ids)
        hers, his = plain(sent.by(world.ada), {}), plain(sent.by(world.ben), {})
        if hers != his:
            found.append(f"{row}: {sent.target}: {hers} {his}"[:2000])
    failures(found)


# What may differ between two answers that say the same: ids just given, numbers, times.
_LOOSE = (
    (re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), b"<uuid>"),
    (re.compile(rb'("number": ?|"(?:modified|created|used)": ?)-?[\d.e+]+'), rb"\1<n>"),
    (re.compile(rb'"(ram_free|torch_ram_free|took_ms|since)": ?[\d.]+'), rb'"\1"'),
)


def plain(heard: Heard, ids: Ids) -> tuple[int, str, bytes]:
    """An answer without what the asker named himself, to be compared with another."""
    body = heard.body
    for name, value in ids.items():
        for written in {value, quote(value, safe=""), json.dumps(value)[1:-1]}:
            body = body.replace(written.encode(), f"<{name}>".encode())
    for pattern, stands_for in _LOOSE:
        body = pattern.sub(stands_for, body)
    return heard.status, heard.header("content-type"), body


@pytest.mark.parametrize("disguise", DISGUISES)
def test_other_user_learns_and_changes_nothing(world: World, matrix: list[Row], disguise: str) -> None:
    found, before = [], world.snapshot()
    for row, ask in asks(matrix, disguise=disguise):
        sent = disguised(row, ask, world.ids, disguise)
        heard = sent.by(world.ben if sent.method in SAFE else world.meddler)
        found += told(row, sent, heard, traces(heard, world.hidden, given(ask, world.ids, disguise)))
        found += told(row, sent, heard, heard.status >= 500)
        found += told(row, sent, heard, row.whom is For.ADMIN and heard.status < 400 and "is open to users")
    failures(found + differences(before, world.snapshot()))


@pytest.mark.parametrize("disguise", DISGUISES)
def test_nobody_is_let_in(world: World, matrix: list[Row], disguise: str) -> None:
    found, before = [], world.snapshot()
    for row, ask in asks(matrix, disguise=disguise):
        sent = disguised(row, ask, world.ids, disguise)
        heard = sent.by(world.nobody)
        found += told(row, sent, heard, traces(heard, world.hidden, given(ask, world.ids, disguise)))
        found += told(row, sent, heard, not refused(heard) and row.whom is not For.STRANGERS and "is open")
    failures(found + differences(before, world.snapshot()))


def refused(heard: Heard) -> bool:
    to_login = heard.status == 302 and heard.header("location").startswith("/gesso/login")
    return heard.status in (400, 401, 403) or to_login


def test_no_answer_to_a_user_tells_whether_an_id_is_there(world: World, matrix: list[Row]) -> None:
    """Ada's id, and one that names nothing, are answered alike; each is tried by somebody new."""
    ask_alike(
        matrix, (world.ids, new_person(world.admin, "dora")), (world.absent, new_person(world.admin, "eve"))
    )


def test_no_answer_to_nobody_tells_whether_an_id_is_there(world: World, matrix: list[Row]) -> None:
    ask_alike(matrix, (world.ids, world.nobody), (world.absent, world.nobody))


def ask_alike(matrix: list[Row], *tried: tuple[Ids, Person]) -> None:
    found = []
    for row, ask in asks(matrix):
        names = named(ask) & set(tried[0][0])
        if names and not (row.oracle and tried[0][1].key):
            sent = [request(row, ask, ids) for ids, _ in tried]
            heard = [
                plain(each.by(person), {"asker": person.name} | {name: ids[name] for name in names})
                for each, (ids, person) in zip(sent, tried, strict=True)
            ]
            found += [f"{row}: {sent[0].target} {ask.body or ''}: {heard}"] if heard[0] != heard[1] else []
    failures(found)


def test_others_change_nothing(world: World, matrix: list[Row]) -> None:
    """Looked at after each request; an administrator neither, where it is not his task."""
    found, before = [], world.snapshot()
    for row, ask in asks(matrix):
        if row.method in SAFE:
            continue
        for person in [world.meddler] + [world.admin_meddler] * (row.whom is For.OWNER and row.safe):
            sent = request(row, ask, world.ids)
            heard = sent.by(person)
            after = world.snapshot()
            found += told(row, sent, heard, differences(before, after))
            before = after
    failures(found)


def test_administrator_sees_others_things_only_where_he_asks_for_them(
    world: World, matrix: list[Row]
) -> None:
    found = []
    for row, ask in asks(matrix):
        if row.method in SAFE and row.whom is not For.STRANGERS:
            sent = request(row, ask, world.ids)
            heard = sent.by(world.admin)
            leaked = traces(heard, world.hidden, given(ask, world.ids))
            found += told(row, sent, heard, not row.admin_sees and leaked)
            found += told(row, sent, heard, row.whom is For.ADMIN and heard.status in (401, 403))
    for row in matrix:
        if row.all:
            sees = [disguised(row, ask, world.ids, "?all=true").by(world.admin) for ask in row.asks]
            found += [f"{row}: of all he does not see {shown}" for shown in unseen(row, sees, world)]
    failures(found)


def test_owner_can_do_all_that_others_could_not(world: World, matrix: list[Row]) -> None:
    """Without this the test that others change nothing could not fail. It destroys the world: it is last."""
    found = []
    for row in sorted(matrix, key=lambda row: row.bites):
        if row.bites:
            if row.bites > BITES_WHILE_RUNNING:
                wait_for(lambda: '"queue_remaining": 0' in str(world.ada.ask("GET", "/prompt").body), 60)
            before = world.snapshot()
            sent = request(row, row.asks[0], world.ids)
            heard = sent.by(world.ada)
            try:
                wait_for(lambda before=before: world.snapshot() != before, 20)  # type: ignore[misc]
            except AssertionError:
                found += told(row, sent, heard, "changed nothing")
    failures(found)
