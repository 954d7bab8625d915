"""The engines' answers as those of one: devices, models, extensions; one that hangs hangs nobody."""

import json
import math
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from gesso.gateway.comfyui.poll import PATIENCE_S
from tests.pack import Pack, pack_engine
from tests.running import wait_for
from tests.service import Reply, RunningGesso, running_service

NAMES = ("one", "two", "pack")
LIMIT_S = 60.0
NO_CACHE = {"Cache-Control": "no-cache"}


def put_model(directory: Path, name: str, **metadata: str) -> None:
    header = json.dumps({"__metadata__": metadata}).encode()
    directory.mkdir(parents=True, exist_ok=True)
    (directory / name).write_bytes(struct.pack("<Q", len(header)) + header)


@pytest.fixture(scope="module")
def pack() -> Iterator[Pack]:
    with pack_engine() as made:
        yield made


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory, pack: Pack) -> Iterator[RunningGesso]:
    """Two sketches with models of their own, and a third engine with custom nodes."""
    directory = tmp_path_factory.mktemp("merged")
    toml = "".join(
        f'[[engine]]\nname = "{name}"\nkind = "sketch"\ndirectory = "{name}"\n' for name in NAMES[:2]
    )
    toml += f'[[engine]]\nname = "pack"\nkind = "comfyui"\nurl = "{pack.url}"\n'
    put_model(directory / "one/models/loras", "both.safetensors", of="one")
    put_model(directory / "two/models/loras", "both.safetensors", of="two")
    put_model(directory / "two/models/loras", "Second.safetensors", of="two")
    put_model(directory / "two/models/embeddings", "style.safetensors")
    with running_service(directory, toml) as service:
        wait_for(lambda: all(service.engine(name)["ready"] for name in NAMES), LIMIT_S)
        assert service.call("POST", "/gesso/api/users", {"name": "ada"}).status == 201
        yield service


@pytest.fixture(scope="module")
def ada(fleet: RunningGesso) -> str:
    key: str = fleet.call("POST", "/gesso/api/keys", {"name": "laptop", "account": "ada"}).json()["token"]
    return key


def get(fleet: RunningGesso, path: str, key: str | None = None) -> Any:
    reply = fleet.call("GET", path, key=key)
    assert reply.status == 200, reply
    assert fleet.call("GET", "/api" + path, key=key).json().__class__ is reply.json().__class__
    return reply.json()


def test_devices_are_those_of_all_engines(fleet: RunningGesso) -> None:
    stats = get(fleet, "/system_stats")
    named = [(device["name"], device["index"]) for device in stats["devices"]]
    assert named == [("cpu (one)", 0), ("cpu (two)", 1), ("cuda:0 Card", 2)]
    assert any("gesso" in word for word in stats["system"]["argv"])


def test_users_see_the_devices_and_nothing_of_the_host(fleet: RunningGesso, ada: str) -> None:
    stats = get(fleet, "/system_stats", ada)
    assert len(stats["devices"]) == 3
    assert stats["system"]["argv"] == ["main.py"]
    assert stats["system"].keys() == get(fleet, "/system_stats")["system"].keys()
    told = json.dumps([stats, get(fleet, "/experiment/models", ada)])
    assert str(fleet.directory) not in told
    assert str(fleet.directory / "two") in json.dumps(get(fleet, "/experiment/models"))


def test_models_are_those_of_all_engines(fleet: RunningGesso, pack: Pack) -> None:
    pack.answers["/models"] = ["loras", "pack_models"]
    pack.answers["/models/loras"] = ["a.safetensors"]
    pack.answers["/models/pack_models"] = ["p.bin"]
    kinds = get(fleet, "/models")
    assert kinds[0] == "checkpoints" and kinds[-1] == "pack_models" and kinds.count("loras") == 1
    assert get(fleet, "/models/loras") == ["Second.safetensors", "a.safetensors", "both.safetensors"]
    assert get(fleet, "/models/pack_models") == ["p.bin"]
    assert get(fleet, "/embeddings") == ["style"]
    assert fleet.call("GET", "/models/nonsense").status == 404
    entries = get(fleet, "/experiment/models/loras")
    assert sorted(entry["name"] for entry in entries) == ["Second.safetensors", "both.safetensors"]
    # What is put there now is there for the next who asks.
    put_model(fleet.directory / "one/models/loras", "new.safetensors")
    assert "new.safetensors" in get(fleet, "/models/loras")


def test_what_one_engine_lacks_another_gives(fleet: RunningGesso) -> None:
    def metadata(name: str) -> Reply:
        return fleet.call("GET", f"/view_metadata/loras?filename={quote(name)}")

    assert metadata("both.safetensors").json() == {"of": "one"}
    assert metadata("Second.safetensors").json() == {"of": "two"}
    assert metadata("none.safetensors").status == 404


def test_extensions_are_listed_and_served_from_the_engine_that_has_them(
    fleet: RunningGesso, pack: Pack, ada: str
) -> None:
    script = b"export const pack = 1\n"
    pack.answers["/extensions"] = ["/extensions/core/x.js", "/extensions/pack/pack.js"]
    pack.answers["/extensions/pack/pack.js"] = script
    pack.answers["/i18n"] = {"de": {"nodeDefs": {"PackLoader": {"display_name": "Lader"}}}}
    pack.answers["/workflow_templates"] = {"pack": ["hello"]}
    pack.headers["Set-Cookie"] = "gesso_session=stolen"
    pack.headers["Access-Control-Allow-Origin"] = "*"
    assert "/extensions/pack/pack.js" in get(fleet, "/extensions", ada)
    served = fleet.call("GET", "/extensions/pack/pack.js", key=ada)
    assert served.body == script
    assert not {"set-cookie", "access-control-allow-origin"} & served.headers.keys()
    pack.headers.clear()
    assert get(fleet, "/i18n", ada)["de"]["nodeDefs"]["PackLoader"] == {"display_name": "Lader"}
    assert get(fleet, "/workflow_templates", ada) == {"pack": ["hello"]}
    assert fleet.call("GET", "/extensions/pack/none.js", key=ada).status == 404


def test_the_page_and_its_files_come_from_one_frontend(fleet: RunningGesso, pack: Pack, ada: str) -> None:
    page = fleet.call("GET", "/", key=ada)
    assert b"<title>" in page.body
    asked = pack.asked("/")
    etag = fleet.call("GET", "/materialdesignicons.min.css", key=ada).headers["etag"]
    again = fleet.call("GET", "/materialdesignicons.min.css", key=ada, headers={"If-None-Match": etag})
    assert again.status == 304
    # An asset of a page that another version of the frontend served.
    pack.answers["/assets/old-1.0.js"] = b"old"
    assert fleet.call("GET", "/assets/old-1.0.js", key=ada).body == b"old"
    assert pack.asked("/") == asked


def test_an_engine_that_hangs_hangs_nobody(fleet: RunningGesso, pack: Pack, ada: str) -> None:
    paths = ("/models", "/embeddings", "/node_replacements", "/experiment/models")
    pack.answers["/embeddings"] = ["of-pack"]
    assert get(fleet, "/embeddings", ada) == ["of-pack", "style"]
    pack.silent |= set(paths)
    try:
        quickest = dict.fromkeys(paths, math.inf)
        for path in paths * 3:
            begun = time.monotonic()
            assert fleet.call("GET", path, key=ada, timeout_s=30).status in (200, 404)
            quickest[path] = min(quickest[path], time.monotonic() - begun)
        # Only the first question waits for it; the others are slow at most where the machine is.
        assert max(quickest.values()) < PATIENCE_S, quickest
        # What it said before stands in for it.
        assert get(fleet, "/embeddings", ada) == ["of-pack", "style"]
    finally:
        pack.silent.clear()
        pack.over.set()


def test_a_new_model_is_offered_when_somebody_asks_anew(fleet: RunningGesso, pack: Pack, ada: str) -> None:
    def offered() -> list[str]:
        info = fleet.call("GET", "/object_info", key=ada, headers=NO_CACHE).json()
        names: list[str] = info["PackLoader"]["input"]["required"]["file"][0]
        return names

    def loader(*names: str) -> dict[str, Any]:
        return {"PackLoader": {**pack.answers["/object_info"]["PackLoader"], "input": _choices(*names)}}

    assert offered() == ["b.safetensors"]
    pack.answers["/object_info"] = loader("b.safetensors", "c.safetensors")
    wait_for(lambda: offered() == ["b.safetensors", "c.safetensors"], LIMIT_S, every_s=0.5)
    asked = pack.asked("/object_info")
    for _ in range(5):
        offered()
    assert pack.asked("/object_info") <= asked + 1
    # A script that knows of the file need not look first.
    pack.answers["/object_info"] = loader("b.safetensors", "d.safetensors")
    prompt = {"1": {"class_type": "PackLoader", "inputs": {"file": "d.safetensors"}}}
    wait_for(
        lambda: fleet.call("POST", "/prompt", {"prompt": prompt}, key=ada).status == 200, LIMIT_S, every_s=0.5
    )
    fleet.call("POST", "/queue", {"clear": True}, key=ada)
    fleet.call("POST", "/interrupt", key=ada)


def _choices(*names: str) -> dict[str, Any]:
    return {"required": {"file": [list(names), {}]}}
