"""Trains the text encoder to say what captions and wishes mean; the MODEL draws from its slots."""

import logging
import math
import time
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.captions import VOCABULARY, Writer, tokenise
from training.checkpoint import Average, Stop, load, note, save
from training.edits import EDITS, Edit, pairs
from training.networks import WIDTH, TextEncoder
from training.sampling import Dice, sample
from training.scenes import BACKGROUNDS, COLOURS, NOTHING, PLACES, RELATIONS, SHAPES, Scenes

logger = logging.getLogger("training.text")
BATCH, SEED, PEAK_RATE, WARM_UP = 128, 23, 1.5e-3, 200
SAVE_EVERY_S, JUDGE_EVERY = 120.0, 40_000
OBJECT_FIELDS = {"shape": len(SHAPES), "colour": len(COLOURS), "size": 2, "place": len(PLACES)}
SCENE_FIELDS = {"background": (3, len(BACKGROUNDS)), "relation": (4, len(RELATIONS)), "edit": (4, len(EDITS))}
Meaning = dict[str, Tensor]


class Reader(nn.Module):
    """Reads the meaning off the slots; only the training needs it."""

    def __init__(self) -> None:
        super().__init__()
        fields = OBJECT_FIELDS | {name: many for name, (_, many) in SCENE_FIELDS.items()}
        self.heads = nn.ModuleDict({name: nn.Linear(WIDTH, many + 1) for name, many in fields.items()})
        self.layout = nn.Linear(WIDTH, 3)

    def forward(self, slots: Tensor) -> Meaning:
        told = {name: self.heads[name](slots[:, :3]) for name in OBJECT_FIELDS}
        told |= {name: self.heads[name](slots[:, slot]) for name, (slot, _) in SCENE_FIELDS.items()}
        return told | {"layout": self.layout(slots[:, :3])}


def meaning_of(scenes: Scenes, spoken: Tensor) -> Meaning:
    """What a description says; `layout` is where things are and how big, to be learned as an expectation."""
    none = torch.full_like(scenes.relation, NOTHING)
    layout = torch.stack([scenes.x, scenes.y, scenes.radius * 2], -1)
    return {
        "shape": scenes.shape, "colour": spoken, "size": scenes.size, "place": scenes.place,
        "background": scenes.named_background, "relation": scenes.relation, "edit": none, "layout": layout,
    }  # fmt: skip


def meaning_of_edit(edit: Edit) -> Meaning:
    """Slot 0 is what is spoken of; a new colour is slot 1's."""
    rows, kind, after = torch.arange(len(edit.kind)), int(edit.kind[0]), edit.after
    told = {name: torch.full_like(after.shape, NOTHING) for name in OBJECT_FIELDS}
    if EDITS[kind] != "background":
        told["shape"][:, 0] = edit.before.shape[rows, edit.touched]
        told["colour"][:, 0] = edit.named
    if EDITS[kind] == "recolour":
        told["colour"][:, 1] = after.colour[rows, edit.touched]
    if EDITS[kind] == "add":
        for name in ("shape", "size", "place"):
            told[name][:, 0] = getattr(after, name)[:, 1]
    background = after.background if EDITS[kind] == "background" else torch.full_like(edit.kind, NOTHING)
    none = torch.full_like(edit.kind, NOTHING)
    layout = torch.full((len(rows), 3, 3), torch.nan)
    return told | {"background": background, "relation": none, "edit": edit.kind, "layout": layout}


def batch(seed: int, count: int, held_out: bool = False) -> tuple[Tensor, Meaning]:
    dice, writer = Dice(seed), Writer(seed)
    texts, told = [], []
    for objects, part in ((1, 4), (2, 4), (3, 8)):
        scenes = sample(dice, count // part, objects, held_out)
        captions, spoken = writer.describe(scenes)
        texts += captions
        told.append(meaning_of(scenes, spoken))
    for kind in range(len(EDITS)):
        edit = pairs(dice, writer, max(2, count // 11), kind, held_out)
        texts += edit.captions
        told.append(meaning_of_edit(edit))
    return tokenise(texts), {name: torch.cat([one[name] for one in told]) for name in told[0]}


def loss_of(read: Meaning, told: Meaning) -> Tensor:
    names = [*OBJECT_FIELDS, *SCENE_FIELDS]
    parts = [
        functional.cross_entropy(read[name].flatten(0, -2), (told[name] + 1).flatten()) for name in names
    ]
    there = (told["shape"] >= 0) & ~told["layout"].isnan().any(-1)
    layout = functional.mse_loss(read["layout"][there], told["layout"][there])
    return torch.stack(parts).sum() + 5 * layout


@torch.no_grad()
def accuracy(encoder: TextEncoder, reader: Reader) -> float:
    """The part of held-out sentences of which every field is read right."""
    words, told = batch(9_000_000, 600, held_out=True)
    read = reader(encoder(words))
    rows = [
        (read[name].argmax(-1) - 1 == told[name]).reshape(len(words), -1).all(-1)
        for name in (*OBJECT_FIELDS, *SCENE_FIELDS)
    ]
    return float(torch.stack(rows).all(0).float().mean())


def rate(samples: int, planned: int) -> float:
    warm = min(1.0, samples / (WARM_UP * BATCH))
    return PEAK_RATE * warm * 0.5 * (1 + math.cos(math.pi * min(1.0, samples / planned)))


def train(runs: Path, planned: int) -> None:
    """Continues `runs`/text.pt, or starts it, and ends after `planned` samples or when asked to."""
    torch.manual_seed(SEED)
    both = nn.ModuleDict({"encoder": TextEncoder(len(VOCABULARY) + 1), "reader": Reader()})
    optimiser = torch.optim.AdamW(both.parameters(), lr=PEAK_RATE, weight_decay=0.01, betas=(0.9, 0.98))
    average, samples, stop = Average(both, 0.998), 0, Stop()
    began = saved = time.monotonic()
    if (old := load(runs / "text.pt")) is not None:
        both.load_state_dict(old["weights"])
        optimiser.load_state_dict(old["optimiser"])
        average.values, average.steps, samples = old["average"], old["steps"], old["samples"]
    while samples < planned and not stop.asked:
        for group in optimiser.param_groups:
            group["lr"] = rate(samples, planned)
        words, told = batch(SEED * 100_000_000 + samples, BATCH)
        loss = loss_of(both["reader"](both["encoder"](words)), told)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(both.parameters(), 1.0)
        optimiser.step()
        average.update(both)
        samples += BATCH
        done = samples >= planned or stop.asked
        if samples % JUDGE_EVERY < BATCH or done:
            judged = nn.ModuleDict({"encoder": TextEncoder(len(VOCABULARY) + 1), "reader": Reader()})
            judged.load_state_dict(average.values)
            right, spent = accuracy(judged["encoder"], judged["reader"]), round(time.monotonic() - began)
            note(runs / "text.csv", samples=samples, seconds=spent, loss=f"{loss:.4f}", right=f"{right:.4f}")
            logger.info("text %d: loss %.4f, %.1f %% read right", samples, loss, right * 100)
        if time.monotonic() - saved > SAVE_EVERY_S or done:
            saved = time.monotonic()
            state = {"weights": both.state_dict(), "optimiser": optimiser.state_dict(), "samples": samples}
            save(runs / "text.pt", state | {"average": average.values, "steps": average.steps})
