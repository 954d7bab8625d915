"""What a ComfyUI client does with its own jobs: order, cancel, repeat, name, and feed them."""

import io
import uuid
from typing import Any

import pytest
from PIL import Image

from tests.integration.sketch.exchange import Answer, form, send, send_json
from tests.integration.sketch.listening import listening
from tests.integration.sketch.workflows import Prompt, plain, steps
from tests.running import wait_for
from tests.service import RunningGesso

LONG = steps(200, 0.05)


@pytest.fixture
def url(service: RunningGesso) -> str:
    """The gateway's, with nothing running or waiting."""
    url = service.address()
    send_json(url, "POST", "/queue", {"clear": True})
    send(url, "POST", "/interrupt")
    wait_for(lambda: send(url, "GET", "/prompt").json == {"exec_info": {"queue_remaining": 0}})
    return url


def submit(url: str, prompt: Prompt, **more: Any) -> str:
    answer = send_json(url, "POST", "/prompt", {"prompt": prompt, **more})
    assert answer.status == 200, answer.body
    return str(answer.json["prompt_id"])


def begin_long(url: str, seed: int = 0) -> str:
    """A job that runs until it is interrupted."""
    with listening(url) as listener:
        job_id = submit(url, steps(200, 0.05, seed), client_id=listener.client_id)
        listener.wait_type("progress")
    return job_id


def queue(url: str) -> dict[str, list[str]]:
    found = send(url, "GET", "/queue").json
    return {part: [item[1] for item in found[part]] for part in ("queue_running", "queue_pending")}


def ended(url: str, job_id: str) -> dict[str, Any]:
    item: dict[str, Any] = wait_for(lambda: send(url, "GET", f"/history/{job_id}").json.get(job_id), 30)
    return item


def interrupted(item: dict[str, Any]) -> bool:
    return "execution_interrupted" in [kind for kind, _ in item["status"]["messages"]]


def began(item: dict[str, Any]) -> int:
    """When the engine began with it, by the engine's clock."""
    return int(
        next(data["timestamp"] for kind, data in item["status"]["messages"] if kind == "execution_start")
    )


def upload(url: str, name: str, color: str, **fields: str) -> dict[str, str]:
    data = io.BytesIO()
    Image.new("RGB", (8, 8), color).save(data, "PNG")
    body, headers = form(fields, (name, data.getvalue()))
    answer = send(url, "POST", "/upload/image", body, headers)
    assert answer.status == 200
    named: dict[str, str] = answer.json
    return named


def load_and_save(name: str, prefix: str = "loaded") -> Prompt:
    return {
        "1": {"class_type": "LoadImage", "inputs": {"image": name}},
        "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": prefix}},
    }


def view(url: str, image: dict[str, str]) -> Answer:
    query = "&".join(f"{key}={image[key]}" for key in ("filename", "subfolder", "type"))
    return send(url, "GET", f"/view?{query}")


def color_of(url: str, image: dict[str, str]) -> tuple[int, ...]:
    answer = view(url, image)
    assert answer.status == 200
    color = Image.open(io.BytesIO(answer.body)).convert("RGB").getpixel((0, 0))
    assert isinstance(color, tuple)
    return color


def test_deleted_job_never_runs_and_is_in_no_history(url: str) -> None:
    running = begin_long(url)
    waiting = submit(url, plain(1))
    send_json(url, "POST", "/queue", {"delete": [waiting]})
    assert queue(url) == {"queue_running": [running], "queue_pending": []}
    send_json(url, "POST", "/interrupt", {"prompt_id": running})
    assert interrupted(ended(url, running))
    assert send(url, "GET", f"/history/{waiting}").json == {}


def test_deleting_or_clearing_leaves_what_runs(url: str) -> None:
    running = begin_long(url)
    send_json(url, "POST", "/queue", {"delete": [running]})
    send_json(url, "POST", "/queue", {"clear": True})
    assert queue(url)["queue_running"] == [running]


def test_interrupting_a_job_that_waits_leaves_it_waiting(url: str) -> None:
    running, waiting = begin_long(url), submit(url, plain(2))
    send_json(url, "POST", "/interrupt", {"prompt_id": waiting})
    assert queue(url) == {"queue_running": [running], "queue_pending": [waiting]}


def test_interrupt_without_id_ends_what_runs_and_the_next_job_begins(url: str) -> None:
    running, waiting = begin_long(url), submit(url, plain(3))
    assert send(url, "POST", "/interrupt").status == 200
    assert interrupted(ended(url, running))
    assert ended(url, waiting)["status"]["status_str"] == "success"


@pytest.mark.parametrize("requests_between", [0, 1, 2, 4, 8, 16])
def test_interrupt_right_after_submission_ends_the_job_for_good(url: str, requests_between: int) -> None:
    """It may strike before, while or after the engine gets the job; none is lost, none is unstoppable."""
    job_id = submit(url, LONG)
    for _ in range(requests_between):  # another moment to strike each time
        queue(url)
    send_json(url, "POST", "/interrupt", {"prompt_id": job_id})
    assert interrupted(ended(url, job_id))
    assert queue(url) == {"queue_running": [], "queue_pending": []}


def test_jobs_that_wait_at_the_engine_can_be_deleted_like_others(url: str) -> None:
    """Short jobs teach the dispatcher to hand over the next one early; the long one makes that one wait."""
    for seed in range(3):
        ended(url, submit(url, steps(1, 0, seed=100 + seed)))
    running = submit(url, steps(200, 0.05, seed=200))
    others = [submit(url, plain(10 + number)) for number in range(3)]
    wait_for(lambda: queue(url)["queue_running"] == [running])
    assert queue(url)["queue_pending"] == others
    send_json(url, "POST", "/queue", {"delete": others[:1]})
    assert queue(url) == {"queue_running": [running], "queue_pending": others[1:]}
    assert send(url, "GET", "/prompt").json["exec_info"]["queue_remaining"] == 3
    send_json(url, "POST", "/queue", {"clear": True})
    assert queue(url) == {"queue_running": [running], "queue_pending": []}
    send(url, "POST", "/interrupt")
    assert interrupted(ended(url, running))
    assert [send(url, "GET", f"/history/{each}").json for each in others] == [{}, {}, {}]


def test_front_number_and_priority_decide_who_is_next(url: str) -> None:
    begin_long(url)
    last = submit(url, plain(20), number=1_000_000)
    usual = submit(url, plain(21))
    early = submit(url, plain(22), number=-1_000_000)
    front = submit(url, plain(23), front=True)
    urgent = submit(url, plain(24), priority=5)
    # A job that waits at its engine already is taken back first.
    wait_for(lambda: queue(url)["queue_pending"] == [urgent, early, front, usual, last])
    send(url, "POST", "/interrupt")
    # History has them in the order of their ends: whose pictures were kept first, not who was executed first.
    begun = [began(ended(url, job_id)) for job_id in (urgent, early, front, usual, last)]
    assert begun == sorted(begun)


def test_only_the_targets_are_executed(url: str) -> None:
    job_id = submit(url, plain(30), partial_execution_targets=["4"])
    item = ended(url, job_id)
    assert list(item["outputs"]) == ["4"]
    assert item["prompt"][4] == ["4"]


def test_same_idempotency_key_names_the_same_job(url: str) -> None:
    body, key = {"prompt": plain(31)}, {"Idempotency-Key": uuid.uuid4().hex}
    first, again = (send_json(url, "POST", "/prompt", body, headers=key).json["prompt_id"] for _ in range(2))
    assert first == again
    other = send_json(url, "POST", "/prompt", {"prompt": plain(32)}, headers=key)
    assert other.status == 422
    assert other.json["error"]["type"] == "idempotency_mismatch"


def test_same_chosen_id_runs_once(url: str) -> None:
    chosen = str(uuid.uuid4())
    assert submit(url, plain(33), prompt_id=chosen) == chosen
    ended(url, chosen)
    assert submit(url, plain(33), prompt_id=chosen) == chosen
    assert queue(url) == {"queue_running": [], "queue_pending": []}


def test_job_reads_the_upload_of_when_it_was_submitted(url: str) -> None:
    upload(url, "pinned.png", "red", overwrite="true")
    begin_long(url)
    job_id = submit(url, load_and_save("pinned.png"))
    upload(url, "pinned.png", "blue", overwrite="true")
    send(url, "POST", "/interrupt")
    [image] = ended(url, job_id)["outputs"]["2"]["images"]
    assert color_of(url, image) == (255, 0, 0)
    [later] = ended(url, submit(url, load_and_save("pinned.png")))["outputs"]["2"]["images"]
    assert color_of(url, later) == (0, 0, 255)


def test_upload_into_a_folder_is_read_from_there(url: str) -> None:
    named = upload(url, "deep.png", "lime", subfolder="a/b")
    assert named == {"name": "deep.png", "subfolder": "a/b", "type": "input"}
    [image] = ended(url, submit(url, load_and_save("a/b/deep.png")))["outputs"]["2"]["images"]
    assert color_of(url, image) == (0, 255, 0)


def test_output_of_a_job_is_the_input_of_the_next(url: str) -> None:
    first = ended(url, submit(url, plain(3368652)))["outputs"]
    for node in ("3", "4"):
        [image] = first[node]["images"]
        path = f"{image['subfolder']}/{image['filename']}".lstrip("/")
        item = ended(url, submit(url, load_and_save(f"{path} [{image['type']}]")))
        [loaded] = item["outputs"]["2"]["images"]
        assert color_of(url, loaded) == color_of(url, image)


def test_output_names_count_on(url: str) -> None:
    prefix = f"count-{uuid.uuid4().hex}"
    prompts = [
        {
            **plain(number),
            "3": {"class_type": "SaveImage", "inputs": {"images": ["2", 0], "filename_prefix": prefix}},
        }
        for number in range(3)
    ]
    names = [ended(url, submit(url, prompt))["outputs"]["3"]["images"][0]["filename"] for prompt in prompts]
    assert names == [f"{prefix}_0000{number}_.png" for number in (1, 2, 3)]
