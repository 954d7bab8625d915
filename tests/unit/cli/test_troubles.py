"""What `gesso status` says first."""

from typing import Any

from gesso.cli.troubles import CRITICAL, WARNING, troubles


def engine(name: str = "a", state: str = "ready", *findings: str, since: float = 10.0) -> dict[str, Any]:
    found = [
        {"name": each, "summary": "so", "evidence": f"line of {each}", "remedy": "do", "at": since}
        for each in findings
    ]
    return {"name": name, "state": state, "reason": "why\nmore", "since": since, "findings": found}


def alarm(
    subject: str, severity: str = WARNING, raised: float = 5.0, rule: str = "engine-down"
) -> dict[str, Any]:
    texts = {"summary": "s", "now": "n", "evidence": None, "remedy": None}
    return {"rule": rule, "subject": subject, "severity": severity, "raised": raised, **texts}


def test_nothing_is_wrong_with_engines_that_are_well_asleep_or_stopped_by_hand():
    well = [engine(state=state) for state in ("ready", "busy", "stopped", "starting", "alive")]
    assert troubles(well, []) == []


def test_the_worst_comes_first_and_then_the_oldest():
    found = troubles(
        [engine("a", "ready", "leak", since=1.0), engine("b", "failing", "crashed", since=3.0)],
        [alarm("disk", raised=2.0), alarm("card", CRITICAL, raised=4.0)],
    )
    assert [each.subject for each in found] == ["engine b", "card", "engine a", "disk"]


def test_what_an_alarm_tells_of_is_told_once():
    found = troubles([engine("a", "failing", "crashed")], [alarm("engine a", CRITICAL)])
    assert [each.what for each in found] == ["n"]


def test_an_alarm_of_one_finding_hides_no_other():
    there = [engine("a", "ready", "leak", "models-missing"), engine("b", "failing", "cpu-offload")]
    found = troubles(there, [alarm("engine a", rule="leak"), alarm("engine b", rule="cpu-offload")])
    assert [(each.subject, each.what) for each in found] == [
        ("engine b", "failing: why"),
        ("engine a", "n"),
        ("engine b", "n"),
        ("engine a", "models-missing: so"),
    ]


def test_an_engine_in_trouble_without_a_name_for_it_tells_its_reason():
    (found,) = troubles([engine("a", "unknown")], [])
    assert (found.severity, found.what, found.evidence) == (WARNING, "unknown: why", "more")


def test_a_finding_comes_with_evidence_and_remedy():
    (found,) = troubles([engine("a", "wedged", "hang")], [])
    assert (found.severity, found.what) == (CRITICAL, "hang: so")
    assert (found.evidence, found.remedy) == ("line of hang", "do")
