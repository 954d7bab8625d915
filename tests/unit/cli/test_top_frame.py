"""A frame of `gesso top`: fits every screen, tells what is wrong first, and invents nothing."""

from typing import Any

import pytest
from rich.cells import cell_len

from gesso.cli.sparks import WINDOW_S, History
from gesso.cli.top_frame import Screen, frame

AT = 1_795_248_000.0
GIB = 2**30


def card(number: int, **known: Any) -> dict[str, Any]:
    values = {
        "uuid": f"GPU-{number}",
        "name": "NVIDIA GeForce RTX 3080 Ti Laptop GPU",
        "nvml_index": number,
        "memory_total": 24 * GIB,
        "memory_used": 6 * GIB,
        "utilisation": 91.0,
        "temperature_c": 71.0,
        "power_w": 301.5,
        "power_limit_w": 350.0,
        "clock_mhz": 1815.0,
        "clock_limit_mhz": 2100.0,
        "throttled_by": [],
        "xid": 0,
        "problems": [],
    }
    return values | known


def engine(name: str, **known: Any) -> dict[str, Any]:
    values = {
        "name": name,
        "state": "busy",
        "reason": "it answers",
        "since": AT - 4000,
        "ready": True,
        "draining": False,
        "jobs": [{"id": "6f1c2a90-1234", "account": "ben", "since": AT - 12}],
        "findings": [],
        "cpu": 100.0,
        "memory": 3 * GIB,
        "gpu": "GPU-0",
        "gpu_memory": 5 * GIB,
    }
    return values | known


def told(**known: Any) -> dict[str, Any]:
    values = {
        "at": AT,
        "version": "1.2.3",
        "host": "gpu-box",
        "cards": [card(0), card(1)],
        "cards_problem": None,
        "engines": [engine("qwen"), engine("flux")],
        "queued": 3,
        "running": 1,
        "oldest_queued_s": 42.0,
        "users": [{"name": "ada", "queued": 3, "running": 0}, {"name": "ben", "queued": 0, "running": 1}],
        "finished": {"succeeded": 120, "failed": 3, "cancelled": 4},
        "disk_free": 76 * 10**9,
        "disk_total": 10**12,
    }
    return values | known


WRONG = {
    "name": "cuda-poisoned",
    "summary": "its context is broken",
    "evidence": "CUDA error: an illegal memory access",
    "remedy": "gesso starts it anew.",
}


def text(now: dict[str, Any], width: int = 80, height: int | None = None, **more: Any) -> str:
    lines = frame(now, more.pop("before", None), History(), Screen(width=width, height=height), **more)
    return "\n".join(line.plain for line in lines)


@pytest.mark.parametrize(("width", "height"), [(80, 24), (140, 50), (40, 10), (200, 12), (20, 5)])
@pytest.mark.parametrize("many", [0, 1, 8, 40])
def test_a_frame_fits_the_screen(width: int, height: int, many: int) -> None:
    now = told(
        cards=[card(number, throttled_by=["sw_power_cap"]) for number in range(many)],
        engines=[engine(f"engine-{number}", findings=[WRONG]) for number in range(many)],
        users=[{"name": f"用户{number}", "queued": 1, "running": 1} for number in range(many)],
    )
    lines = text(now, width, height, notice="nothing answers").split("\n")
    assert len(lines) <= height
    assert max(map(cell_len, lines)) <= width


def test_eight_cards_and_eight_engines_are_all_there_on_a_small_screen() -> None:
    now = told(
        cards=[card(number) for number in range(8)],
        engines=[engine(f"engine-{number}") for number in range(8)],
    )
    found = text(now, 80, 24)
    assert all(f"engine-{number}" in found for number in range(8))
    assert all(f"\n  {number} RTX" in found for number in range(8))
    assert "3 waiting" in found and "ada" in found


def test_what_is_wrong_comes_first_and_says_what_to_do_where_there_is_room() -> None:
    broken = engine("zimage", state="stopped-after-failures", ready=False, jobs=[], findings=[WRONG])
    now = told(engines=[*(engine(f"engine-{number}") for number in range(20)), broken])
    small = text(now, 80, 20)
    assert "zimage" in small and "gave up" in small and "cuda-poisoned: its context is broken" in small
    assert "more lines" in small and "engine-19" not in small
    large = text(now, 140, 60)
    assert WRONG["evidence"] in large and WRONG["remedy"] in large


def test_evidence_that_one_may_not_see_leaves_no_line() -> None:
    hidden = engine("qwen", findings=[{**WRONG, "evidence": None, "remedy": None}])
    found = text(told(engines=[hidden]))
    assert "its context is broken" in found and "None" not in found


def test_what_is_not_known_is_not_nought() -> None:
    blind = card(0, utilisation=None, memory_used=None, temperature_c=None, power_w=None, clock_mhz=None)
    (line,) = (line for line in text(told(cards=[blind])).split("\n") if "RTX" in line)
    assert "0%" not in line and "0 W" not in line and line.count("–") == 4
    found = text(told(queued=None, running=None, cards=None))
    assert "not known" in found and "not read yet" in found
    silent = engine("qwen", memory=None, gpu_memory=None, cpu=None)
    (line,) = (line for line in text(told(cards=[], engines=[silent])).split("\n") if "qwen" in line)
    assert line.split()[-3:] == ["–", "–", "–"]


def test_processor_time_is_told_between_two_frames() -> None:
    before = told(at=AT - 2, engines=[engine("qwen", cpu=97.0)])
    assert " 150% " in text(told(engines=[engine("qwen")]), before=before)


def test_jobs_of_others_are_not_named_to_those_who_may_not_know() -> None:
    assert "another's" in text(told(engines=[engine("qwen", jobs=None)]))
    assert "6f1c2a90 ben 12 s" in text(told(), 100)


def test_an_engine_that_takes_no_jobs_says_why() -> None:
    away = engine("qwen", state="starting", ready=False, jobs=[], reason="loading custom nodes")
    assert "loading custom nodes" in text(told(engines=[away]))


def test_troubles_of_cards_are_told() -> None:
    found = text(told(cards=[card(0), card(1, xid=79, throttled_by=["hw_slowdown"])]))
    assert found.count("clocks are lowered") == 1 and "its hardware slows down" in found and "Xid 79" in found
    assert "no NVIDIA driver" in text(told(cards=[], cards_problem="no NVIDIA driver is loaded"))


def test_text_from_elsewhere_draws_nothing_by_itself() -> None:
    evil = engine("qwen", findings=[{**WRONG, "summary": "\x1b[2J\r\nhello"}])
    assert "\x1b" not in text(told(engines=[evil])) and "hello" in text(told(engines=[evil]))


def test_a_spark_shows_the_last_minutes_and_leaves_gaps() -> None:
    history = History()
    history.add("queue.queued", AT - 2 * WINDOW_S, 99)
    for number in range(120):
        history.add("queue.queued", AT - 600 + 5 * number, None if 30 <= number < 90 else number)
    drawn = history.spark("queue.queued", AT, 20)
    assert drawn == "▂▂▂▂▂          ▆▆▇▇▇"
    assert history.spark("queue.queued", AT, 20, top=1000.0)[-1] == "▂"
    assert history.spark("nothing", AT, 5) == "     "
