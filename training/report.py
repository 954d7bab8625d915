"""Draws the contact sheet of a checkpoint and writes RESULTS.md from it and the curve."""

import argparse
import csv
import json
import logging
import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from training.checkpoint import load
from training.edits import EDITS
from training.networks import Model
from training.scenes import draw
from training.scores import described, pictures, scores, wishes
from training.train_model import Frozen

HERE = Path(__file__).parent
PROMPTS, COLUMNS = 16, 8
TEXT = """# Results

Written by `python -m training.report`. Prompts are held out from training. The eye is independent of the
training: `tests/seeing.py` looks at what sketch draws with the shipped weights (`python -m tests.measuring`),
and the tests hold them to it. The judge is the training's own (`judge.py`) and serves the curve.

{samples} samples seen by the MODEL. Pictures are right when every named shape, colour and place, the named
background and nothing else is seen. For the judge: sixteen Euler steps, guidance 3, {count} prompts or wishes
of each kind (the error of a part is about {error:.0f} points). The judge wants each object of a description
where its scene happened to have it, the eye where the sentence says; hence the difference.

| kind | right in 100, by the eye | by the judge | goal |
|---|---|---|---|
{rows}

VAE: {vae}. Text encoder: {text}.

![Contact sheet](results.png)

Rows one and two: one object. Three: two objects. Four: wishes, before and after by turns. The prompts:

{prompts}

## The way there

By the judge, 64 prompts or 32 wishes of each kind: how many in 100 were right after so many samples.

| samples | one object | two | recolour | remove | background | add |
|---|---|---|---|---|---|---|
{curve}
"""
CURVE, CURVE_STEP = ("one", "two", *(f"edit_{kind}" for kind in EDITS)), 100_000
NAMES = {
    "one": ("one object, all of it", "95"), "shape": ("… its shape", ""), "colour": ("… its colour", ""),
    "place": ("… its place", ""), "background": ("… its background", ""), "two": ("two objects", "85"),
    "edit_recolour": ("wish: recolour", "85"), "edit_remove": ("wish: remove", "85"),
    "edit_background": ("wish: background", "85"), "edit_add": ("wish: add", ""),
}  # fmt: skip
MEASURED = HERE.parent / "gesso/sketch/weights/measured.json"


def sheet(rows: list[Tensor]) -> Image.Image:
    """Rows of (8, 3, side, side) pictures, one under the other."""
    tiles = torch.stack(rows).permute(0, 3, 1, 4, 2)
    side = tiles.shape[1]
    whole = (tiles.reshape(len(rows) * side, COLUMNS * side, 3) * 255).round().to(torch.uint8)
    return Image.fromarray(np.asarray(whole))


def last(path: Path) -> dict[str, str]:
    if not path.exists():
        return {}
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))[-1]


def curve(path: Path) -> list[str]:
    """Rows of a table: the first mark in each `CURVE_STEP` samples, and the last of all."""
    with path.open(encoding="utf-8") as file:
        marks = list(csv.DictReader(file))
    first = {int(mark["samples"]) // CURVE_STEP: mark for mark in reversed(marks)}
    chosen = [mark for mark in marks if mark in first.values() or mark is marks[-1]]
    return [
        f"| {int(mark['samples']):,} | {' | '.join(_hundredths(mark[name]) for name in CURVE)} |"
        for mark in chosen
    ]


def _hundredths(part: str) -> str:
    return f"{float(part) * 100:.0f}" if part else ""


def seen(samples: int) -> dict[str, float]:
    """What the independent eye has found, by our names; nothing where other weights were measured."""
    if not MEASURED.exists() or (found := json.loads(MEASURED.read_text("utf-8")))["samples"] != samples:
        return {}
    parts = {f"edit_{kind}": each["right"] / each["asked"] for kind, each in found["kinds"].items()}
    one, two = found["kinds"]["one"], found["kinds"]["two"]
    parts |= {part: number / one["asked"] for part, number in one.items()}
    return parts | {"one": one["right"] / one["asked"], "two": two["right"] / two["asked"]}


def drawn(model: Model, frozen: Frozen) -> tuple[Image.Image, list[str]]:
    ones, pairs = described(1, PROMPTS)[1], described(2, COLUMNS)[1]
    wished = [wishes(kind, 2, 1000) for kind in range(4)]
    befores = torch.cat([draw(one.before)[0][:1] for one in wished])
    texts = [one.captions[0] for one in wished]
    afters = pictures(model, frozen, texts, befores)
    single = pictures(model, frozen, ones)
    turns = torch.stack([befores, afters], 1).flatten(0, 1)
    rows = [single[:COLUMNS], single[COLUMNS:], pictures(model, frozen, pairs), turns]
    return sheet(rows), [*ones, *pairs, *texts]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", type=Path, help="folder of checkpoints and curves")
    parser.add_argument("--out", type=Path, default=HERE, help="folder for RESULTS.md and results.png")
    parser.add_argument("--checkpoint", default="model.pt", help="which MODEL of the folder")
    parser.add_argument("--count", type=int, default=128, help="prompts of each kind")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    logging.basicConfig(level=logging.INFO, stream=sys.stderr)
    state, frozen, model = load(asked.runs / asked.checkpoint), Frozen(asked.runs), Model()
    if state is None:
        parser.error(f"{asked.runs / asked.checkpoint} does not exist")
    model.load_state_dict(state["average"])
    picture, prompts = drawn(model.eval(), frozen)
    picture.save(asked.out / "results.png", optimize=True)
    right = scores(model, frozen, ["one", "two", "edit"], asked.count)
    eye = {name: f"{part * 100:.0f}" for name, part in seen(state["samples"]).items()}
    rows = [
        f"| {NAMES[name][0]} | {eye.get(name, '')} | {float(part) * 100:.0f} | {NAMES[name][1]} |"
        for name, part in right.items()
    ]
    vae, text = last(asked.runs / "vae.csv"), last(asked.runs / "text.csv")
    written = TEXT.format(
        samples=f"{state['samples']:,}",
        count=asked.count,
        error=100 / asked.count**0.5,
        rows="\n".join(rows),
        vae=f"{vae['psnr_db']} dB, {float(vae['survival']):.1%} of right pictures survive the round trip",
        text=f"reads {float(text['right']):.1%} of held-out sentences right in every field",
        prompts="\n".join(f"{number}. {prompt}" for number, prompt in enumerate(prompts, 1)),
        curve="\n".join(curve(asked.runs / "model.csv")),
    )
    (asked.out / "RESULTS.md").write_text(written, encoding="utf-8")


if __name__ == "__main__":
    main()
