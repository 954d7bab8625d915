"""Each rule raises on what it is for, says so in words, and ends; unknown changes nothing."""

from collections.abc import Iterable
from typing import Any

import pytest

from gesso.config import alerts
from gesso.config.alerts import AlertsConfig
from gesso.monitoring.rule import Severity
from gesso.monitoring.rules import Change, Rules, make_rules
from gesso.monitoring.standing import Turn
from tests.snapshots import GIB, card, engine, machine, snapshot

EVERY_S = 5.0
DAY_S = 86_400.0


class Looking:
    """Rules that are shown one snapshot after the other."""

    def __init__(self, opened: dict[tuple[str, str], int] | None = None, **config: Any) -> None:
        self.rules = Rules(AlertsConfig.model_validate(config), opened or {})
        self.at = 0.0
        self.changes: list[Change] = []

    def see(self, *engines: Any, for_s: float = 0.0, **more: Any) -> list[Change]:
        """The same for so long (at least once); what changed meanwhile."""
        found = []
        for _ in range(int(for_s // EVERY_S) + 1):
            self.at += EVERY_S
            found += self.rules.look(snapshot(self.at, *engines, **more))
        self.changes += found
        return found


def names(changes: Iterable[Change]) -> list[str]:
    return [f"{each.turn} {each.rule} {each.severity}" for each in changes]


def test_the_configuration_names_exactly_the_rules_there_are() -> None:
    assert sorted(rule.name for rule in make_rules(AlertsConfig())) == sorted(alerts.RULES)


def test_a_rule_stands_behind_earlier_ones_only() -> None:
    before: set[str] = set()
    for rule in make_rules(AlertsConfig()):
        assert rule.behind <= before
        before.add(rule.name)


def test_a_rule_that_is_off_says_nothing() -> None:
    looking = Looking(off=["vram", "engine-down"])
    changes = looking.see(engine(state="failing"), machine=machine(card(used=9.9)), for_s=600)
    assert changes == []


def test_a_healthy_machine_raises_nothing() -> None:
    looking = Looking()
    for state in ("starting", "alive", "ready", "busy", "ready", "stopped"):
        looking.see(engine(state=state), machine=machine(card()), for_s=700)
    assert looking.changes == []


@pytest.mark.parametrize(
    ("bad", "good", "expected"),
    [
        ({"machine": machine(card(used=8.2))}, {"machine": machine(card(used=7.4))}, "vram warning"),
        ({"machine": machine(card(used=9.2))}, {"machine": machine(card(used=7.4))}, "vram critical"),
        (
            {"machine": machine(card(temperature_c=81.0))},
            {"machine": machine(card(temperature_c=74.0))},
            "temperature warning",
        ),
        (
            {"machine": machine(card(temperature_c=86.0))},
            {"machine": machine(card(temperature_c=74.0))},
            "temperature critical",
        ),
        ({"machine": machine(card(xid=31))}, {"machine": machine(card(xid=0))}, "card-error warning"),
        ({"machine": machine(card(xid=79))}, {"machine": machine(card(xid=0))}, "card-error critical"),
        ({"queued": 500}, {"queued": 399}, "queue-long warning"),
        (
            {"queued": 1, "oldest_queued_s": 1800.0},
            {"queued": 1, "oldest_queued_s": 1400.0},
            "queue-wait warning",
        ),
        ({"disk_free": 9 * 10**9}, {"disk_free": 12 * 10**9}, "disk-low warning"),
        ({"disk_free": 10**9}, {"disk_free": 12 * 10**9}, "disk-low critical"),
    ],
)
def test_a_reading_beyond_its_threshold_is_an_alarm_until_it_is_below_the_band(
    bad: dict[str, Any], good: dict[str, Any], expected: str
) -> None:
    looking = Looking()
    raised = looking.see(for_s=300, **bad)
    assert f"raised {expected}" in names(raised) or f"escalated {expected}" in names(raised)
    assert all(each.sign.summary and each.sign.evidence and each.sign.remedy for each in raised)
    assert names(looking.see(for_s=300, **good)) == [f"recovered {expected}"]


@pytest.mark.parametrize(
    ("between", "rule"),
    [
        ({"machine": machine(card(used=7.8))}, "vram"),
        ({"machine": machine(card(temperature_c=76.0))}, "temperature"),
        ({"queued": 450}, "queue-long"),
        ({"disk_free": 10_500_000_000}, "disk-low"),
    ],
)
def test_within_the_band_nothing_changes(between: dict[str, Any], rule: str) -> None:
    assert Looking().see(for_s=900, **between) == []
    subject = {"vram": "card GPU-1", "temperature": "card GPU-1", "queue-long": "queue", "disk-low": "disk"}
    assert Looking({(rule, subject[rule]): 1}).see(for_s=900, **between) == []


@pytest.mark.parametrize(
    ("opened", "unknown"),
    [
        (("vram", "card GPU-1"), {"machine": machine(card(used=None))}),
        (("vram", "card GPU-1"), {"machine": None}),
        (("vram", "card GPU-1"), {"machine": machine(problem="the driver does not answer")}),
        (("temperature", "card GPU-1"), {"machine": machine(card(temperature_c=None))}),
        (("card-error", "card GPU-1"), {"machine": machine(card(xid=None))}),
        (("card-lost", "card GPU-1"), {"machine": machine(problem="the driver does not answer")}),
        (("queue-long", "queue"), {"queued": None}),
        (("queue-wait", "queue"), {"queued": None}),
        (("disk-low", "disk"), {"disk_free": None}),
        (("certificate", "certificate"), {"certificate_expires": None}),
    ],
)
def test_unknown_readings_neither_raise_nor_recover(opened: tuple[str, str], unknown: dict[str, Any]) -> None:
    for looking in (Looking({opened: 1}), Looking()):
        changes = looking.see(for_s=100, **unknown)
        changes += looking.see(for_s=3600, **unknown)
        assert {each.rule for each in changes} <= {"card-unreadable"}


@pytest.mark.parametrize("rule", ["engine-down", "budget-spent", "wedged"])
def test_an_engine_of_which_nothing_is_known_keeps_its_alarm(rule: str) -> None:
    looking = Looking({(rule, "engine gpu-0"): 1})
    assert looking.see(engine(state="unknown"), for_s=200) == []


def test_an_engine_that_never_tells_is_an_alarm_of_its_own() -> None:
    looking = Looking()
    assert names(looking.see(engine(state="unknown"), for_s=320)) == ["raised engine-unknown warning"]
    assert names(looking.see(engine(), for_s=100)) == ["recovered engine-unknown warning"]


def test_a_card_that_tells_nothing_for_long_is_an_alarm_of_its_own() -> None:
    looking = Looking()
    looking.see(machine=machine(card()))
    dumb = machine(card(used=None, temperature_c=None, problems=("memory: it does not answer",)))
    (raised,) = looking.see(machine=dumb, for_s=320)
    assert (raised.rule, raised.sign.evidence) == ("card-unreadable", "memory: it does not answer")
    assert names(looking.see(machine=machine(card()), for_s=100)) == ["recovered card-unreadable warning"]


def test_a_reading_that_a_card_never_had_is_not_missed() -> None:
    assert Looking().see(machine=machine(card(temperature_c=None)), for_s=3600) == []


def test_a_reading_that_ends_is_missed() -> None:
    looking = Looking()
    looking.see(machine=machine(card(temperature_c=90.0)), for_s=100)
    changes = looking.see(machine=machine(card(temperature_c=None)), for_s=400)
    assert names(changes) == ["raised card-unreadable warning"]


def test_cards_that_cannot_be_read_at_all_are_one_alarm() -> None:
    looking = Looking()
    looking.see(machine=machine(card("GPU-1"), card("GPU-2")))
    changes = looking.see(machine=machine(problem="no NVIDIA driver is loaded"), for_s=400)
    assert [(each.rule, each.sign.subject) for each in changes] == [("card-unreadable", "cards")]


def test_a_machine_without_cards_misses_none() -> None:
    assert Looking().see(engine(), machine=machine(problem="no NVIDIA driver is loaded"), for_s=3600) == []


def test_a_lost_card_is_an_alarm_until_it_is_back() -> None:
    looking = Looking()
    looking.see(machine=machine(card("GPU-1"), card("GPU-2", used=9.5)), for_s=200)
    changes = looking.see(machine=machine(card("GPU-1")), for_s=60)
    # What was known of the lost card's memory is told by its loss.
    assert names(changes) == ["raised card-lost critical", "replaced vram critical"]
    back = looking.see(machine=machine(card("GPU-1"), card("GPU-2")), for_s=300)
    assert names(back) == ["recovered card-lost critical"]


def test_a_card_that_is_listed_and_does_not_answer_is_lost_too() -> None:
    looking = Looking()
    looking.see(machine=machine(card()))
    (raised,) = looking.see(machine=machine(card(lost=True), problem="GPU-1 is lost"), for_s=60)
    assert raised.rule == "card-lost" and "does not answer" in raised.sign.evidence


def test_an_error_that_a_program_made_is_over_after_an_hour_and_the_cards_own_is_not() -> None:
    looking = Looking()
    looking.see(machine=machine(card("GPU-1", xid=31), card("GPU-2", xid=79)), for_s=3500)
    assert names(looking.changes) == ["raised card-error warning", "raised card-error critical"]
    over = looking.see(machine=machine(card("GPU-1", xid=31), card("GPU-2", xid=79)), for_s=3600)
    assert [(each.turn, each.sign.subject) for each in over] == [(Turn.RECOVERED, "card GPU-1")]
    again = looking.see(machine=machine(card("GPU-1", xid=43), card("GPU-2", xid=79)), for_s=100)
    assert names(again) == ["raised card-error warning"]


def test_a_card_that_an_engine_is_meant_to_use_is_missed_from_the_start() -> None:
    looking = Looking()
    changes = looking.see(engine(gpu="GPU-9"), machine=machine(card("GPU-1")), for_s=60)
    assert [(each.rule, each.sign.subject) for each in changes] == [("card-lost", "card GPU-9")]


def test_a_lost_card_that_nobody_needs_is_forgotten_with_a_word_after_a_restart() -> None:
    looking = Looking({("card-lost", "card GPU-2"): 1})
    assert looking.see(machine=None, for_s=60) == []
    (gone,) = looking.see(machine=machine(card("GPU-1")))
    assert gone.turn is Turn.GONE and "no longer there" in gone.sign.summary


def test_a_lost_card_that_an_engine_needs_stays_an_alarm_after_a_restart() -> None:
    looking = Looking({("card-lost", "card GPU-2"): 1})
    assert looking.see(engine(gpu="GPU-2"), machine=machine(card("GPU-1")), for_s=600) == []


def test_the_certificate_is_told_of_three_times() -> None:
    looking = Looking()
    told = []
    for left in range(40, -3, -1):
        changes = looking.see(certificate_expires=looking.at + EVERY_S + left * DAY_S)
        told += [(left, name) for name in names(changes)]
    assert told == [
        (30, "raised certificate warning"),
        (14, "escalated certificate warning"),
        (7, "escalated certificate critical"),
    ]
    assert "expired 2 days ago" in looking.rules.signs["certificate", "certificate"].summary
    renewed = looking.see(certificate_expires=looking.at + 90 * DAY_S, for_s=100)
    assert names(renewed) == ["recovered certificate critical"]


def test_crash_and_start_in_turn_are_one_trouble() -> None:
    """While it backs off it is failing, then starting, then failing: down all the time."""
    looking = Looking()
    for _ in range(20):
        looking.see(engine(state="failing", reason="killed by SIGKILL"), for_s=10)
        looking.see(engine(state="starting"), for_s=10)
    assert names(looking.changes) == ["raised engine-down critical"]


def test_a_spent_budget_takes_the_place_of_an_engine_that_is_down() -> None:
    looking = Looking()
    looking.see(engine(state="failing"), for_s=100)
    spent = looking.see(engine(state="stopped-after-failures", reason="failed 6 times"), for_s=600)
    assert names(spent) == ["raised budget-spent critical", "replaced engine-down critical"]
    assert "failed 6 times" in spent[0].sign.evidence
    assert "gesso engines start gpu-0" in spent[0].sign.remedy


@pytest.mark.parametrize(
    ("each_s", "expected"),
    [
        (2.0, ["raised budget-spent critical"]),
        # Where it takes longer, that it is down is told first; the spent budget takes its place.
        (
            20.0,
            ["raised engine-down critical", "raised budget-spent critical", "replaced engine-down critical"],
        ),
    ],
)
def test_twenty_crashes_in_a_row_end_in_one_alarm(each_s: float, expected: list[str]) -> None:
    rules, changes = Rules(AlertsConfig(), {}), []
    states = ["failing", "starting"] * 20 + ["stopped-after-failures"] * 100
    for n, state in enumerate(states):
        changes += rules.look(snapshot(n * each_s / 2, engine("gpu-0", state, "crashed")))
    assert names(changes) == expected


def test_a_spent_budget_ends_when_the_engine_works_and_not_when_it_is_started() -> None:
    looking = Looking()
    looking.see(engine(state="stopped-after-failures"), for_s=60)
    assert looking.see(engine(state="starting"), for_s=300) == []
    assert looking.see(engine(state="failing"), for_s=30) == []
    assert names(looking.see(engine(state="ready"), for_s=100)) == ["recovered budget-spent critical"]


def test_an_engine_stopped_by_hand_is_no_alarm_and_ends_one() -> None:
    looking = Looking()
    looking.see(engine(state="failing"), for_s=100)
    assert names(looking.see(engine(state="stopped"), for_s=100)) == ["recovered engine-down critical"]
    assert looking.see(engine(state="stopped"), for_s=900) == []


def test_without_its_rule_a_spent_budget_is_an_engine_that_is_down() -> None:
    looking = Looking(off=["budget-spent"])
    changes = looking.see(engine(state="stopped-after-failures"), for_s=100)
    assert names(changes) == ["raised engine-down critical"]


def test_an_engine_that_locks_gesso_out_is_down() -> None:
    (raised,) = Looking().see(engine("gpu-0", "alive", "locked-out"), for_s=100)
    assert raised.rule == "engine-down" and "locked-out" in raised.sign.evidence
    assert "Mend locked-out." in raised.sign.remedy


def test_an_alarm_tells_of_its_own_cause_only() -> None:
    (raised,) = Looking().see(engine("gpu-0", "wedged", "models-missing", "hang", "leak"))[:1]
    assert "hang" in raised.sign.evidence and "models-missing" not in raised.sign.evidence
    assert "Mend hang." in raised.sign.remedy and "Mend models-missing." not in raised.sign.remedy


def test_a_slow_start_is_no_alarm() -> None:
    assert Looking().see(engine("gpu-0", "starting", "slow-start"), for_s=3000) == []


def test_a_hang_is_a_warning_and_critical_where_nothing_is_done_about_it() -> None:
    looking = Looking()
    assert names(looking.see(engine("gpu-0", "wedged", "hang"))) == ["raised wedged warning"]
    assert looking.see(engine("gpu-0", "starting", "hang"), for_s=300) == []
    assert looking.see(engine("gpu-0", "ready", "hang"), for_s=300) == []
    assert names(looking.see(engine(), for_s=100)) == ["recovered wedged warning"]
    assert names(Looking().see(engine(state="wedged"), for_s=100)) == [
        "raised wedged warning",
        "escalated wedged critical",
    ]


@pytest.mark.parametrize("name", ["not-functional", "wrong-card", "cpu-offload", "leak"])
def test_a_finding_is_an_alarm_as_long_as_it_stands(name: str) -> None:
    looking = Looking()
    (raised,) = looking.see(engine("gpu-0", "busy", name), for_s=300)
    assert (raised.rule, raised.sign.remedy) == (name, f"Mend {name}.")
    assert "'gpu-0'" in raised.sign.summary and "seen so" in raised.sign.evidence
    (recovered,) = looking.see(engine(), for_s=100)
    assert recovered.turn is Turn.RECOVERED and "is ready" in recovered.sign.summary


def test_each_engine_stands_for_itself() -> None:
    looking = Looking()
    changes = looking.see(engine("a", "failing"), engine("b"), engine("c", "failing"), for_s=100)
    assert sorted(each.sign.subject for each in changes) == ["engine a", "engine c"]


def test_an_engine_that_is_no_longer_configured_takes_its_alarm_along() -> None:
    looking = Looking({("engine-down", "engine old"): 1})
    (gone,) = looking.see(engine("new"))
    assert (gone.turn, gone.severity) == (Turn.GONE, Severity.CRITICAL)


def test_an_alarm_from_before_a_restart_is_not_raised_again_and_its_end_is_told() -> None:
    looking = Looking({("engine-down", "engine gpu-0"): 1, ("vram", "card GPU-1"): 1})
    assert looking.see(engine(state="starting"), machine=None, for_s=30) == []
    assert looking.see(engine(state="failing"), machine=machine(card(used=8.5)), for_s=300) == []
    ended = looking.see(engine(), machine=machine(card(used=2 * GIB / GIB)), for_s=100)
    assert sorted(names(ended)) == ["recovered engine-down critical", "recovered vram warning"]
