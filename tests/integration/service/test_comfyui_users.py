"""Two users of one gesso: neither sees, reads, cancels or hears anything of the other's."""

import re
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.integration.service.test_comfyui_jobs import (
    color_of,
    ended,
    interrupted,
    load_and_save,
    queue,
    submit,
    upload,
    view,
)
from tests.integration.sketch.exchange import send, send_json
from tests.integration.sketch.listening import listening
from tests.integration.sketch.workflows import plain, steps
from tests.running import wait_for
from tests.service import RunningGesso


@dataclass(frozen=True, slots=True, kw_only=True)
class Two:
    """The gateway's address with each user's key."""

    ada: str
    ben: str


@pytest.fixture(scope="module")
def two(service: RunningGesso) -> Iterator[Two]:
    yield Two(ada=new_user(service, "ada"), ben=new_user(service, "ben"))


def new_user(service: RunningGesso, name: str) -> str:
    return service.address(service.new_key(name))


def begin(url: str, seed: int) -> str:
    with listening(url) as listener:
        job_id = submit(url, steps(200, 0.05, seed), client_id=listener.client_id)
        listener.wait_type("progress")
    return job_id


def test_queue_and_count_are_ones_own(two: Two) -> None:
    running, waiting = begin(two.ada, 1), submit(two.ada, plain(1))
    assert queue(two.ben) == {"queue_running": [], "queue_pending": []}
    assert send(two.ben, "GET", "/prompt").json == {"exec_info": {"queue_remaining": 0}}
    send(two.ben, "POST", "/interrupt")
    send_json(two.ben, "POST", "/interrupt", {"prompt_id": running})
    send_json(two.ben, "POST", "/queue", {"clear": True})
    send_json(two.ben, "POST", "/queue", {"delete": [running, waiting]})
    assert queue(two.ada) == {"queue_running": [running], "queue_pending": [waiting]}
    send(two.ada, "POST", "/interrupt")
    assert interrupted(ended(two.ada, running))
    ended(two.ada, waiting)


def test_history_is_ones_own(two: Two) -> None:
    job_id = submit(two.ada, plain(2))
    ended(two.ada, job_id)
    assert send(two.ben, "GET", f"/history/{job_id}").json == {}
    assert job_id not in send(two.ben, "GET", "/history").json
    send_json(two.ben, "POST", "/history", {"delete": [job_id]})
    send_json(two.ben, "POST", "/history", {"clear": True})
    assert job_id in send(two.ada, "GET", "/history").json


def test_id_of_another_user_is_taken_without_telling_more(two: Two) -> None:
    job_id = submit(two.ada, plain(3))
    answer = send_json(two.ben, "POST", "/prompt", {"prompt": plain(4), "prompt_id": job_id})
    assert answer.status == 409
    assert not re.search(r"\bada\b", answer.body.decode())


def test_uploads_of_the_same_name_are_two_files(two: Two) -> None:
    upload(two.ada, "photo.png", "red")
    assert upload(two.ben, "photo.png", "blue")["name"] == "photo.png"
    for url, color in ((two.ada, (255, 0, 0)), (two.ben, (0, 0, 255))):
        assert color_of(url, {"filename": "photo.png", "subfolder": "", "type": "input"}) == color
        [image] = ended(url, submit(url, load_and_save("photo.png")))["outputs"]["2"]["images"]
        assert color_of(url, image) == color


def test_choices_of_load_image_are_ones_own_uploads(two: Two) -> None:
    name = f"{uuid.uuid4().hex}.png"
    upload(two.ada, name, "red")
    for path in ("/object_info", "/object_info/LoadImage"):
        mine, others = (
            send(url, "GET", path).json["LoadImage"]["input"]["required"]["image"][0]
            for url in (two.ada, two.ben)
        )
        assert name in mine
        assert name not in others
    refused = send_json(two.ben, "POST", "/prompt", {"prompt": load_and_save(name)})
    assert refused.status == 400
    [error] = refused.json["node_errors"]["1"]["errors"]
    assert error["type"] == "custom_validation_failed"


def test_outputs_of_the_same_name_are_two_files(two: Two) -> None:
    name = f"same-{uuid.uuid4().hex}"
    images = []
    for url, color in ((two.ada, 0xFF0000), (two.ben, 0x0000FF)):
        prompt = plain(color)
        prompt["3"]["inputs"] = {"images": ["1", 0], "filename_prefix": name}
        [image] = ended(url, submit(url, prompt))["outputs"]["3"]["images"]
        images.append(image)
    # The number is the engine's, which saved both.
    assert [image["filename"][: len(name)] for image in images] == [name, name]
    assert color_of(two.ada, images[0]) == (255, 0, 0)
    assert color_of(two.ben, images[1]) == (0, 0, 255)


def test_files_of_another_are_not_there(two: Two) -> None:
    [image] = ended(two.ada, submit(two.ada, plain(5)))["outputs"]["4"]["images"]
    only = upload(two.ada, f"{uuid.uuid4().hex}.png", "red")
    for named in (image, {"filename": only["name"], "subfolder": "", "type": "input"}):
        assert view(two.ada, named).status == 200
        assert view(two.ben, named).status == 404


def test_same_client_id_of_two_users_is_two_clients(two: Two) -> None:
    client_id = "the-same"
    with listening(two.ada, client_id) as ada, listening(two.ben, client_id) as ben:
        ada.wait_end(submit(two.ada, steps(3, 0, 11), client_id=client_id))
        assert {message["type"] for message in ben.messages()} == {"status", "feature_flags"}
        assert [each["data"]["status"]["exec_info"] for each in ben.messages("status")] == [
            {"queue_remaining": 0}
        ]
        assert ben.frames() == []
        assert len(ada.frames()) == 3


def test_client_that_comes_back_hears_nothing_of_anothers_node(two: Two) -> None:
    client_id = "comes-back"
    with listening(two.ada, client_id) as ada:
        job_id = submit(two.ada, steps(200, 0.05, 12), client_id=client_id)
        ada.wait_type("progress")
        with listening(two.ben, client_id) as ben:
            assert ben.messages("executing") == []
        send_json(two.ada, "POST", "/interrupt", {"prompt_id": job_id})
        ada.wait_end(job_id)


def test_interruption_is_told_to_its_owner_only(two: Two) -> None:
    job_id = begin(two.ada, 13)
    with listening(two.ada) as ada, listening(two.ben) as ben:
        send(two.ada, "POST", "/interrupt")
        ada.wait_type("execution_interrupted")
        ended(two.ada, job_id)
        assert ben.messages("execution_interrupted") == []


def test_userdata_and_settings_are_ones_own(two: Two) -> None:
    path = "/userdata/workflows%2Fmine.json"
    assert send_json(two.ada, "POST", path, {"of": "ada"}).status == 200
    assert send(two.ben, "GET", path).status == 404
    assert send_json(two.ben, "POST", path, {"of": "ben"}).status == 200
    assert send(two.ada, "GET", path).json == {"of": "ada"}
    assert send(two.ben, "GET", "/userdata?dir=workflows").json == ["mine.json"]
    send_json(two.ada, "POST", "/settings/Comfy.Test", 1)
    assert send(two.ben, "GET", "/settings/Comfy.Test").json is None
    assert "Comfy.Test" not in send(two.ben, "GET", "/settings").json


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/free"),
        ("GET", "/internal/logs"),
        ("GET", "/internal/logs/raw"),
        ("PATCH", "/internal/logs/subscribe"),
        ("GET", "/internal/folder_paths"),
        ("GET", "/internal/files/output"),
        ("GET", "/gesso/api/users"),
        ("GET", "/gesso/api/jobs?all=true"),
    ],
)
def test_what_concerns_everybody_is_for_administrators(two: Two, method: str, path: str) -> None:
    body = b"{}" if method != "GET" else None
    for prefix in ("",) if path.startswith("/gesso") else ("", "/api"):
        assert send(two.ben, method, prefix + path, body).status == 403


def test_one_users_jobs_do_not_make_another_wait_for_all_of_them(two: Two) -> None:
    many = [submit(two.ada, steps(4, 0.05, 100 + number)) for number in range(10)]
    one = submit(two.ben, steps(4, 0.05, 200))
    started = time.monotonic()
    ended(two.ben, one)
    left = [each for part in queue(two.ada).values() for each in part]
    assert len(left) >= 6, time.monotonic() - started
    send_json(two.ada, "POST", "/queue", {"clear": True})
    wait_for(lambda: queue(two.ada) == {"queue_running": [], "queue_pending": []}, 30)
    assert any(ended(two.ada, each) for each in many[:1])


def test_nothing_in_an_answer_names_another_user(two: Two) -> None:
    ended(two.ada, submit(two.ada, plain(6)))
    seen: list[Any] = [
        send(two.ben, "GET", path).body.decode()
        for path in ("/history", "/queue", "/settings", "/users", "/userdata?dir=workflows", "/v2/userdata")
    ]
    # As a word: ids are random, and have any three letters in them.
    assert not [body for body in seen if re.search(r"\bada\b", body)]
