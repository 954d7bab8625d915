"""`./dev up` and `./dev demo` where something is in the way: a lost key, a port that is taken."""

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A clone of its own: the demo writes beside `examples`."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    return tmp_path


def demo(place: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "examples/demo.py", *arguments],
        cwd=place,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def strongest(path: Path) -> str:
    """The colour of what stands in the middle of the picture."""
    with Image.open(path) as picture:
        middle = picture.convert("RGB").crop((96, 64, 160, 128)).resize((1, 1), Image.Resampling.BOX)
    channels = dict(zip(middle.tobytes(), ("red", "green", "blue"), strict=True))
    return channels[max(channels)]


def test_it_draws_edits_what_it_drew_and_a_lost_key_is_replaced(place: Path) -> None:
    done = demo(place)
    assert done.returncode == 0, done.stderr
    assert "demo/heart.png and demo/heart-green.png" in done.stdout
    assert [strongest(place / "demo" / name) for name in ("heart.png", "heart-green.png")] == ["red", "green"]
    key = place / "demo" / "key"
    first = key.read_text()
    key.unlink()
    done = demo(place)
    assert done.returncode == 0, done.stderr
    assert key.read_text() in done.stdout
    assert key.read_text() != first
    assert key.stat().st_mode & 0o777 == 0o600


def test_a_taken_port_is_told_in_words(place: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = demo(place, "--stay", "--listen", f"127.0.0.1:{taken.getsockname()[1]}")
    assert done.returncode == 1
    assert "cannot listen" in done.stderr and "--listen 127.0.0.1:0" in done.stderr
    assert "Traceback" not in done.stderr
