"""What a client hears on `/ws`, when, and what becomes of one that listens badly."""

import contextlib
import io
import socket
import time
import uuid
from collections.abc import Iterator

import pytest
from PIL import Image
from websockets.sync.client import connect

from gesso.protocol import frames
from tests.integration.service.test_comfyui_jobs import ended, submit, view
from tests.integration.sketch.exchange import send, send_json
from tests.integration.sketch.listening import NEGOTIATION, listening
from tests.integration.sketch.workflows import Prompt, plain, steps
from tests.running import wait_for
from tests.service import RunningGesso


@pytest.fixture
def url(service: RunningGesso) -> str:
    return service.address()


def test_greeting_tells_the_queue_and_an_id_of_its_own(service: RunningGesso) -> None:
    key = {"Authorization": f"Bearer {service.key}"}
    with connect(f"ws://127.0.0.1:{service.port}/ws", additional_headers=key) as connection:
        greeting = connection.recv(10)
        assert isinstance(greeting, str)
        assert '"queue_remaining": 0' in greeting
        assert '"sid": "' in greeting


def test_flags_are_answered_once_and_only_to_the_first_message(url: str) -> None:
    with listening(url) as first:
        first.send(NEGOTIATION)
        first.wait_end(submit(url, plain(1), client_id=first.client_id))
        [flags] = first.messages("feature_flags")
        assert flags["data"]["supports_preview_metadata"] is True
        assert isinstance(flags["data"]["max_upload_size"], int)
        assert send(url, "GET", "/features").json == flags["data"]
    with listening(url, negotiate=False) as second:
        second.send("rubbish")
        second.send(NEGOTIATION)
        second.wait_end(submit(url, steps(1, 0, 1), client_id=second.client_id))
        assert second.messages("feature_flags") == []
        assert [type(frames.decode(each)) for each in second.frames()] == [frames.Preview]


def test_status_is_told_at_submission_start_and_end(url: str) -> None:
    with listening(url) as listener:
        listener.wait_end(submit(url, plain(2), client_id=listener.client_id))
        counts = [
            each["data"]["status"]["exec_info"]["queue_remaining"] for each in listener.messages("status")
        ]
        assert counts == [0, 1, 1, 0]


def test_run_is_told_in_comfyuis_order(url: str) -> None:
    prompt = plain(int(time.time()) % 0xFFFFFF)
    node = ["progress_state", "executing", "progress_state"]
    shown = ["progress_state", "executing", "executed", "progress_state"]
    with listening(url) as listener:
        listener.wait_end(submit(url, prompt, client_id=listener.client_id))
        told = [message["type"] for message in listener.messages()]
    begin = ["status", "feature_flags", "status", "status", "execution_start", "execution_cached"]
    assert told == [*begin, *node, *shown, *node, *shown, "execution_success", "status", "executing"]


def test_preview_comes_before_its_progress_or_after_it_for_those_who_negotiated_nothing(url: str) -> None:
    for negotiate, order in ((True, ["frame", "progress"]), (False, ["progress", "frame"])):
        with listening(url, negotiate=negotiate) as listener:
            prompt = steps(2, 0, int(time.time()))
            prompt["3"]["inputs"]["seconds"] = 0.01 if negotiate else 0.02
            listener.wait_end(submit(url, prompt, client_id=listener.client_id))
            heard = ["frame" if isinstance(each, bytes) else each["type"] for each in listener.heard]
            assert [each for each in heard if each in ("frame", "progress")] == order * 2


def test_both_sockets_of_one_client_hear(url: str) -> None:
    """ComfyUI gives everything to the later one; here a second tab takes nothing from the first."""
    with listening(url) as first, listening(url, first.client_id, negotiate=False) as second:
        job_id = submit(url, steps(3, 0.02, 2), client_id=first.client_id)
        for listener in (first, second):
            listener.wait_end(job_id)
            assert len(listener.frames()) == 3
        assert {type(frames.decode(each)) for each in first.frames()} == {frames.PreviewWithMetadata}
        assert {type(frames.decode(each)) for each in second.frames()} == {frames.Preview}


def test_client_that_comes_back_is_told_which_node_runs(url: str) -> None:
    with listening(url) as first:
        job_id = submit(url, steps(200, 0.05, 3), client_id=first.client_id)
        first.wait_type("progress")
    with listening(url, first.client_id) as second:
        assert second.messages()[1] == {"type": "executing", "data": {"node": "3"}}
        second.wait_type("progress")
        send_json(url, "POST", "/interrupt", {"prompt_id": job_id})
        second.wait_end(job_id)
    with listening(url, first.client_id) as third:
        assert third.messages("executing") == []


def test_job_without_a_client_shows_its_progress_to_all_of_its_owners_sockets(url: str) -> None:
    with listening(url) as negotiated, listening(url, negotiate=False) as plainly:
        ended(url, submit(url, steps(2, 0, 4)))
        for listener in (negotiated, plainly):
            wait_for(lambda listener=listener: len(listener.messages("status")) == 4)  # type: ignore[misc]
            types = {message["type"] for message in listener.messages()} - {"status", "feature_flags"}
            assert types == {"progress_state", "progress"}
            assert [type(frames.decode(each)) for each in listener.frames()] == [frames.Preview] * 2


def test_pictures_sent_as_results_all_arrive(url: str) -> None:
    """SaveImageWebsocket's outputs look like previews; a burst of them (so small) must lose none."""
    many = 40
    prompt: Prompt = {
        "1": {
            "class_type": "EmptyImage",
            "inputs": {"width": 16, "height": 16, "batch_size": many, "color": 255},
        },
        "save": {"class_type": "SaveImageWebsocket", "inputs": {"images": ["1", 0]}},
    }
    for negotiate in (True, False):
        with listening(url, negotiate=negotiate) as listener:
            listener.wait_end(submit(url, prompt, client_id=listener.client_id))
            found = [frames.decode(each) for each in listener.frames()]
            assert len(found) == many
            for each in found:
                assert isinstance(each, frames.PreviewWithMetadata if negotiate else frames.Preview)
                assert Image.open(io.BytesIO(each.image)).size == (16, 16)


def test_end_is_told_only_when_history_and_picture_are_there(url: str) -> None:
    with listening(url) as listener:
        for number in range(50):
            job_id = submit(url, plain(1000 + number), client_id=listener.client_id)
            listener.wait_end(job_id)
            item = send(url, "GET", f"/history/{job_id}").json[job_id]
            assert item["status"]["completed"] is True
            for image in (item["outputs"][node]["images"][0] for node in ("3", "4")):
                assert view(url, image).status == 200


def test_picture_is_there_when_its_node_is_told_to_be_executed(url: str) -> None:
    with listening(url) as listener:
        job_id = submit(url, {**plain(2000), **steps(100, 0.05, 5)}, client_id=listener.client_id)
        early = listener.wait(lambda message: message["type"] == "executed")
        assert view(url, early["data"]["output"]["images"][0]).status == 200
        send_json(url, "POST", "/interrupt", {"prompt_id": job_id})
        listener.wait_end(job_id)


@contextlib.contextmanager
def deaf(service: RunningGesso, client_id: str) -> Iterator[socket.socket]:
    """A client that asks for a socket and never reads from it."""
    line = socket.socket()
    line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    with line:
        line.connect(("127.0.0.1", service.port))
        line.sendall(
            f"GET /ws?clientId={client_id} HTTP/1.1\r\nHost: 127.0.0.1:{service.port}\r\n"
            f"Authorization: Bearer {service.key}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
        )
        assert line.recv(4) == b"HTTP"
        yield line


def test_client_that_never_reads_delays_nobody_and_is_cut_off(service: RunningGesso, url: str) -> None:
    client_id = uuid.uuid4().hex
    with deaf(service, client_id) as line:
        with listening(url, client_id) as listener:
            # Twice as many messages as are kept for it; what fits into the buffers between is far less.
            for seed in range(2):
                prompt = steps(1000, 0, 10 + seed)
                prompt["5"]["inputs"].update(width=8, height=8)
                listener.wait_end(submit(url, prompt, client_id=client_id), 60)
        line.settimeout(10)
        with contextlib.suppress(ConnectionError):
            while line.recv(1 << 20):
                pass
    with listening(url) as after:
        after.wait_end(submit(url, plain(3), client_id=after.client_id))


def test_closing_is_answered_by_closing(url: str) -> None:
    with listening(url) as listener:
        listener.connection.close()
        wait_for(listener.closed.is_set)
        assert listener.connection.close_code == 1000
