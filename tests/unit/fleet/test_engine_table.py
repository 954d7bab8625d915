"""What `gesso discover` proposes: a table that gesso.toml takes, whatever folders and arguments there are."""

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gesso.config.schema import parse
from gesso.fleet.discover import Found, HeldMemory, Kind
from gesso.fleet.engine_table import engine_table
from gesso.processes.containers import Container
from gesso.processes.listeners import Program

COMFYUI = Program(
    pid=7,
    account="painter",
    argv=("/srv/ComfyUI/venv/bin/python", "main.py", "--listen", "10.0.0.4", "--port=8188", "--lowvram"),
    directory="/srv/ComfyUI",
)


def found(**changes: Any) -> Found:
    known: dict[str, Any] = {"kind": Kind.COMFYUI, "evidence": "", "url": "http://127.0.0.1:8188"}
    return Found(**{**known, "program": COMFYUI, **changes})


def uncommented(table: str) -> dict[str, Any]:
    """The other way that the comments propose, as one would write it: without the address."""
    lines = [line.removeprefix("# ") for line in table.split("\n") if not line.startswith(("url", "# Or"))]
    read: dict[str, Any] = tomllib.loads("\n".join(lines))["engine"][0]
    return read


def test_the_table_adopts_it_by_its_address():
    table = engine_table(found())
    assert table is not None
    (engine,) = parse(tomllib.loads(table)).engines
    assert (engine.name, engine.kind, engine.url) == ("comfyui-8188", "comfyui", "http://127.0.0.1:8188")


def test_the_comments_say_how_gesso_would_start_it():
    held = (HeldMemory(uuid="GPU-1234", card="RTX 3090", memory=5),)
    table = engine_table(found(cards=held))
    assert table is not None
    assert uncommented(table) == {
        "name": "comfyui-8188",
        "kind": "comfyui",
        "directory": "/srv/ComfyUI",
        "python": "/srv/ComfyUI/venv/bin/python",
        "arguments": ["--lowvram"],
        "gpu": "GPU-1234",
    }


@given(st.text(min_size=1), st.lists(st.text()))
def test_any_folder_and_arguments_make_a_table_that_is_read(folder: str, arguments: list[str]):
    known = Program(pid=1, argv=("python", "main.py", *arguments), directory="/" + folder)
    table = engine_table(found(program=known))
    assert table is not None
    assert parse(tomllib.loads(table)).engines[0].url == "http://127.0.0.1:8188"
    kept = uncommented(table)["arguments"]
    assert not any(word.split("=")[0] in ("--port", "--listen") for word in kept)


@pytest.mark.parametrize("kind", [Kind.UNKNOWN, Kind.FORGE])
def test_what_gesso_cannot_speak_to_gets_no_table(kind: Kind):
    assert engine_table(found(kind=kind)) is None


def test_what_a_gesso_started_gets_none():
    assert engine_table(found(ours=True)) is None


def test_nobody_is_told_to_start_what_is_in_a_container():
    table = engine_table(found(container=Container(runtime="docker", id="3f2a9c1d4e5b")))
    assert table is not None
    assert "# directory" not in table
