"""The whole training in one command: VAE, text encoder, MODEL, each continued where it stopped."""

import argparse
import logging
import sys
from pathlib import Path

import torch

from training import train_model, train_text, train_vae
from training.checkpoint import load

PLANNED = {"vae": 205_000, "text": 300_000, "model": 3_000_000}
PARTS = {"vae": train_vae.train, "text": train_text.train, "model": train_model.train}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", type=Path, help="folder of checkpoints, curves and logs")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--only", choices=tuple(PARTS), help="one part instead of all")
    for name, samples in PLANNED.items():
        parser.add_argument(f"--{name}", type=int, default=samples, metavar="SAMPLES", help="samples planned")
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    for name, train in PARTS.items():
        if asked.only in (None, name):
            train(asked.runs, getattr(asked, name))
            state = load(asked.runs / f"{name}.pt")
            if state is None or state["samples"] < getattr(asked, name):
                return  # asked to stop


if __name__ == "__main__":
    main()
