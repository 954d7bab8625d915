"""How many of sketch's pictures are right: drawn as its workflows draw, looked at by an independent eye.

    python -m tests.measuring            # measure, and tell
    python -m tests.measuring --write    # and keep it beside the weights: there the tests find their floor

It takes a minute and a half of one core. A picture is right when every thing that was asked for is there, in
its shape, its colour and its place, on the background that was named, and nothing else is there.
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from math import hypot
from typing import Any

from PIL import Image

from gesso.config.templates import template_text
from gesso.sketch.latents import Latent, decoded, empty, encoded
from gesso.sketch.model import WEIGHTS, Networks
from gesso.sketch.model_parts import Clip, Conditioning, Model, Source, Vae
from gesso.sketch.nodes.arrays import from_pictures, to_pictures
from gesso.sketch.sampling import Sampling, sample
from tests.scenery import RELATIONS, Scene, Shape, draw, scenes, wishes
from tests.seeing import Seen, Thing, see

FILE = WEIGHTS / "measured.json"
DESCRIBED = {"one": (1, 64), "two": (2, 64), "large": (1, 512)}
"""By kind: how many things, and in what size."""
WISHED = ("recolour", "remove", "background")
COUNTS = {"one": 100, "two": 100, "large": 32, **dict.fromkeys(WISHED, 50)}
_MOVED = 0.12
"""A thing that was to be kept and is farther off than this (a part of the side) was not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Which parts of a picture are as they should be, for all things in it."""

    right: bool
    """All of them, and nothing else is there."""
    shape: bool
    colour: bool
    place: bool
    background: bool


class Painter:
    """sketch's model as the templates of the library use it."""

    def __init__(self, networks: Networks | None = None) -> None:
        networks = networks or Networks()
        self._clip, self._vae, self._model = Clip(networks), Vae(networks), Model(networks)

    def draw(self, text: str, side: int = 64, **changes: Any) -> Image.Image:
        return self._paint("sketch-text-to-image", text, empty(side, side, 1), None, **changes)

    def edit(self, picture: Image.Image, wish: str, **changes: Any) -> Image.Image:
        pixels = from_pictures([picture])
        return self._paint(
            "sketch-edit", wish, encoded(self._vae, pixels), Source(pixels, self._vae), **changes
        )

    def redraw(
        self, picture: Image.Image, text: str, mask: Image.Image | None = None, **changes: Any
    ) -> Image.Image:
        """From the picture with noise, as much as `denoise` says, and only where the mask is white."""
        within = None if mask is None else from_pictures([mask])
        latent = encoded(self._vae, from_pictures([picture]), within)
        return self._paint("sketch-text-to-image", text, latent, None, **changes)

    def _paint(
        self, template: str, text: str, latent: Latent, source: Source | None, **changes: Any
    ) -> Image.Image:
        used = json.loads(template_text(template))["workflow"]["3"]["inputs"]
        asked: dict[str, Any] = {
            "seed": 0,
            "steps": used["steps"],
            "cfg": used["cfg"],
            "sampler": used["sampler_name"],
            "scheduler": used["scheduler"],
            **changes,
        }
        wanted, unwanted = (Conditioning(self._clip.encode(words), source) for words in (text, ""))
        painted = sample(
            Sampling(model=self._model, positive=wanted, negative=unwanted, latent=latent, **asked),
            lambda *_: None,
        )
        [picture] = to_pictures(decoded(self._vae, painted.samples, painted.canvas))
        return picture


def verdicts(painter: Painter, kind: str, count: int, **changes: Any) -> Iterator[Verdict]:
    """Of the first so many pictures of this kind; each has a seed of its own."""
    if kind in DESCRIBED:
        things, side = DESCRIBED[kind]
        for seed, scene in enumerate(scenes(things, count)):
            yield judged(see(painter.draw(scene.words(), side, seed=seed, **changes)), scene)
        return
    for seed, wish in enumerate(wishes(kind, count)):
        picture = painter.edit(draw(wish.before), wish.words, seed=seed, **changes)
        yield judged(see(picture), wish.after, kept=True)


def judged(seen: Seen, scene: Scene, *, kept: bool = False) -> Verdict:
    """`kept`: the things are to be where the scene has them, not only where its words say."""
    found = [_nearest(seen.things, wanted) for wanted in scene.things]
    both = list(zip(scene.things, found, strict=True))
    shape = all(thing is not None and thing.shape == wanted.shape for wanted, thing in both)
    colour = all(thing is not None and thing.colour == wanted.colour for wanted, thing in both)
    place = all(thing is not None and _placed(thing, wanted, kept) for wanted, thing in both)
    place = place and (kept or _related(found, scene.relation))
    background = seen.background == scene.background or not (scene.named or kept)
    alone = len(seen.things) == len(scene.things)
    right = shape and colour and place and background and alone
    return Verdict(right=right, shape=shape, colour=colour, place=place, background=background)


def _nearest(things: tuple[Thing, ...], wanted: Shape) -> Thing | None:
    """The thing that has most of what is wanted; the largest one of several."""
    return max(
        things,
        key=lambda thing: (
            2 * (thing.shape == wanted.shape)
            + 2 * (thing.colour == wanted.colour)
            - hypot(thing.x - wanted.x, thing.y - wanted.y)
        ),
        default=None,
    )


def _placed(thing: Thing, wanted: Shape, kept: bool) -> bool:
    if kept:
        return hypot(thing.x - wanted.x, thing.y - wanted.y) < _MOVED
    return wanted.place in (None, thing.place)


def _related(found: list[Thing | None], relation: str | None) -> bool:
    """Whether the first is on that side of the second, rather than above or below it."""
    if relation is None:
        return True
    first, second = found
    if first is None or second is None:
        return False
    across, down = RELATIONS[relation]
    x, y = first.x - second.x, first.y - second.y
    return x * across + y * down > max(0.1, abs(x * down) + abs(y * across))


def measured(painter: Painter, kind: str, count: int, **changes: Any) -> dict[str, int]:
    """How many were asked for, and how many have what right: {"asked": 128, "right": 101, …}."""
    told = [asdict(verdict) for verdict in verdicts(painter, kind, count, **changes)]
    return {"asked": count, **{part: sum(each[part] for each in told) for part in told[0]}}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.measuring", description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"write {FILE.name} beside the weights")
    asked = parser.parse_args()
    networks = Networks()
    kinds = {}
    for kind, count in COUNTS.items():
        kinds[kind] = measured(Painter(networks), kind, count)
        print(kind, kinds[kind], flush=True)
    if asked.write:
        facts = networks.facts("model")
        content = {"samples": int(facts["samples"]), "files": networks.provenance(), "kinds": kinds}
        FILE.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
