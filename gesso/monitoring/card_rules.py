"""Rules about cards: lost, with errors, not to be read, full, hot."""

from collections.abc import Callable, Iterator

from gesso.config.alerts import AlertsConfig
from gesso.config.values import size_text
from gesso.gpus import throttles, xids
from gesso.gpus.reader import Card
from gesso.monitoring.rule import Rule, Scene, Severity, Sign, Step, step_at

# By how much a reading must fall below a threshold before it counts as below.
BAND = 5.0
LOST_FOR_S = 10.0
# An error that a program made is over when no other came for so long; the card's own lasts.
PASSING_S = 3600.0

WARNING, CRITICAL = Severity.WARNING, Severity.CRITICAL


def card_rules(config: AlertsConfig) -> tuple[Rule, ...]:
    vram = (config.vram_warning, config.vram_critical)
    heat = (config.temperature_warning, config.temperature_critical)
    hold_s = config.hold_s
    held = (Step(severity=WARNING, for_s=hold_s), Step(severity=CRITICAL, for_s=hold_s))
    lost = frozenset({"card-lost"})
    return (
        Rule(
            name="card-lost",
            steps=(Step(severity=CRITICAL, for_s=LOST_FOR_S),),
            look=_lost,
            when=f"a card that was there, or that an engine is meant to use, is gone for {LOST_FOR_S:g} s",
            ends="it is there again",
        ),
        Rule(
            name="card-error",
            steps=(Step(severity=WARNING), Step(severity=CRITICAL)),
            look=_errors,
            when="the driver reports an Xid error; critical where it is the card's own and lasts",
            ends=f"gesso was started anew; a program's error also after {PASSING_S / 60:.0f} min",
        ),
        Rule(
            name="card-unreadable",
            steps=(Step(severity=WARNING, for_s=config.unreadable_s),),
            look=_unreadable,
            when=f"a card tells neither memory nor temperature, or no longer, for {config.unreadable_s:g} s",
            ends="it can be read again",
            behind=lost,
        ),
        Rule(
            name="vram",
            steps=held,
            look=_each(lambda card: _vram(card, vram)),
            when=f"{vram[0]:g} % of a card's memory is in use for {hold_s:g} s; critical from {vram[1]:g} %",
            ends=f"it is below {vram[0] - BAND:g} %",
            behind=lost,
        ),
        Rule(
            name="temperature",
            steps=held,
            look=_each(lambda card: _temperature(card, heat)),
            when=f"a card has {heat[0]:g} °C for {hold_s:g} s; critical from {heat[1]:g} °C",
            ends=f"it is below {heat[0] - BAND:g} °C",
            behind=lost,
        ),
    )


def _subject(uuid: str) -> str:
    return f"card {uuid}"


def _named(card: Card) -> str:
    return f"Card {card.name} ({card.uuid})"


def _each(look: Callable[[Card], Sign]) -> Callable[[Scene], Iterator[Sign]]:
    """Every card that is expected; of those that were not told there is no sign but that."""

    def all_of(scene: Scene) -> Iterator[Sign]:
        cards = scene.cards
        for uuid in scene.expected:
            yield look(cards[uuid]) if uuid in cards else Sign(subject=_subject(uuid), raises=None)

    return all_of


def _lost(scene: Scene) -> Iterator[Sign]:
    cards = scene.cards
    dumb = {card.uuid for card in scene.snapshot.cards if card.lost}
    for uuid, name in scene.expected.items():
        subject, card = _subject(uuid), f"Card {name} ({uuid})"
        if uuid in cards:
            yield Sign(subject=subject, raises=0, summary=f"{card} is there.")
        elif uuid not in dumb and not scene.whole:
            yield Sign(subject=subject, raises=None)
        else:
            yield Sign(
                subject=subject,
                raises=1,
                keeps=1,
                summary=f"{card} is gone.",
                evidence="it was there, and does not answer any more"
                if uuid in dumb
                else f"{len(cards)} cards are told of, and it is not among them",
                remedy="Look for it with `nvidia-smi` and for Xid errors in the system's log; "
                "a card that fell off the bus comes back with a restart of the machine.",
            )


def _errors(scene: Scene) -> Iterator[Sign]:
    cards = scene.cards
    for uuid in scene.expected:
        card = cards.get(uuid)
        if card is None or card.xid is None:
            yield Sign(subject=_subject(uuid), raises=None)
            continue
        error = xids.explain(card.xid)
        if card.xid == 0 or (not error.lasting and scene.xid_age_s.get(uuid, 0.0) > PASSING_S):
            yield Sign(subject=_subject(uuid), raises=0, summary=f"{_named(card)} reports no more errors.")
            continue
        step = 2 if error.lasting else 1
        yield Sign(
            subject=_subject(uuid),
            raises=step,
            keeps=step,
            summary=f"{_named(card)} reports an error: {error.words}.",
            evidence=f"Xid {card.xid}",
            remedy=error.remedy,
        )


def _unreadable(scene: Scene) -> Iterator[Sign]:
    machine = scene.snapshot.machine
    if machine is not None and machine.problem is not None and scene.expected:
        yield Sign(
            subject="cards",
            raises=1,
            keeps=1,
            summary="The cards of this machine cannot be read.",
            evidence=machine.problem,
            remedy="`gesso gpus` and `nvidia-smi` show what the driver says.",
        )
    else:
        told = None if machine is None else 0
        yield Sign(subject="cards", raises=told, summary="The cards of this machine can be read.")
    for uuid, card in scene.cards.items():
        dumb = card.memory_used is None and card.temperature_c is None
        bad = dumb or uuid in scene.silent
        yield Sign(
            subject=_subject(uuid),
            raises=1 if bad else 0,
            keeps=1 if bad else 0,
            summary=f"{_named(card)} cannot be read." if bad else f"{_named(card)} can be read.",
            evidence="; ".join(card.problems),
            remedy="What it told last stands; `nvidia-smi` shows whether the driver knows more."
            if bad
            else "",
        )


def _vram(card: Card, thresholds: tuple[float, float]) -> Sign:
    subject = _subject(card.uuid)
    if card.memory_used is None or not card.memory_total:
        return Sign(subject=subject, raises=None)
    percent = 100.0 * card.memory_used / card.memory_total
    used = f"{size_text(card.memory_used)} of {size_text(card.memory_total)}"
    return Sign(
        subject=subject,
        raises=step_at(percent, thresholds),
        keeps=step_at(percent + BAND, thresholds),
        summary=f"{_named(card)}: {percent:.0f} % of its memory is in use.",
        evidence=used,
        remedy="`gesso gpus` shows which processes hold it.",
    )


def _temperature(card: Card, thresholds: tuple[float, float]) -> Sign:
    subject = _subject(card.uuid)
    if card.temperature_c is None:
        return Sign(subject=subject, raises=None)
    lowered = "; ".join(throttles.explain(reason) for reason in card.throttled_by or ())
    return Sign(
        subject=subject,
        raises=step_at(card.temperature_c, thresholds),
        keeps=step_at(card.temperature_c + BAND, thresholds),
        summary=f"{_named(card)} has {card.temperature_c:.0f} °C.",
        evidence=f"its clocks are lowered: {lowered}"
        if lowered
        else "its clocks are not known to be lowered",
        remedy="Look at its fans, its dust and the air around it; a lower power limit keeps it cooler.",
    )
