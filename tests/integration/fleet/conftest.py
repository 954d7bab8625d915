"""A stage for each test, and nothing left running behind it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.fleet.stage import Stage


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    made = Stage(storage=tmp_path / "data")
    yield made
    made.kill_leftovers()
