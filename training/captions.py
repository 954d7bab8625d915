"""Captions by grammar, with paraphrases, and the words the text encoder knows."""

import re

import numpy as np
import torch
from torch import Tensor

from training.networks import WORD_TOKENS
from training.scenes import BACKGROUNDS, COLOURS, NOTHING, PLACES, RELATIONS, SHAPES, Scenes

# One line, one token: the words of a line mean the same. Any other word is ignored.
VOCABULARY = (
    "circle disc disk ball dot",
    "square box block",
    "triangle",
    "star",
    "heart",
    "diamond rhombus",
    "moon crescent",
    "cross plus",
    "red",
    "orange",
    "yellow",
    "green",
    "blue",
    "purple violet",
    "pink",
    "brown",
    "white",
    "black",
    "gray grey",
    "small little tiny",
    "big large huge",
    "left",
    "right",
    "top upper",
    "bottom lower",
    "centre center middle",
    "above over",
    "below under beneath underneath",
    "of",
    "to into",
    "it its",
    "and",
    "background backdrop",
    "day daytime daylight",
    "night nighttime",
    "sunset dusk",
    "meadow grass field",
    "sea ocean",
    "sand beach desert",
    "make turn paint colour color",
    "change set",
    "remove delete erase",
    "add put place",
    "replace",
    "with",
    "next beside",
    "the",
)
TOKEN_OF = {word: number for number, line in enumerate(VOCABULARY, 1) for word in line.split()}

SHAPE_WORDS = tuple(VOCABULARY[number].split() for number in range(len(SHAPES)))
SIZE_WORDS = (("small", "small", "little", "tiny"), ("big", "big", "large", "huge"))
PLACE_PHRASES = {
    "centre": ("in the centre", "in the middle", "at the center", "centre"),
    "left": ("on the left", "at the left", "left", "on the left side", "to the left"),
    "right": ("on the right", "at the right", "right", "on the right side", "to the right"),
    "top": ("at the top", "on top", "top", "in the upper part"),
    "bottom": ("at the bottom", "bottom", "in the lower part"),
    "top left": ("at the top left", "in the top left corner", "upper left", "in the upper left corner"),
    "top right": ("at the top right", "in the top right corner", "upper right", "in the upper right corner"),
    "bottom left": ("at the bottom left", "in the bottom left corner", "lower left", "left bottom"),
    "bottom right": ("at the bottom right", "in the bottom right corner", "lower right", "right bottom"),
}
BACKGROUND_PHRASES = {
    "white": ("on a white background", "white background", "with a white backdrop"),
    "gray": ("on a gray background", "grey background", "with a gray background"),
    "black": ("on a black background", "black background", "with a black backdrop"),
    "day": ("by day", "day background", "in daylight", "with day as background", "day"),
    "night": ("at night", "night background", "in the night", "with a night background", "night"),
    "sunset": ("at sunset", "sunset background", "at dusk", "with a sunset background", "sunset"),
    "meadow": ("on a meadow", "meadow background", "over the grass", "on a field", "meadow"),
    "sea": ("at the sea", "sea background", "by the ocean", "with a sea background", "sea"),
    "sand": ("on the sand", "sand background", "at the beach", "in the desert", "beach"),
}
# The first object's place, seen from the second; every phrase names the first one first.
RELATION_PHRASES = {
    "left": (
        *("{a} left of {b}", "{a} to the left of {b}", "{a} on the left of {b}"),
        *("{a}, {b} to its right", "{a} with {b} on its right", "{a} and to the right of it {b}"),
    ),
    "right": (
        *("{a} right of {b}", "{a} to the right of {b}", "{a} on the right of {b}"),
        *("{a}, {b} to its left", "{a} with {b} on its left", "{a} and to the left of it {b}"),
    ),
    "above": (
        *("{a} above {b}", "{a} over {b}", "{a} on top of {b}"),
        *("{a}, {b} below it", "{a} with {b} under it"),
    ),
    "below": (
        *("{a} below {b}", "{a} under {b}", "{a} beneath {b}"),
        *("{a}, {b} above it", "{a} with {b} over it"),
    ),
}
SHAPE_NAMES, COLOUR_NAMES = tuple(SHAPES), tuple(COLOURS)
PLACE_NAMES, RELATION_NAMES, BACKGROUND_NAMES = tuple(PLACES), tuple(RELATIONS), tuple(BACKGROUNDS)
UNCOLOURED_PART = 0.03


def tokens(text: str) -> list[int]:
    """The known words' numbers, padded with 0 to 24; what does not fit is dropped."""
    known = [TOKEN_OF[word] for word in re.findall(r"[a-z]+", text.lower()) if word in TOKEN_OF]
    return (known + [0] * WORD_TOKENS)[:WORD_TOKENS]


def tokenise(texts: list[str]) -> Tensor:
    return torch.tensor([tokens(text) for text in texts])


class Writer:
    """Puts scenes into words, one way of many at random."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)

    def one_of(self, choices: tuple[str, ...] | list[str]) -> str:
        return choices[int(self.random.integers(len(choices)))]

    def chance(self, part: float) -> bool:
        return bool(self.random.random() < part)

    def thing(self, shape: int, colour: int, size: int, article: str = "a") -> str:
        words = [] if self.chance(0.25) else [article]
        if size != NOTHING:
            words.append(self.one_of(SIZE_WORDS[size]))
        if colour != NOTHING:
            words.append(COLOUR_NAMES[colour])
        common = SHAPE_NAMES[shape]
        words.append(common if self.chance(0.85) else self.one_of(SHAPE_WORDS[shape]))
        return " ".join(words)

    def describe(self, scenes: Scenes, exact: bool = False) -> tuple[list[str], Tensor]:
        """Captions, and the colours (batch, 3) they name; `exact` ones leave no colour unsaid."""
        spoken = scenes.colour.clone()
        if not exact:
            unsaid = torch.from_numpy(self.random.random(spoken.shape) < UNCOLOURED_PART)
            spoken[unsaid] = NOTHING
        columns = (scenes.shape, spoken, scenes.size, scenes.place)
        rows = torch.stack(columns, -1).tolist()
        scalars = zip(scenes.relation.tolist(), scenes.named_background.tolist(), strict=True)
        return [self._scene(row, *two) for row, two in zip(rows, scalars, strict=True)], spoken

    def _scene(self, objects: list[list[int]], relation: int, background: int) -> str:
        things = [self.thing(*one[:3]) for one in objects if one[0] != NOTHING]
        if relation != NOTHING:
            text = self.one_of(RELATION_PHRASES[RELATION_NAMES[relation]]).format(a=things[0], b=things[1])
        else:
            placed = [self._placed(thing, one[3]) for thing, one in zip(things, objects, strict=False)]
            glue = self.one_of((", ", " and "))
            text = glue.join(placed)
        if background != NOTHING:
            phrase = self.one_of(BACKGROUND_PHRASES[BACKGROUND_NAMES[background]])
            text = f"{phrase}, {text}" if self.chance(0.1) else f"{text}{self.one_of((' ', ', '))}{phrase}"
        return text

    def _placed(self, thing: str, place: int) -> str:
        if place == NOTHING:
            return thing
        phrase = self.one_of(PLACE_PHRASES[PLACE_NAMES[place]])
        return f"{phrase} {thing}" if self.chance(0.08) else f"{thing} {phrase}"

    def edit(self, kind: str, one: tuple[int, int], new: dict[str, int]) -> str:
        """A wish: `one` is the (shape, colour or -1) spoken of, `new` what shall be."""
        the = self.thing(*one, NOTHING, "the") if kind in ("recolour", "remove") else ""
        if kind == "recolour":
            form = self.one_of(("make {} {}", "turn {} {}", "change {} to {}", "paint {} {}", "colour {} {}"))
            return form.format(the, COLOUR_NAMES[new["colour"]])
        if kind == "remove":
            return self.one_of(("remove {}", "delete {}", "erase {}", "take away and remove {}")).format(the)
        if kind == "add":
            thing = self._placed(self.thing(one[0], one[1], new["size"]), new["place"])
            return self.one_of(("add {}", "put {}")).format(thing)
        name = BACKGROUND_NAMES[new["background"]]
        form = ("change the background to {}", "make the background {}", "set the background to {}",
                "replace the background with {}", "make it {}", "turn it into {}")  # fmt: skip
        plain = name in ("white", "gray", "black")
        return self.one_of(form[:4] if plain else form).format(name)
