"""Pairs of scenes before and after a wish, and the wish in words."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from training.captions import Writer
from training.sampling import PLACE_CENTRES, Dice, sample
from training.scenes import BACKGROUNDS, COLOURS, CONTRAST, NOTHING, SHAPES, Scenes, join

EDITS = ("recolour", "remove", "background", "add")
TRIES = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """Before and after; `touched` is the object changed, `named` its colour as spoken or -1."""

    before: Scenes
    after: Scenes
    captions: list[str]
    kind: Tensor
    touched: Tensor
    named: Tensor


def pairs(
    dice: Dice, writer: Writer, count: int, kind: int, held_out: bool = False, alone: float = 0.5
) -> Edit:
    """`count` edits of one kind, the part `alone` of them on scenes of one object, the others of two."""
    single = math.ceil(count * alone)
    ones = sample(dice, single, 1, held_out)
    before = join([ones, sample(dice, count - single, 2, held_out)])
    touched = torch.where(torch.arange(count) < single, 0, dice.below(2, count))
    return (_recolour, _remove, _background, _add)[kind](dice, writer, before, touched)


def _spoken(dice: Dice, scenes: Scenes, touched: Tensor) -> tuple[Tensor, Tensor]:
    rows = torch.arange(len(scenes))
    named = torch.where(dice.chance(0.5, len(scenes)), scenes.colour[rows, touched], NOTHING)
    return scenes.shape[rows, touched], named


def _recolour(dice: Dice, writer: Writer, before: Scenes, touched: Tensor) -> Edit:
    rows = torch.arange(len(before))
    shape, named = _spoken(dice, before, touched)
    wanted = dice.below(len(COLOURS), len(before))
    for _ in range(TRIES):
        clash = (before.colour == wanted.unsqueeze(-1)).any(-1) | ~CONTRAST[before.background, wanted]
        wanted = torch.where(clash, dice.below(len(COLOURS), len(before)), wanted)
    colour = before.colour.clone()
    colour[rows, touched] = wanted
    texts = [
        writer.edit("recolour", (s, c), {"colour": w})
        for s, c, w in zip(shape.tolist(), named.tolist(), wanted.tolist(), strict=True)
    ]
    return _edit(before, before.evolve(colour=colour), texts, 0, touched, named)


def _remove(dice: Dice, writer: Writer, before: Scenes, touched: Tensor) -> Edit:
    rows = torch.arange(len(before))
    shape, named = _spoken(dice, before, touched)
    left = before.shape.clone()
    left[rows, touched] = NOTHING
    texts = [writer.edit("remove", (s, c), {}) for s, c in zip(shape.tolist(), named.tolist(), strict=True)]
    return _edit(before, before.evolve(shape=left), texts, 1, touched, named)


def _background(dice: Dice, writer: Writer, before: Scenes, touched: Tensor) -> Edit:
    wanted = dice.below(len(BACKGROUNDS), len(before))
    for _ in range(TRIES * 2):
        seen = CONTRAST[wanted.unsqueeze(-1), before.colour.clamp(min=0)] | (before.shape < 0)
        bad = ~seen.all(-1) | (wanted == before.background)
        wanted = torch.where(bad, dice.below(len(BACKGROUNDS), len(before)), wanted)
    texts = [writer.edit("background", (0, 0), {"background": one}) for one in wanted.tolist()]
    after = before.evolve(background=wanted, named_background=wanted)
    return _edit(before, after, texts, 2, touched * 0, touched * 0 + NOTHING)


def _add(dice: Dice, writer: Writer, before: Scenes, _touched: Tensor) -> Edit:
    """A new object at a named place, into the first gap of scenes that have room there."""
    count = len(before)
    before = before.evolve(shape=before.shape.index_fill(1, torch.tensor([1, 2]), NOTHING))
    shape, place = dice.below(len(SHAPES), count), dice.below(len(PLACE_CENTRES), count)
    colour, size = dice.below(len(COLOURS), count), dice.below(2, count) - 1
    for _ in range(TRIES):
        near = (PLACE_CENTRES[place] - torch.stack([before.x[:, 0], before.y[:, 0]], -1)).norm(dim=-1)
        place = torch.where(near < before.radius[:, 0] + 0.2, dice.below(len(PLACE_CENTRES), count), place)
        clash = (before.colour[:, 0] == colour) | ~CONTRAST[before.background, colour]
        colour = torch.where(clash, dice.below(len(COLOURS), count), colour)
        shape = torch.where(shape == before.shape[:, 0], dice.below(len(SHAPES), count), shape)
    radius = torch.where(size < 0, 0.165, 0.13) + dice.between(-0.01, 0.01, count)
    where = PLACE_CENTRES[place] + dice.between(-0.03, 0.03, count, 2)
    x, y = where.unbind(-1)
    new = {"shape": shape, "colour": colour, "x": x, "y": y, "radius": radius, "size": size, "place": place}
    second = torch.tensor([1])
    changes = {
        name: getattr(before, name).index_copy(1, second, one.unsqueeze(1)) for name, one in new.items()
    }
    rows = zip(shape.tolist(), colour.tolist(), size.tolist(), place.tolist(), strict=True)
    texts = [writer.edit("add", (s, c), {"size": z, "place": p}) for s, c, z, p in rows]
    return _edit(before, before.evolve(**changes), texts, 3, torch.ones_like(place), colour)


def _edit(before: Scenes, after: Scenes, texts: list[str], kind: int, touched: Tensor, named: Tensor) -> Edit:
    kinds = torch.full_like(touched, kind)
    return Edit(before=before, after=after, captions=texts, kind=kinds, touched=touched, named=named)
