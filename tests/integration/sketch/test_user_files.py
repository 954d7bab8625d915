"""Settings, users and user files beyond what the recordings show."""

import json
from pathlib import Path

import pytest

from tests.integration.sketch.exchange import send, send_json
from tests.running import Sketch, running_sketch


def test_encoded_slash_in_a_path_is_part_of_the_name(sketch: Sketch) -> None:
    content = json.dumps({"nodes": []}).encode()
    answer = send(sketch.url, "POST", "/userdata/workflows%2Fdeep%2Fmine.json?full_info=true", content)
    assert answer.json["path"] == "workflows/deep/mine.json"
    assert answer.json["size"] == len(content)
    assert (sketch.directory / "user/default/workflows/deep/mine.json").read_bytes() == content
    assert send(sketch.url, "GET", "/api/userdata/workflows%2Fdeep%2Fmine.json").body == content


@pytest.mark.parametrize(
    "name",
    ["..%2F..%2Fx", "%2Fetc%2Fpasswd", "..%252F..%252Fx", "a%2F..%2F..%2F..%2Fx", "x%00y", "..%5C..%5Cx"],
)
@pytest.mark.parametrize(
    ("method", "suffix"), [("GET", ""), ("POST", ""), ("DELETE", ""), ("POST", "/move/y")]
)
def test_path_outside_of_the_users_files_is_forbidden(name: str, method: str, suffix: str, url: str) -> None:
    answer = send(url, method, f"/userdata/{name}{suffix}", b"{}" if method == "POST" else None)
    assert (answer.status, answer.body) == (403, b"")


def test_file_is_not_moved_out_or_over_another(url: str) -> None:
    for name in ("one.json", "two.json"):
        send(url, "POST", f"/userdata/{name}", name.encode())
    assert send(url, "POST", "/userdata/one.json/move/..%2Fout.json").status == 403
    assert send(url, "POST", "/userdata/one.json/move/two.json?overwrite=false").status == 409
    assert send(url, "POST", "/userdata/nope.json/move/three.json").status == 404
    assert send(url, "POST", "/userdata/one.json/move/two.json").json == "two.json"
    assert send(url, "GET", "/userdata/two.json").body == b"one.json"


def test_folder_is_no_file(url: str) -> None:
    send(url, "POST", "/userdata/folder%2Ffile.json", b"{}")
    assert send(url, "GET", "/userdata/folder").status == 404
    assert send(url, "DELETE", "/userdata/folder").status == 404
    assert send(url, "POST", "/userdata/folder", b"{}").status == 400
    assert send(url, "POST", "/userdata/folder%2Ffile.json%2Fx", b"{}").status == 400


def test_lists_tell_files_and_folders(url: str) -> None:
    send(url, "POST", "/userdata/lists%2Fb.json", b"{}")
    send(url, "POST", "/userdata/lists%2Fdeep%2Fa.json", b"{}")
    send(url, "POST", "/userdata/lists%2Fempty%2Fgone.json", b"{}")
    send(url, "DELETE", "/userdata/lists%2Fempty%2Fgone.json")
    assert send(url, "GET", "/userdata?dir=lists").json == ["b.json"]
    assert sorted(send(url, "GET", "/userdata?dir=lists&recurse=true").json) == ["b.json", "deep/a.json"]
    split = send(url, "GET", "/userdata?dir=lists&recurse=true&split=true").json
    assert sorted(split) == [["b.json", "b.json"], ["deep/a.json", "deep", "a.json"]]
    assert send(url, "GET", "/userdata?dir=lists%2Fempty").json == []
    listed = send(url, "GET", "/v2/userdata?path=lists").json
    assert [(each["type"], each["path"]) for each in listed] == [
        ("directory", "lists/deep"),
        ("directory", "lists/empty"),
        ("file", "lists/deep/a.json"),
        ("file", "lists/b.json"),
    ]


@pytest.mark.parametrize(("path", "status"), [("?dir=..", 403), ("?dir=", 400), ("?dir=nope", 404)])
def test_listing_refuses_as_comfyui(path: str, status: int, url: str) -> None:
    assert send(url, "GET", f"/userdata{path}").status == status


def test_settings_survive_a_restart_and_are_single_values_too(tmp_path: Path) -> None:
    with running_sketch(tmp_path / "data") as sketch:
        assert send(sketch.url, "GET", "/users").json == {"storage": "server", "migrated": False}
        send_json(sketch.url, "POST", "/settings", {"a": 1, "b": [2]})
        send_json(sketch.url, "POST", "/api/settings/c", None)
    with running_sketch(tmp_path / "data") as sketch:
        assert send(sketch.url, "GET", "/settings").json == {"a": 1, "b": [2], "c": None}
        assert send(sketch.url, "GET", "/settings/b").json == [2]
        assert send(sketch.url, "GET", "/settings/unknown").json is None
        assert send(sketch.url, "GET", "/users").json == {"storage": "server", "migrated": True}


def test_unreadable_settings_count_as_none(sketch: Sketch) -> None:
    path = sketch.directory / "user/default/comfy.settings.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"\xff not json")
    assert send(sketch.url, "GET", "/settings").json == {}
    assert send_json(sketch.url, "POST", "/settings", {"x": 1}).status == 200
    assert send(sketch.url, "GET", "/settings").json == {"x": 1}


def test_user_names_are_taken_once(url: str) -> None:
    assert send_json(url, "POST", "/users", {"username": "Ada L."}).json.startswith("Ada-L-_")
    again = send_json(url, "POST", "/users", {"username": "Ada L."})
    assert (again.status, again.json) == (400, {"error": "Duplicate username."})
