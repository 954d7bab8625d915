"""Whole runs, through the gateway, are heard and kept as they were recorded of a bare ComfyUI."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.sketch.exchange import send_json
from tests.integration.sketch.test_recorded_runs import (  # noqa: F401
    test_history_is_readable_once_the_end_is_told,
    test_interrupted_run_is_told_as_recorded,
    test_queue_is_ordered_deleted_cleared_and_interrupted_as_recorded,
    test_run_is_heard_and_kept_as_recorded,
    test_steps_are_told_as_a_samplers,
)
from tests.integration.sketch.test_recorded_sampling import (  # noqa: F401
    CHECKPOINT,
    test_another_seed_finds_the_rest_in_the_cache_as_recorded,
    test_sampler_workflow_is_heard_and_kept_as_recorded,
)
from tests.recordings import FOLDER
from tests.service import ENGINE, RunningGesso, running_service

pytestmark = [
    pytest.mark.recordings,
    pytest.mark.skipif(not FOLDER.is_dir(), reason="no recordings beside this checkout"),
]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGesso]:
    """Its engine offers its model under the name that the recorded ComfyUI's had."""
    toml = f'{ENGINE}arguments = ["--alias", "{CHECKPOINT}"]\n'
    with running_service(tmp_path_factory.mktemp("gesso"), toml) as running:
        yield running


@pytest.fixture
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The gateway's address, its engine's cache emptied as if it had just started.

    Of a new gesso where a job must be overtaken by one that comes later: an old one has learned how
    long such jobs take, and hands the next to the engine early where that is short.
    """
    if "queue_is_ordered" in request.node.name:
        with running_service(tmp_path) as fresh:
            yield fresh.address()
        return
    url = request.getfixturevalue("service").address()
    assert send_json(url, "POST", "/free", {"free_memory": True, "unload_models": True}).status == 200
    yield url
