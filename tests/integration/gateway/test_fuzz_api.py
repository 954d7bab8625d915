"""Whatever our OpenAPI document allows, and much that it does not, is answered as the document says."""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, assume, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi import checks

from gesso.gateway.openai.table import NOT_HERE
from tests.service import ENGINE, UNHURRIED, RunningGesso, running_service

STROKES = Path(__file__).parents[2] / "templates" / "strokes.json"
MODEL = (
    f"[[model]]\nname = 'strokes'\ntemplate = '{STROKES}'\n"
    "limits = { steps = 2, count = 2, pixels = 4096 }\ndefaults = { size = '32x32', steps = 1 }\n"
)
CHECKS = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
    checks.ignored_auth,
]
# These close the door behind them, or stop what the others need: asked last, by people of their own.
DESTRUCTIVE = re.compile(
    r"/engines/.*/(stop|start|restart|drain|test)$|/password$|/(dis|en)able$|^DELETE .*/keys/"
)
ENDLESS = re.compile(r"/events$")
# Of each route, rightly and wrongly asked: few in the suite, many by hand.
EXAMPLES = int(os.environ.get("GESSO_FUZZ_EXAMPLES", "3"))
# Of the administrator, and of nobody else's business.
HIDDEN = "nobody-shall-know"


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("table") / "table.json"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, table: Path) -> Iterator[RunningGesso]:
    program = ("tests.route_table", str(table))
    directory = tmp_path_factory.mktemp("gesso")
    with running_service(directory, ENGINE + UNHURRIED + MODEL, program=program) as service:
        service.new_key(HIDDEN)
        service.call("POST", "/gesso/api/keys", {"name": HIDDEN})
        yield service
        assert "Traceback" not in service.log()


@pytest.fixture(scope="module")
def document(service: RunningGesso) -> dict[str, Any]:
    described: dict[str, Any] = service.call("GET", "/gesso/api/openapi.json").json()
    return described


def test_every_route_of_ours_is_described(table: Path, document: dict[str, Any]) -> None:
    served = {
        (method, re.sub(r"\.\.\.}", "}", path))
        for method, path in json.loads(table.read_text())
        if path.startswith(("/gesso/api/", "/v1/")) and path not in NOT_HERE and method not in ("HEAD", "ANY")
    }
    described = {
        (method.upper(), path) for path, operations in document["paths"].items() for method in operations
    }
    itself = {("GET", "/gesso/api/openapi.json"), ("GET", "/gesso/api/docs")}
    assert served - itself == described


def fuzz(
    service: RunningGesso,
    document: dict[str, Any],
    key: str | None,
    *,
    destructive: bool = False,
    hides: str = "",
    examples: int = EXAMPLES,
) -> set[int]:
    """Ask every route, rightly and wrongly; the statuses that were answered."""
    statuses: set[int] = set()
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    enough = settings(
        max_examples=examples, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
    )
    for result in schemathesis.openapi.from_dict(document).get_all_operations():
        operation = result.ok()
        if ENDLESS.search(operation.path) or bool(DESTRUCTIVE.search(operation.label)) != destructive:
            continue

        for mode in GenerationMode:

            @enough
            @given(operation.as_strategy(mode))
            def ask(case: Any) -> None:
                assume("follow" not in case.query)
                answer = case.call_and_validate(service.url, headers=headers, checks=CHECKS, timeout=30)
                statuses.add(answer.status_code)
                assert not hides or hides not in answer.text

            try:
                ask()
            except Unsatisfiable:
                # It takes nothing that could be wrong.
                assert mode is GenerationMode.NEGATIVE
    return statuses


def test_an_administrator_is_answered_as_described(service: RunningGesso, document: dict[str, Any]) -> None:
    assert {200, 201, 400, 404} <= fuzz(service, document, service.key)


def test_a_user_is_answered_as_described_and_told_nothing_of_others(
    service: RunningGesso, document: dict[str, Any]
) -> None:
    statuses = fuzz(service, document, service.new_key("ada"), hides=HIDDEN)
    assert {200, 201, 400, 403, 404} <= statuses


def test_a_stranger_is_told_nothing(service: RunningGesso, document: dict[str, Any]) -> None:
    # What a signed link of nobody's leads to.
    assert fuzz(service, document, None, hides=HIDDEN, examples=1) == {401, 404}


def test_what_stops_engines_and_closes_accounts_is_answered_as_described(
    service: RunningGesso, document: dict[str, Any]
) -> None:
    own = service.call("POST", "/gesso/api/keys", {"name": "to be closed"}).json()["token"]
    for key in (service.new_key("ben"), own):
        fuzz(service, document, key, destructive=True)
    assert service.call("POST", "/gesso/api/engines/sketch/start").status == 202
    assert service.call("POST", "/gesso/api/engines/sketch/resume").status == 202
    service.ready()
