"""Scenes of coloured shapes, sampled and drawn on the fly in batches by signed distances."""

import math
from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor
from torch.nn import functional

SHAPES = ("circle", "square", "triangle", "star", "heart", "diamond", "moon", "cross")
COLOURS = {
    "red": (0.86, 0.10, 0.12),
    "orange": (0.98, 0.55, 0.05),
    "yellow": (0.98, 0.88, 0.10),
    "green": (0.10, 0.65, 0.20),
    "blue": (0.12, 0.25, 0.85),
    "purple": (0.50, 0.12, 0.62),
    "pink": (0.98, 0.50, 0.72),
    "brown": (0.45, 0.26, 0.10),
    "white": (0.98, 0.98, 0.98),
    "black": (0.03, 0.03, 0.03),
}
# Colour at the top, colour at the bottom, height of the change (0 is the top), its width.
BACKGROUNDS = {
    "white": ((0.92, 0.92, 0.93), (0.96, 0.96, 0.96), 0.5, 1.0),
    "gray": ((0.60, 0.62, 0.64), (0.70, 0.71, 0.72), 0.5, 1.0),
    "black": ((0.09, 0.09, 0.09), (0.13, 0.13, 0.13), 0.5, 1.0),
    "day": ((0.45, 0.72, 0.95), (0.80, 0.92, 0.99), 0.5, 1.0),
    "night": ((0.02, 0.03, 0.14), (0.10, 0.13, 0.34), 0.5, 1.0),
    "sunset": ((0.42, 0.26, 0.50), (0.98, 0.68, 0.45), 0.5, 0.9),
    "meadow": ((0.62, 0.85, 0.97), (0.46, 0.78, 0.36), 0.6, 0.06),
    "sea": ((0.80, 0.91, 0.96), (0.05, 0.46, 0.60), 0.5, 0.06),
    "sand": ((0.70, 0.88, 0.98), (0.90, 0.80, 0.58), 0.55, 0.06),
}
UNNAMED_BACKGROUNDS = ("white", "gray", "day")
PLACES = {
    "centre": (0.5, 0.5),
    "left": (0.25, 0.5),
    "right": (0.75, 0.5),
    "top": (0.5, 0.25),
    "bottom": (0.5, 0.75),
    "top left": (0.25, 0.25),
    "top right": (0.75, 0.25),
    "bottom left": (0.25, 0.75),
    "bottom right": (0.75, 0.75),
}
RELATIONS = {"left": (-1, 0), "right": (1, 0), "above": (0, -1), "below": (0, 1)}
SIZES = ("small", "big")
# Radius as part of the shorter side: unnamed, small, big; alone and in company.
RADII_ALONE = ((0.17, 0.22), (0.125, 0.15), (0.25, 0.29))
RADII_IN_COMPANY = ((0.155, 0.18), (0.12, 0.135), (0.20, 0.225))
MOST_OBJECTS = 3
NOTHING = -1
HELD_OUT_OF = 10
LEAST_CONTRAST = 0.33
TEXTURE_EXTENT, TEXTURE_SIDE = 1.6, 96


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenes:
    """A batch of scenes. Objects are (batch, 3), absent ones of shape -1; what is unsaid is -1."""

    shape: Tensor
    colour: Tensor
    radius: Tensor
    x: Tensor
    y: Tensor
    angle: Tensor
    tint: Tensor
    size: Tensor
    place: Tensor
    relation: Tensor
    background: Tensor
    named_background: Tensor
    shift: Tensor

    def __len__(self) -> int:
        return len(self.shape)

    def pick(self, index: Tensor) -> "Scenes":
        return Scenes(**{one.name: getattr(self, one.name)[index] for one in fields(self)})

    def evolve(self, **changes: Tensor) -> "Scenes":
        return replace(self, **changes)


def join(parts: list[Scenes]) -> Scenes:
    return Scenes(
        **{one.name: torch.cat([getattr(part, one.name) for part in parts]) for one in fields(Scenes)}
    )


def _polygon(points: Tensor, where: Tensor) -> Tensor:
    """Signed distance of every `where` (…, 2) to a closed polygon (n, 2); negative inside."""
    start, end = points, points.roll(-1, 0)
    edge = end - start
    offset = where.unsqueeze(-2) - start
    along = ((offset * edge).sum(-1) / (edge * edge).sum(-1)).clamp(0, 1)
    distance = (offset - along.unsqueeze(-1) * edge).norm(dim=-1).amin(-1)
    crosses = (start[:, 1] > where[..., 1:]) != (end[:, 1] > where[..., 1:])
    at = start[:, 0] + (where[..., 1:] - start[:, 1]) * edge[:, 0] / (edge[:, 1] + 1e-9)
    inside = (crosses & (where[..., :1] < at)).sum(-1) % 2 == 1
    return torch.where(inside, -distance, distance)


def _corners(radii: tuple[float, ...], count: int, turn: float = -0.25) -> Tensor:
    steps = [2 * math.pi * (number / count + turn) for number in range(count)]
    lengths = [radii[number % len(radii)] for number in range(count)]
    return torch.tensor(
        [[r * math.cos(a), r * math.sin(a)] for r, a in zip(lengths, steps, strict=True)], dtype=torch.float32
    )


def _heart() -> Tensor:
    turn = torch.linspace(0, 2 * math.pi, 65)[:-1]
    across = 16 * turn.sin() ** 3
    down = -(13 * turn.cos() - 5 * (2 * turn).cos() - 2 * (3 * turn).cos() - (4 * turn).cos())
    return torch.stack([across / 15.5, (down - 2.5) / 15.5], -1)


def _cross() -> Tensor:
    arm, reach = 0.34, 1.0
    quarter = [(arm, -reach), (arm, -arm), (reach, -arm)]
    points = []
    for _ in range(4):
        points += quarter
        quarter = [(-y, x) for x, y in quarter]
    return torch.tensor(points)


def distance_textures() -> Tensor:
    """(shapes, 1, side, side): signed distance in radii, over [-extent, extent] squared."""
    line = torch.linspace(-TEXTURE_EXTENT, TEXTURE_EXTENT, TEXTURE_SIDE)
    where = torch.stack(torch.meshgrid(line, line, indexing="xy"), -1)
    circle = where.norm(dim=-1) - 0.95
    bite = (where - torch.tensor([0.42, -0.12])).norm(dim=-1) - 0.78
    drawn = {
        "circle": circle,
        "square": _polygon(_corners((1.18,), 4, -0.125), where),
        "triangle": _polygon(_corners((1.15,), 3) + torch.tensor([0.0, 0.18]), where),
        "star": _polygon(_corners((1.15, 0.48), 10), where),
        "heart": _polygon(_heart(), where),
        "diamond": _polygon(_corners((1.15, 0.78), 4), where),
        "moon": torch.maximum(where.norm(dim=-1) - 1.0, -bite),
        "cross": _polygon(_cross(), where),
    }
    return torch.stack([drawn[name] for name in SHAPES]).unsqueeze(1)


PALETTE = torch.tensor(list(COLOURS.values()))
TOPS = torch.tensor([one[0] for one in BACKGROUNDS.values()])
BOTTOMS = torch.tensor([one[1] for one in BACKGROUNDS.values()])
HORIZONS = torch.tensor([one[2] for one in BACKGROUNDS.values()])
WIDTHS = torch.tensor([one[3] for one in BACKGROUNDS.values()])
TEXTURES = distance_textures()


def _contrast() -> Tensor:
    """(backgrounds, colours): may an object of this colour stand on this background?"""
    blend = torch.linspace(0, 1, 9).view(-1, 1, 1)
    seen = TOPS + (BOTTOMS - TOPS) * blend
    return (seen.unsqueeze(2) - PALETTE).norm(dim=-1).amin(0) > LEAST_CONTRAST


CONTRAST = _contrast()


def backgrounds(kinds: Tensor, shift: Tensor, height: int, width: int) -> Tensor:
    """(batch, 3, height, width); `shift` (batch, 4) moves the colours and the horizon a little."""
    rows = ((torch.arange(height) + 0.5) / height).view(1, 1, height, 1)
    horizon = (HORIZONS[kinds] + shift[:, 3]).view(-1, 1, 1, 1)
    blend = ((rows - horizon) / WIDTHS[kinds].view(-1, 1, 1, 1) + 0.5).clamp(0, 1)
    top = (TOPS[kinds] + shift[:, :3]).view(-1, 3, 1, 1)
    bottom = (BOTTOMS[kinds] + shift[:, :3]).view(-1, 3, 1, 1)
    return (top + (bottom - top) * blend).expand(-1, -1, -1, width).clamp(0, 1)


def coverage(
    shape: Tensor, x: Tensor, y: Tensor, radius: Tensor, angle: Tensor, height: int, width: int
) -> Tensor:
    """(batch, height, width): how much of each pixel the shape covers; all arguments are (batch,)."""
    side = min(height, width)
    across = (torch.arange(width) + 0.5).view(1, 1, width) - (x * width).view(-1, 1, 1)
    down = (torch.arange(height) + 0.5).view(1, height, 1) - (y * height).view(-1, 1, 1)
    scale = (radius * side * TEXTURE_EXTENT).view(-1, 1, 1)
    cos, sin = angle.cos().view(-1, 1, 1) / scale, angle.sin().view(-1, 1, 1) / scale
    grid = torch.stack([across * cos + down * sin, down * cos - across * sin], -1)
    texture = TEXTURES[shape.clamp(min=0)]
    distance = functional.grid_sample(texture, grid, padding_mode="border", align_corners=True)[:, 0]
    covered = (0.5 - distance * (radius * side).view(-1, 1, 1)).clamp(0, 1)
    return covered * (shape >= 0).view(-1, 1, 1)


def draw(scenes: Scenes, height: int = 64, width: int = 64) -> tuple[Tensor, Tensor]:
    """The pictures (batch, 3, height, width) in 0..1, and the part of each pixel that objects cover."""
    picture = backgrounds(scenes.background, scenes.shift, height, width)
    covered = torch.zeros(len(scenes), 1, height, width)
    for number in range(MOST_OBJECTS):
        present = (scenes.shape[:, number] >= 0).nonzero()[:, 0]
        if not len(present):
            continue
        one = scenes.pick(present)
        args = (one.shape, one.x, one.y, one.radius, one.angle)
        alpha = coverage(*(each[:, number] for each in args), height, width).unsqueeze(1)
        colour = (PALETTE[one.colour[:, number]] + one.tint[:, number]).clamp(0, 1)
        old = picture[present]
        picture = picture.index_copy(0, present, old + (colour.view(-1, 3, 1, 1) - old) * alpha)
        covered[present] = torch.maximum(covered[present], alpha)
    return picture, covered
