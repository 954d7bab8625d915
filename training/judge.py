"""Tells from a picture whether the scene is right: shape, colour and place. For training curves only."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from training.scenes import BACKGROUNDS, MOST_OBJECTS, PALETTE, SHAPES, Scenes, backgrounds, coverage

TURNS = (-0.1, 0.0, 0.1)
LEAST_OVERLAP = 0.72
PLACE_TOLERANCE = 0.13
STRAY_PART = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Per scene and object; an absent object is right. `clean`: nothing is seen that was not asked for."""

    shape: Tensor
    colour: Tensor
    place: Tensor
    background: Tensor
    clean: Tensor

    @property
    def right(self) -> Tensor:
        return (self.shape & self.colour & self.place).all(-1) & self.background & self.clean


def _background(pictures: Tensor) -> tuple[Tensor, Tensor]:
    """The background kind that explains most pixels, and its picture."""
    height, width = pictures.shape[-2:]
    kinds = torch.arange(len(BACKGROUNDS))
    plain = backgrounds(kinds, torch.zeros(len(kinds), 4), height, width)
    gap = (pictures.unsqueeze(1) - plain).norm(dim=2)
    best = (gap < 0.12).float().mean((-1, -2)).argmax(-1)
    return best, plain[best]


def _largest(mask: Tensor) -> Tensor:
    """(batch, height, width): the biggest connected part of each mask."""
    batch, height, width = mask.shape
    label = (torch.arange(1, height * width + 1).view(1, height, width) * mask).float()
    while True:
        spread = functional.max_pool2d(label.unsqueeze(1), 3, 1, 1)[:, 0] * mask
        if torch.equal(spread, label):
            break
        label = spread
    counts = torch.zeros(batch, height * width + 1).scatter_add_(
        1, label.long().flatten(1), mask.float().flatten(1)
    )
    winner = counts[:, 1:].argmax(-1) + 1
    return mask & (label.long() == winner.view(-1, 1, 1))


def _shape(mask: Tensor, x: Tensor, y: Tensor, area: Tensor) -> tuple[Tensor, Tensor]:
    """The shape whose drawing of the same area overlaps the mask best, and by how much."""
    height, width = mask.shape[-2:]
    scores = torch.stack([_overlap(mask, kind, x, y, area, height, width) for kind in range(len(SHAPES))], -1)
    best = scores.max(-1)
    return best.indices, best.values


def _overlap(mask: Tensor, kind: int, x: Tensor, y: Tensor, area: Tensor, height: int, width: int) -> Tensor:
    """Drawn at a trial size, measured, then redrawn so that area and centroid agree."""
    kinds = torch.full((len(mask),), kind)
    radius, half = (area / 3.0).sqrt() / min(height, width), torch.full_like(x, 0.5)
    best = torch.zeros_like(x)
    unit = coverage(kinds[:1], half[:1], half[:1], half[:1] * 0.5, half[:1] * 0, 128, 128)[0]
    centre = _centroid(unit.unsqueeze(0))
    radius = 0.25 * (area / unit.sum()).sqrt() * 128 / min(height, width)
    for turn in TURNS:
        angle = torch.full_like(x, turn)
        at_x = x - (centre[0] - 0.5) / 0.25 * radius * min(height, width) / width
        at_y = y - (centre[1] - 0.5) / 0.25 * radius * min(height, width) / height
        drawn = coverage(kinds, at_x, at_y, radius, angle, height, width) > 0.5
        both, either = (drawn & mask).sum((-1, -2)), (drawn | mask).sum((-1, -2)).clamp(min=1)
        best = torch.maximum(best, both / either)
    return best


def _centroid(mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    weight = mask.float()
    area = weight.sum((-1, -2)).clamp(min=1)
    height, width = mask.shape[-2:]
    x = (weight.sum(-2) * (torch.arange(width) + 0.5)).sum(-1) / area / width
    y = (weight.sum(-1) * (torch.arange(height) + 0.5)).sum(-1) / area / height
    return x, y, area


def judge(pictures: Tensor, scenes: Scenes) -> Verdict:
    """Compares pictures (batch, 3, height, width) in 0..1 with the scenes they should show."""
    kind, plain = _background(pictures)
    gap = (pictures.unsqueeze(1) - PALETTE.view(1, -1, 3, 1, 1)).norm(dim=2)
    behind = (pictures - plain).norm(dim=1, keepdim=True)
    seen = torch.cat([behind * 0.7, gap], 1).argmin(1) - 1
    shape, colour, place = [], [], []
    explained = torch.zeros_like(seen, dtype=torch.bool)
    for number in range(MOST_OBJECTS):
        absent = scenes.shape[:, number] < 0
        part = _largest(seen == scenes.colour[:, number].clamp(min=0).view(-1, 1, 1))
        x, y, area = _centroid(part)
        found, overlap = _shape(part, x, y, area)
        wanted = 2.2 * (scenes.radius[:, number] * min(pictures.shape[-2:])) ** 2
        visible = (area > wanted * 0.3) & (area < wanted * 3)
        near = ((x - scenes.x[:, number]).abs() < PLACE_TOLERANCE) & (
            (y - scenes.y[:, number]).abs() < PLACE_TOLERANCE
        )
        shape.append(absent | ((found == scenes.shape[:, number]) & (overlap > LEAST_OVERLAP)))
        colour.append(absent | visible)
        place.append(absent | near)
        grown = functional.max_pool2d(part.unsqueeze(1).float(), 5, 1, 2)[:, 0] > 0
        explained |= grown & ~absent.view(-1, 1, 1)
    stray = ((seen >= 0) & ~explained).float().mean((-1, -2))
    wanted_kind = scenes.named_background
    return Verdict(
        shape=torch.stack(shape, -1),
        colour=torch.stack(colour, -1),
        place=torch.stack(place, -1),
        background=(wanted_kind < 0) | (kind == wanted_kind),
        clean=stray < STRAY_PART,
    )


def survival(decoded: Tensor, pictures: Tensor, scenes: Scenes) -> float:
    """The part of right pictures that are still right after the round trip."""
    true = judge(pictures, scenes).right
    return float((judge(decoded, scenes).right & true).sum() / true.sum())
