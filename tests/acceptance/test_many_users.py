"""Many users of three engines: equal shares, short waits, and what one does is nothing to another."""

from collections.abc import Iterator, Sequence

import pytest

from tests.fleet import PATIENCE_S, Run, User, lasting, new_user, running_fleet
from tests.running import wait_for
from tests.service import RunningGesso


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGesso]:
    with running_fleet(tmp_path_factory.mktemp("many-users")) as service:
        yield service
        assert "Traceback" not in service.log()


@pytest.fixture(scope="module")
def ada(fleet: RunningGesso) -> User:
    return new_user(fleet, "ada")


@pytest.fixture(scope="module")
def ben(fleet: RunningGesso) -> User:
    return new_user(fleet, "ben")


def jain(shares: Sequence[float]) -> float:
    """1 where all have the same, 1/n where one has everything."""
    return sum(shares) ** 2 / (len(shares) * sum(share * share for share in shares))


def seconds_between(runs: Sequence[Run], start: float, end: float) -> float:
    return sum(max(0.0, min(run.ended, end) - max(run.begun, start)) for run in runs)


def both_wait(users: Sequence[User]) -> tuple[float, float]:
    """From when to when every one of the users had a job that no engine had begun."""
    start = max(min(job["created"] for job in user.jobs()) for user in users)
    end = min(max(run.begun for run in user.runs()) for user in users)
    return start, end


@pytest.mark.parametrize(("ada_s", "ben_s"), [(0.2, 0.2), (0.15, 0.3)])
def test_users_get_the_same_seconds_while_both_wait(fleet: RunningGesso, ada_s: float, ben_s: float) -> None:
    users = [new_user(fleet, f"{name}-{ada_s}-{ben_s}".replace(".", "-")) for name in ("ada", "ben")]
    for user, seconds in zip(users, (ada_s, ben_s), strict=True):
        for seed in range(50):
            user.submit(lasting(seconds, seed))
    wait_for(lambda: all(user.remaining() == 0 for user in users), PATIENCE_S)
    start, end = both_wait(users)
    shares = [seconds_between(user.runs(), start, end) for user in users]
    print(start, end, end - start, shares, jain(shares))
    assert sum(shares) > 2.0, "too short a time to tell"
    assert jain(shares) >= 0.99, shares
