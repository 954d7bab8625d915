"""Trains the VAE until pictures survive the round trip in the judge's eyes."""

import logging
import math
import time
from pathlib import Path

import torch
from torch import Tensor

from training.checkpoint import Average, Stop, load, note, save
from training.judge import survival
from training.networks import VAE
from training.sampling import Dice, sample
from training.scenes import Scenes, draw, join

logger = logging.getLogger("training.vae")
BATCH, SEED = 32, 11
PEAK_RATE, WARM_UP = 2e-3, 50
SAVE_EVERY_S = 240.0
JUDGE_EVERY = 20_000
# The decoder meets latents that are a little wrong, as the MODEL's will be.
LATENT_NOISE = 0.05


def batch(seed: int, count: int, held_out: bool = False) -> Scenes:
    dice = Dice(seed)
    parts = [(1, count // 2), (2, count // 4), (3, count - count // 2 - count // 4)]
    return join([sample(dice, many, objects, held_out) for objects, many in parts])


def rate(samples: int, planned: int) -> float:
    warm = min(1.0, samples / (WARM_UP * BATCH))
    return PEAK_RATE * warm * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, samples / planned))))


def loss_of(vae: VAE, pictures: Tensor, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    latents = vae.encode(pictures).float()
    latents = latents + LATENT_NOISE * torch.randn(latents.shape, generator=generator)
    error = vae.decode(latents).float() - pictures
    return (error**2).mean() + 0.1 * error.abs().mean()


def psnr(vae: VAE, pictures: Tensor) -> float:
    error = (vae.decode(vae.encode(pictures)).clamp(-1, 1) - pictures) / 2
    return float((-10 * (error**2).mean((1, 2, 3)).log10()).mean())


@torch.no_grad()
def judged(average: Average) -> tuple[float, float]:
    """The averaged weights' PSNR in dB, and the part of held-out pictures that survives the round trip."""
    vae = VAE().eval()
    vae.load_state_dict(average.values)
    scenes = batch(7_000_000, 400, held_out=True)
    pictures = draw(scenes)[0] * 2 - 1
    decoded = vae.decode(vae.encode(pictures)).clamp(-1, 1)
    return psnr(vae, pictures), survival((decoded + 1) / 2, (pictures + 1) / 2, scenes)


def _keep_latents(vae: VAE, average: Average) -> None:
    """A MODEL has been trained on these latents: from now on only the decoder learns."""
    vae.load_state_dict(average.values)
    vae.encoder.requires_grad_(False)
    vae.norm.eval()


def train(runs: Path, planned: int) -> None:
    """Continues `runs`/vae.pt, or starts it, and ends after `planned` samples or when asked to."""
    torch.manual_seed(SEED)
    vae, stop, began = VAE(), Stop(), time.monotonic()
    optimiser = torch.optim.AdamW(vae.parameters(), lr=PEAK_RATE, weight_decay=0.0, betas=(0.9, 0.99))
    average, samples, saved = Average(vae, 0.999), 0, time.monotonic()
    if (old := load(runs / "vae.pt")) is not None:
        vae.load_state_dict(old["weights"])
        optimiser.load_state_dict(old["optimiser"])
        average.values, average.steps, samples = old["average"], old["steps"], old["samples"]
    if (runs / "model.pt").exists():
        _keep_latents(vae, average)
    losses: list[float] = []
    while samples < planned and not stop.asked:
        for group in optimiser.param_groups:
            group["lr"] = rate(samples, planned)
        pictures = draw(batch(SEED * 100_000_000 + samples, BATCH))[0] * 2 - 1
        with torch.autocast("cpu", torch.bfloat16):
            loss = loss_of(vae, pictures, samples)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(vae.parameters(), 1.0)
        optimiser.step()
        average.update(vae)
        samples += BATCH
        losses.append(float(loss.detach()))
        if samples % JUDGE_EVERY < BATCH or samples >= planned:
            quality, survived = judged(average)
            spent = round(time.monotonic() - began)
            mean = sum(losses) / len(losses)
            row = {"samples": samples, "seconds": spent, "loss": f"{mean:.5f}"}
            note(runs / "vae.csv", **row, psnr_db=f"{quality:.2f}", survival=f"{survived:.4f}")
            logger.info("vae %d: loss %.5f, %.2f dB, %.1f %% survive", samples, mean, quality, survived * 100)
            losses.clear()
        if time.monotonic() - saved > SAVE_EVERY_S or samples >= planned or stop.asked:
            saved = time.monotonic()
            state = {"weights": vae.state_dict(), "optimiser": optimiser.state_dict(), "samples": samples}
            save(runs / "vae.pt", state | {"average": average.values, "steps": average.steps})
