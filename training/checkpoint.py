"""What a training saves and continues from: weights, their average, the optimiser and how far it has come."""

import csv
import os
import signal
from pathlib import Path
from typing import Any

import torch
from torch import nn


def save(path: Path, state: dict[str, Any]) -> None:
    """Replaces the file in one step: a training that is killed here continues from the old one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".draft")
    torch.save(state, draft)
    os.replace(draft, path)


def load(path: Path) -> dict[str, Any] | None:
    if not path.exists():
        return None
    return torch.load(path, map_location="cpu", weights_only=True)


def note(path: Path, **row: object) -> None:
    """Appends one line to a CSV whose first row names the columns."""
    new = not path.exists()
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(row))
        if new:
            writer.writeheader()
        writer.writerow(row)


class Average:
    """The exponential average of a network's weights, quick at first: what is judged and shipped."""

    def __init__(self, network: nn.Module, slowest: float = 0.9995) -> None:
        self.slowest, self.steps = slowest, 0
        self.values = {name: one.detach().clone() for name, one in network.state_dict().items()}

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        self.steps += 1
        keep = min(self.slowest, (1 + self.steps) / (10 + self.steps))
        for name, one in network.state_dict().items():
            if one.dtype.is_floating_point:
                self.values[name].lerp_(one, 1 - keep)
            else:
                self.values[name].copy_(one)


class Stop:
    """True once SIGTERM or SIGINT has come: the training saves and ends."""

    def __init__(self) -> None:
        self.asked = False
        signal.signal(signal.SIGTERM, self._ask)
        signal.signal(signal.SIGINT, self._ask)

    def _ask(self, *_: object) -> None:
        self.asked = True
