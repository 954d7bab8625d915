"""Faults in a job: what a client is told, what the log says, and how the process ends."""

import http.client
import io
import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from PIL import Image

from tests.integration.sketch.exchange import send, send_json
from tests.integration.sketch.faulty import ended, error_of, heal, inflict, submit, with_faults
from tests.integration.sketch.listening import listening
from tests.running import Sketch, answers, running_sketch, wait_for


@pytest.fixture(autouse=True)
def healed(url: str) -> Iterator[None]:
    """The module's sketch is shared: what a test inflicted on it ends with the test."""
    yield
    heal(url)


def test_crash_at_a_step_tells_the_steps_before_it(tmp_path: Path) -> None:
    with running_sketch(tmp_path / "data", *with_faults("crash-in-job:3")) as sketch:
        with listening(sketch.url) as listener:
            submit(sketch.url, client_id=listener.client_id)
            assert sketch.process.wait(20) == 1
            assert listener.closed.wait(10)
            told = [message["data"]["value"] for message in listener.messages("progress")]
        assert set(told) <= {1, 2, 3}
        assert "told to crash in a job" in sketch.log.read_text()


def test_killed_in_a_job(tmp_path: Path) -> None:
    with running_sketch(tmp_path / "data", *with_faults("killed")) as sketch:
        # It may die before it has answered.
        with suppress(OSError, http.client.HTTPException):
            submit(sketch.url)
        assert sketch.process.wait(20) == -signal.SIGKILL


def test_crash_after_some_jobs_tells_their_ends_first(tmp_path: Path) -> None:
    with running_sketch(tmp_path / "data", *with_faults("crash-after:2")) as sketch:
        with listening(sketch.url) as listener:
            first = submit(sketch.url, client_id=listener.client_id)
            listener.wait_end(first)
            second = submit(sketch.url, client_id=listener.client_id, seed=1)
            listener.wait_end(second)
        assert sketch.process.wait(20) == 1


def test_exit_asked_for_at_run_time(tmp_path: Path) -> None:
    with running_sketch(tmp_path / "data") as sketch:
        assert inflict(sketch.url, "exit:139:0.1").status == 200
        assert sketch.process.wait(20) == 139


def test_full_card_fails_a_job_as_torch_does_and_spares_the_next(sketch: Sketch, url: str) -> None:
    inflict(url, "oom:1")
    error = error_of(ended(url, submit(url, seed=1)))
    assert error["exception_type"] == "torch.OutOfMemoryError"
    assert error["exception_message"].startswith("Allocation on device ")
    log = sketch.log.read_text()
    assert "!!! Exception during processing !!! Allocation on device" in log
    assert "torch.OutOfMemoryError: Allocation on device" in log
    assert "Got an OOM, unloading all loaded models." in log
    assert ended(url, submit(url, seed=2))["status"]["status_str"] == "success"


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("cuda-poison", "CUDA error: an illegal memory access was encountered"),
        ("device-side-assert", "CUDA error: device-side assert triggered"),
    ],
)
def test_poisoned_card_fails_every_job_from_then_on(fault: str, words: str, sketch: Sketch, url: str) -> None:
    inflict(url, fault)
    for seed in (11, 12):
        error = error_of(ended(url, submit(url, seed=seed)))
        assert error["exception_type"] == "torch.AcceleratorError"
        assert error["exception_message"].startswith(words)
    assert f"!!! Exception during processing !!! {words}" in sketch.log.read_text()
    heal(url)
    assert ended(url, submit(url, seed=13))["status"]["status_str"] == "success"


def test_poisoned_card_may_let_the_next_job_hang(url: str) -> None:
    inflict(url, "cuda-poison:hang")
    error_of(ended(url, submit(url, seed=21)))
    with listening(url) as listener:
        hung = submit(url, seed=22, client_id=listener.client_id)
        listener.wait_type("progress_state")
        assert send(url, "GET", "/queue").json["queue_running"][0][1] == hung
        heal(url)
        listener.wait_end(hung)


def test_full_disk_fails_a_job(sketch: Sketch, url: str) -> None:
    inflict(url, "disk-full")
    error = error_of(ended(url, submit(url, seed=31)))
    assert error["exception_type"] == "OSError"
    assert "[Errno 28] No space left on device" in error["exception_message"]
    assert "OSError: [Errno 28] No space left on device" in sketch.log.read_text()


def test_hung_job_makes_no_progress_and_is_not_interrupted_while_all_else_answers(url: str) -> None:
    inflict(url, "hang:2")
    with listening(url) as listener:
        hung = submit(url, seed=41, client_id=listener.client_id)
        listener.wait(lambda message: message["type"] == "progress" and message["data"]["value"] == 2)
        heard = len(listener.messages("progress"))
        send_json(url, "POST", "/interrupt", {"prompt_id": hung})
        waiting = submit(url, seed=42, client_id=listener.client_id)
        # Sockets speak still: of the job that waits.
        listener.wait(
            lambda message: (
                message["type"] == "status" and message["data"]["status"]["exec_info"]["queue_remaining"] == 2
            )
        )
        queue = send(url, "GET", "/queue").json
        assert [item[1] for item in queue["queue_running"]] == [hung]
        assert send(url, "GET", f"/history/{hung}").json == {}
        assert len(listener.messages("progress")) == heard
        assert heal(url, "hang").json["on"] == []
        listener.wait_end(hung)
        listener.wait_end(waiting)
    assert send(url, "GET", f"/history/{hung}").json[hung]["status"]["status_str"] == "error"


def test_frozen_engine_says_nothing_on_its_sockets_and_answers_200(url: str) -> None:
    with listening(url) as listener:
        inflict(url, "frozen:1")
        frozen = submit(url, seed=51, client_id=listener.client_id)
        wait_for(lambda: send(url, "GET", "/queue").json["queue_running"])
        wait_for(lambda: listener.messages("progress"))
        submit(url, seed=52, client_id=listener.client_id)
        assert send(url, "GET", "/system_stats").status == 200
        assert send(url, "GET", "/prompt").json["exec_info"]["queue_remaining"] == 2
        counts = [
            message["data"]["status"]["exec_info"]["queue_remaining"]
            for message in listener.messages("status")
        ]
        assert 2 not in counts
        assert not listener.closed.is_set()
        heal(url)
        listener.wait_end(frozen)


def test_deaf_engine_answers_nothing_and_hears_again(url: str) -> None:
    inflict(url, "deaf:3")
    with ThreadPoolExecutor(1) as pool:
        # It may be deaf before it has answered this.
        submitted = pool.submit(submit, url, seed=61)
        wait_for(lambda: not answers(f"{url}/system_stats"))
        wait_for(lambda: answers(f"{url}/system_stats"), 30)
        assert ended(url, submitted.result())["status"]["status_str"] == "success"


def test_engine_that_is_deaf_for_ever_can_only_be_killed(tmp_path: Path) -> None:
    with running_sketch(tmp_path / "data", *with_faults("deaf")) as sketch, ThreadPoolExecutor(1) as pool:
        pool.submit(submit, sketch.url)
        wait_for(lambda: not answers(f"{sketch.url}/system_stats"))
        sketch.process.terminate()
        with pytest.raises(subprocess.TimeoutExpired):
            sketch.process.wait(0.5)
        sketch.process.kill()


def test_sockets_are_closed_in_mid_job_and_the_job_goes_on(url: str) -> None:
    inflict(url, "ws-drop:2")
    with listening(url) as listener:
        prompt_id = submit(url, 50, seed=71, client_id=listener.client_id)
        assert listener.closed.wait(20)
        assert listener.messages("progress")
    assert ended(url, prompt_id)["status"]["status_str"] == "success"


def test_memory_grows_with_each_job(sketch: Sketch, url: str) -> None:
    process = psutil.Process(sketch.process.pid)
    ended(url, submit(url, seed=80))
    before = process.memory_info().rss
    inflict(url, "leak:64")
    for seed in (81, 82, 83):
        ended(url, submit(url, seed=seed))
    assert process.memory_info().rss - before > 180 * 2**20


def test_history_of_a_job_may_be_empty_or_anothers(url: str) -> None:
    inflict(url, "wrong-history")
    with listening(url) as listener:
        prompt_id = submit(url, seed=91, client_id=listener.client_id)
        listener.wait_end(prompt_id)
    assert send(url, "GET", f"/history/{prompt_id}").json == {}
    inflict(url, "wrong-history:other")
    prompt_id = submit(url, seed=92)
    item = ended(url, prompt_id)
    assert item["prompt"][1] != prompt_id


def test_job_succeeds_without_a_picture(url: str) -> None:
    inflict(url, "no-pictures")
    item = ended(url, submit(url, seed=101))
    assert item["status"]["status_str"] == "success"
    assert item["outputs"] == {}


def test_job_succeeds_with_a_black_picture(url: str) -> None:
    inflict(url, "no-pictures:black")
    image = ended(url, submit(url, seed=102))["outputs"]["9"]["images"][0]
    query = "&".join(f"{name}={value}" for name, value in image.items())
    with Image.open(io.BytesIO(send(url, "GET", f"/view?{query}").body)) as picture:
        assert picture.size == (64, 64)
        assert picture.getextrema() == ((0, 0),) * 3
