"""However often a request for a picture comes, it is one job, and its engine runs it once."""

import asyncio
import http.client
import io
import json
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from PIL import Image

from tests.integration.service.test_openai_images import send, user
from tests.running import wait_for
from tests.service import ENGINE, UNHURRIED, RunningGesso, running_service

STROKES = Path(__file__).parents[2] / "templates" / "strokes.json"
# Shorter than the job, and tried often enough for any machine.
IMPATIENT: dict[str, Any] = {"timeout": 0.6, "max_retries": 10}
# About a second and a half.
STEPS = 15


def models(directory: Path) -> str:
    """One that takes its time, for all three routes."""
    strokes = json.loads(STROKES.read_text())
    strokes["workflow"]["4"]["inputs"]["seconds"] = 0.1
    (directory / "strokes.json").write_text(json.dumps(strokes))
    strokes["workflow"]["3"] = {"class_type": "LoadImage", "inputs": {"image": "x.png"}}
    kept = {name: strokes["parameters"][name] for name in ("prompt", "seed", "steps")}
    image = {"type": "image", "inputs": ["3.image"]}
    (directory / "edit.json").write_text(json.dumps({**strokes, "parameters": {**kept, "image": image}}))
    del kept["prompt"]
    (directory / "vary.json").write_text(json.dumps({**strokes, "parameters": {**kept, "image": image}}))
    return (
        "[[model]]\nname = 'slow'\ntemplate = 'strokes.json'\nedit_template = 'edit.json'\n"
        "variation_template = 'vary.json'\n"
    )


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGesso]:
    directory = tmp_path_factory.mktemp("gesso")
    with running_service(directory, ENGINE + UNHURRIED + models(directory)) as service:
        yield service
        assert "Traceback" not in service.log()


def picture() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (32, 24), "red").save(buffer, "PNG")
    return buffer.getvalue()


def jobs_of(service: RunningGesso, key: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = service.call("GET", "/gesso/api/jobs", key=key).json()["jobs"]
    return found


def runs(engine_url: str) -> list[str]:
    """What the engine itself says that it has run: its prompts' ids."""
    with urllib.request.urlopen(f"{engine_url}/history?max_items=1000", timeout=20) as answer:
        return list(json.load(answer))


def drawn(client: Any, route: str) -> Any:
    """The raw answer to a request for which its client has not the patience; awaitable where that is."""
    images = client.images.with_raw_response
    more: dict[str, Any] = {"model": "slow", "extra_body": {"steps": STEPS}}
    if route == "generations":
        return images.generate(prompt="a heart", **more)
    if route == "edits":
        return images.edit(prompt="a heart", image=picture(), **more)
    return images.create_variation(image=picture(), **more)


def is_one_run(service: RunningGesso, key: str, job_id: str) -> None:
    (job,) = jobs_of(service, key)
    assert (job["id"], job["state"], job["attempt"]) == (job_id, "succeeded", 1)
    assert runs(service.engine()["url"]).count(job_id) == 1


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("route", ["generations", "edits", "variations"])
def test_what_the_library_sends_again_is_one_job(service: RunningGesso, route: str) -> None:
    with user(service, **IMPATIENT) as client:
        answer = drawn(client, route)
        assert int(answer.http_request.headers["x-stainless-retry-count"]) >= 1
        is_one_run(service, client.api_key, answer.headers["x-gesso-job"])


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("route", ["generations", "edits", "variations"])
def test_what_the_asynchronous_library_sends_again_is_one_job(service: RunningGesso, route: str) -> None:
    key = service.new_key(f"async-{route}")

    async def main() -> Any:
        async with openai.AsyncOpenAI(base_url=f"{service.url}/v1", api_key=key, **IMPATIENT) as client:
            return await drawn(client, route)

    answer = asyncio.run(main())
    assert int(answer.http_request.headers["x-stainless-retry-count"]) >= 1
    is_one_run(service, key, answer.headers["x-gesso-job"])


def test_a_stream_whose_client_loses_patience_is_not_sent_again_by_the_library(service: RunningGesso) -> None:
    with user(service, **IMPATIENT) as client:
        with (
            client.images.generate(
                model="slow", prompt="a heart", stream=True, extra_body={"steps": 100}
            ) as stream,
            pytest.raises((openai.APITimeoutError, httpx.ReadTimeout)),
        ):
            list(stream)
        wait_for(lambda: [job["state"] for job in jobs_of(service, client.api_key)] == ["cancelled"], 30)


def test_a_stream_with_a_key_of_its_own_is_taken_up_again(service: RunningGesso) -> None:
    asked: dict[str, Any] = {"model": "slow", "prompt": "a heart", "stream": True}
    asked |= {"extra_body": {"steps": STEPS}, "extra_headers": {"Idempotency-Key": "my stream"}}
    with user(service, **IMPATIENT) as client:
        with (
            client.images.generate(**asked) as stream,
            pytest.raises((openai.APITimeoutError, httpx.ReadTimeout)),
        ):
            list(stream)
        with client.with_options(timeout=60).images.generate(**asked) as stream:
            assert [each.type for each in stream] == ["image_generation.completed"]
        is_one_run(service, client.api_key, jobs_of(service, client.api_key)[0]["id"])


def test_who_comes_back_after_the_end_gets_what_was_drawn_meanwhile(service: RunningGesso) -> None:
    key = service.new_key("late")
    asked = {"model": "slow", "prompt": "a heart", "steps": 3}
    with closing(send(service, key, retries=0, **asked)):
        wait_for(lambda: jobs_of(service, key), 30)
    job = wait_for(lambda: [job for job in jobs_of(service, key) if job["state"] == "succeeded"], 30)[0]
    with closing(send(service, key, retries=1, **asked)) as again:
        assert answered(again) == (200, job["id"])
    is_one_run(service, key, job["id"])


def test_one_who_hangs_up_takes_nothing_from_another_who_waits(service: RunningGesso) -> None:
    key = service.new_key("two-who-wait")
    asked: dict[str, Any] = {"model": "slow", "prompt": "a heart", "steps": STEPS}
    first = send(service, key, **asked)
    job = wait_for(lambda: jobs_of(service, key), 30)[0]
    with closing(send(service, key, retries=1, stream=True, **asked)) as second:
        answer = second.getresponse()
        assert answer.headers["x-gesso-job"] == job["id"]
        first.close()
        assert b"event: image_generation.completed" in answer.read()
    is_one_run(service, key, job["id"])


def test_what_a_client_follows_by_itself_goes_on_when_another_hangs_up(service: RunningGesso) -> None:
    key = service.new_key("who-follows")
    asked: dict[str, Any] = {"model": "slow", "prompt": "a heart", "steps": STEPS}
    waits = send(service, key, **asked)
    job = wait_for(lambda: jobs_of(service, key), 30)[0]
    again = {"Prefer": "respond-async", "x-stainless-retry-count": "1"}
    told = service.call("POST", "/v1/images/generations", asked, headers=again, key=key)
    assert (told.status, told.json()) == (202, {"job": job["id"]})
    waits.close()
    wait_for(lambda: jobs_of(service, key)[0]["state"] not in ("queued", "running"), 30)
    is_one_run(service, key, job["id"])


def answered(connection: http.client.HTTPConnection) -> tuple[int, str | None]:
    answer = connection.getresponse()
    answer.read()
    return answer.status, answer.headers["x-gesso-job"]


def test_who_comes_back_to_a_gesso_that_was_killed_finds_every_job(tmp_path: Path) -> None:
    with running_service(tmp_path, ENGINE + UNHURRIED + models(tmp_path)) as service:
        key = service.new_key("ada")
        short, long = ({"model": "slow", "prompt": "a heart", "steps": steps} for steps in (2, 30))
        lost = [send(service, key, retries=0, **asked) for asked in (short, long)]
        wait_for(lambda: {job["state"] for job in jobs_of(service, key)} >= {"running"}, 30)
        wait_for(lambda: len(jobs_of(service, key)) == 2, 30)
        url = service.engine()["url"]
        service.kill()
        # The engine goes on: the first ends while nobody can be told.
        wait_for(lambda: runs(url), 30)
        service.launch()
        service.ready()
        again = [send(service, key, retries=1, **asked) for asked in (short, long)]
        found = [answered(each) for each in again]
        ids = sorted(job["id"] for job in jobs_of(service, key))
        assert sorted(found) == [(200, job_id) for job_id in ids] and len(ids) == 2
        assert sorted(runs(url)) == ids
        for each in (*lost, *again):
            each.close()
