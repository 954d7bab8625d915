"""Workflows that these tests send."""

from typing import Any

Prompt = dict[str, dict[str, Any]]


def plain(color: int = 3368652) -> Prompt:
    """The recordings' one: an empty picture, shown; and its inversion, saved."""
    size = {"width": 32, "height": 32, "batch_size": 1, "color": color}
    return {
        "1": {"class_type": "EmptyImage", "inputs": size},
        "2": {"class_type": "ImageInvert", "inputs": {"image": ["1", 0]}},
        "3": {"class_type": "SaveImage", "inputs": {"filename_prefix": "sub/plain", "images": ["2", 0]}},
        "4": {"class_type": "PreviewImage", "inputs": {"images": ["1", 0]}},
    }


def steps(count: int = 4, seconds: float = 0.01, seed: int = 0) -> Prompt:
    """Node 3 takes `count` steps with a preview each, where the recordings have their sampler."""
    size = {"width": 64, "height": 64, "batch_size": 1, "color": 3368652}
    work = {"image": ["5", 0], "steps": count, "seconds": seconds, "seed": seed}
    return {
        "3": {"class_type": "SketchSteps", "inputs": work},
        "5": {"class_type": "EmptyImage", "inputs": size},
        "9": {"class_type": "SaveImage", "inputs": {"filename_prefix": "rec", "images": ["3", 0]}},
    }
