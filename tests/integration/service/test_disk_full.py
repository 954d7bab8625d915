"""No room on the disk: the job fails with that reason or waits; what can be fetched is whole."""

import io
import os
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from PIL import Image

from tests.integration.service.test_bad_input import comfyui_error, multipart
from tests.running import wait_for
from tests.service import RunningGesso, running_service

SIDE = 800
PROMPT = {
    "1": {"class_type": "LoadImage", "inputs": {"image": "noise.png"}},
    "2": {"class_type": "ImageInvert", "inputs": {"image": ["1", 0]}},
    "3": {"class_type": "SaveImage", "inputs": {"images": ["2", 0], "filename_prefix": "full"}},
}


@contextmanager
def small_disk(directory: Path, size_mib: int) -> Iterator[None]:
    """A file system of that size at `directory`."""
    directory.mkdir(parents=True)
    options = ["-t", "tmpfs", "-o", f"size={size_mib}m", "tmpfs", str(directory)]
    if os.name == "nt" or os.geteuid() != 0 or subprocess.run(["mount", *options], check=False).returncode:
        pytest.skip("needs the right to mount a small tmpfs (root)")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(directory)], check=True)


def upload_noise(service: RunningGesso) -> None:
    """A picture of about 1.9 MB that nothing makes smaller."""
    picture = io.BytesIO()
    Image.frombytes("RGB", (SIDE, SIDE), os.urandom(SIDE * SIDE * 3)).save(picture, "PNG", compress_level=1)
    body, headers = multipart("noise.png", picture.getvalue())
    assert service.call("POST", "/upload/image", body, headers=headers).status == 200


def test_job_whose_result_has_no_room_fails_with_that_reason(tmp_path: Path) -> None:
    with small_disk(tmp_path / "storage" / "artifacts", 3), running_service(tmp_path) as service:
        upload_noise(service)
        job_id = service.call("POST", "/prompt", {"prompt": PROMPT}).json()["prompt_id"]
        item = service.ended(job_id)
        assert item["status"]["status_str"] == "error"
        assert item["outputs"] == {}
        kind, data = item["status"]["messages"][-1]
        assert (kind, data["exception_type"]) == ("execution_error", "gesso.disk_full")
        assert "No space left" in data["exception_message"]
        body, headers = multipart("more.bin", os.urandom(2_000_000))
        refused = service.call("POST", "/upload/image", body, headers=headers)
        assert refused.status == 507
        assert comfyui_error(refused)["type"] == "disk_full"
        assert service.call("GET", "/gesso/readyz").status == 200
        drafts = (tmp_path / "storage" / "artifacts" / ".incoming").rglob("*")
        assert [path for path in drafts if path.is_file() and path.suffix != ".lock"] == []


def test_job_waits_for_room_in_the_database_and_then_ends_whole(tmp_path: Path) -> None:
    elsewhere = tmp_path / "engine"
    toml = f'[[engine]]\nname = "sketch"\nkind = "sketch"\ndirectory = "{elsewhere}"\n'
    elsewhere.mkdir()
    with small_disk(tmp_path / "storage", 12), running_service(tmp_path, toml) as service:
        upload_noise(service)
        job_id = str(uuid.uuid4())
        steps = {"image": ["1", 0], "steps": 6, "seconds": 0.3, "seed": 1}
        slow = {**PROMPT, "2": {"class_type": "SketchSteps", "inputs": steps}}
        assert service.call("POST", "/prompt", {"prompt": slow, "prompt_id": job_id}).status == 200
        wait_for(lambda: service.call("GET", f"/gesso/api/jobs/{job_id}").json()["state"] == "running")
        filler = tmp_path / "storage" / "filler"
        fill(filler)
        wait_for(lambda: "disk is full" in service.log(), 60)
        filler.unlink()
        item = service.ended(job_id)
        if item["status"]["status_str"] == "success":
            assert Image.open(io.BytesIO(service.picture(item))).convert("RGB").size == (SIDE, SIDE)
        else:
            assert item["status"]["messages"][-1][1]["exception_type"] == "gesso.disk_full"
        assert service.call("POST", "/prompt", {"prompt": PROMPT}).status == 200


def fill(path: Path) -> None:
    """Take all the room there is."""
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            pass
