"""Failures by name: what real programs say when they fail, and what healthy ones say."""

# ruff: noqa: E501 - as programs log it

import pytest

from gesso.fleet.failure_table import CRASHED, KILLED, TABLE
from gesso.fleet.failures import recognise
from gesso.fleet.log_lines import cleaned

AT = 1_700_000_000.0
FRAMES = '  File "main.py", line 7, in <module>\n    import execution\n    ^^^^^^\n'
TRACEBACK = f"Traceback (most recent call last):\n{FRAMES}"
ILLEGAL = "CUDA error: an illegal memory access was encountered"
# As the judge and other real ones log it: the names of folders and versions are of no matter.
START = """\
Checkpoint files will always be loaded safely.
Total VRAM 24106 MB, total RAM 24106 MB
pytorch version: 2.8.0+cu128
Set vram state to: NORMAL_VRAM
Device: cuda:0 NVIDIA GeForce RTX 3090 : cudaMallocAsync
WARNING: this card most likely does not support cuda-malloc, if you get "CUDA error" please run ComfyUI with: x
Python version: 3.11.7 (main, May  9 2026, 07:35:25) [GCC 12.2.0]
ComfyUI version: 0.3.64
[Prompt Server] web root: /srv/comfyui/static
### Loading: ComfyUI-Manager (V3.17.8)
Traceback (most recent call last):
  File "/srv/comfyui/nodes.py", line 2131, in load_custom_node
    module_spec.loader.exec_module(module)
  File "/srv/comfyui/custom_nodes/some/__init__.py", line 4, in <module>
    import cv2
ImportError: libGL.so.1: cannot open shared object file: No such file or directory

Cannot import /srv/comfyui/custom_nodes/some module for custom nodes: libGL.so.1: cannot open shared object file
Traceback (most recent call last):
  File "/srv/comfyui/nodes.py", line 2131, in load_custom_node
    module_spec.loader.exec_module(module)
  File "/srv/comfyui/comfy_extras/nodes_audio.py", line 4, in <module>
    import torchaudio
ModuleNotFoundError: No module named 'torchaudio'

Cannot import /srv/comfyui/comfy_extras/nodes_audio.py module for custom nodes: No module named 'torchaudio'

Import times for custom nodes:
   0.0 seconds (IMPORT FAILED): /srv/comfyui/custom_nodes/some

IMPORT FAILED: nodes_audio.py

Context impl SQLiteImpl.
Starting server

To see the GUI go to: http://127.0.0.1:8188
"""
SKETCH = """\
2026-11-21 09:00:00,123 INFO gesso.sketch.start Total VRAM 24106 MB, total RAM 24106 MB
2026-11-21 09:00:00,124 INFO gesso.sketch.server Starting server
2026-11-21 09:00:00,200 INFO gesso.sketch.server sketch listens on http://127.0.0.1:1, its files are in /data
2026-11-21 09:00:01,200 INFO gesso.sketch.routes.prompts got prompt
"""
# What users write and what they call their files stands in logs, too.
USERS = f"""\
got prompt
{ILLEGAL}
RuntimeError: {ILLEGAL}
a photograph of a terminal that says "torch.OutOfMemoryError: CUDA out of memory"
OSError: [Errno 28] No space left on device, said the little robot
Failed to validate prompt for output 2:
* LoadImage 1:
  - Custom validation failed for node: image - Invalid image file: {ILLEGAL}.png
* CheckpointLoaderSimple 1:
  - Value not in list: ckpt_name: 'x
Traceback (most recent call last):
RuntimeError: CUDA error: device-side assert triggered
' not in []
Output will be ignored
!!! Exception during processing !!! **** ERROR: Saving image outside the output folder is not allowed.
 full_output_folder: /srv/../x
!!! Exception during processing !!! {ILLEGAL}
{TRACEBACK}RuntimeError: {ILLEGAL}
Traceback (most recent call last):
  File "/srv/comfyui/folder_paths.py", line 397, in get_save_image_path
    raise Exception(err)
Exception: **** ERROR: Saving image outside the output folder is not allowed.
Prompt executed in 0.01 seconds
got prompt
Prompt executed in 3.41 seconds
"""


def lines(text: str) -> list[str]:
    return [cleaned(line) for line in text.splitlines()]


ENDS = {
    "a job's own error, then ended by SIGTERM": (
        -15,
        f"{START}!!! Exception during processing !!! Allocation on device\n{TRACEBACK}torch.OutOfMemoryError: "
        "Allocation on device\n\nGot an OOM, unloading all loaded models.\n",
        "killed",
        "SIGTERM",
    ),
    "module": (
        1,
        f"{TRACEBACK}ModuleNotFoundError: No module named 'torch'\n",
        "missing-module",
        "ModuleNotFoundError: No module named 'torch'",
    ),
    "module of a custom node, then something else": (3, START, "crashed", "To see the GUI go to"),
    "library of Python's": (
        1,
        f"{TRACEBACK}ImportError: libcudnn.so.9: cannot open shared object file: No such file or directory\n",
        "missing-library",
        "libcudnn.so.9",
    ),
    "library of the program's": (
        127,
        "python3: error while loading shared libraries: libpython3.11.so.1.0: cannot open shared object file\n",
        "missing-library",
        "libpython3.11",
    ),
    "127 without a word": (127, "", "missing-library", "127"),
    "shell finds nothing": (127, "/bin/sh: 1: main.sh: not found\n", "not-executable", "main.sh: not found"),
    "126": (126, "", "not-executable", "126"),
    "no main.py": (
        2,
        "python3: can't open file '/srv/main.py': [Errno 2] No such file or directory\n",
        "not-executable",
        "/srv/main.py",
    ),
    "port": (
        1,
        f"{START}{TRACEBACK}OSError: [Errno 98] error while attempting to bind on address ('127.0.0.1', 8188): "
        "address already in use\n",
        "port-in-use",
        "8188",
    ),
    "port on Windows": (
        1,
        f"{TRACEBACK}OSError: [Errno 10048] error while attempting to bind on address ('127.0.0.1', 8188): x\n",
        "port-in-use",
        "10048",
    ),
    "port, in newer words": (
        1,
        f"{START}[ERROR] Port 8188 is already in use on address 127.0.0.1. Please close the other application\n",
        "port-in-use",
        "Port 8188",
    ),
    "database": (
        1,
        "\x1b[31m[ERROR]\x1b[0m Could not acquire lock on database 'user/comfyui.db'. Another ComfyUI process may "
        "already be using it.\n",
        "asset-database-locked",
        "user/comfyui.db",
    ),
    "disk": (
        1,
        f"{TRACEBACK}OSError: [Errno 28] No space left on device: '/data/temp'\n",
        "disk-full",
        "No space left",
    ),
    "models": (
        1,
        f"{TRACEBACK}FileNotFoundError: [Errno 2] No such file or directory: '/srv/comfyui/models/vae/x.sft'\n",
        "models-missing",
        "/models/vae",
    ),
    "arguments": (
        2,
        "usage: main.py [-h] [--listen [IP]]\nmain.py: error: unrecognized arguments: --nosuch\n",
        "wrong-arguments",
        "--nosuch",
    ),
    "no driver": (
        1,
        f"{TRACEBACK}RuntimeError: Found no NVIDIA driver on your system. Please check that you have an NVIDIA GPU\n",
        "no-cuda",
        "no NVIDIA driver",
    ),
    "card's memory at start": (
        1,
        f"{TRACEBACK}torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total\n",
        "cuda-out-of-memory",
        "Tried to allocate",
    ),
    "poisoned, by its abort": (
        -6,
        f"terminate called after throwing an instance of 'c10::AcceleratorError'\n  what():  {ILLEGAL}\n",
        "cuda-poisoned",
        ILLEGAL,
    ),
    "the machine's memory, by Python": (1, f"{TRACEBACK}MemoryError\n", "out-of-memory", "MemoryError"),
    "any other error": (1, f"{TRACEBACK}KeyError: 'x'\n", "crashed", "KeyError: 'x'"),
    "memory fault": (-11, START, "crashed", "SIGSEGV"),
    "asked by somebody": (143, START, "killed", "SIGTERM"),
    "Windows without memory": (-1073741801, "", "out-of-memory", "0xc0000017"),
    "Windows without a DLL": (3221225781, "", "missing-library", "DLL"),
    "by itself": (0, START, "crashed", "without an error"),
}


@pytest.mark.parametrize("case", ENDS)
def test_end_of_a_process_has_a_name_and_its_evidence(case: str) -> None:
    code, text, name, evidence = ENDS[case]
    found = recognise(code, lines(text), AT)
    assert found is not None
    assert (found.name, found.at) == (name, AT)
    assert evidence in found.evidence


@pytest.mark.parametrize("code", [-9, 137])
@pytest.mark.parametrize(("kills", "name"), [(None, "out-of-memory"), (2, "out-of-memory"), (0, "killed")])
def test_who_killed_it_is_told_by_the_kernels_counter(code: int, kills: int | None, name: str) -> None:
    found = recognise(code, lines(START), AT, kills=kills)
    assert found is not None
    assert found.name == name
    assert ("probably" in found.evidence) is (kills is None)


def test_end_that_nobody_saw_is_told_by_its_log_or_not_at_all() -> None:
    named = recognise(None, lines(f"{TRACEBACK}ModuleNotFoundError: No module named 'x'"), AT, ended=True)
    silent = recognise(None, lines(START), AT, ended=True)
    assert named is not None
    assert silent is not None
    assert (named.name, silent.name) == ("missing-module", "crashed")


RUNNING = {
    "poisoned in a job": (
        f"got prompt\n!!! Exception during processing !!! {ILLEGAL}\n"
        f"{TRACEBACK}torch.AcceleratorError: {ILLEGAL}\nSearch for `cudaErrorIllegalAddress' in x\n",
        "cuda-poisoned",
    ),
    "poisoned in a job, with times": (
        f"[2026-11-06 23:42:20.536] [ERROR] !!! Exception during processing !!! {ILLEGAL}\n",
        "cuda-poisoned",
    ),
    "poisoned in a thread of a node": (
        f"{TRACEBACK}RuntimeError: CUDA error: device-side assert triggered\n",
        "cuda-poisoned",
    ),
    "poisoned on an AMD card": (
        f"{TRACEBACK}torch.AcceleratorError: HIP error: an illegal memory access was encountered\n",
        "cuda-poisoned",
    ),
    "no memory on the card": (
        f"!!! Exception during processing !!! Allocation on device \n{TRACEBACK}torch.OutOfMemoryError: "
        "Allocation on device \n\nGot an OOM, unloading all loaded models.\n",
        "cuda-out-of-memory",
    ),
    "no room on the disk": (
        "!!! Exception during processing !!! [Errno 28] No space left on device: 'output/x.png'\n",
        "disk-full",
    ),
    "no model": (
        "!!! Exception during processing !!! Model in folder 'checkpoints' with filename 'x.sft' not found.\n",
        "models-missing",
    ),
    "another instance": (
        f"{START}Failed to initialize database. Please ensure you have x: (sqlite3.OperationalError) database "
        "is locked\n",
        "asset-database-locked",
    ),
    "one error after another": (
        f"!!! Exception during processing !!! 'x'\n{TRACEBACK}KeyError: 'x'\n\nPrompt executed in 1 seconds\n"
        f"!!! Exception during processing !!! {ILLEGAL}\n",
        "cuda-poisoned",
    ),
}


@pytest.mark.parametrize("case", RUNNING)
def test_what_is_wrong_with_an_engine_that_goes_on_is_named(case: str) -> None:
    text, name = RUNNING[case]
    found = recognise(None, lines(text), AT)
    assert found is not None
    assert found.name == name
    assert found.evidence in text


@pytest.mark.parametrize(
    "log", [START, SKETCH, USERS, START + USERS], ids=["start", "sketch", "users", "all"]
)
def test_healthy_log_is_given_no_name(log: str) -> None:
    assert recognise(None, lines(log), AT) is None


@pytest.mark.parametrize("code", [1, -9, -15])
def test_words_of_users_do_not_name_an_end(code: int) -> None:
    found = recognise(code, lines(START + USERS), AT, kills=0)
    assert found is not None
    assert found.name in ("crashed", "killed")


def test_old_error_does_not_explain_a_later_end() -> None:
    later = "got prompt\nPrompt executed in 3.41 seconds\n" * 20
    found = recognise(1, lines(f"{TRACEBACK}OSError: [Errno 28] No space left on device\n{later}"), AT)
    assert found is not None
    assert found.name == "crashed"


def test_every_failure_says_what_to_do() -> None:
    for failure in (*TABLE, KILLED, CRASHED):
        assert failure.remedy.endswith("."), failure.name
        assert failure.name == failure.name.lower()
        assert not failure.summary.endswith(".")


@pytest.mark.parametrize(
    "line",
    [
        "[2024-11-06 23:42:20.536] Got an OOM",
        "2024-09-16 01:38:13,877 - root - ERROR - Got an OOM",
        "2026-08-21T09:55:51.945026 - [INFO] Got an OOM",
        "2026-11-21 09:00:00,123 INFO gesso.sketch.start Got an OOM",
        "\x1b[32m[INFO]\x1b[0m Got an OOM",
        "Got an OOM",
    ],
)
def test_times_and_levels_are_no_part_of_a_line(line: str) -> None:
    assert cleaned(line) == "Got an OOM"


def test_indentation_is_a_part_of_a_line() -> None:
    assert cleaned('[2024-11-06 23:42:20.536]   File "x"') == '  File "x"'
