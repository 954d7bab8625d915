"""Every recorded route, refusal, upload and view of ComfyUI answers the same through the gateway."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.sketch.exchange import Answer, differences
from tests.integration.sketch.test_recorded_requests import (
    CHECKPOINT,
    REFUSALS,
    answer_uploads_and_views,
    refusal_differences,
)
from tests.integration.sketch.test_recorded_requests import (
    EXCHANGES as UPLOADS_AND_VIEWS,
)
from tests.integration.sketch.test_recorded_routes import (  # noqa: F401
    EXCHANGES,
    answers,
    prepare,
    route_differences,
    test_history_pages_are_as_recorded,
    test_route_is_also_under_api,
)
from tests.recordings import FOLDER
from tests.service import ENGINE, RunningGesso, running_service

pytestmark = [
    pytest.mark.recordings,
    pytest.mark.skipif(not FOLDER.is_dir(), reason="no recordings beside this checkout"),
]

# Where the gateway differs on purpose: what differs (a pattern of `differences`' lines), and why.
DELIBERATE = (
    (r".*", r"Cache-Control: None became 'no-store'", "no answer to one user is kept for another"),
    (
        r"GET /settings$",
        r"\(all\): 'Comfy\.Canvas\.\w+' is new",
        "the frontend throws at its first start unless these are there, with the values it takes them for",
    ),
    (
        r"GET /userdata\?dir=workflows$",
        r"(status: 404 became 200: b'\[\]'|Content-Type: .*|text: .*)",
        "no folder the frontend asks for at its start is missing: browsers report each 404 as an error",
    ),
    (r"GET /user\.css$", r".*", "the same: an empty stylesheet, and not 404"),
    (
        r"GET /userdata/workflows%2Fmine\.json$",
        r"Accept-Ranges: 'bytes' became None",
        "such files are a few kilobytes in the database, and sent whole",
    ),
    (r"GET /nope$", r"(Content-.*|Transfer-.*|body: .*)", "an error says what to do"),
    (r"GET /view_metadata/checkpoints", r".*", "it tells what stands in for that file"),
    (r"POST /prompt$", r"(status: 500 became 400.*|Content-.*|text: .*|bytes: .*|body: .*)", "not JSON"),
)


def unexpected(request: str, found: list[str]) -> list[str]:
    """The differences that are not in the table."""
    allowed = [line for path, line, _ in DELIBERATE if re.match(path, request)]
    return [line for line in found if not any(re.fullmatch(each, line, re.DOTALL) for each in allowed)]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGesso]:
    """Its engine offers its model under the name that the recorded ComfyUI's had."""
    toml = f'{ENGINE}arguments = ["--alias", "{CHECKPOINT}"]\n'
    with running_service(tmp_path_factory.mktemp("gesso"), toml) as running:
        yield running


@pytest.fixture(scope="module")
def engine(service: RunningGesso) -> tuple[str, Path]:
    directory = service.directory / "storage/engines/sketch"
    prepare(directory)
    return service.address(), directory


@pytest.mark.parametrize(
    "index", range(len(EXCHANGES)), ids=[f"{each['method']}-{each['path']}" for each in EXCHANGES]
)
def test_route_answers_as_recorded(
    index: int,
    answers: list[Answer],  # noqa: F811
    engine: tuple[str, Path],
) -> None:
    want = EXCHANGES[index]
    found = route_differences(want, answers[index], engine)
    assert unexpected(f"{want['method']} {want['path']}", found) == []


@pytest.mark.parametrize("name", REFUSALS)
def test_invalid_prompt_is_answered_as_recorded(name: str, engine: tuple[str, Path]) -> None:
    assert unexpected("POST /prompt invalid", refusal_differences(name, engine[0])) == []


@pytest.fixture(scope="module")
def uploads(engine: tuple[str, Path]) -> list[Answer]:
    return answer_uploads_and_views(engine[0])


@pytest.mark.parametrize(
    "index",
    range(len(UPLOADS_AND_VIEWS)),
    ids=[f"{each['method']}-{each['path']}" for each in UPLOADS_AND_VIEWS],
)
def test_upload_or_view_answers_as_recorded(index: int, uploads: list[Answer]) -> None:
    want = UPLOADS_AND_VIEWS[index]
    assert unexpected(f"{want['method']} {want['path']}", differences(want, uploads[index])) == []
