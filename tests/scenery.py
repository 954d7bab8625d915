"""Scenes that sketch's model was not taught, in words and in pictures that are true to them.

The model learns nine tenths of all descriptions (training/README.md); `held_out` tells the others. No code
is shared with the training, nor with the eye (tests/seeing.py) that looks at what is drawn; what the words
mean, which colours and heights, has to be the same.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import cos, dist, pi, sin
from random import Random

from PIL import Image, ImageDraw

Rgb = tuple[int, int, int]
Point = tuple[float, float]

SHAPES = ("circle", "square", "triangle", "star", "heart", "diamond", "moon", "cross")
COLOURS: dict[str, Rgb] = {
    "red": (219, 25, 31),
    "orange": (250, 140, 13),
    "yellow": (250, 224, 25),
    "green": (25, 166, 51),
    "blue": (31, 64, 217),
    "purple": (128, 31, 158),
    "pink": (250, 128, 184),
    "brown": (115, 66, 25),
    "white": (250, 250, 250),
    "black": (8, 8, 8),
}
# Above, below, and between which heights the one becomes the other.
BACKGROUNDS: dict[str, tuple[Rgb, Rgb, float, float]] = {
    "white": ((235, 235, 237), (245, 245, 245), 0, 1),
    "gray": ((153, 158, 163), (178, 181, 184), 0, 1),
    "black": ((23, 23, 23), (33, 33, 33), 0, 1),
    "day": ((115, 184, 242), (204, 235, 252), 0, 1),
    "night": ((5, 8, 36), (25, 33, 87), 0, 1),
    "sunset": ((107, 66, 128), (250, 173, 115), 0.05, 0.95),
    "meadow": ((158, 217, 247), (117, 199, 92), 0.57, 0.63),
    "sea": ((204, 232, 245), (13, 117, 153), 0.47, 0.53),
    "sand": ((178, 224, 250), (230, 204, 148), 0.52, 0.58),
}
WHERE: dict[str, Point] = {
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
_FAR_APART = [(one, other) for one in WHERE for other in WHERE if dist(WHERE[one], WHERE[other]) > 0.45]
RELATIONS: dict[str, Point] = {"left of": (-1, 0), "right of": (1, 0), "above": (0, -1), "below": (0, 1)}
SIZES = ("small", "big")
_RADII_ALONE = {None: (0.17, 0.22), "small": (0.125, 0.15), "big": (0.25, 0.29)}
_RADII_TOGETHER = {None: (0.155, 0.18), "small": (0.12, 0.135), "big": (0.20, 0.225)}
_UNNAMED = ("white", "gray", "day")
_IN_WORDS = {
    "centre": "in the centre",
    "left": "on the left",
    "right": "on the right",
    "top": "at the top",
    "bottom": "at the bottom",
}
_BEHIND = {
    "day": "by day",
    "night": "at night",
    "sunset": "at sunset",
    "meadow": "on a meadow",
    "sea": "at the sea",
    "sand": "on the sand",
}
_LEAST_CONTRAST = 85.0
_FINER = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A thing of a scene; what is None is not said of it."""

    shape: str
    colour: str
    size: str | None = None
    place: str | None = None
    x: float = 0.5
    y: float = 0.5
    radius: float = 0.2
    turn: float = 0.0
    """In radians."""

    def words(self) -> str:
        return " ".join(word for word in ("a", self.size, self.colour, self.shape) if word)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One thing or two; the relation is the first one's to the second."""

    things: tuple[Shape, ...]
    background: str
    named: bool
    """Whether the background is spoken of."""
    relation: str | None = None

    def words(self) -> str:
        if self.relation:
            text = f" {self.relation} ".join(thing.words() for thing in self.things)
        else:
            text = " and ".join(
                " ".join([thing.words(), *([place_words(thing.place)] if thing.place else [])])
                for thing in self.things
            )
        behind = _BEHIND.get(self.background, f"on a {self.background} background")
        return f"{text} {behind}" if self.named else text


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is to be changed in a picture of `before`, so that it becomes one of `after`."""

    words: str
    before: Scene
    after: Scene


def place_words(place: str) -> str:
    return _IN_WORDS.get(place, f"in the {place} corner")


def held_out(scene: Scene) -> bool:
    """The training's rule (training/README.md): what is unsaid, or not there, counts as -1."""
    total = 13 * (list(BACKGROUNDS).index(scene.background) if scene.named else -1)
    total += 17 * _number(tuple(RELATIONS), scene.relation)
    for place, factor in enumerate((3, 5, 7)):
        thing = scene.things[place] if place < len(scene.things) else None
        known = (SHAPES, 3), (tuple(COLOURS), 7), (SIZES, 5), (tuple(WHERE), 11)
        said = (thing.shape, thing.colour, thing.size, thing.place) if thing else (None,) * 4
        total += factor * sum(
            weight * _number(names, name) for (names, weight), name in zip(known, said, strict=True)
        )
    return total % 10 == 0


def _number(names: tuple[str, ...], name: str | None) -> int:
    return -1 if name is None else names.index(name)


def scenes(things: int, count: int, seed: int = 0) -> list[Scene]:
    """So many different ones that were held out."""
    random = Random(f"{seed}: {things}")  # noqa: S311
    found: dict[str, Scene] = {}
    while len(found) < count:
        scene = (_alone if things == 1 else _together)(random)
        if held_out(scene) and _contrasts(scene):
            found.setdefault(scene.words(), scene)
    return list(found.values())


def _contrasts(scene: Scene) -> bool:
    above, below, _, _ = BACKGROUNDS[scene.background]
    shades = [tuple(a + (b - a) * step / 8 for a, b in zip(above, below, strict=True)) for step in range(9)]
    return all(
        dist(shade, COLOURS[thing.colour]) > _LEAST_CONTRAST for shade in shades for thing in scene.things
    )


def _behind_things(random: Random) -> tuple[str, bool]:
    named = random.random() < 0.6
    return random.choice(tuple(BACKGROUNDS) if named else _UNNAMED), named


def _alone(random: Random) -> Scene:
    background, named = _behind_things(random)
    size, place = (
        random.choice((None, *SIZES)),
        random.choice(tuple(WHERE)) if random.random() < 0.7 else None,
    )
    thing = Shape(
        shape=random.choice(SHAPES),
        colour=random.choice(tuple(COLOURS)),
        size=size,
        place=place,
        radius=random.uniform(*_RADII_ALONE[size]),
        turn=random.uniform(-0.12, 0.12),
    )
    middle, spread = WHERE[place or "centre"], 0.04 if place else 0.1
    return Scene(things=(_put(thing, middle, spread, random),), background=background, named=named)


def _together(random: Random) -> Scene:
    background, named = _behind_things(random)
    shapes, colours = random.sample(SHAPES, 2), random.sample(tuple(COLOURS), 2)
    sizes = [random.choice((None, *SIZES)) for _ in range(2)]
    relation = random.choice(tuple(RELATIONS)) if random.random() < 0.7 else None
    places: list[str | None] = [None, None]
    if relation:
        across, down = (0.23 * step for step in RELATIONS[relation])
        middles = [(0.5 + across, 0.5 + down), (0.5 - across, 0.5 - down)]
    else:
        first, second = random.choice(_FAR_APART)
        places, middles = [first, second], [WHERE[first], WHERE[second]]
    things = [
        _put(
            Shape(
                shape=shapes[number],
                colour=colours[number],
                size=sizes[number],
                place=places[number],
                radius=random.uniform(*_RADII_TOGETHER[sizes[number]]),
                turn=random.uniform(-0.12, 0.12),
            ),
            middles[number],
            0.03,
            random,
        )
        for number in range(2)
    ]
    return Scene(things=tuple(things), background=background, named=named, relation=relation)


def _put(thing: Shape, middle: Point, spread: float, random: Random) -> Shape:
    """About there, and wholly in the picture."""
    room = thing.radius + 0.03
    x, y = (min(max(at + random.uniform(-spread, spread), room), 1 - room) for at in middle)
    return replace(thing, x=x, y=y)


def wishes(kind: str, count: int, seed: int = 0) -> list[Wish]:
    """ "recolour", "remove" or "background": half of them about one thing, half about two."""
    random = Random(f"{seed}: {kind}")  # noqa: S311
    befores = scenes(1, count - count // 2, seed + 100) + scenes(2, count // 2, seed + 100)
    return [_WISHES[kind](random, scene) for scene in befores]


def _spoken(random: Random, scene: Scene) -> tuple[int, str]:
    number = random.randrange(len(scene.things))
    thing = scene.things[number]
    return number, f"the {thing.colour} {thing.shape}" if random.random() < 0.5 else f"the {thing.shape}"


def _recolour(random: Random, before: Scene) -> Wish:
    number, spoken = _spoken(random, before)
    while True:
        colour = random.choice(
            [each for each in COLOURS if all(thing.colour != each for thing in before.things)]
        )
        things = [*before.things]
        things[number] = replace(things[number], colour=colour)
        after = replace(before, things=tuple(things))
        if _contrasts(after):
            words = random.choice(("make {} {}", "turn {} {}", "change {} to {}", "paint {} {}"))
            return Wish(words=words.format(spoken, colour), before=before, after=after)


def _remove(random: Random, before: Scene) -> Wish:
    number, spoken = _spoken(random, before)
    left = tuple(thing for other, thing in enumerate(before.things) if other != number)
    words = random.choice(("remove {}", "delete {}", "erase {}"))
    return Wish(words=words.format(spoken), before=before, after=replace(before, things=left))


def _background(random: Random, before: Scene) -> Wish:
    others = [replace(before, background=name) for name in BACKGROUNDS if name != before.background]
    after = random.choice([each for each in others if _contrasts(each)])
    words = random.choice(
        ("change the background to {}", "make the background {}", "set the background to {}")
    )
    return Wish(words=words.format(after.background), before=before, after=after)


_WISHES: dict[str, Callable[[Random, Scene], Wish]] = {
    "recolour": _recolour,
    "remove": _remove,
    "background": _background,
}


def draw(scene: Scene, side: int = 64) -> Image.Image:
    """What the scene looks like."""
    whole = side * _FINER
    picture = Image.new("RGB", (1, whole))
    for row in range(whole):
        picture.putpixel((0, row), _shade(scene.background, (row + 0.5) / whole))
    picture = picture.resize((whole, whole))
    for thing in scene.things:
        picture.paste(COLOURS[thing.colour], mask=_mask(thing, whole))
    return picture.resize((side, side), Image.Resampling.BOX)


def _shade(background: str, height: float) -> Rgb:
    above, below, start, end = BACKGROUNDS[background]
    share = min(max((height - start) / (end - start), 0), 1)
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(above, below, strict=True))
    return red, green, blue


def _mask(thing: Shape, side: int) -> Image.Image:
    mask = Image.new("L", (side, side))
    pen = ImageDraw.Draw(mask)

    def at(points: list[Point]) -> list[Point]:
        size, c, s = thing.radius * side, cos(thing.turn), sin(thing.turn)
        return [
            (thing.x * side + (x * c - y * s) * size, thing.y * side + (x * s + y * c) * size)
            for x, y in points
        ]

    def disc(x: float, y: float, radius: float, fill: int) -> None:
        [middle] = at([(x, y)])
        pen.circle(middle, radius * thing.radius * side, fill=fill)

    match thing.shape:
        case "circle":
            disc(0, 0, 0.95, 255)
        case "moon":
            disc(0, 0, 1, 255)
            disc(0.42, -0.12, 0.78, 0)
        case "cross":
            for corner in ((0.34, 1.0), (1.0, 0.34)):
                pen.polygon(
                    at([(x * corner[0], y * corner[1]) for x, y in _around(4, 2**0.5, 0.125)]), fill=255
                )
        case _:
            pen.polygon(at(_POINTS[thing.shape]), fill=255)
    return mask


def _around(count: int, radius: float, start: float = 0.0) -> list[Point]:
    """Corners of a regular polygon, the first one `start` of a turn from the top."""
    turns = [2 * pi * (number / count + start) for number in range(count)]
    return [(radius * sin(turn), -radius * cos(turn)) for turn in turns]


def _heart() -> list[Point]:
    turns = [2 * pi * step / 64 for step in range(64)]
    return [
        (
            16 * sin(t) ** 3 / 15.5,
            (-13 * cos(t) + 5 * cos(2 * t) + 2 * cos(3 * t) + cos(4 * t) - 2.5) / 15.5,
        )
        for t in turns
    ]


_POINTS = {
    "square": _around(4, 1.18, 0.125),
    "triangle": [(x, y + 0.18) for x, y in _around(3, 1.15)],
    "star": [point for pair in zip(_around(5, 1.15), _around(5, 0.48, 0.1), strict=True) for point in pair],
    "heart": _heart(),
    "diamond": [(0, -1.15), (0.78, 0), (0, 1.15), (-0.78, 0)],
}
