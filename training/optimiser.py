"""Muon for the matrices inside a network, AdamW for the rest."""

from collections import defaultdict
from collections.abc import Iterable

import torch
from torch import Tensor, nn

# Quintic Newton-Schulz iteration: drives all singular values to about one (Jordan et al., 2024).
A, B, C, ITERATIONS = 3.4445, -4.7750, 2.0315, 5
# Entering and leaving layers, embeddings and modulations learn better by AdamW.
NOT_MUON = ("enter", "leave", "time.", "pooled", "modulate", "place", "local")


def orthogonal(matrices: Tensor) -> Tensor:
    """The nearest orthogonal matrices of a stack (count, rows, columns), roughly."""
    x = matrices.bfloat16()
    tall = x.shape[-2] > x.shape[-1]
    x = x.mT if tall else x
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(ITERATIONS):
        gram = x @ x.mT
        x = A * x + (B * gram + C * gram @ gram) @ x
    return (x.mT if tall else x).to(matrices)


class Muon(torch.optim.Optimizer):
    """Momentum, made orthogonal; scaled so that AdamW's learning rates fit."""

    def __init__(
        self, parameters: Iterable[Tensor], lr: float, momentum: float = 0.95, decay: float = 0.01
    ) -> None:
        super().__init__(parameters, {"lr": lr, "momentum": momentum, "decay": decay})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:
        for group in self.param_groups:
            alike: dict[torch.Size, list[tuple[Tensor, Tensor]]] = defaultdict(list)
            for one in group["params"]:
                if one.grad is None:
                    continue
                state = self.state[one]
                if not state:
                    state["momentum"] = torch.zeros_like(one)
                state["momentum"].lerp_(one.grad, 1 - group["momentum"])
                ahead = one.grad.lerp(state["momentum"], group["momentum"]).flatten(1)
                alike[ahead.shape].append((one, ahead))
            for shape, members in alike.items():
                turned = orthogonal(torch.stack([ahead for _, ahead in members]))
                rate = group["lr"] * 0.2 * max(shape) ** 0.5
                for (one, _), change in zip(members, turned, strict=True):
                    one.mul_(1 - group["lr"] * group["decay"])
                    one.add_(change.view_as(one), alpha=-rate)


def optimisers(network: nn.Module, rate: float) -> list[torch.optim.Optimizer]:
    matrices, rest = [], []
    for name, one in network.named_parameters():
        is_inner = one.ndim >= 2 and not any(part in name for part in NOT_MUON)
        (matrices if is_inner else rest).append(one)
    return [Muon(matrices, rate), torch.optim.AdamW(rest, lr=rate, weight_decay=0.0, betas=(0.9, 0.98))]
