"""The sketch that these tests speak to: a real process, started anew for each module."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.running import Sketch, running_sketch


@pytest.fixture(scope="module")
def sketch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sketch]:
    with running_sketch(tmp_path_factory.mktemp("sketch") / "data") as running:
        yield running


@pytest.fixture(scope="module")
def url(sketch: Sketch) -> str:
    return sketch.url


def judge() -> tuple[str, Path] | None:
    """A real ComfyUI to replay against, to see that the comparison accepts the truth.

    `GESSO_JUDGE=http://127.0.0.1:8189=/its/base/directory pytest tests/integration/sketch/test_recorded_*`
    """
    value = os.environ.get("GESSO_JUDGE")
    if not value:
        return None
    address, _, directory = value.rpartition("=")
    return address, Path(directory)
