"""The eye that looks at sketch's pictures: it sees what is there, and takes nothing else for it."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import pytest
from PIL import Image

from tests.measuring import judged
from tests.scenery import COLOURS, SHAPES, WHERE, Scene, draw, scenes, wishes
from tests.seeing import BACKGROUNDS, Seen, see


@cache
def true() -> list[tuple[Scene, Seen]]:
    """Scenes, and what is seen in true pictures of them."""
    return [(scene, see(draw(scene))) for scene in scenes(1, 60, seed=7) + scenes(2, 40, seed=7)]


def test_it_sees_true_pictures_as_they_are() -> None:
    right = [judged(seen, scene, kept=True).right for scene, seen in true()]
    assert sum(right) >= 0.97 * len(right)


def of_another(names: tuple[str, ...], name: str | None) -> str:
    return names[(names.index(name) + 1) % len(names)] if name else names[0]


def changed(scene: Scene, **changes: str) -> Scene:
    return replace(scene, things=(replace(scene.things[0], **changes), *scene.things[1:]))  # type: ignore[arg-type]


WRONG: dict[str, Callable[[Scene], Scene]] = {
    "shape": lambda scene: changed(scene, shape=of_another(SHAPES, scene.things[0].shape)),
    "colour": lambda scene: changed(scene, colour=of_another(tuple(COLOURS), scene.things[0].colour)),
    "place": lambda scene: changed(scene, place=of_another(tuple(WHERE), scene.things[0].place)),
    "background": lambda scene: replace(
        scene, named=True, background=of_another(tuple(BACKGROUNDS), scene.background)
    ),
    "one too few": lambda scene: replace(scene, things=scene.things[:-1], relation=None),
}


@pytest.mark.parametrize("what", WRONG)
def test_it_takes_nothing_for_something_else(what: str) -> None:
    accepted = [
        judged(seen, WRONG[what](scene)).right
        for scene, seen in true()
        # A thing of no named place is at one all the same.
        if what != "place" or scene.things[0].place
    ]
    assert len(accepted) > 30 and sum(accepted) <= 0.02 * len(accepted)


def test_a_relation_the_wrong_way_round_is_wrong() -> None:
    opposite = {"left of": "right of", "right of": "left of", "above": "below", "below": "above"}
    related = [(scene, seen) for scene, seen in true() if scene.relation]
    assert len(related) > 20
    for scene, seen in related:
        assert scene.relation and not judged(seen, replace(scene, relation=opposite[scene.relation])).right


@pytest.mark.parametrize("kind", ["recolour", "remove", "background"])
def test_an_unfulfilled_wish_is_wrong_and_a_fulfilled_one_right(kind: str) -> None:
    for wish in wishes(kind, 12):
        assert not judged(see(draw(wish.before)), wish.after, kept=True).right
        assert judged(see(draw(wish.after)), wish.after, kept=True).right


def test_it_sees_the_same_in_any_size() -> None:
    [scene] = scenes(1, 1)
    for side in (48, 128, 500):
        [thing] = see(draw(scene, side)).things
        assert abs(thing.radius - scene.things[0].radius) < 0.02
        assert judged(see(draw(scene, side)), scene, kept=True).right


def test_where_nothing_is_there_is_nothing() -> None:
    seen = see(Image.new("RGB", (64, 64), (240, 240, 241)))
    assert (seen.background, seen.things) == ("white", ())
