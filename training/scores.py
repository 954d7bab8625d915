"""How many held-out prompts and wishes the MODEL draws right, by the training's own judge."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from training.captions import Writer
from training.edits import EDITS, Edit, pairs
from training.flow import generate
from training.judge import judge
from training.networks import Model
from training.sampling import Dice, sample
from training.scenes import Scenes, draw

if TYPE_CHECKING:
    from training.train_model import Frozen

COLUMNS = ("one", "shape", "colour", "place", "background", "two", *(f"edit_{name}" for name in EDITS))
SEED = 8_000_000


@torch.no_grad()
def pictures(
    model: Model, frozen: "Frozen", texts: list[str], sources: Tensor | None = None, side: int = 64
) -> Tensor:
    """What the networks draw for texts, as pictures in 0..1; `sources` are the pictures to edit."""
    context, blank = frozen.contexts(texts), frozen.contexts([""])
    source = torch.zeros(len(texts), 8, side // 4, side // 4)
    if sources is not None:
        source = frozen.latents(sources)
    with torch.autocast("cpu", torch.bfloat16):
        latents = generate(model, context, source, blank)
    return frozen.pictures(latents)


def described(objects: int, count: int) -> tuple[Scenes, list[str]]:
    scenes = sample(Dice(SEED + objects), count, objects, held_out=True)
    return scenes, Writer(SEED + objects).describe(scenes, exact=True)[0]


def wishes(kind: int, count: int, offset: int = 10) -> Edit:
    seed = SEED + offset + kind
    return pairs(Dice(seed), Writer(seed), count, kind, held_out=True)


def scores(model: Model, frozen: "Frozen", kinds: list[str], count: int = 64) -> dict[str, str]:
    """Columns of the curve: parts right of 1; empty where not asked for."""
    row = dict.fromkeys(COLUMNS, "")
    for name, objects in (("one", 1), ("two", 2)):
        if name not in kinds:
            continue
        scenes, texts = described(objects, count)
        verdict = judge(pictures(model, frozen, texts), scenes)
        row[name] = f"{verdict.right.float().mean():.3f}"
        if name == "one":
            for part in ("shape", "colour", "place", "background"):
                row[part] = f"{getattr(verdict, part).reshape(count, -1).all(-1).float().mean():.3f}"
    for kind, name in enumerate(EDITS if "edit" in kinds else ()):
        edit = wishes(kind, count // 2)
        drawn = pictures(model, frozen, edit.captions, draw(edit.before)[0])
        after = edit.after.evolve(named_background=edit.after.background)
        row[f"edit_{name}"] = f"{judge(drawn, after).right.float().mean():.3f}"
    return row
