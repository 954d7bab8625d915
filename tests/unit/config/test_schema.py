"""What the tables accept, refuse and default to."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from gesso.config.engine import EngineConfig
from gesso.config.schema import Config, parse


def engine(**keys: Any) -> EngineConfig:
    return parse({"engine": [{"name": "a", "kind": "comfyui", **keys}]}).engines[0]


def refusal(data: dict[str, Any]) -> str:
    with pytest.raises(ValidationError) as caught:
        parse(data)
    return str(caught.value)


def test_without_a_file_one_sketch_runs_on_loopback() -> None:
    config = parse({}, Path("/srv"))
    assert [(one.name, one.kind) for one in config.engines] == [("sketch", "sketch")]
    assert (config.gateway.host, config.gateway.port) == ("127.0.0.1", 8700)
    assert config.storage.directory == Path("/srv/gesso-data")
    assert config.storage.database_url == "sqlite:////srv/gesso-data/gesso.sqlite3"


def test_the_default_is_what_an_empty_file_says() -> None:
    assert parse({}) == Config()


def test_relative_paths_are_relative_to_the_file_and_programs_without_slash_are_not() -> None:
    data = {"name": "a", "kind": "comfyui", "directory": "ComfyUI", "python": "python3.12"}
    config = parse({"engine": [data]}, Path("/srv"))
    assert config.engines[0].directory == Path("/srv/ComfyUI")
    assert config.engines[0].python == "python3.12"
    again = parse({"engine": [{**data, "python": "venv/bin/python"}]}, Path("/srv"))
    assert again.engines[0].python == "/srv/venv/bin/python"


def test_a_database_address_replaces_the_file() -> None:
    config = parse({"storage": {"database": "postgresql://u:geheim123@db/gesso"}})
    assert config.storage.database_url == "postgresql://u:geheim123@db/gesso"
    assert "geheim123" not in repr(config)


@pytest.mark.parametrize("listen", ["0.0.0.0:8700", "[::]:8700", "gpu1.example:8700"])
def test_others_can_reach_it_only_behind_tls(listen: str) -> None:
    assert "behind_tls" in refusal({"gateway": {"listen": listen}})
    assert parse({"gateway": {"listen": listen, "behind_tls": True}}).gateway.listen == listen


@pytest.mark.parametrize("name", ["", "Qwen", "-a", "a_b", "a b", "ä", "a\n", "x" * 64])
def test_a_name_is_lower_case_letters_digits_and_hyphens(name: str) -> None:
    assert "name" in refusal({"engine": [{"name": name, "kind": "sketch"}]})


def test_an_engine_has_exactly_one_place() -> None:
    assert engine(url="http://gpu2:8188").url == "http://gpu2:8188"
    assert engine(directory="/srv/ComfyUI").directory == Path("/srv/ComfyUI")
    assert "not both" in refusal(
        {"engine": [{"name": "a", "kind": "comfyui", "url": "http://gpu2", "directory": "x"}]}
    )
    assert "give `directory`" in refusal({"engine": [{"name": "a", "kind": "comfyui"}]})


@pytest.mark.parametrize(
    "keys",
    [
        {"url": "http://gpu2", "port": 8188},
        {"url": "http://gpu2", "python": "python3"},
        {"url": "http://gpu2", "arguments": ["--cpu"]},
        {"url": "http://gpu2", "environment": {"A": "b"}},
        {"directory": "x", "credential": {"bearer_env": "TOKEN"}},
        {"kind": "sketch", "python": "python3"},
        {"directory": "x", "arguments": ["--port=1"]},
        {"directory": "x", "arguments": ["--listen"]},
        {"url": "http://gpu2", "credential": {}},
        {"url": "http://gpu2", "credential": {"bearer_env": "A", "basic_env": "B"}},
    ],
)
def test_a_setting_without_effect_is_refused(keys: dict[str, Any]) -> None:
    assert "table_rule" in refusal({"engine": [{"name": "a", "kind": "comfyui", **keys}]})


@pytest.mark.parametrize(
    "data",
    [
        {"gateway": {"behind_tls": "yes"}},
        {"gateway": {"upload_limit": 1.5}},
        {"gateway": {"upload_limit": True}},
        {"gateway": {"upload_limit": -1}},
        {"storage": {"keep_days": float("inf")}},
        {"storage": {"keep_days": 0}},
        {"storage": {"directory": ""}},
        {"storage": {"database": 3}},
        {"fleet": {"back_off_s": 90}},
        {"jobs": {"max_attempts": 0}},
        {"jobs": {"max_attempts": "10"}},
        {"limits": {"user": {"storage": "much"}}},
        {"limits": {"guest": {}}},
        {"logs": {"format": "JSON"}},
        {"engine": []},
        {"engine": {"name": "a", "kind": "sketch"}},
        {"engine": [{"name": "a", "kind": "sketch", "port": 65536}]},
        {"engine": [{"name": "a", "kind": "sketch", "environment": {"A": 1}}]},
        {"engine": [{"name": "a", "kind": "sketch"}, {"name": "a", "kind": "sketch"}]},
        {"engine": [{"name": n, "kind": "sketch", "port": 81} for n in "ab"]},
        {"engines": [{"name": "a", "kind": "sketch"}]},
        {"gateway": {"upload_limits": 1}},
    ],
)
def test_what_is_not_meant_is_refused(data: dict[str, Any]) -> None:
    refusal(data)


def test_a_configuration_cannot_be_changed() -> None:
    gateway: Any = Config().gateway
    with pytest.raises(ValidationError):
        gateway.listen = "127.0.0.1:1"
