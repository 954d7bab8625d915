"""The queue: order, numbers, targets, deletion, interruption, secrets, and what history keeps."""

import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from gesso.sketch import worker as worker_module
from gesso.sketch.executor import Executor, Result
from gesso.sketch.folders import Folders
from gesso.sketch.progress import Outlet
from gesso.sketch.worker import Prompt as Queued
from gesso.sketch.worker import Worker
from tests.integration.sketch.exchange import Answer, send, send_json
from tests.integration.sketch.listening import Listener, listening
from tests.integration.sketch.workflows import Prompt, plain, steps
from tests.running import wait_for


def post(url: str, prompt: Prompt, **more: Any) -> Answer:
    return send_json(url, "POST", "/prompt", {"prompt": prompt, **more})


def wait_finished(url: str, prompt_id: str) -> Any:
    return wait_for(lambda: send(url, "GET", f"/history/{prompt_id}").json)[prompt_id]


def busy(url: str, listener: Listener) -> str:
    """A prompt that runs until it is interrupted."""
    prompt_id = str(post(url, steps(600, 0.1), client_id=listener.client_id).json["prompt_id"])
    listener.wait(lambda message: message["type"] == "progress" and message["data"]["prompt_id"] == prompt_id)
    return prompt_id


def pending(url: str) -> list[Any]:
    return list(send(url, "GET", "/queue").json["queue_pending"])


def test_number_and_front_decide_the_order(url: str) -> None:
    with listening(url) as listener:
        running = busy(url, listener)
        ids = [
            post(url, plain(1), number=5.5).json["prompt_id"],
            post(url, plain(2), number=-1e6).json["prompt_id"],
            post(url, plain(3), number="7").json["prompt_id"],
            post(url, plain(4), number=5.5).json["prompt_id"],
        ]
        front = post(url, plain(5), front=True).json
        assert front["number"] < 0
        order = [item[1] for item in pending(url)]
        assert order == [ids[1], front["prompt_id"], ids[0], ids[3], ids[2]]
        assert [item[0] for item in pending(url)][0] == -1e6
        send_json(url, "POST", "/queue", {"clear": True})
        send_json(url, "POST", "/interrupt", {"prompt_id": running})
        listener.wait_end(running)


def test_refused_prompt_uses_up_a_number(url: str) -> None:
    before = post(url, plain()).json["number"]
    assert post(url, {}).status == 400
    assert post(url, plain()).json["number"] == before + 2


def test_partial_execution_runs_the_wanted_outputs_only(url: str) -> None:
    answer = post(url, plain(11), partial_execution_targets=["4"])
    entry = wait_finished(url, answer.json["prompt_id"])
    assert entry["prompt"][4] == ["4"]
    assert set(entry["outputs"]) == {"4"}


def test_secrets_are_in_neither_queue_nor_history(url: str) -> None:
    extra = {"api_key_comfy_org": "secret-1", "auth_token_comfy_org": "secret-2", "extra_pnginfo": {"x": 1}}
    with listening(url) as listener:
        running = busy(url, listener)
        prompt_id = post(url, plain(12), extra_data=extra).json["prompt_id"]
        queue = send(url, "GET", "/queue")
        assert b"secret" not in queue.body
        assert pending(url)[0][3] == {"extra_pnginfo": {"x": 1}}
        send_json(url, "POST", "/interrupt", {})
        listener.wait_end(running)
    assert b"secret" not in repr(wait_finished(url, prompt_id)).encode()


def test_interrupt_of_another_prompt_changes_nothing(url: str) -> None:
    with listening(url) as listener:
        running = busy(url, listener)
        waiting = post(url, plain(13)).json["prompt_id"]
        for prompt_id in (waiting, "no-such-prompt"):
            assert send_json(url, "POST", "/interrupt", {"prompt_id": prompt_id}).status == 200
        last = listener.messages("progress")[-1]["data"]["value"]
        listener.wait(lambda m: m["type"] == "progress" and m["data"]["value"] > last + 1)
        assert send(url, "POST", "/interrupt", b"").status == 200
        listener.wait_end(running)
        assert listener.messages("execution_interrupted")[0]["data"]["prompt_id"] == running
    assert wait_finished(url, waiting)["status"]["status_str"] == "success"


def test_interrupt_with_nothing_running_does_not_hit_the_next_prompt(url: str) -> None:
    wait_for(lambda: send(url, "GET", "/prompt").json["exec_info"]["queue_remaining"] == 0)
    assert send_json(url, "POST", "/interrupt", {}).status == 200
    entry = wait_finished(url, post(url, plain(14)).json["prompt_id"])
    assert entry["status"]["completed"] is True


def test_freed_engine_computes_again(url: str) -> None:
    def cached() -> list[str]:
        entry = wait_finished(url, post(url, plain(15)).json["prompt_id"])
        return list(entry["status"]["messages"][1][1]["nodes"])

    cached()
    assert cached() == ["1", "2", "3", "4"]
    assert send_json(url, "POST", "/free", {"free_memory": True}).status == 200
    assert cached() == []


def test_history_is_paged_and_deleted(url: str) -> None:
    ids = [post(url, plain(20 + number)).json["prompt_id"] for number in range(3)]
    for prompt_id in ids:
        wait_finished(url, prompt_id)
    assert list(send(url, "GET", "/history?max_items=2").json) == ids[1:]
    everything = list(send(url, "GET", "/history").json)
    assert everything[-3:] == ids
    assert list(send(url, "GET", "/history?offset=1").json) == everything[1:]
    assert list(send(url, "GET", "/history?max_items=1&offset=0").json) == everything[:1]
    assert send(url, "GET", "/history?max_items=0").json == {}
    assert send_json(url, "POST", "/history", {"delete": [ids[0], "unknown", 5]}).status == 200
    assert ids[0] not in send(url, "GET", "/history").json


class Silent(Executor):
    """Runs prompts at once, or not before it is let."""

    def __init__(self, folders: Folders) -> None:
        super().__init__(folders)
        self.let = threading.Event()
        self.let.set()
        self.fails = False

    def execute(
        self,
        prompt_id: str,
        prompt: dict[str, Any],
        extra_data: Mapping[str, Any],
        outputs: Sequence[str],
        outlet: Outlet,
        interrupted: Callable[[], bool],
    ) -> Result:
        self.let.wait(10)
        if self.fails:
            raise RuntimeError("a defect")
        return Result(outputs={}, meta={}, status_str="success", completed=True, messages=[])


def queued(prompt_id: str) -> Queued:
    return Queued(number=0, prompt_id=prompt_id, prompt={}, extra_data={}, outputs=())


def test_history_keeps_the_newest_up_to_its_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert worker_module.HISTORY_LIMIT == 10_000
    monkeypatch.setattr(worker_module, "HISTORY_LIMIT", 3)
    worker = Worker(Silent(Folders(tmp_path)))
    for number in range(5):
        worker.put(queued(str(number)))
    worker.start(None)
    wait_for(lambda: worker.remaining() == 0)
    worker.stop(5)
    assert list(worker.history()) == ["2", "3", "4"]


def test_worker_survives_a_defect_of_its_executor(tmp_path: Path) -> None:
    executor = Silent(Folders(tmp_path))
    executor.fails = True
    worker = Worker(executor)
    worker.start(None)
    worker.put(queued("first"))
    failed = wait_for(lambda: worker.finished("first"))["first"]
    assert failed["status"]["status_str"] == "error"
    executor.fails = False
    worker.put(queued("second"))
    assert wait_for(lambda: worker.finished("second"))["second"]["status"]["completed"] is True
    worker.stop(5)
