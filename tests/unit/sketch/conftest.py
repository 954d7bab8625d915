"""Fixtures of the executor's tests."""

from pathlib import Path

import pytest

from tests.unit.sketch.prompts import Runs


@pytest.fixture
def run(tmp_path: Path) -> Runs:
    return Runs(tmp_path)
