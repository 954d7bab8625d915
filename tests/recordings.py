"""Finds and reads the recordings of a real ComfyUI 0.3.64, which lie beside the checkout where they exist."""

import json
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).resolve().parents[1].parent / "shared/recordings/comfyui-0.3.64"


def requires_recordings(test: Any) -> Any:
    """Mark a test (or class) with `recordings`, and skip it where the folder is absent."""
    absent = pytest.mark.skipif(not FOLDER.is_dir(), reason="no recordings beside this checkout")
    return pytest.mark.recordings(absent(test))


def load(name: str) -> Any:
    """The JSON of one recording, e.g. load("object_info.json")."""
    return json.loads((FOLDER / name).read_text(encoding="utf-8"))


def load_or(name: str, default: Any) -> Any:
    """As `load`, but `default` where the folder is absent: for the arguments of parametrize."""
    return load(name) if FOLDER.is_dir() else default
