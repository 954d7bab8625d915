"""Slow and stuck starts by history, signs of life, limits of memory, and answers that are wrong."""

import pytest

from gesso.engines.probe import Outcome, Probe
from gesso.fleet.answers import finding_of
from gesso.fleet.leak import excess
from gesso.fleet.models import no_models
from gesso.fleet.pulse import Pulse, Vitals
from gesso.fleet.starts import slow_after_s, slow_start, stuck_after_s, usual_s
from gesso.workflows.catalog import Catalog

PIDS = frozenset({10, 11})


def test_without_a_history_the_limit_is_the_configured_one() -> None:
    assert usual_s(()) is None
    assert slow_after_s((), 600.0) == 600.0
    assert stuck_after_s((), 600.0, 60.0) == 600.0


def test_history_shortens_what_a_start_may_take_but_not_below_the_floor() -> None:
    assert stuck_after_s((12.0, 30.0), 600.0, 60.0) == 90.0
    assert stuck_after_s((2.0,), 600.0, 60.0) == 60.0
    assert stuck_after_s((500.0,), 600.0, 60.0) == 600.0


def test_start_is_slow_only_beyond_the_longest_so_far() -> None:
    found = slow_start((10.0, 12.0, 14.0), 40.0, 600.0, phase="importing", signs="it computes", at=1.0)
    assert found is not None
    assert found.name == "slow-start"
    assert found.evidence == "usually 12 s, now 40 s; at: importing; it computes"
    assert slow_start((10.0, 12.0, 14.0), 27.0, 600.0, phase="", signs="", at=1.0) is None
    # Some seconds more are no news where starts take one.
    assert slow_start((1.0, 1.0), 9.0, 600.0, phase="", signs="", at=1.0) is None


def vitals(at: float, cpu_s: float | None, moved: int | None = 0, pids: frozenset[int] = PIDS) -> Vitals:
    return Vitals(at=at, pids=pids, rss=1, cpu_s=cpu_s, moved=moved)


def test_family_is_quiet_since_it_last_worked() -> None:
    pulse = Pulse()
    assert pulse.quiet_s is None
    for at, used in ((0, 5.0), (2, 6.0), (4, 6.001), (6, 6.002)):
        pulse.feel(vitals(at, used))
    assert pulse.quiet_s == 4.0


@pytest.mark.parametrize(
    "sign",
    [
        vitals(2, 1.5),
        vitals(2, 1.0, 10_000),
        vitals(2, 1.0, 0, frozenset({10, 11, 12})),
        vitals(2, 0.2, 0, frozenset({10})),
    ],
    ids=["computes", "reads", "has a new child", "lost a child"],
)
def test_whatever_a_family_does_is_a_sign_of_life(sign: Vitals) -> None:
    pulse = Pulse()
    pulse.feel(vitals(0, 1.0))
    pulse.feel(sign)
    assert pulse.quiet_s == 0.0


@pytest.mark.parametrize("gap", [None, vitals(2, None), vitals(2, 1.0, None)])
def test_measurement_that_fails_makes_quiet_unknown(gap: Vitals | None) -> None:
    pulse = Pulse()
    pulse.feel(vitals(0, 1.0))
    pulse.feel(gap)
    assert pulse.quiet_s is None
    pulse.feel(vitals(4, 1.0))
    assert pulse.quiet_s == 0.0


@pytest.mark.parametrize(
    ("rss", "memory_limit", "vram", "vram_limit", "told"),
    [
        (None, 8, None, 8, None),
        (9, None, 9, None, None),
        (8, 8, 8, 8, None),
        (9_100_000_000, 8_000_000_000, None, 8, "RAM 9.1 GB, its limit is 8 GB"),
        (1, 8, 9, 8, "VRAM 9 B, its limit is 8 B"),
        (9, 8, 9, 8, "RAM 9 B, its limit is 8 B; VRAM 9 B, its limit is 8 B"),
    ],
)
def test_only_what_is_known_is_too_much(
    rss: int | None, memory_limit: int | None, vram: int | None, vram_limit: int | None, told: str | None
) -> None:
    assert excess(rss=rss, memory_limit=memory_limit, vram=vram, vram_limit=vram_limit) == told


NAMES = {
    Outcome.OK: None,
    Outcome.TIMED_OUT: None,
    Outcome.DISCONNECTED: None,
    Outcome.UNAUTHORIZED: "locked-out",
    Outcome.FORBIDDEN: "locked-out",
    Outcome.LOGIN: "locked-out",
    Outcome.REFUSED: "unreachable",
    Outcome.UNREACHABLE: "unreachable",
    Outcome.NAME_UNKNOWN: "unreachable",
}


@pytest.mark.parametrize("outcome", Outcome)
def test_each_wrong_answer_has_a_name(outcome: Outcome) -> None:
    probe = Probe(outcome=outcome, asked="GET http://127.0.0.1:8188/system_stats", at=5.0, took_ms=1.0)
    found = finding_of(probe, starting=False)
    assert (found and found.name) == NAMES.get(outcome, "not-an-engine")
    if found is not None:
        assert str(outcome) in found.evidence
        assert found.at == 5.0


def test_engine_that_starts_is_not_unreachable() -> None:
    probe = Probe(outcome=Outcome.REFUSED, asked="x", at=5.0, took_ms=1.0)
    assert finding_of(probe, starting=True) is None
    assert finding_of(None, starting=False) is None


def loader(*names: str) -> dict[str, object]:
    return {"input": {"required": {"ckpt_name": [list(names), {}]}}}


def test_only_an_engine_whose_loaders_are_all_empty_has_no_models() -> None:
    others: dict[str, object] = {"KSampler": {"input": {"required": {"sampler_name": [[], {}]}}}}
    assert no_models(Catalog(others), 1.0) is None
    assert no_models(Catalog({**others, "CheckpointLoaderSimple": loader("a.safetensors")}), 1.0) is None
    one = {"UNETLoader": {"input": {"required": {"unet_name": ["COMBO", {"options": ["a.sft"]}]}}}}
    assert no_models(Catalog({**one, "CheckpointLoaderSimple": loader()}), 1.0) is None
    none = {"UNETLoader": {"input": {"required": {"unet_name": ["COMBO", {"options": []}]}}}}
    found = no_models(Catalog({**none, "CheckpointLoaderSimple": loader()}), 1.0)
    assert found is not None
    assert found.name == "models-missing"
    assert found.evidence == "empty are CheckpointLoaderSimple.ckpt_name, UNETLoader.unet_name"
