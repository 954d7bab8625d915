"""When a place or an estimate is news to whoever was told of it before."""

from gesso.gateway.api_events import Watch
from gesso.jobs.estimate import Estimate
from gesso.jobs.forecast import Outlook

TAKES = Estimate(low_s=5.0, likely_s=10.0, high_s=20.0)


def outlook(place: int, likely_s: float | None, takes: Estimate | None = TAKES) -> Outlook:
    starts = None
    if likely_s is not None:
        starts = Estimate(low_s=likely_s / 2, likely_s=likely_s, high_s=likely_s * 2)
    return Outlook(place=place, starts=starts, takes=takes)


def told(watch: Watch, at: float, *waiting: Outlook) -> list[str]:
    outlooks = {str(number): each for number, each in enumerate(waiting)}
    return [data["id"] for _, data in watch.news(outlooks, outlooks, at)]


def test_time_that_goes_by_as_foreseen_is_no_news() -> None:
    watch = Watch(owner="ada")
    assert told(watch, 100.0, outlook(2, 60.0)) == ["0"]
    for second in range(1, 60):
        assert told(watch, 100.0 + second, outlook(2, 60.0 - second)) == []
    assert told(watch, 165.0, outlook(2, 0.0)) == []


def test_another_place_or_another_time_is_news() -> None:
    watch = Watch(owner="ada")
    assert told(watch, 100.0, outlook(2, 60.0)) == ["0"]
    assert told(watch, 101.0, outlook(1, 59.0)) == ["0"]
    assert told(watch, 102.0, outlook(1, 40.0)) == ["0"]
    assert told(watch, 103.0, outlook(1, None)) == ["0"]
    assert told(watch, 104.0, outlook(1, None)) == []
    assert told(watch, 105.0, outlook(1, 30.0)) == ["0"]
    assert told(watch, 106.0, outlook(1, 29.0, None)) == ["0"]


def test_a_slow_drift_is_told_once_it_adds_up() -> None:
    watch = Watch(owner="ada")
    at, likely_s, news = 0.0, 600.0, 0
    for _ in range(200):
        news += len(told(watch, at, outlook(2, likely_s)))
        at += 1.0  # and the estimate stays where it is
    assert 2 <= news <= 5


def test_what_has_begun_does_not_wait_in_an_older_moment() -> None:
    watch = Watch(owner="ada")
    assert told(watch, 100.0, outlook(1, 0.0), outlook(2, 5.0)) == ["0", "1"]
    watch.left["0"] = 100.5
    watch.told.pop("0")
    assert told(watch, 100.2, outlook(1, 0.0), outlook(2, 4.8)) == []
    assert told(watch, 101.0, outlook(0, None), outlook(1, 9.0)) == ["1"]
    assert watch.left == {}
    # Given back by its engine: it waits again.
    assert told(watch, 102.0, outlook(1, 3.0), outlook(2, 9.0)) == ["0", "1"]


def test_running_jobs_have_no_place_to_tell() -> None:
    assert told(Watch(owner="ada"), 1.0, outlook(0, None)) == []
