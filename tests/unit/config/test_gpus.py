"""Which card an engine is held to is said once, in a way that does not depend on who counts."""

from typing import Any

import pytest
from pydantic import ValidationError

from gesso.config.engine import EngineConfig
from gesso.config.schema import parse


def engine(**keys: Any) -> EngineConfig:
    return parse({"engine": [{"name": "a", "kind": "comfyui", "directory": "/srv", **keys}]}).engines[0]


@pytest.mark.parametrize("card", ["3090", "RTX 3080 Ti", "GPU-4f3b", "MIG-1f", "A2"])
def test_a_card_is_named_by_uuid_or_a_part_of_its_name(card: str) -> None:
    assert engine(gpu=card).gpu == card


@pytest.mark.parametrize("card", ["0", "1", " 1 ", "12", "0,1"])
def test_an_index_is_no_name_of_a_card(card: str) -> None:
    with pytest.raises(ValidationError, match="depends on who counts"):
        engine(gpu=card)


def test_a_card_has_a_name() -> None:
    with pytest.raises(ValidationError, match="empty name"):
        engine(gpu=" ")


@pytest.mark.parametrize(
    "more",
    [
        {"arguments": ["--lowvram", "--cuda-device", "1"]},
        {"arguments": ["--cuda-device=1"]},
        {"arguments": ["--cuda-dev", "1"]},
        {"arguments": ["--default-device", "1"]},
        {"arguments": ["--cpu"]},
        {"environment": {"CUDA_VISIBLE_DEVICES": "1"}},
        {"environment": {"cuda_device_order": "FASTEST_FIRST"}},
    ],
    ids=str,
)
def test_nothing_else_says_which_card_it_is(more: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="contradicts `gpu`"):
        engine(gpu="3090", **more)
    engine(**more)


def test_arguments_and_variables_about_other_things_stay_allowed() -> None:
    engine(
        gpu="3090",
        arguments=["--cpu-vae", "--cuda-malloc", "--lowvram", "-x", ""],
        environment={"HOME": "/x"},
    )


def test_memory_is_declared_of_a_card() -> None:
    assert engine(gpu="3090", vram="10GiB").vram == 10 * 2**30
    with pytest.raises(ValidationError, match="only together with `gpu`"):
        engine(vram="10GiB")
    with pytest.raises(ValidationError, match="greater than 0"):
        engine(gpu="3090", vram=0)


@pytest.mark.parametrize("more", [{"gpu": "3090"}, {"gpu": "3090", "vram": 1}])
def test_an_engine_that_others_start_cannot_be_held_to_a_card(more: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="has no effect on an engine that is given by `url`"):
        parse({"engine": [{"name": "a", "kind": "comfyui", "url": "http://127.0.0.1:8188", **more}]})


def test_a_gibibyte_of_each_card_is_kept_free() -> None:
    assert parse({}).gpus.reserve == 2**30
    assert parse({"gpus": {"reserve": "2GiB"}}).gpus.reserve == 2**31
