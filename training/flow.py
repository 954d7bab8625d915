"""Rectified flow: what the MODEL is trained to say, and how pictures are drawn from it."""

import torch
from torch import Tensor
from torch.nn import functional

from training.networks import LATENT_CHANNELS, SCALE, Model

INSIDE_WEIGHT = 3.0


def times(source: Tensor, towards_noise: float, generator: torch.Generator) -> Tensor:
    """Logit-normal: the middle of the way, where shapes are decided, comes most often; with a source, what is
    nearer to noise by `towards_noise`, where it is decided which of its objects changes.
    """
    edited = source.flatten(1).any(1).float()
    return torch.sigmoid(torch.randn(len(source), generator=generator) + edited * towards_noise)


def loss_of(
    model: Model,
    latents: Tensor,
    context: Tensor,
    source: Tensor,
    covered: Tensor,
    seed: int,
    towards_noise: float,
) -> Tensor:
    """Squared error of the flow, weighted inside objects; time 0 is the picture, time 1 is noise."""
    generator = torch.Generator().manual_seed(seed)
    time = times(source, towards_noise, generator)
    noise = torch.randn(latents.shape, generator=generator)
    at = time.view(-1, 1, 1, 1)
    flow = model((1 - at) * latents + at * noise, time, context, source).float()
    inside = functional.max_pool2d(functional.avg_pool2d(covered, SCALE), 3, 1, 1)
    weight = 1 + INSIDE_WEIGHT * inside
    return ((flow - (noise - latents)) ** 2 * (weight / weight.mean())).mean()


@torch.no_grad()
def generate(
    model: Model,
    context: Tensor,
    source: Tensor,
    blank: Tensor,
    *,
    steps: int = 16,
    guidance: float = 3.0,
    seed: int = 0,
) -> Tensor:
    """Latents by Euler's method with guidance; `blank` is the context of an empty text."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn((len(context), LATENT_CHANNELS, *source.shape[-2:]), generator=generator)
    both = torch.cat([context, blank.expand_as(context)])
    for step in range(steps):
        time = torch.full((2 * len(x),), 1 - step / steps)
        flow = model(torch.cat([x, x]), time, both, torch.cat([source, source])).float()
        towards, plain = flow.chunk(2)
        x = x - (plain + guidance * (towards - plain)) / steps
    return x
