"""One gesso with the embedded engine for all tests that leave it as they found it."""

from collections.abc import Iterator

import pytest

from tests.service import RunningGesso, running_service


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGesso]:
    with running_service(tmp_path_factory.mktemp("gesso")) as running:
        yield running
        assert "Traceback" not in running.log()
        assert running.key not in running.log()
