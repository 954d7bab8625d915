"""The leak matrix: every HTTP route × every kind of id × (owner, other user, administrator, nobody)."""

import json
import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gesso.gpus.recorded import machine_file
from tests.integration.gateway.leak_requests import (
    AS_IT_IS,
    DISGUISES,
    Request,
    asks,
    disguised,
    given,
    named,
    request,
)
from tests.integration.gateway.leak_rows import For, Row
from tests.integration.gateway.leak_table import OPENED, rows
from tests.leaks import (
    SECRET,
    Heard,
    Ids,
    Person,
    World,
    build,
    fill,
    new_person,
    plainly,
    traces,
)
from tests.running import wait_for
from tests.service import ENGINE, UNHURRIED, running_service

WHAT_TO_DO = """
{routes}

is served, but has no row in tests/integration/gateway/leak_table.py. Enter it where routes like it are:
own(…) for what is of one user, with a request for each id it takes and what its owner must see;
same(…) where all are told the same; admin(…) where it needs a scope that users have not;
strangers(…) where no key is needed. Then run this file: it asks as everybody, in many disguises.
"""


@pytest.fixture(scope="module")
def table_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("table") / "table.json"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, table_file: Path) -> Iterator[World]:
    directory = tmp_path_factory.mktemp("gesso")
    program = ("tests.route_table", str(table_file))
    cards = f"[gpus]\nsimulate = '{machine_file('two-cards')}'\n"
    with running_service(directory, cards + UNHURRIED + OPENED + ENGINE, program=program) as service:
        world = build(service)
        wait_for(lambda: world.ids["running"] in str(world.ada.ask("GET", "/gesso/api/snapshot").body), 30)
        yield world
        world.close()
        assert "Traceback" not in service.log()
        for secret in (SECRET, world.ada.key, world.url_key):
            assert secret not in service.log()
        for log in (directory / "storage" / "logs").glob("*.log"):
            assert world.url_key not in log.read_text("utf-8", "replace")


@pytest.fixture(scope="module")
def table(world: World, table_file: Path) -> list[tuple[str, str]]:
    return [(method, pattern) for method, pattern in json.loads(table_file.read_text())]


@pytest.fixture(scope="module")
def matrix(table: list[tuple[str, str]]) -> list[Row]:
    return rows(table)


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
        if row.whom is For.OWNER and row.reads:
            answers = [request(row, ask, world.ids).by(world.ada) for ask in row.asks]
            found += [f"{row}: Ada does not see {shown}" for shown in unseen(row, answers, world)]
    failures(found)


def unseen(row: Row, answers: list[Heard], world: World) -> list[str]:
    """What none of the answers shows, and the row says they do."""
    what = {shown: SECRET if shown == "SECRET" else fill(shown, world.ids) for shown in row.shows}
    return [shown for shown in what if not any(shown in traces(each, what) for each in answers)]


def test_counts_are_ones_own(world: World) -> None:
    """Numbers have no marks: somebody with nothing must be told of nothing."""
    with closing(new_person(world.admin, "somebody-new")) as new:
        assert new.ask("GET", "/prompt").json() == {"exec_info": {"queue_remaining": 0}}
        assert new.ask("GET", "/gesso/api/status").json()["mine"] == 0
        limits = new.ask("GET", "/gesso/api/limits").json()["limits"]
        assert not any(limit["used"] for limit in limits.values()), limits
        assert new.ask("GET", "/gesso/api/usage?by=user").json()["rows"] == []


def test_all_are_told_the_same_where_it_is_everybodys(world: World, matrix: list[Row]) -> None:
    found = []
    for row, ask in asks(matrix, For.ALL):
        sent = request(row, ask, world.ids)
        hers, his = plain(sent.by(world.ada), {}), plain(sent.by(world.ben), {})
        if hers != his:
            found.append(f"{row}: {sent.target}: {hers} {his}"[:2000])
    failures(found)


SAFE = ("GET", "HEAD")
# Those that act on a running job; after them all is quiet.
BITES_WHILE_RUNNING = 3


# What may differ between two answers that say the same: ids just given, numbers, times.
_LOOSE = (
    (re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), b"<uuid>"),
    (re.compile(rb'("number": ?|"(?:modified|created|used)": ?)-?[\d.e+]+'), rb"\1<n>"),
    (re.compile(rb"Try again in \d+ seconds"), b"Try again"),
    (re.compile(rb'"((?:torch_)?v?ram_free|took_ms|since|until|at)": ?[\d.]+'), rb'"\1"'),
    (re.compile(rb'"position": ?(null|\{("\w+":([\d.]+|null|\{[^}]*\}),?)*\})'), b"<position>"),
)


def plain(heard: Heard, ids: Ids) -> tuple[int, str, bytes]:
    """An answer without what the asker named himself, to be compared with another."""
    body = heard.body
    for name, value in sorted(ids.items(), key=lambda item: -len(item[1])):
        for written in {value, plainly(value), json.dumps(value)[1:-1]}:
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
    for row, ask in asks(matrix, disguise=disguise, most=None if disguise == AS_IT_IS else 1):
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
    with (
        closing(new_person(world.admin, "the-one-who-asks")) as dora,
        closing(new_person(world.admin, "and-another-one")) as eve,
    ):
        ask_alike(matrix, (world.ids, dora), (world.absent, eve))


def test_no_answer_to_nobody_tells_whether_an_id_is_there(world: World, matrix: list[Row]) -> None:
    ask_alike(matrix, (world.ids, world.nobody), (world.absent, world.nobody))


# Failed sign-ins slow down their address: each of those that are compared comes from one of its own.
ADDRESSES = (f"127.0.{third}.{last}" for third in range(1, 255) for last in range(1, 255))


def ask_alike(matrix: list[Row], *tried: tuple[Ids, Person]) -> None:
    found = []
    for row, ask in asks(matrix):
        if given(ask, tried[0][0]) and not (row.oracle and tried[0][1].key):
            sent = [request(row, ask, ids) for ids, _ in tried]
            heard = []
            for each, (ids, person) in zip(sent, tried, strict=True):
                elsewhere = Person(name=person.name, port=person.port, key=person.key, source=next(ADDRESSES))
                with closing(elsewhere):
                    answer = each.by(elsewhere if ask.fields else person)
                heard.append(plain(answer, {"asker": person.name, **ids}))
            found += [f"{row}: {sent[0].target} {ask.body or ''}: {heard}"] if heard[0] != heard[1] else []
    failures(found)


@pytest.mark.parametrize("form", ["/k/{token}…", "…?token={token}"])
def test_key_in_an_address_is_told_to_nobody(world: World, matrix: list[Row], form: str) -> None:
    """Not in redirects, errors or pages, and not to the engine; it opens what it opens in a header."""
    path, _, query = form.format(token=world.url_key).partition("?")
    found = []
    for row, ask in asks(matrix, disguise=form):
        if row.reads:
            sent = request(row, ask, world.ids)
            with_it = replace(
                sent, path=path.replace("…", sent.path), query="&".join(filter(None, (sent.query, query)))
            )
            heard = with_it.by(world.nobody)
            found += told(row, sent, heard, "URL_KEY" in traces(heard, {"URL_KEY": world.url_key}))
            found += told(row, sent, heard, heard.status != sent.by(world.ada).status and "is not hers")
    failures(found)


def test_others_change_nothing(world: World, matrix: list[Row]) -> None:
    """Looked at after each request; an administrator neither, where it is not his task."""
    found, before = [], world.snapshot()
    for row, ask in asks(matrix):
        if row.reads or row.alias:
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
        if row.reads and row.whom is not For.STRANGERS:
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
