"""An account's limits: the role's, where it has none of its own."""

from typing import Any

import pytest

from gesso.access.limits import LIMITS, Allowance, allowance, changed, checked_weight
from gesso.access.scopes import Role
from gesso.config.limits import LimitsConfig, RolesConfig
from gesso.errors import RequestError

ROLES = RolesConfig(user=LimitsConfig(jobs_queued=10, storage=1000), admin=LimitsConfig(jobs_queued=None))


def test_without_limits_of_its_own_an_account_has_those_of_its_role() -> None:
    user = allowance(ROLES, Role.USER, None, 1.0)
    assert (user.jobs_queued, user.storage, user.sockets, user.body) == (10, 1000, 100, None)
    assert allowance(ROLES, Role.ADMIN, {}, 1.0).jobs_queued is None


def test_its_own_limits_come_first_and_none_lifts_one() -> None:
    own = {"jobs_queued": 3, "storage": "none", "long_forgotten": 7}
    found = allowance(ROLES, Role.USER, own, 2.0)
    assert (found.jobs_queued, found.storage, found.sockets, found.weight) == (3, None, 100, 2.0)


def test_every_limit_of_the_configuration_is_one_of_an_account() -> None:
    for name in LIMITS:
        roles = RolesConfig(user=LimitsConfig.model_validate({name: 7}))
        assert getattr(allowance(roles, Role.USER, None, 1.0), name) == 7
        assert getattr(allowance(RolesConfig(), Role.USER, {name: 7}, 1.0), name) == 7
    assert {*LIMITS, "denied_nodes"} == set(LimitsConfig.model_fields)


def test_a_change_keeps_what_it_does_not_name() -> None:
    own = changed(None, {"jobs_running": 2, "storage": "5GB", "sockets": "none"})
    assert own == {"jobs_running": 2, "storage": 5_000_000_000, "sockets": "none"}
    assert changed(own, {"storage": None, "body": None}) == {"jobs_running": 2, "sockets": "none"}
    assert changed(own, {}) == own


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("jobs_running", 0),
        ("jobs_running", 1.5),
        ("jobs_running", True),
        ("storage", "much"),
        ("storage", -1),
        ("requests_per_s", float("inf")),
        ("requests_per_s", 0.001),
        ("gpu_seconds_per_day", 0),
        ("sockets", [3]),
        ("denied_nodes", ["*"]),
        ("weigth", 2),
    ],
)
def test_what_no_limit_can_be_is_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(RequestError, match=name):
        changed({}, {name: value})


def test_a_weight_stays_within_reason() -> None:
    assert checked_weight(None) == 1.0 and checked_weight(2) == 2.0
    for value in (0.0, -1.0, float("nan"), float("inf"), 1000.0):
        with pytest.raises(RequestError, match="weight"):
            checked_weight(value)


def test_an_allowance_that_nobody_made_limits_nothing() -> None:
    assert all(getattr(Allowance(), name) is None for name in LIMITS)
