"""Each fault is tried on what watches over engines, not only on sketch itself."""

from pathlib import Path

import pytest

from gesso.sketch.faults import KINDS

TESTS = Path(__file__).parents[2]
PLACES = ("acceptance/test_faults_*.py", "integration/fleet/*.py", "integration/service/*.py")
WATCHING = "".join(path.read_text(encoding="utf-8") for place in PLACES for path in TESTS.glob(place))


@pytest.mark.parametrize("name", KINDS)
def test_gesso_is_tested_against_every_fault(name: str) -> None:
    assert f'"{name}"' in WATCHING or f'"{name}:' in WATCHING
