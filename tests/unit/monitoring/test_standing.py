"""Alarms begin after a hold, end below a band, and are told once; whatever the readings."""

from hypothesis import given
from hypothesis import strategies as st

from gesso.monitoring.rule import Rule, Severity, Sign, Step
from gesso.monitoring.standing import Standing, Turn, judge

RECOVER_S = 20.0


def rule(*for_s: float) -> Rule:
    severities = (Severity.WARNING, Severity.CRITICAL)
    steps = tuple(Step(severity=severities[n], for_s=each) for n, each in enumerate(for_s))
    return Rule(name="test", steps=steps, look=lambda scene: (), when="", ends="")


def sign(raises: int | None, keeps: int = 0) -> Sign:
    return Sign(subject="it", raises=raises, keeps=max(keeps, raises or 0))


def run(signs: list[Sign], *, of: Rule, every_s: float = 10.0) -> list[Turn | None]:
    standing, turns = Standing(), []
    for each in signs:
        standing, turn = judge(standing, each, of, every_s, RECOVER_S)
        turns.append(turn)
    return turns


def told(turns: list[Turn | None]) -> list[Turn]:
    return [turn for turn in turns if turn is not None]


def test_is_raised_once_it_has_held_long_enough() -> None:
    assert run([sign(1)] * 5, of=rule(30.0)) == [None, None, None, Turn.RAISED, None]


def test_a_pause_begins_the_hold_anew() -> None:
    assert told(run([sign(1), sign(1), sign(0)] * 10, of=rule(20.0))) == []


def test_within_the_band_what_began_goes_on_and_nothing_begins() -> None:
    in_band = sign(0, keeps=1)
    assert told(run([in_band] * 20, of=rule(10.0))) == []
    assert told(run([sign(1), in_band, in_band, *[in_band] * 20], of=rule(10.0))) == [Turn.RAISED]


def test_recovers_when_all_was_well_for_a_while() -> None:
    turns = run([sign(1), sign(0), sign(0), sign(0)], of=rule(0.0))
    assert turns == [Turn.RAISED, None, None, Turn.RECOVERED]


def test_escalates_once_and_stays_there_until_it_ends() -> None:
    signs = [sign(1), sign(2), sign(1), sign(2), sign(1), *[sign(0)] * 3]
    assert told(run(signs, of=rule(0.0, 0.0))) == [Turn.RAISED, Turn.ESCALATED, Turn.RECOVERED]


def test_what_keeps_coming_back_must_be_over_for_longer_each_time() -> None:
    up_and_down = [sign(1), *[sign(0)] * 4] * 50
    assert told(run(up_and_down, of=rule(0.0))).count(Turn.RAISED) == 2


def test_unknown_neither_raises_nor_recovers_nor_counts() -> None:
    unknown = sign(None)
    assert told(run([sign(1), *[unknown] * 50, sign(1)], of=rule(30.0))) == []
    assert told(run([sign(1), *[unknown] * 50], of=rule(0.0))) == [Turn.RAISED]
    assert told(run([sign(1), sign(0), *[unknown] * 50, sign(0)], of=rule(0.0))) == [Turn.RAISED]


def test_hours_that_nobody_saw_do_not_raise() -> None:
    assert told(run([sign(1), sign(1)], of=rule(300.0), every_s=36_000.0)) == []


signs = st.builds(sign, st.sampled_from([None, 0, 0, 0, 1, 1, 2]), st.sampled_from([0, 0, 1, 2]))
rules = st.builds(rule, st.sampled_from([0.0, 10.0, 30.0]), st.sampled_from([0.0, 10.0, 50.0]))


@given(st.lists(signs, max_size=60), rules)
def test_raised_and_recovered_alternate_with_at_most_one_escalation_between(
    seen: list[Sign], of: Rule
) -> None:
    is_open, escalated = False, False
    for turn in told(run(seen, of=of)):
        if turn is Turn.RAISED:
            assert not is_open
            is_open, escalated = True, False
        elif turn is Turn.ESCALATED:
            assert is_open and not escalated
            escalated = True
        else:
            assert turn is Turn.RECOVERED and is_open
            is_open = False


@given(st.lists(signs, max_size=40), rules, st.integers(0, 40), st.integers(1, 5))
def test_unknown_changes_nothing(seen: list[Sign], of: Rule, where: int, times: int) -> None:
    standing = Standing()
    for each in seen[:where]:
        standing, _ = judge(standing, each, of, 10.0, RECOVER_S)
    after = standing
    for _ in range(times):
        after, turn = judge(after, sign(None), of, 10.0, RECOVER_S)
        assert turn is None
    assert (after.step, after.held_s, after.well_s) == (standing.step, standing.held_s, standing.well_s)


@given(rules, st.integers(1, 2), st.integers(10, 200))
def test_constantly_bad_is_raised_once(of: Rule, step: int, looks: int) -> None:
    turns = told(run([sign(step)] * looks, of=of))
    assert turns[0] is Turn.RAISED
    assert turns[1:] in ([], [Turn.ESCALATED])


@given(st.lists(signs, max_size=40), rules)
def test_all_well_for_long_ends_every_alarm(seen: list[Sign], of: Rule) -> None:
    standing = Standing()
    for each in [*seen, *[sign(0)] * 400]:
        standing, _ = judge(standing, each, of, 10.0, RECOVER_S)
    assert standing.step == 0
