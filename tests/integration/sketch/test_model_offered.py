"""Under which names sketch's model is offered, what is refused, and what is told of it."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gesso.sketch.model_names import DEFAULT_ALIASES
from tests.integration.sketch.exchange import Answer, send, send_json
from tests.integration.sketch.listening import listening
from tests.running import Sketch, running_sketch

OWN = "sketch-1.safetensors"
ALIAS = "SDXL/sd_xl_base_1.0.safetensors"


@pytest.fixture(scope="module")
def sketch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sketch]:
    aliases = ("--alias", f"checkpoints/{ALIAS}", "--alias", "vae/qwen_image_vae.safetensors")
    directory = tmp_path_factory.mktemp("offered") / "data"
    with running_sketch(directory, *aliases, "--threads", "2") as running:
        yield running


def workflow(**changes: Any) -> dict[str, Any]:
    sampler = {
        "model": ["4", 0],
        "positive": ["6", 0],
        "negative": ["6", 0],
        "latent_image": ["5", 0],
        "seed": 1,
        "steps": 2,
        "cfg": 3,
        "sampler_name": "euler",
        "scheduler": "simple",
        "denoise": 1,
    }
    loaded = changes.pop("ckpt_name", OWN)
    return {
        "3": {"class_type": "KSampler", "inputs": sampler | changes},
        "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": loaded}},
        "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 64, "height": 64, "batch_size": 1}},
        "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a star", "clip": ["4", 1]}},
        "8": {"class_type": "VAEDecode", "inputs": {"samples": ["3", 0], "vae": ["4", 2]}},
        "9": {"class_type": "SaveImage", "inputs": {"filename_prefix": "x", "images": ["8", 0]}},
    }


def submit(url: str, prompt: dict[str, Any]) -> Answer:
    return send_json(url, "POST", "/prompt", {"prompt": prompt})


def choices(url: str, loader: str, name: str) -> list[str]:
    info = send(url, "GET", f"/object_info/{loader}").json[loader]
    offered: list[str] = info["input"]["required"][name][0]
    return offered


def test_loaders_offer_the_model_under_its_names(sketch: Sketch) -> None:
    assert choices(sketch.url, "CheckpointLoaderSimple", "ckpt_name") == [OWN, ALIAS]
    assert choices(sketch.url, "VAELoader", "vae_name") == [
        "sketch-1-vae.safetensors",
        "qwen_image_vae.safetensors",
    ]
    assert choices(sketch.url, "LoraLoader", "lora_name") == []
    assert send(sketch.url, "GET", "/models/checkpoints").json == [ALIAS, OWN]


def test_the_default_alias_is_what_comfyuis_first_workflow_asks_for(tmp_path: Path) -> None:
    with running_sketch(tmp_path / "data") as plain:
        assert choices(plain.url, "CheckpointLoaderSimple", "ckpt_name") == [OWN, *DEFAULT_ALIASES]
    with running_sketch(tmp_path / "bare", "--alias", "") as bare:
        assert choices(bare.url, "CheckpointLoaderSimple", "ckpt_name") == [OWN]


def test_a_name_says_what_it_stands_for(sketch: Sketch) -> None:
    told = send(sketch.url, "GET", f"/view_metadata/checkpoints?filename={ALIAS}").json
    assert "comes with sketch" in told["modelspec.description"]
    assert send(sketch.url, "GET", "/view_metadata/checkpoints?filename=other.safetensors").status == 404
    model = send(sketch.url, "GET", "/sketch/model").json
    assert (model["name"], model["available"], model["threads"]) == ("sketch-1", True, 2)
    assert len(model["files"]["model.onnx"]["sha256"]) == 64
    assert model["offered"]["checkpoints"] == [OWN, ALIAS]


def test_drawing_under_an_alias_with_two_threads(sketch: Sketch) -> None:
    with listening(sketch.url) as listener:
        body = {"prompt": workflow(ckpt_name=ALIAS), "client_id": listener.client_id}
        prompt_id = send_json(sketch.url, "POST", "/prompt", body).json["prompt_id"]
        listener.wait_end(prompt_id, 60)
    history = send(sketch.url, "GET", f"/history/{prompt_id}").json[prompt_id]
    assert history["status"]["status_str"] == "success"
    assert f"in place of {ALIAS}" in sketch.log.read_text()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"sampler_name": "uni_pc"}, "sampler_name: 'uni_pc' not in ['euler'"),
        ({"scheduler": "fastest"}, "scheduler: 'fastest' not in ['simple'"),
        ({"ckpt_name": "flux1-dev.safetensors"}, "'flux1-dev.safetensors' not in ['sketch-1"),
        ({"steps": 0}, "smaller than min of 1"),
        ({"denoise": 1.5}, "bigger than max of 1.0"),
        ({"cfg": "much"}, "could not convert string to float"),
    ],
)
def test_what_is_not_there_is_refused_as_comfyui_does(
    changes: dict[str, Any], words: str, sketch: Sketch
) -> None:
    refused = submit(sketch.url, workflow(**changes))
    assert refused.status == 400
    [error] = [each for node in refused.json["node_errors"].values() for each in node["errors"]]
    assert words in f"{error['message']} {error['details']}"


def test_a_lora_is_refused_with_the_reason(sketch: Sketch) -> None:
    prompt = workflow(model=["2", 0])
    prompt["2"] = {
        "class_type": "LoraLoaderModelOnly",
        "inputs": {"model": ["4", 0], "lora_name": "style.safetensors", "strength_model": 1.0},
    }
    refused = submit(sketch.url, prompt)
    assert refused.status == 400
    [error] = refused.json["node_errors"]["2"]["errors"]
    assert error["type"] == "custom_validation_failed"
    assert "takes no LoRAs" in error["details"]


def test_an_unknown_folder_is_refused_at_the_start() -> None:
    command = [sys.executable, "-m", "gesso.sketch", "--alias", "loras/x.safetensors"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 2
    assert "the folder must be one of checkpoints" in ended.stderr


def test_without_onnx_runtime_there_are_no_nodes_that_draw() -> None:
    script = """
import sys
sys.modules["onnxruntime"] = None
from gesso.sketch.registry import DRAWING, NODES
print(sorted(set(DRAWING) & set(NODES)), "SaveImage" in NODES)
"""
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert ended.stdout.strip() == "[] True", ended.stderr
