"""All rules, and what becomes of alarms from one snapshot to the next. No input or output."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from gesso.config.alerts import AlertsConfig
from gesso.monitoring.card_rules import card_rules
from gesso.monitoring.engine_rules import engine_rules
from gesso.monitoring.host_rules import host_rules
from gesso.monitoring.rule import Rule, Scene, Severity, Sign
from gesso.monitoring.snapshot import Snapshot
from gesso.monitoring.standing import Standing, Turn, judge

CARD = "card "


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What became of one alarm. `sign` is what was seen; `by`: the rule whose alarm replaced it."""

    turn: Turn
    rule: str
    step: int
    severity: Severity
    sign: Sign
    by: str = ""


def make_rules(config: AlertsConfig) -> tuple[Rule, ...]:
    """The rules that are switched on, those first behind which others stand."""
    rules = (*engine_rules(config), *card_rules(config), *host_rules(config))
    return tuple(rule for rule in rules if rule.name not in config.off)


class Rules:
    """The rules, and how every subject stands. `opened`: steps of the alarms open since before."""

    def __init__(self, config: AlertsConfig, opened: Mapping[tuple[str, str], int]) -> None:
        self.rules = make_rules(config)
        self._recover_s = config.recover_s
        steps = {rule.name: len(rule.steps) for rule in self.rules}
        self._standings = {
            (rule, subject): Standing.reopened(min(step, steps[rule]), steps[rule])
            for (rule, subject), step in opened.items()
            if rule in steps
        }
        # Cards of alarms from before count as expected until all cards that are there have been told once.
        self._before = {subject.removeprefix(CARD) for _, subject in opened if subject.startswith(CARD)}
        self._seen: dict[str, str] = {}
        self._readable: set[tuple[str, str]] = set()
        self._xids: dict[str, tuple[int, float]] = {}
        self._at: float | None = None
        self.signs: dict[tuple[str, str], Sign] = {}
        """What was seen last of every subject that could be read."""

    def look(self, snapshot: Snapshot) -> list[Change]:
        """Every alarm that this snapshot raises, escalates or ends."""
        passed_s = 0.0 if self._at is None else snapshot.at - self._at
        self._at = snapshot.at
        scene = self._scene(snapshot)
        changes: list[Change] = []
        looked_at: set[tuple[str, str]] = set()
        for rule in self.rules:
            for sign in rule.look(scene):
                looked_at.add((rule.name, sign.subject))
                changes += self._judge(rule, sign, passed_s)
        changes += self._gone(looked_at)
        return changes

    def _judge(self, rule: Rule, sign: Sign, passed_s: float) -> Iterator[Change]:
        key = (rule.name, sign.subject)
        before = self._standings.get(key, Standing())
        by = next((name for name in sorted(rule.behind) if self._is_open(name, sign.subject)), None)
        if by is not None:
            self._standings.pop(key, None)
            if before.step:
                yield _change(Turn.REPLACED, rule, before.step, sign, by)
            return
        if sign.raises is not None:
            self.signs[key] = sign
        now, turn = judge(before, sign, rule, passed_s, self._recover_s)
        self._standings[key] = now
        if turn is not None:
            yield _change(turn, rule, max(before.step, now.step), sign)

    def _is_open(self, rule: str, subject: str) -> bool:
        standing = self._standings.get((rule, subject))
        return standing is not None and standing.step > 0

    def _gone(self, looked_at: set[tuple[str, str]]) -> Iterator[Change]:
        """Alarms of what nobody told of this time: an engine that is no longer configured."""
        rules = {rule.name: rule for rule in self.rules}
        for key in [key for key in self._standings if key not in looked_at]:
            standing = self._standings.pop(key)
            self.signs.pop(key, None)
            if standing.step:
                name, subject = key
                summary = f"{subject[:1].upper()}{subject[1:]} is no longer there to be looked at."
                sign = Sign(subject=subject, raises=0, summary=summary)
                yield _change(Turn.GONE, rules[name], standing.step, sign)

    def _scene(self, snapshot: Snapshot) -> Scene:
        machine = snapshot.machine
        meant = {engine.gpu: "" for engine in snapshot.engines if engine.gpu is not None}
        expected = {**dict.fromkeys(sorted(self._before), ""), **meant, **self._seen}
        if machine is None:
            return Scene(snapshot=snapshot, expected=_named(expected))
        if machine.problem is None:
            self._before.clear()
        self._seen |= {card.uuid: card.name for card in machine.cards}
        told = {
            (card.uuid, reading)
            for card in machine.cards
            for reading in ("memory_used", "temperature_c")
            if getattr(card, reading) is not None
        }
        here = {card.uuid for card in machine.cards}
        silent = frozenset(uuid for uuid, _ in self._readable - told if uuid in here)
        self._readable |= told
        for card in machine.cards:
            if card.xid is not None and self._xids.get(card.uuid, (None, 0.0))[0] != card.xid:
                self._xids[card.uuid] = (card.xid, snapshot.at)
        if machine.problem is None:
            expected = {uuid: name for uuid, name in expected.items() if uuid in meant or uuid in self._seen}
        return Scene(
            snapshot=snapshot,
            expected=_named({**expected, **self._seen}),
            silent=silent,
            xid_age_s={uuid: snapshot.at - at for uuid, (_, at) in self._xids.items()},
        )


def _named(cards: Mapping[str, str]) -> dict[str, str]:
    return {uuid: name or "of a name not known" for uuid, name in cards.items()}


def _change(turn: Turn, rule: Rule, step: int, sign: Sign, by: str = "") -> Change:
    return Change(
        turn=turn, rule=rule.name, step=step, severity=rule.steps[step - 1].severity, sign=sign, by=by
    )
