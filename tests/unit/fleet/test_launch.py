"""Engines get loopback, their own settings, and none of our secrets."""

from pathlib import Path

from gesso.config.engine import EngineConfig
from gesso.fleet.launch import plan, without_port

COMFY = EngineConfig(
    name="gpu0", kind="comfyui", directory=Path("/engine"), python="/py", arguments=("--lowvram",)
)


def test_comfyui_is_run_in_its_folder_on_loopback_only() -> None:
    launch = plan(COMFY, port=8188, storage=Path("/data"), environ={})
    assert launch.argv == ("/py", "main.py", "--listen", "127.0.0.1", "--port", "8188", "--lowvram")
    assert launch.cwd == Path("/engine")


def test_sketch_has_its_files_in_the_storage() -> None:
    launch = plan(EngineConfig(name="demo", kind="sketch"), port=9, storage=Path("/data"), environ={})
    assert launch.argv[1:3] == ("-m", "gesso.sketch")
    assert launch.argv[-2:] == ("--directory", str(Path("/data/engines/demo")))


def test_engine_gets_our_environment_but_for_what_is_gessos() -> None:
    config = EngineConfig(
        name="a", kind="sketch", environment={"CUDA_VISIBLE_DEVICES": "GPU-1", "PATH": "/x"}
    )
    environ = {"PATH": "/bin", "HOME": "/root", "GESSO_STORAGE__DATABASE": "postgresql://u:secret@h/db"}
    env = plan(config, port=9, storage=Path("/data"), environ=environ).env
    assert env["HOME"] == "/root"
    assert env["PATH"] == "/x"
    assert env["CUDA_VISIBLE_DEVICES"] == "GPU-1"
    assert "secret" not in str(env)


def test_engines_log_line_by_line() -> None:
    assert plan(COMFY, port=1, storage=Path("/data"), environ={}).env["PYTHONUNBUFFERED"] == "1"


def test_two_ports_are_the_same_settings() -> None:
    one = plan(COMFY, port=1, storage=Path("/data"), environ={}).argv
    two = plan(COMFY, port=2, storage=Path("/data"), environ={}).argv
    assert without_port(one) == without_port(two)
    assert without_port(("a", "b")) == ("a", "b")


def test_an_engine_that_is_held_to_a_card_sees_that_one_alone() -> None:
    config = COMFY.model_copy(update={"gpu": "3090"})
    environ = {"CUDA_VISIBLE_DEVICES": "0", "CUDA_DEVICE_ORDER": "FASTEST_FIRST"}
    env = plan(config, port=1, storage=Path("/data"), environ=environ, card="GPU-1").env
    assert (env["CUDA_VISIBLE_DEVICES"], env["CUDA_DEVICE_ORDER"]) == ("GPU-1", "PCI_BUS_ID")
    free = plan(COMFY, port=1, storage=Path("/data"), environ=environ).env
    assert free["CUDA_VISIBLE_DEVICES"] == "0"
