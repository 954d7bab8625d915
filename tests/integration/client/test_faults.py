"""What the client does when the server does not do its part, in both flavours."""

import asyncio
import threading
import time
import uuid

import pytest
from aiohttp import web

from gesso import errors
from gesso.client.place import Place
from tests.integration.client import workflows
from tests.integration.client.faulty import Faulty, drop, listening
from tests.running import free_port, running_sketch, stop, wait_for

PATIENT = {"timeout_s": 5.0, "patience_s": 5.0}
EMPTY_QUEUE: dict[str, list[object]] = {"queue_running": [], "queue_pending": []}


@pytest.fixture
def faulty():
    with listening(Faulty()) as server:
        yield server


def succeeded(outputs=None):
    status = {"status_str": "success", "completed": True, "messages": []}
    return {"prompt": [0, "id", {}, {}, []], "outputs": outputs or {}, "status": status}


@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, errors.Unauthorized), (403, errors.Forbidden), (413, errors.TooLarge), (500, errors.GatewayError)],
)
def test_a_refusal_is_raised_at_once_and_not_repeated(faulty, make_client, status, kind):
    faulty.json("POST /prompt", {"error": {"message": "no"}}, status=status)
    with pytest.raises(kind):
        make_client(faulty.url).submit(workflows.plain())
    assert faulty.times("POST /prompt") == 1


def test_over_a_limit_the_pause_is_told(faulty, make_client):
    faulty.json("POST /prompt", {}, status=429, headers={"Retry-After": "12"})
    with pytest.raises(errors.OverLimit) as caught:
        make_client(faulty.url).submit(workflows.plain())
    assert caught.value.retry_after_s == 12 and faulty.times("POST /prompt") == 1


def test_the_key_travels_with_every_request_and_the_socket(faulty, make_client):
    faulty.json("POST /prompt", {"prompt_id": "id", "number": 0, "node_errors": {}})
    faulty.json("GET /history/ID", {"id": succeeded()})
    make_client(faulty.url, "secret").run(workflows.plain())
    assert "GET /ws" in faulty.asked
    assert {headers.get("Authorization") for headers in faulty.headers} == {"Bearer secret"}


def test_a_way_to_a_login_page_is_not_followed(faulty, make_client):
    @faulty.on("GET /system_stats")
    async def elsewhere(request):
        return web.Response(status=302, headers={"Location": "/gesso/login"})

    faulty.json("GET /gesso/login", {"system": {}})
    with pytest.raises(errors.Unauthorized, match="/gesso/login"):
        make_client(faulty.url).system_stats()


def test_a_page_for_browsers_is_not_taken_for_an_answer(faulty, make_client):
    async def page(request):
        return web.Response(text="<!DOCTYPE html><title>Sign in</title>", content_type="text/html")

    for what in ("GET /system_stats", "GET /queue", "POST /upload/image"):
        faulty.answers[what] = page
    client = make_client(faulty.url)
    for call in (client.system_stats, client.jobs, lambda: client.upload(b"data")):
        with pytest.raises(errors.GatewayError, match="Sign in"):
            call()


@pytest.mark.parametrize("body", [[], {}, {"prompt_id": 3}, "text", None])
def test_an_acceptance_without_an_id_is_not_taken_for_one(faulty, make_client, body):
    faulty.json("POST /prompt", body)
    with pytest.raises(errors.GatewayError):
        make_client(faulty.url).submit(workflows.plain())


def test_nobody_there_is_told_with_the_address(make_client):
    url = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(errors.EngineUnreachable, match=url) as caught:
        make_client(url, retries=0).system_stats()
    assert "gesso up" in caught.value.remedy


def test_a_silent_server_is_given_up_in_time(faulty, make_client):
    @faulty.on("GET /system_stats")
    async def silent(request):
        await asyncio.Event().wait()
        return web.Response()

    started = time.monotonic()
    with pytest.raises(errors.EngineUnreachable, match="in time"):
        make_client(faulty.url, timeout_s=0.2, retries=0).system_stats()
    assert time.monotonic() - started < 5


def test_a_passing_fault_is_tried_again(faulty, make_client):
    @faulty.on("GET /system_stats")
    async def starting(request):
        if faulty.times("GET /system_stats") < 3:
            return web.Response(status=503, text="starting")
        return web.json_response({"system": {}})

    assert make_client(faulty.url).system_stats() == {"system": {}}


def test_a_lost_answer_does_not_run_the_job_twice(faulty, make_client):
    """ComfyUI took the prompt and died before it answered: the queue tells that it is there."""
    accepted = []

    @faulty.on("POST /prompt")
    async def lost(request):
        accepted.append((await request.json())["prompt_id"])
        return drop(request)

    @faulty.on("GET /queue")
    async def queue(request):
        return web.json_response({"queue_running": [], "queue_pending": [[0, accepted[0], {}, {}, []]]})

    faulty.json("GET /history/ID", {})
    job = make_client(faulty.url).submit(workflows.plain())
    assert [job.id] == accepted
    assert str(uuid.UUID(job.id)) == job.id


def test_a_request_that_never_arrived_is_sent_again_under_the_same_id(faulty, make_client):
    seen = []

    @faulty.on("POST /prompt")
    async def second_time(request):
        seen.append((await request.json())["prompt_id"])
        if len(seen) == 1:
            return drop(request)
        return web.json_response({"prompt_id": seen[-1], "number": 0, "node_errors": {}})

    faulty.json("GET /history/ID", {})
    faulty.json("GET /queue", EMPTY_QUEUE)
    assert make_client(faulty.url).submit(workflows.plain()).id == seen[0] == seen[1]


def test_a_job_that_ends_between_two_questions_is_not_missed(faulty, make_client):
    @faulty.on("GET /history/ID")
    async def history(request):
        return web.json_response({"id": succeeded()} if faulty.times("GET /queue") else {})

    faulty.json("GET /queue", EMPTY_QUEUE)
    assert make_client(faulty.url).job("id").place() is Place.FINISHED


def test_without_a_socket_the_history_is_asked(faulty, make_client):
    @faulty.on("GET /history/ID")
    async def later(request):
        job_id = request.path.rsplit("/", 1)[1]
        return web.json_response({job_id: succeeded()} if faulty.times("GET /history/ID") > 4 else {})

    faulty.json("GET /queue", {"queue_running": [[0, "id", {"1": {}}, {}, []]], "queue_pending": []})
    assert make_client(faulty.url).job("id").wait(timeout_s=10).outputs == ()


@pytest.mark.parametrize(
    "rubbish", ["", "no json", "[1]", b"", b"\x00\x00\x00\x04\xff\xff\xff\xff{", b"x" * 100_000]
)
def test_a_socket_that_sends_rubbish_does_not_end_the_wait(faulty, make_client, rubbish):
    finished = threading.Event()

    @faulty.on("GET /ws")
    async def socket(request):
        upgraded = web.WebSocketResponse()
        await upgraded.prepare(request)
        await (upgraded.send_str(rubbish) if isinstance(rubbish, str) else upgraded.send_bytes(rubbish))
        finished.set()
        await upgraded.send_json({"type": "execution_success", "data": {"prompt_id": "id"}})
        await upgraded.receive()
        return upgraded

    @faulty.on("GET /history/ID")
    async def history(request):
        return web.json_response({"id": succeeded()} if finished.is_set() else {})

    faulty.json("GET /queue", {"queue_running": [[0, "id", {"1": {}}, {}, []]], "queue_pending": []})
    make_client(faulty.url).job("id").wait(timeout_s=10)


def test_a_socket_that_breaks_is_opened_again(faulty, make_client):
    @faulty.on("GET /ws")
    async def socket(request):
        upgraded = web.WebSocketResponse()
        await upgraded.prepare(request)
        if faulty.times("GET /ws") > 1:
            await upgraded.send_json({"type": "executing", "data": {"prompt_id": "id", "node": "1"}})
            await upgraded.send_json({"type": "execution_success", "data": {"prompt_id": "id"}})
        await upgraded.receive()  # the greeting: so it breaks while it is listened to
        return upgraded

    @faulty.on("GET /history/ID")
    async def history(request):
        return web.json_response({"id": succeeded()} if faulty.times("GET /ws") > 1 else {})

    faulty.json(
        "GET /queue", {"queue_running": [[0, "id", {"1": {"class_type": "X"}}, {}, []]], "queue_pending": []}
    )
    make_client(faulty.url).job("id").wait(timeout_s=10)
    assert faulty.times("GET /ws") >= 2


def test_a_wait_ends_with_the_reason_when_the_key_is_revoked_meanwhile(faulty, make_client):
    faulty.json("GET /history/ID", {"error": {"message": "This key was revoked."}}, status=401)
    with pytest.raises(errors.Unauthorized, match="revoked"):
        make_client(faulty.url).job("id").wait(timeout_s=10)


def test_a_server_that_stays_away_ends_the_wait_after_the_patience(make_client):
    url = f"http://127.0.0.1:{free_port()}"
    started = time.monotonic()
    with pytest.raises(errors.EngineUnreachable):
        make_client(url, patience_s=0.5).job("id").wait()
    assert 0.5 < time.monotonic() - started < 10


def test_a_download_cut_off_leaves_nothing_behind(faulty, make_client, tmp_path):
    item = succeeded({"3": {"images": [{"filename": "a.png", "subfolder": "", "type": "output"}]}})
    faulty.json("GET /history/ID", {"id": item})

    @faulty.on("GET /view")
    async def half(request):
        response = web.StreamResponse(headers={"Content-Length": "1000000"})
        await response.prepare(request)
        await response.write(b"x" * 400_000)
        request.transport.close()
        return response

    output = make_client(faulty.url).job("id").wait().outputs[0]
    (tmp_path / "a.png").write_bytes(b"old")
    with pytest.raises(errors.EngineUnreachable):
        output.save(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]
    assert (tmp_path / "a.png").read_bytes() == b"old"


@pytest.mark.parametrize("name", ["../../evil.png", "/etc/evil.png", "..\\evil.png", "c:evil.png", ".."])
def test_a_servers_file_name_does_not_leave_the_folder(faulty, make_client, tmp_path, name):
    item = succeeded({"3": {"images": [{"filename": name, "subfolder": "", "type": "output"}]}})
    faulty.json("GET /history/ID", {"id": item})
    faulty.json("GET /view", {})
    folder = tmp_path / "deep" / "in"
    folder.mkdir(parents=True)
    saved = make_client(faulty.url).job("id").wait().outputs[0].save(folder)
    assert saved.parent == folder and list(folder.iterdir()) == [saved]


def test_a_restart_of_the_server_in_the_middle_is_survived(make_client, tmp_path):
    """ComfyUI forgets its jobs; what is waited for is told to be lost, not waited for endlessly."""
    port = free_port()
    with running_sketch(tmp_path / "s", port=port) as first:
        job = make_client(first.url, **PATIENT).submit(workflows.slow())
        caught = []

        def wait():
            with pytest.raises(errors.JobLost) as error:
                job.wait(timeout_s=60)
            caught.append(error.value)

        thread = threading.Thread(target=wait)
        thread.start()
        wait_for(lambda: job_runs(first.url, job.id))
        first.process.kill()
        stop(first.process)
        with running_sketch(tmp_path / "s", port=port):
            thread.join(30)
    assert caught


def job_runs(url, job_id):
    import json
    import urllib.request

    with urllib.request.urlopen(f"{url}/queue", timeout=5) as answer:
        return any(entry[1] == job_id for entry in json.load(answer)["queue_running"])


def test_a_drawing_whose_answer_was_lost_is_asked_for_again_under_the_same_id(faulty, make_client):
    @faulty.on("POST /v1/images/generations")
    async def answer(request):
        if faulty.times("POST /v1/images/generations") == 1:
            return drop(request)
        return web.json_response({"job": request.headers["x-gesso-job"]}, status=202)

    job = make_client(faulty.url).draw("a heart")
    assert [headers["x-gesso-job"] for headers in faulty.headers] == [job.id] * 2
    assert {headers["Prefer"] for headers in faulty.headers} == {"respond-async"}


@pytest.mark.parametrize("answer", [{}, {"job": 5}, []])
def test_an_answer_without_a_job_is_no_job(faulty, make_client, answer):
    faulty.json("POST /v1/images/generations", answer)
    faulty.json("GET /gesso/api/whoami", {"account": "ada"})
    with pytest.raises(errors.GatewayError, match="id of a job"):
        make_client(faulty.url).draw("a heart")


def test_a_server_without_models_is_said_to_be_no_gesso(faulty, make_client):
    client = make_client(faulty.url)
    for ask in (lambda: client.draw("x"), lambda: client.edit(b"x", "y"), client.models):
        with pytest.raises(errors.GatewayError, match="is not gesso"):
            ask()


def test_another_servers_models_are_not_read_as_ours(faulty, make_client):
    faulty.json("GET /gesso/api/whoami", {"account": "ada"})
    faulty.json("GET /v1/models", {"object": "list", "data": [{"id": "gpt-4"}]})
    with pytest.raises(errors.GatewayError, match="not gesso's"):
        make_client(faulty.url).models()
