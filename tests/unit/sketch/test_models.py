"""Names and metadata of model files."""

import json
from pathlib import Path

from PIL import Image

from gesso.sketch.folders import Folders
from gesso.sketch.models import (
    find_model,
    model_files,
    model_folders,
    model_names,
    preview_picture,
    safetensors_metadata,
)


def safetensors(path: Path, header: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    content = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(len(content).to_bytes(8, "little") + content)
    return path


def test_names_come_from_all_folders_of_a_kind_sorted_and_once(tmp_path: Path) -> None:
    for name in (
        "models/checkpoints/b.safetensors",
        "output/checkpoints/a.ckpt",
        "models/checkpoints/deep/C.PT",
    ):
        safetensors(tmp_path / name, {})
    for name in (
        "models/checkpoints/notes.txt",
        "output/checkpoints/b.safetensors",
        "models/checkpoints/.git/x.pt",
    ):
        safetensors(tmp_path / name, {})
    folder = model_folders(Folders(tmp_path))["checkpoints"]
    assert model_names(folder) == ["a.ckpt", "b.safetensors", "deep/C.PT"]
    assert [(each["name"], each["pathIndex"]) for each in model_files(folder)] == [
        ("b.safetensors", 0),
        ("deep/C.PT", 0),
        ("a.ckpt", 1),
        ("b.safetensors", 1),
    ]


def test_model_is_found_by_name_and_never_outside(tmp_path: Path) -> None:
    folders = Folders(tmp_path)
    path = safetensors(tmp_path / "models/unet/x.safetensors", {})
    safetensors(tmp_path / "models/outside.safetensors", {})
    assert find_model(folders, "diffusion_models", "x.safetensors") == path
    assert find_model(folders, "unet", "x.safetensors") == path
    for name in ("../outside.safetensors", "/x\0", "", "none.safetensors"):
        assert find_model(folders, "diffusion_models", name) is None
    assert find_model(folders, "nope", "x.safetensors") is None


def test_metadata_is_read_from_a_whole_small_header_only(tmp_path: Path) -> None:
    good = safetensors(tmp_path / "good.safetensors", {"__metadata__": {"a": "b"}})
    assert safetensors_metadata(good, 1000) == {"a": "b"}
    assert safetensors_metadata(good, 3) is None
    for number, header in enumerate(({}, [], {"__metadata__": 5}, b"rubbish")):
        assert safetensors_metadata(safetensors(tmp_path / f"{number}", header), 1000) is None
    (tmp_path / "short").write_bytes(b"abc")
    assert safetensors_metadata(tmp_path / "short", 1000) is None


def test_picture_beside_a_model_is_its_preview(tmp_path: Path) -> None:
    safetensors(tmp_path / "m.safetensors", {})
    assert preview_picture(tmp_path, "m.safetensors") is None
    Image.new("RGB", (4, 4), "red").save(tmp_path / "m.preview.png")
    assert (preview_picture(tmp_path, "m.safetensors") or b"")[8:12] == b"WEBP"
    assert preview_picture(tmp_path, "../m.safetensors") is None
    assert preview_picture(tmp_path, "x\0") is None
