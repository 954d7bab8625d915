"""An eye for sketch's pictures: what shapes of which colours stand where, on what background.

It is told nothing of what was asked for, and shares no code with the training or its judge. Pictures are
compared in OKLab, where equal distances look about equally large.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from math import cos, pi, radians, sin, sqrt

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

Array = NDArray[np.float64]
Points = list[tuple[float, float]]

COLOURS = {
    "red": "db1a1f",
    "orange": "fa8c0d",
    "yellow": "fae01a",
    "green": "1aa633",
    "blue": "1f40d9",
    "purple": "801f9e",
    "pink": "fa80b8",
    "brown": "73421a",
    "white": "fafafa",
    "black": "080808",
}
BACKGROUNDS = {
    "white": "f0f0f1",
    "gray": "a6a8ad",
    "black": "1c1c1c",
    "day": "73b8f2 83c0f4 9acdf7 b1d9fa c4e5fc",
    "night": "05081f 080e2a 0f1640 151d4c 1a2157",
    "sunset": "6b4280 7b4f7f 9f6379 cf8976 f4aa74 faad73",
    "meadow": "9ed9f7 9ed9f7 9ed9f7 75c75c 75c75c",
    "sea": "cce8f5 cce8f5 0d7599 0d7599",
    "sand": "b3e0fa b3e0fa b3e0fa b3e0fa b3e0fa e6cc94 e6cc94 e6cc94 e6cc94",
}
"""Colours at even heights, from the top."""
PLACES = (
    ("top left", "top", "top right"),
    ("left", "centre", "right"),
    ("bottom left", "bottom", "bottom right"),
)
UNCLEAR = "unclear"

_SIDE = 96
"""The shorter side of what is looked at."""
_FOREGROUND, _DISTINCT = 0.06, 0.085
"""How far what stands out is from the background: everywhere, and somewhere; a faint halo is none."""
_LARGEST_BACKGROUND_ERROR = 0.09
_LARGEST_COLOUR_ERROR = 0.13
_LEAST_AREA = 0.005
"""Of the picture; smaller things are specks."""
_LEAST_OVERLAP = {
    "circle": 0.82,
    "square": 0.82,
    "triangle": 0.75,
    "star": 0.66,
    "heart": 0.77,
    "diamond": 0.77,
    "moon": 0.7,
    "cross": 0.74,
}
"""With thin points, pixels and the VAE take more of it; a lump is much like a circle."""
_TURNS = range(-18, 19, 6)
_GRID = 40
_REACH = 1.35
"""Half the side of a normalised shape, in roots of its area."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    """A shape; places are parts of width and height, the radius one of the shorter side."""

    shape: str
    colour: str
    x: float
    y: float
    radius: float
    likeness: float
    """The shape's overlap with what it is taken for, 0 to 1."""

    @property
    def place(self) -> str:
        return PLACES[_third(self.y)][_third(self.x)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What is in a picture, the largest thing first."""

    background: str
    things: tuple[Thing, ...]


def see(picture: Image.Image) -> Seen:
    pixels = _pixels(picture)
    behind = _behind(pixels)
    things = [thing for mask in _regions(pixels, behind) for thing in _things(pixels, behind, mask)]
    return Seen(background=_background(behind), things=tuple(sorted(things, key=lambda thing: -thing.radius)))


def _third(share: float) -> int:
    return 0 if share < 0.4 else 2 if share > 0.6 else 1


def _pixels(picture: Image.Image) -> Array:
    """[height, width, 3] in OKLab, the shorter side as long as we look at."""
    scale = _SIDE / min(picture.size)
    size = (round(picture.width * scale), round(picture.height * scale))
    resample = Image.Resampling.BOX if scale < 0.5 else Image.Resampling.BILINEAR
    return oklab(np.asarray(picture.convert("RGB").resize(size, resample)) / 255)


def oklab(colours: Array) -> Array:
    """[…, 3] of sRGB, 0 to 1."""
    linear = np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)
    cones = np.array(
        [
            [0.4122214708, 0.5363325363, 0.0514459929],
            [0.2119034982, 0.6806995451, 0.1073969566],
            [0.0883024619, 0.2817188376, 0.6299787005],
        ]
    )
    mix = np.array(
        [
            [0.2104542553, 0.7936177850, -0.0040720468],
            [1.9779984951, -2.4285922050, 0.4505937099],
            [0.0259040371, 0.7827717662, -0.8086757660],
        ]
    )
    answer: Array = np.cbrt(linear @ cones.T) @ mix.T
    return answer


def _named(colours: str) -> Array:
    levels = [[int(each[start : start + 2], 16) / 255 for start in (0, 2, 4)] for each in colours.split()]
    return oklab(np.array(levels))


def _behind(pixels: Array) -> Array:
    """[height, 1, 3]: the background of each row, as the picture's left and right ends show it."""
    width = max(2, round(pixels.shape[1] * 0.06))
    ends = np.concatenate([pixels[:, :width], pixels[:, -width:]], axis=1)
    rows: Array = np.median(ends, axis=1, keepdims=True)
    return rows


def _background(behind: Array) -> str:
    rows = np.linspace(0, 1, len(behind))
    errors = {}
    for name, colours in BACKGROUNDS.items():
        known = _named(colours)
        heights = (np.arange(len(known)) + 0.5) / len(known)
        wanted = np.stack([np.interp(rows, heights, known[:, axis]) for axis in range(3)], axis=-1)
        # The median, as a horizon may lie a little higher or lower.
        errors[name] = float(np.median(np.linalg.norm(behind[:, 0] - wanted, axis=-1)))
    best = min(errors, key=errors.__getitem__)
    return best if errors[best] < _LARGEST_BACKGROUND_ERROR else UNCLEAR


def _regions(pixels: Array, behind: Array) -> Iterator[NDArray[np.bool_]]:
    """What stands out from the background, each connected part."""
    contrast = np.linalg.norm(pixels - behind, axis=-1)
    for part in _connected(contrast > _FOREGROUND):
        if np.quantile(contrast[part], 0.9) > _DISTINCT:
            yield part


def _connected(mask: NDArray[np.bool_]) -> Iterator[NDArray[np.bool_]]:
    """The parts large enough to be a thing."""
    left = mask.copy()
    while left.any():
        part = np.zeros_like(mask)
        part[np.unravel_index(np.argmax(left), mask.shape)] = True
        size = 0
        while size < (size := int(part.sum())):
            part = _grown(part) & left
        left &= ~part
        if size >= _LEAST_AREA * mask.size:
            yield part


def _grown(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """By a pixel up, down, left and right."""
    grown = mask.copy()
    grown[1:] |= mask[:-1]
    grown[:-1] |= mask[1:]
    grown[:, 1:] |= mask[:, :-1]
    grown[:, :-1] |= mask[:, 1:]
    return grown


def _things(pixels: Array, behind: Array, mask: NDArray[np.bool_]) -> Iterator[Thing]:
    """Of a connected part: one, or several that touch, where it has several colours."""
    core = _core(mask)
    names, known = list(COLOURS), np.concatenate([_named(each) for each in COLOURS.values()])
    errors = np.linalg.norm(pixels[:, :, None] - known, axis=-1)
    nearest = errors.argmin(axis=-1)
    counts = np.bincount(nearest[core], minlength=len(names))
    several = [number for number in np.flatnonzero(counts >= 0.2 * counts.sum())]
    if len(several) <= 1:
        yield _thing(pixels, behind, mask, core)
        return
    chosen = np.array(several)[errors[:, :, several].argmin(axis=-1)]
    for number in several:
        for part in _connected(mask & (chosen == number)):
            yield _thing(pixels, behind, part, _core(part))


def _core(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Without its rim, where its colour is mixed with the background's."""
    inner = mask
    for _ in range(3):
        smaller = ~_grown(~inner)
        if not smaller.any():
            break
        inner = smaller
    return inner


def _thing(pixels: Array, behind: Array, mask: NDArray[np.bool_], core: NDArray[np.bool_]) -> Thing:
    colour = np.median(pixels[core], axis=0)
    cover = _cover(pixels, behind, colour) * _grown(mask)
    area, x, y = _moments(cover)
    root = sqrt(area)
    outline, turn, likeness = _likest(_normal(cover, x, y, root))
    [(middle_x, middle_y)] = _turned([(-outline.x / outline.root, -outline.y / outline.root)], turn)
    height, width = cover.shape
    return Thing(
        shape=outline.name if likeness >= _LEAST_OVERLAP[outline.name] else UNCLEAR,
        colour=_colour(colour),
        x=(x + middle_x * root) / width,
        y=(y + middle_y * root) / height,
        radius=root / outline.root / min(width, height),
        likeness=likeness,
    )


def _colour(colour: Array) -> str:
    errors = {name: float(np.linalg.norm(colour - _named(each)[0])) for name, each in COLOURS.items()}
    best = min(errors, key=errors.__getitem__)
    return best if errors[best] < _LARGEST_COLOUR_ERROR else UNCLEAR


def _cover(pixels: Array, behind: Array, colour: Array) -> Array:
    """How much of each pixel the thing covers: how far it is on the way from background to colour."""
    way = colour - behind
    share = ((pixels - behind) * way).sum(axis=-1) / np.maximum((way * way).sum(axis=-1), 1e-6)
    cover: Array = np.clip(share, 0, 1)
    return cover


def _moments(cover: Array) -> tuple[float, float, float]:
    """Area, and the centre of mass from the upper left corner; in pixels."""
    height, width = cover.shape
    area = max(float(cover.sum()), 1e-6)
    x = float((cover.sum(axis=0) * (np.arange(width) + 0.5)).sum() / area)
    y = float((cover.sum(axis=1) * (np.arange(height) + 0.5)).sum() / area)
    return area, x, y


def _normal(cover: Array, x: float, y: float, root: float) -> Array:
    """[grid, grid]: about its centre of mass, with an area of 1."""
    step = 2 * _REACH * root / _GRID
    left, top = x - _REACH * root, y - _REACH * root
    image = Image.fromarray(cover.astype(np.float32))
    # Larger pictures are averaged, so that the grid misses nothing.
    placed = image.transform(
        (_GRID * 3, _GRID * 3),
        Image.Transform.AFFINE,
        (step / 3, 0, left, 0, step / 3, top),
        Image.Resampling.BILINEAR,
    )
    return np.asarray(placed.resize((_GRID, _GRID), Image.Resampling.BOX), dtype=np.float64)


def _likest(seen: Array) -> tuple["_Outline", int, float]:
    """What it overlaps most with, how far that is turned, and how much it overlaps."""
    outlines, turns, known = _templates()
    overlaps = np.minimum(seen, known).sum(axis=(1, 2)) / np.maximum(seen, known).sum(axis=(1, 2))
    best = int(overlaps.argmax())
    return outlines[best], turns[best], float(overlaps[best])


@dataclass(frozen=True, slots=True)
class _Outline:
    """A shape of radius 1: its polygons (a second one is cut out), centre of mass, root of its area."""

    name: str
    polygons: tuple[Points, ...]
    x: float
    y: float
    root: float


@cache
def _outlines() -> tuple[_Outline, ...]:
    disc, bite = _star(36, 1, 1), [(x * 0.78 + 0.42, y * 0.78 - 0.12) for x, y in _star(36, 1, 1)]
    shapes: list[tuple[str, tuple[Points, ...]]] = [
        ("circle", (_star(36, 0.95, 0.95),)),
        ("square", ([(-0.83, -0.83), (0.83, -0.83), (0.83, 0.83), (-0.83, 0.83)],)),
        ("triangle", ([(0, -0.97), (1, 0.75), (-1, 0.75)],)),
        ("star", (_star(5, 1.15, 0.48),)),
        ("heart", (_heart(),)),
        ("diamond", ([(0, -1.15), (0.78, 0), (0, 1.15), (-0.78, 0)],)),
        ("moon", (disc, bite)),
        ("moon", (disc, [(-x, y) for x, y in bite])),
        ("cross", (_cross(0.34),)),
    ]
    return tuple(_measured(name, polygons) for name, polygons in shapes)


def _star(points: int, outer: float, inner: float) -> Points:
    corners = range(2 * points)
    turns = [pi * number / points for number in corners]
    return [
        (each * sin(turn), -each * cos(turn))
        for each, turn in zip((outer, inner) * points, turns, strict=True)
    ]


def _heart() -> Points:
    """Two round lobes, and a bent line from each down to the tip."""
    lobe = [(0.52 - 0.51 * cos(pi * step / 12), -0.42 - 0.51 * sin(pi * step / 12)) for step in range(13)]
    line = [
        (1.03 * (1 - t) ** 2 + 1.9 * t * (1 - t), -0.42 * (1 - t) ** 2 + 0.16 * t * (1 - t) + 0.935 * t * t)
        for t in (step / 12 for step in range(13))
    ]
    right = lobe + line
    return right + [(-x, y) for x, y in reversed(right)]


def _cross(arm: float) -> Points:
    corner = [(arm, -1.0), (arm, -arm), (1.0, -arm)]
    return [point for quarter in range(4) for point in _turned(corner, 90 * quarter)]


def _turned(points: Points, degrees: float) -> Points:
    across, down = cos(radians(degrees)), sin(radians(degrees))
    return [(x * across - y * down, x * down + y * across) for x, y in points]


def _drawn(polygons: tuple[Points, ...], turn: float, left: float, top: float, side: float) -> Array:
    """[480, 480] of 0 and 1: the square at this corner, so wide."""
    pixels = 480
    image = Image.new("L", (pixels, pixels))
    for number, polygon in enumerate(polygons):
        placed = [((x - left) / side * pixels, (y - top) / side * pixels) for x, y in _turned(polygon, turn)]
        ImageDraw.Draw(image).polygon(placed, fill=int(number == 0))
    return np.asarray(image, dtype=np.float64)


def _measured(name: str, polygons: tuple[Points, ...]) -> _Outline:
    pixels, reach = 480, 1.5
    area, x, y = _moments(_drawn(polygons, 0, -reach, -reach, 2 * reach))
    unit = 2 * reach / pixels
    return _Outline(name, polygons, x * unit - reach, y * unit - reach, sqrt(area) * unit)


@cache
def _templates() -> tuple[list[_Outline], list[int], Array]:
    """Every outline at every turn, and pictures of them in the form that `_normal` gives to what is seen."""
    both = [(outline, turn) for outline in _outlines() for turn in _TURNS]
    return (
        [outline for outline, _ in both],
        [turn for _, turn in both],
        np.stack([_template(*each) for each in both]),
    )


def _template(outline: _Outline, turn: int) -> Array:
    [(x, y)] = _turned([(outline.x, outline.y)], turn)
    reach = _REACH * outline.root
    drawn = Image.fromarray(
        _drawn(outline.polygons, turn, x - reach, y - reach, 2 * reach).astype(np.float32)
    )
    return np.asarray(drawn.resize((_GRID, _GRID), Image.Resampling.BOX), np.float64)
