"""Which scenes there are: layouts of one, two and three objects, and which of them are held out."""

import torch
from torch import Generator, Tensor

from training.scenes import (
    BACKGROUNDS,
    COLOURS,
    CONTRAST,
    HELD_OUT_OF,
    MOST_OBJECTS,
    NOTHING,
    PLACES,
    RADII_ALONE,
    RADII_IN_COMPANY,
    RELATIONS,
    SHAPES,
    UNNAMED_BACKGROUNDS,
    Scenes,
)

PLACE_CENTRES = torch.tensor(list(PLACES.values()))
DIRECTIONS = torch.tensor(list(RELATIONS.values()), dtype=torch.float32)
UNNAMED = torch.tensor([list(BACKGROUNDS).index(name) for name in UNNAMED_BACKGROUNDS])


class Dice:
    """Draws tensors from one seeded generator, so that a batch follows from its number alone."""

    def __init__(self, seed: int) -> None:
        self.generator = Generator().manual_seed(seed)

    def below(self, high: int, *size: int) -> Tensor:
        return torch.randint(high, size, generator=self.generator)

    def between(self, low: float, high: float, *size: int) -> Tensor:
        return low + (high - low) * torch.rand(size, generator=self.generator)

    def chance(self, part: float, *size: int) -> Tensor:
        return torch.rand(size, generator=self.generator) < part

    def distinct(self, high: int, rows: int, count: int) -> Tensor:
        return torch.rand((rows, high), generator=self.generator).argsort(-1)[:, :count]


def sample(dice: Dice, count: int, objects: int, held_out: bool = False) -> Scenes:
    """`count` scenes of `objects` objects each, from the training half or from the held-out tenth."""
    want = count * (HELD_OUT_OF * 2 if held_out else 2) + 32
    scenes = _draft(dice, want, objects)
    good = _contrasting(scenes) & (is_held_out(scenes) == held_out)
    index = good.nonzero()[:count, 0]
    if len(index) < count:
        raise RuntimeError(f"only {len(index)} of {count} scenes were usable")
    return scenes.pick(index)


def is_held_out(scenes: Scenes) -> Tensor:
    """A tenth of all descriptions, spread so that every pair of properties still occurs in training."""
    factors = torch.tensor([3, 5, 7])
    parts = scenes.shape * 3 + scenes.colour * 7 + scenes.size * 5 + scenes.place * 11
    total = (parts * factors).sum(-1) + scenes.relation * 17 + scenes.named_background * 13
    return total.remainder(HELD_OUT_OF) == 0


def _contrasting(scenes: Scenes) -> Tensor:
    seen = CONTRAST[scenes.background.unsqueeze(-1), scenes.colour.clamp(min=0)]
    return (seen | (scenes.shape < 0)).all(-1)


def _draft(dice: Dice, rows: int, objects: int) -> Scenes:
    named = dice.chance(0.6, rows)
    background = torch.where(named, dice.below(len(BACKGROUNDS), rows), UNNAMED[dice.below(3, rows)])
    size = dice.below(3, rows, MOST_OBJECTS) - 1
    low, high = torch.tensor(RADII_ALONE if objects == 1 else RADII_IN_COMPANY)[size + 1].unbind(-1)
    if objects == MOST_OBJECTS:
        high = high.clamp(max=0.15)
        low = low.clamp(max=0.13)
    radius = low + (high - low) * dice.between(0, 1, rows, MOST_OBJECTS)
    place, relation, where = (_alone if objects == 1 else _together)(dice, rows, objects)
    room = radius + 0.03
    x = torch.minimum(torch.maximum(where[..., 0], room), 1 - room)
    y = torch.minimum(torch.maximum(where[..., 1], room), 1 - room)
    absent = torch.arange(MOST_OBJECTS) >= objects
    return Scenes(
        shape=dice.distinct(len(SHAPES), rows, MOST_OBJECTS).masked_fill(absent, NOTHING),
        colour=dice.distinct(len(COLOURS), rows, MOST_OBJECTS).masked_fill(absent, NOTHING),
        radius=radius,
        x=x,
        y=y,
        angle=dice.between(-0.12, 0.12, rows, MOST_OBJECTS),
        tint=dice.between(-0.03, 0.03, rows, MOST_OBJECTS, 3),
        size=size.masked_fill(absent, NOTHING),
        place=place.masked_fill(absent, NOTHING),
        relation=relation,
        background=background,
        named_background=torch.where(named, background, NOTHING),
        shift=dice.between(-0.02, 0.02, rows, 4),
    )


def _alone(dice: Dice, rows: int, _objects: int) -> tuple[Tensor, Tensor, Tensor]:
    """At a named place, or, unnamed, somewhere about the centre."""
    named = dice.chance(0.7, rows)
    place = torch.where(named, dice.below(len(PLACES), rows), NOTHING)
    spread = torch.where(named, 0.04, 0.10).view(-1, 1)
    where = PLACE_CENTRES[place.clamp(min=0)] + spread * dice.between(-1, 1, rows, 2)
    wide = torch.full((rows, MOST_OBJECTS), NOTHING)
    wide[:, 0] = place
    positions = torch.full((rows, MOST_OBJECTS, 2), 0.5)
    positions[:, 0] = where
    return wide, torch.full((rows,), NOTHING), positions


def _together(dice: Dice, rows: int, objects: int) -> tuple[Tensor, Tensor, Tensor]:
    """Two in a relation; or two or three at named places far enough apart."""
    related = dice.chance(0.7, rows) if objects == 2 else torch.zeros(rows, dtype=torch.bool)
    relation = torch.where(related, dice.below(len(RELATIONS), rows), NOTHING)
    along = DIRECTIONS[relation.clamp(min=0)] * 0.23
    aside = dice.between(-0.1, 0.1, rows, 1) * DIRECTIONS[relation.clamp(min=0)].flip(-1)
    facing = torch.stack([0.5 + along + aside, 0.5 - along + aside, torch.full((rows, 2), 0.5)], 1)
    place = _apart(dice, rows, objects)
    positions = torch.where(related.view(-1, 1, 1), facing, PLACE_CENTRES[place])
    positions = positions + 0.03 * dice.between(-1, 1, rows, MOST_OBJECTS, 2)
    return place.masked_fill(related.view(-1, 1), NOTHING), relation, positions


def _apart(dice: Dice, rows: int, objects: int) -> Tensor:
    """(rows, 3) places of which the first `objects` do not overlap."""
    drafts = dice.distinct(len(PLACES), rows * 12, MOST_OBJECTS)
    centres = PLACE_CENTRES[drafts[:, :objects]]
    gaps = torch.cdist(centres, centres) + torch.eye(objects) * 9
    good = drafts[gaps.amin((-1, -2)) >= (0.45 if objects == 2 else 0.34)]
    return good[:rows]
