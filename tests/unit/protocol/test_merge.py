"""Several ComfyUIs' answers as one."""

from typing import Any

from gesso.protocol import merge

CARD: dict[str, Any] = {"name": "cuda:0 NVIDIA A", "type": "cuda", "index": 0, "vram_total": 1}
SYSTEM = {"os": "posix", "argv": ["/srv/comfyui/main.py", "--output-directory", "/data/secret"]}


def test_lists_keep_their_order_and_each_entry_once() -> None:
    assert merge.in_order([["b", "a"], ["c", "a"], None, {"no": "list"}]) == ["b", "a", "c"]


def test_names_are_sorted_as_one_engine_would() -> None:
    assert merge.names([["b.pt", "d.pt"], ["a.pt", "b.pt", 3]]) == ["a.pt", "b.pt", "d.pt"]


def test_objects_are_merged_level_by_level() -> None:
    one = {"en": {"nodeDefs": {"A": {"name": "first"}}}, "pack": ["x"]}
    two = {"en": {"nodeDefs": {"A": {"name": "second"}, "B": 1}}, "de": {}, "pack": ["x", "y"]}
    assert merge.mappings([one, two, []]) == {
        "en": {"nodeDefs": {"A": {"name": "first"}, "B": 1}},
        "pack": ["x", "y"],
        "de": {},
    }
    assert one["pack"] == ["x"]


def test_devices_of_one_name_are_told_apart() -> None:
    stats = merge.system_stats(
        {
            "gpu0": {"system": SYSTEM, "devices": [CARD]},
            "gpu1": {"system": {"os": "nt"}, "devices": [CARD]},
            "odd": ["nonsense"],
            "slow": {"system": {}, "devices": [{**CARD, "name": "cpu", "index": None}]},
        }
    )
    assert stats["system"] == SYSTEM
    assert [(device["name"], device["index"]) for device in stats["devices"]] == [
        ("cuda:0 NVIDIA A (gpu0)", 0),
        ("cuda:0 NVIDIA A (gpu1)", 1),
        ("cpu", 2),
    ]


def test_one_device_is_told_as_its_engine_tells_it() -> None:
    device = {**CARD, "index": None}
    assert merge.system_stats({"a": {"system": SYSTEM, "devices": [device]}})["devices"] == [device]


def test_users_see_no_path_of_the_host() -> None:
    stats = merge.without_paths({"system": SYSTEM, "devices": [CARD]})
    assert stats["system"] == {"os": "posix", "argv": ["main.py"]}
    folders = [{"name": "loras", "folders": ["/srv/models/loras", "D:\\models\\loras\\"]}]
    assert merge.without_parents(folders) == [{"name": "loras", "folders": ["loras", "loras"]}]


def test_kinds_of_models_have_the_folders_of_all() -> None:
    one = [{"name": "loras", "folders": ["/a"]}]
    two = [{"name": "vae", "folders": ["/v"]}, {"name": "loras", "folders": ["/a", "/b"]}]
    assert merge.model_folders([one, two]) == [
        {"name": "loras", "folders": ["/a", "/b"]},
        {"name": "vae", "folders": ["/v"]},
    ]
