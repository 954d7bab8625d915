"""Trains the MODEL: single objects first, then relations, then edits; judged as it goes."""

import logging
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from training.captions import VOCABULARY, Writer, tokenise
from training.checkpoint import Average, Stop, load, note, save
from training.edits import pairs
from training.flow import loss_of
from training.networks import VAE, Model, TextEncoder
from training.optimiser import optimisers
from training.sampling import Dice, sample
from training.scenes import draw
from training.scores import scores

logger = logging.getLogger("training.model")
BATCH, SEED, PEAK_RATE, WARM_UP = 64, 37, 2e-3, 100
SAVE_EVERY_S, JUDGE_EVERY, KEEP_EVERY = 300.0, 25_000, 250_000
# The learning rate falls to nothing over this last part of the samples planned.
COOL_DOWN = 0.3
TEXT_DROPPED = 0.1
# From here on, edits are mostly about one of two objects and mostly seen near noise: to tell which of the two
# is meant is what takes long, and nothing of it can be learnt where the objects show through the noise.
HARD_EDITS, PART_ALONE, EDITS_TIME = 860_000, 0.2, 1.2
# From how many samples on, a batch holds how many of: one object, two, three; and of each kind of edit.
STAGES = (
    (0, (64, 0, 0), (0, 0, 0, 0)),
    (200_000, (40, 14, 2), (2, 2, 2, 2)),
    (300_000, (24, 18, 2), (5, 5, 5, 5)),
    (630_000, (14, 12, 2), (9, 9, 9, 9)),
    (HARD_EDITS, (13, 11, 2), (14, 14, 5, 5)),
    (960_000, (18, 14, 2), (11, 11, 4, 4)),
)
# Other canvases, in pixels, for a part of the batches of the last stages: sketch draws none that is larger.
CANVASES, CANVAS_PART = ((64, 48), (48, 64), (64, 40), (40, 64), (64, 32), (32, 64)), 0.1


class Frozen:
    """The finished VAE and text encoder, from their checkpoints' averaged weights."""

    def __init__(self, runs: Path) -> None:
        vae, text = load(runs / "vae.pt"), load(runs / "text.pt")
        if vae is None or text is None:
            raise FileNotFoundError(f"{runs} has no vae.pt or text.pt: train these first")
        self.vae, self.text = VAE(), TextEncoder(len(VOCABULARY) + 1)
        self.vae.load_state_dict(vae["average"])
        encoder = {name: one for name, one in text["average"].items() if name.startswith("encoder.")}
        self.text.load_state_dict({name.removeprefix("encoder."): one for name, one in encoder.items()})
        for network in (self.vae, self.text):
            network.eval().requires_grad_(False)

    @torch.no_grad()
    def latents(self, pictures: Tensor) -> Tensor:
        return self.vae.encode(pictures * 2 - 1).float()

    @torch.no_grad()
    def pictures(self, latents: Tensor) -> Tensor:
        return (self.vae.decode(latents).float().clamp(-1, 1) + 1) / 2

    @torch.no_grad()
    def contexts(self, texts: list[str]) -> Tensor:
        return self.text(tokenise(texts)).float()


def batch(frozen: Frozen, samples: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Latents, contexts, source latents and covered parts of the batch that follows `samples`."""
    seed = SEED * 1_000_000_000 + samples
    dice, writer = Dice(seed), Writer(seed)
    described_mix, edit_mix = [mix for start, *mix in STAGES if samples >= start][-1]
    canvas = (64, 64)
    if samples >= STAGES[2][0] and dice.chance(CANVAS_PART, 1):
        canvas = CANVASES[int(dice.below(len(CANVASES), 1))]
    drawn, texts = [], []
    for objects, many in enumerate(described_mix, 1):
        if many:
            scenes = sample(dice, many, objects)
            drawn.append((*draw(scenes, *canvas), torch.zeros(many, 3, *canvas)))
            texts += writer.describe(scenes)[0]
    described = len(texts)
    alone = PART_ALONE if samples >= HARD_EDITS else 0.5
    for kind, many in enumerate(edit_mix):
        if not many:
            continue
        edit = pairs(dice, writer, many, kind, alone=alone)
        (after, inside), (before, was) = draw(edit.after, *canvas), draw(edit.before, *canvas)
        drawn.append((after, torch.maximum(inside, was), before))
        texts += edit.captions
    pictures, covered, sources = (torch.cat(parts) for parts in zip(*drawn, strict=True))
    latents, contexts = frozen.latents(pictures), frozen.contexts(texts)
    source = torch.zeros_like(latents)
    if described < len(texts):
        source[described:] = frozen.latents(sources[described:])
    _forget(frozen, dice, contexts, source)
    return latents, contexts, source, covered


def _forget(frozen: Frozen, dice: Dice, contexts: Tensor, source: Tensor) -> None:
    """Drops some texts, as zeros or as the empty text, and with half of them the source: for guidance."""
    dropped, zero = dice.chance(TEXT_DROPPED, len(contexts)), dice.chance(0.5, len(contexts))
    contexts[dropped & zero] = 0
    contexts[dropped & ~zero] = frozen.contexts([""])
    source[dropped & dice.chance(0.5, len(contexts))] = 0


def rate(samples: int, planned: int) -> float:
    warm = min(1.0, (samples + BATCH) / (WARM_UP * BATCH))
    return PEAK_RATE * warm * min(1.0, max(0.01, (planned - samples) / (planned * COOL_DOWN)))


class Training:
    """The state that a checkpoint holds: network, average, optimisers, samples seen."""

    def __init__(self, path: Path) -> None:
        torch.manual_seed(SEED)
        self.path, self.model, self.samples = path, Model(), 0
        self.optimisers, self.average = optimisers(self.model, PEAK_RATE), Average(self.model)
        if (old := load(path)) is not None:
            self.model.load_state_dict(old["weights"])
            for one, state in zip(self.optimisers, old["optimisers"], strict=True):
                one.load_state_dict(state)
            self.average.values, self.average.steps = old["average"], old["steps"]
            self.samples = old["samples"]

    def state(self) -> dict[str, Any]:
        return {
            "weights": self.model.state_dict(), "optimisers": [one.state_dict() for one in self.optimisers],
            "average": self.average.values, "steps": self.average.steps, "samples": self.samples,
        }  # fmt: skip

    def averaged(self) -> Model:
        model = Model().eval().requires_grad_(False)
        model.load_state_dict(self.average.values)
        return model

    def step(self, frozen: Frozen, planned: int) -> float:
        for one in self.optimisers:
            for group in one.param_groups:
                group["lr"] = rate(self.samples, planned)
            one.zero_grad()
        with torch.autocast("cpu", torch.bfloat16):
            latents, contexts, source, covered = batch(frozen, self.samples)
            towards_noise = EDITS_TIME if self.samples >= HARD_EDITS else 0.0
            loss = loss_of(self.model, latents, contexts, source, covered, self.samples, towards_noise)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for one in self.optimisers:
            one.step()
        self.average.update(self.model)
        self.samples += BATCH
        return float(loss.detach())


def train(runs: Path, planned: int) -> None:
    """Continues `runs`/model.pt, or starts it, and ends after `planned` samples or when asked to."""
    frozen, stop, training = Frozen(runs), Stop(), Training(runs / "model.pt")
    saved, curve = time.monotonic(), Curve(runs / "model.csv")
    while training.samples < planned and not stop.asked:
        curve.losses.append(training.step(frozen, planned))
        samples, ended = training.samples, training.samples >= planned
        if samples % JUDGE_EVERY < BATCH or ended:
            curve.mark(training, frozen)
        if samples % KEEP_EVERY < BATCH or ended:
            kept = {"average": training.average.values, "samples": samples}
            save(runs / f"model-{samples // 1000:05d}k.pt", kept)
        if time.monotonic() - saved > SAVE_EVERY_S or ended or stop.asked:
            saved = time.monotonic()
            save(training.path, training.state())


class Curve:
    """Judges the averaged weights now and then, and keeps the table."""

    def __init__(self, path: Path) -> None:
        self.path, self.losses = path, list[float]()
        self.wall_s, self.processor_s = time.monotonic(), time.process_time()

    def mark(self, training: Training, frozen: Frozen) -> None:
        wall_s, processor_s = time.monotonic() - self.wall_s, time.process_time() - self.processor_s
        starts = {"one": STAGES[0][0], "two": STAGES[1][0], "edit": STAGES[1][0]}
        kinds = [name for name, start in starts.items() if training.samples > start]
        right = scores(training.averaged(), frozen, kinds)
        row = {"samples": training.samples, "wall_s": round(wall_s), "processor_s": round(processor_s)}
        row |= {"loss": f"{sum(self.losses) / len(self.losses):.4f}"} | right
        note(self.path, **row)
        logger.info("model %s", {name: value for name, value in row.items() if value != ""})
        self.losses.clear()
        self.wall_s, self.processor_s = time.monotonic(), time.process_time()
