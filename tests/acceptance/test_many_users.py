"""Many users of three engines: equal shares, short waits, and what one does is nothing to another."""

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any

import pytest

from tests.crowd import Order, crowd
from tests.fleet import NAMES, PATIENCE_S, Run, User, at_engine, lasting, new_user, running_fleet
from tests.integration.sketch.exchange import send, send_json
from tests.integration.sketch.listening import Listener, listening
from tests.running import wait_for
from tests.service import RunningGesso

# As long as nobody waits for it: to be interrupted.
LONG_S = 60.0


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGesso]:
    with running_fleet(tmp_path_factory.mktemp("many-users")) as service:
        yield service
        assert "Traceback" not in service.log()


@pytest.fixture
def users(fleet: RunningGesso, request: pytest.FixtureRequest) -> Iterator[list[User]]:
    """Four that nobody has seen before; at the end nothing of theirs is left."""
    number = fleet.call("GET", "/gesso/api/users").body.count(b'"name"')
    users = [new_user(fleet, f"{name}-{number}") for name in ("ada", "ben", "cem", "dora")]
    yield users
    for user in users:
        user.clear()


def jain(shares: Sequence[float]) -> float:
    """1 where all have the same, 1/n where one has everything."""
    return sum(shares) ** 2 / (len(shares) * sum(share * share for share in shares))


def seconds_between(runs: Sequence[Run], start: float, end: float) -> float:
    return sum(max(0.0, min(run.ended, end) - max(run.begun, start)) for run in runs)


def both_wait(users: Sequence[User]) -> tuple[float, float]:
    """From when to when each of the users had a job that no engine had begun."""
    start = max(min(job["created"] for job in user.jobs()) for user in users)
    end = min(max(run.begun for run in user.runs()) for user in users)
    return start, end


@pytest.mark.parametrize(
    ("ada_jobs", "ada_s", "ben_jobs", "ben_s"), [(50, 0.25, 50, 0.25), (66, 0.2, 34, 0.4)]
)
def test_two_users_have_the_same_seconds_of_the_engines_while_both_wait(
    users: list[User], ada_jobs: int, ada_s: float, ben_jobs: int, ben_s: float
) -> None:
    """As many seconds of jobs for each, so that both wait nearly all the time."""
    ada, ben, cem = users[:3]
    # Holds the engines until both have submitted all, however slow the machine is at that.
    for seed in range(len(NAMES)):
        cem.submit(lasting(LONG_S, seed))
    wait_for(lambda: len(cem.queue()["queue_running"]) == len(NAMES), PATIENCE_S)
    for user, jobs, seconds in ((ada, ada_jobs, ada_s), (ben, ben_jobs, ben_s)):
        for seed in range(jobs):
            user.submit(lasting(seconds, seed))
    cem.clear()
    wait_for(lambda: ada.remaining() == ben.remaining() == 0, PATIENCE_S)
    start, end = both_wait([ada, ben])
    shares = [seconds_between(user.runs(), start, end) for user in (ada, ben)]
    assert sum(shares) > 5.0, f"{end - start} s are too short a time to tell"
    assert jain(shares) >= 0.99, shares


@pytest.mark.parametrize("seconds", [0.2, 2.5])
def test_single_job_behind_a_hundred_of_another_is_the_next_that_an_engine_gets(
    fleet: RunningGesso, users: list[User], seconds: float
) -> None:
    """Behind jobs shorter than a second, one may wait at the engine already; behind longer ones, none."""
    many, one = users[:2]
    for seed in range(100):
        many.submit(lasting(seconds, seed))
    urls = [fleet.engine(name)["url"] for name in NAMES]
    # Until it is known how long they take, one may be handed over early; it is taken back.
    wait_for(lambda: all(_alone(url) or seconds < 1 for url in urls), PATIENCE_S)
    job_id = one.submit(lasting(0.1, 1))
    wait_for(lambda: one.runs(), PATIENCE_S)
    [run] = one.runs()
    job = one.job(job_id)
    others = [each for each in many.jobs() if each["started"] is not None]
    between = [each for each in others if job["created"] < each["started"] < job["started"]]
    assert between == [], "another's job was chosen before it"
    there = {each["id"] for each in others if each["engine"] == job["engine"]}
    before = [
        each for each in many.runs() if each.job_id in there and job["created"] < each.begun < run.begun
    ]
    assert len(before) <= (1 if seconds < 1 else 0)


def test_who_asks_for_one_at_a_time_gets_as_much_as_who_always_has_jobs_waiting(
    fleet: RunningGesso, users: list[User]
) -> None:
    """More such users than engines, so that all of them could work for these alone."""
    greedy, *modest = users
    modest += [new_user(fleet, f"{user.name}-too") for user in modest]
    enough = threading.Event()

    def one_after_the_other(user: User) -> None:
        # Seeds of his own: an engine is done at once with what it has just done for another.
        with listening(user.url) as hears:
            for seed in count(1_000 * (1 + modest.index(user))):
                if enough.is_set():
                    break
                hears.wait_end(user.submit(lasting(0.8, seed), client_id=hears.client_id), PATIENCE_S)

    for seed in range(60):
        greedy.submit(lasting(0.8, seed))
    with ThreadPoolExecutor(len(modest)) as pool:
        ends = [pool.submit(one_after_the_other, user) for user in modest]
        wait_for(lambda: len(greedy.history()) >= 12, PATIENCE_S)
        enough.set()
        for end in ends:
            end.result()
    runs = {user.name: user.runs() for user in (greedy, *modest)}
    until = min(max(run.ended for run in each) for each in runs.values())
    had = {name: sum(run.ended <= until for run in each) for name, each in runs.items()}
    assert min(had.values()) >= 0.65 * had[greedy.name], had


def _alone(url: str) -> bool:
    queue = at_engine(url)
    return len(queue["queue_running"]) == 1 and not queue["queue_pending"]


def begin(user: User, listener: Listener, seconds: float, seed: int) -> str:
    """Submit a job, and hear that it runs."""
    job_id = user.submit(lasting(seconds, seed), client_id=listener.client_id)
    listener.wait(lambda message: message["type"] == "progress" and of(message) == job_id)
    return job_id


def of(message: dict[str, Any]) -> str | None:
    found: str | None = message["data"].get("prompt_id")
    return found


def test_interrupted_job_ends_as_in_comfyui_and_the_neighbours_is_untouched(users: list[User]) -> None:
    ada, ben = users[:2]
    with listening(ada.url) as hers, listening(ben.url) as his:
        stopped = begin(ada, hers, LONG_S, 1)
        kept = begin(ben, his, 3.0, 2)
        assert ada.job(stopped)["engine"] != ben.job(kept)["engine"]
        # As the frontend sends it: the job it shows as running.
        assert send_json(ada.url, "POST", "/api/interrupt", {"prompt_id": stopped}).status == 200
        hers.wait_end(stopped)
        told = hers.messages("execution_interrupted", "execution_success", "execution_error")
        assert [message["type"] for message in told] == ["execution_interrupted"]
        assert told[0]["data"].keys() >= {"prompt_id", "node_id", "node_type", "executed"}
        assert told[0]["data"]["node_type"] == "SketchSteps"
        his.wait_end(kept, PATIENCE_S)
        assert his.messages("execution_interrupted") == []
        assert {of(message) for message in his.messages()} <= {None, kept}
        assert {of(message) for message in hers.messages()} <= {None, stopped}
    status = ada.history()[stopped]["status"]
    assert (status["status_str"], status["completed"]) == ("error", False)
    assert [kind for kind, _ in status["messages"]][-1] == "execution_interrupted"
    assert ada.history()[stopped]["outputs"] == {}
    assert ben.history()[kept]["status"]["status_str"] == "success"
    assert (ada.job(stopped)["state"], ben.job(kept)["attempt"]) == ("cancelled", 1)


def test_two_who_interrupt_at_once_end_their_own_jobs_and_no_others(users: list[User]) -> None:
    """Without an id: whatever runs of one's own; of somebody who has nothing, nothing."""
    ada, ben, cem, dora = users
    with listening(ada.url) as hers, listening(ben.url) as his, listening(cem.url) as third:
        stopped = {ada: begin(ada, hers, LONG_S, 1), ben: begin(ben, his, LONG_S, 2)}
        kept = begin(cem, third, 3.0, 3)
        barrier = threading.Barrier(3)

        def interrupt(user: User) -> None:
            barrier.wait()
            assert send(user.url, "POST", "/api/interrupt").status == 200

        threads = [threading.Thread(target=interrupt, args=(user,)) for user in (ada, ben, dora)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        hers.wait_end(stopped[ada])
        his.wait_end(stopped[ben])
        third.wait_end(kept, PATIENCE_S)
        assert third.messages("execution_interrupted") == []
    for user, job_id in stopped.items():
        assert user.job(job_id)["state"] == "cancelled"
    assert cem.job(kept)["state"] == "succeeded"
    assert cem.job(kept)["attempt"] == 1


def test_thousand_sockets_and_fifty_jobs_a_second_lose_nothing(
    fleet: RunningGesso, users: list[User]
) -> None:
    """How fast it is, `./dev bench load` says; here, that all is done and told to whom it belongs."""
    number, each = 20, 50
    people = [new_user(fleet, f"one-of-many-{index}") for index in range(number)]
    order = Order(url=fleet.url, keys=[user.key for user in people], sockets=each, jobs_per_s=50, seconds=10)
    with crowd(order) as running:
        assert running.opened == number * each
        answers: list[int] = []
        done = threading.Event()

        def look() -> None:
            while not done.is_set():
                for path in ("/gesso/api/whoami", "/queue"):
                    answers.append(send(users[0].url, "GET", path).status)

        thread = threading.Thread(target=look)
        thread.start()
        try:
            seen = running.work()
        finally:
            done.set()
            thread.join()
    assert seen.errors == []
    assert (seen.accepted, seen.succeeded, seen.lost, seen.strays) == (500, 500, 0, 0)
    assert set(answers) == {200}
    states = [job["state"] for user in people for job in user.jobs()]
    assert states == ["succeeded"] * 500
    assert users[0].queue() == {"queue_running": [], "queue_pending": []}
