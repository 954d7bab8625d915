"""What sketch draws is right as often as was measured; and what may be relied on, whatever is drawn.

The eye is tests/seeing.py; the figures lie beside the weights (python -m tests.measuring --write).
"""

import base64
import io
import json
from collections.abc import Iterator
from itertools import pairwise
from math import sqrt
from typing import Any

import numpy as np
import pytest
from PIL import Image

from gesso.sketch.model import Networks
from tests.integration.sketch.listening import listening
from tests.measuring import COUNTS, FILE, Painter, judged, measured
from tests.running import wait_for
from tests.scenery import Scene, draw, scenes
from tests.seeing import see
from tests.service import ENGINE, UNHURRIED, RunningGesso, running_service

NETS = Networks()
PAINTER = Painter(NETS)
# So many of each kind are drawn anew: more would take minutes.
SOME = {"one": 32, "two": 16, "recolour": 8, "remove": 8, "background": 8}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGesso]:
    with running_service(tmp_path_factory.mktemp("gesso"), ENGINE + UNHURRIED) as service:
        yield service


def test_the_figures_are_of_the_weights_that_are_shipped() -> None:
    figures = json.loads(FILE.read_text("utf-8"))
    assert figures["files"] == NETS.provenance(), "measure them: python -m tests.measuring --write"
    assert {kind: told["asked"] for kind, told in figures["kinds"].items()} == COUNTS


@pytest.mark.parametrize("kind", SOME)
def test_as_many_pictures_are_right_as_was_measured(kind: str) -> None:
    shipped = json.loads(FILE.read_text("utf-8"))["kinds"][kind]
    share = shipped["right"] / shipped["asked"]
    error = sqrt(share * (1 - share) * (1 / shipped["asked"] + 1 / SOME[kind]))
    found = measured(PAINTER, kind, SOME[kind])
    assert found["right"] / found["asked"] >= share - 2 * error, (found, shipped)


def test_what_the_service_draws_is_what_was_measured(service: RunningGesso) -> None:
    """In another process, so the same seed gives the same bytes there, too."""
    [scene] = scenes(1, 1)
    for size in (64, 128):
        asked = {"prompt": scene.words(), "seed": 3, "size": f"{size}x{size}"}
        reply = service.call("POST", "/v1/images/generations", asked, timeout_s=60)
        data = base64.b64decode(reply.json()["data"][0]["b64_json"])
        with Image.open(io.BytesIO(data)) as served:
            assert served.convert("RGB").tobytes() == PAINTER.draw(scene.words(), size, seed=3).tobytes()


def test_two_threads_draw_the_same_and_another_seed_another_picture() -> None:
    [scene] = scenes(1, 1)
    one = PAINTER.draw(scene.words(), seed=1)
    assert Painter(Networks(threads=2)).draw(scene.words(), seed=1).tobytes() == one.tobytes()
    assert far(PAINTER.draw(scene.words(), seed=2), one) > 3


def far(one: Image.Image, other: Image.Image) -> float:
    """In levels of 255."""
    return float(np.sqrt(np.mean((np.asarray(one, float) - np.asarray(other, float)) ** 2)))


def other_scenes() -> list[tuple[Scene, Scene]]:
    """Pairs of scenes of one thing, which have not the same colour nor the same place."""
    several = scenes(1, 40, seed=3)
    return [
        (before, asked)
        for before, asked in pairwise(several)
        if before.things[0].colour != asked.things[0].colour
        and before.things[0].place != asked.things[0].place
    ][:6]


def test_little_denoise_keeps_the_picture_and_all_of_it_draws_what_is_asked() -> None:
    kept, followed, distances = 0, 0, []
    for seed, (before, asked) in enumerate(other_scenes()):
        start = draw(before)
        drawn = {
            share: PAINTER.redraw(start, asked.words(), denoise=share, seed=seed, steps=10)
            for share in (0.3, 0.7, 1.0)
        }
        distances.append([far(start, picture) for picture in drawn.values()])
        verdict = judged(see(drawn[0.3]), before, kept=True)
        kept += verdict.colour and verdict.place
        assert not judged(see(drawn[1.0]), before, kept=True).right
        followed += judged(see(drawn[1.0]), asked).colour
    assert kept >= 5 and followed >= 5
    little, much, all_of_it = np.mean(distances, axis=0)
    assert little < much / 2 and much < all_of_it
    # Then nothing is left of what it began with.
    assert drawn[1.0].tobytes() == PAINTER.draw(asked.words(), seed=seed, steps=10).tobytes()


def test_around_the_mask_a_picture_stays_what_it_was() -> None:
    [before, asked] = scenes(1, 2, seed=3)
    mask = Image.new("L", (64, 64))
    mask.paste(255, (32, 0, 64, 64))
    changed = PAINTER.redraw(draw(before), asked.words(), mask, seed=1)
    # What the way through the VAE alone does to it.
    unchanged = PAINTER.redraw(draw(before), "", denoise=0.0)
    off = np.abs(np.asarray(changed, int) - np.asarray(unchanged, int))
    assert off[:, 40:].max() > 100
    # The decoder looks a little beyond its place: next to the mask, pixels change with what is drawn there.
    assert off[:, :8].max() <= 6 and off[:, :20].mean() < 4


def slow(batch: int) -> dict[str, Any]:
    """A workflow whose steps take that many times as long as one picture's."""
    loaded = {name: ["4", slot] for slot, name in enumerate(("model", "clip", "vae"))}
    text = {"class_type": "CLIPTextEncode", "inputs": {"text": "a red heart", "clip": loaded["clip"]}}
    sampler = {
        "seed": 1,
        "steps": 200,
        "cfg": 3.0,
        "sampler_name": "euler",
        "scheduler": "simple",
        "denoise": 1.0,
    }
    links = {"model": loaded["model"], "positive": ["6", 0], "negative": ["6", 0], "latent_image": ["5", 0]}
    size = {"width": 64, "height": 64, "batch_size": batch}
    return {
        "3": {"class_type": "KSampler", "inputs": sampler | links},
        "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "sketch-1.safetensors"}},
        "5": {"class_type": "EmptyLatentImage", "inputs": size},
        "6": text,
        "8": {"class_type": "VAEDecode", "inputs": {"samples": ["3", 0], "vae": loaded["vae"]}},
        "9": {"class_type": "SaveImage", "inputs": {"images": ["8", 0], "filename_prefix": "slow"}},
    }


def test_a_cancelled_job_leaves_the_engine_within_a_step(service: RunningGesso) -> None:
    with listening(service.address()) as listener:

        def steps() -> int:
            return len(listener.messages("progress"))

        body = {"prompt": slow(64), "client_id": listener.client_id}
        job = service.call("POST", "/prompt", body).json()["prompt_id"]
        wait_for(lambda: steps() >= 2, 60)
        before = steps()
        assert service.call("POST", f"/gesso/api/jobs/{job}/cancel").status == 200
        listener.wait(lambda message: message["type"] == "execution_interrupted", 60)
        assert steps() <= before + 1
        # …and it takes the next one.
        quick = service.call("POST", "/v1/images/generations", {"prompt": "a star", "steps": 1}, timeout_s=60)
        assert quick.status == 200
    assert service.call("GET", f"/gesso/api/jobs/{job}").json()["state"] == "cancelled"
