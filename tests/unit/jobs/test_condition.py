"""An engine's condition, from what its supervisor knows of it."""

from types import SimpleNamespace
from typing import Any

import pytest

from gesso.jobs.condition import Condition, condition_of

SIGNS = ("ready", "resting", "draining", "asleep", "given_up", "coming")


@pytest.mark.parametrize(
    ("signs", "condition"),
    [
        ({"ready"}, Condition.READY),
        # It stays awake for a job that waits.
        ({"resting"}, Condition.READY),
        ({"coming"}, Condition.STARTING),
        ({"asleep"}, Condition.ASLEEP),
        # A job would wake it for nothing.
        ({"asleep", "draining"}, Condition.DRAINING),
        ({"given_up"}, Condition.STOPPED),
        (set(), Condition.TROUBLED),
    ],
)
def test_an_engine_stands_to_its_jobs_in_one_way(signs: set[str], condition: Condition) -> None:
    member: Any = SimpleNamespace(**{name: name in signs for name in SIGNS})
    assert condition_of(member) is condition
