"""OpenAI's own library, unmodified, draws on a real gesso: one job for each request, however often sent."""

import base64
import http.client
import io
import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import openai
import pytest
from PIL import Image

from tests.running import wait_for
from tests.service import ENGINE, UNHURRIED, RunningGesso, running_service
from tests.strokes import STROKES, failing, template


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGesso]:
    directory = tmp_path_factory.mktemp("gesso")
    models = [
        f"[[model]]\nname = 'strokes'\ntemplate = '{STROKES}'\naliases = ['gpt-image-1']\n"
        "defaults = { steps = 4, size = '64x48' }\nlimits = { steps = 10, pixels = 8192, count = 3 }\n",
        template(directory / "slow.json", seconds=0.1),
        template(directory / "elsewhere.json", nodes={"7": {"class_type": "FluxGuidance", "inputs": {}}}),
        failing(directory / "failing.json"),
    ]
    with running_service(directory, ENGINE + UNHURRIED + "".join(models)) as service:
        yield service


@pytest.fixture
def client(service: RunningGesso) -> Iterator[openai.OpenAI]:
    with user(service) as client:
        yield client


def user(service: RunningGesso, **options: Any) -> openai.OpenAI:
    """The library with the key of somebody new."""
    key = options.pop("key", None) or service.new_key(f"user-{time.monotonic_ns()}")
    return openai.OpenAI(base_url=f"{service.url}/v1", api_key=key, **options)


def jobs_of(service: RunningGesso, client: openai.OpenAI) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = service.call("GET", "/gesso/api/jobs", key=client.api_key).json()["jobs"]
    return found


def bytes_of(answer: Any, index: int = 0) -> bytes:
    return base64.b64decode(answer.data[index].b64_json)


def picture(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def test_models_are_listed_with_what_they_can_do_now(client: openai.OpenAI) -> None:
    models = {model.id: model.model_dump() for model in client.models.list()}
    assert list(models) == ["strokes", "gpt-image-1", "slow", "elsewhere", "failing"]
    assert models["strokes"]["available"] is True and models["strokes"]["owned_by"] == "gesso"
    assert models["elsewhere"]["available"] is False
    assert models["elsewhere"]["reason"] == "no engine has the node class FluxGuidance"
    assert client.models.retrieve("gpt-image-1").id == "gpt-image-1"
    with pytest.raises(openai.NotFoundError) as refused:
        client.models.retrieve("nobodys")
    assert refused.value.code == "model_not_found"
    with pytest.raises(openai.NotFoundError) as refused:
        client.images.generate(model="x" * 100_000, prompt="a heart")
    assert len(refused.value.response.content) < 1000


def test_a_model_that_cannot_draw_is_refused_with_the_reason(
    service: RunningGesso, client: openai.OpenAI
) -> None:
    with pytest.raises(openai.BadRequestError, match="FluxGuidance") as refused:
        client.images.generate(model="elsewhere", prompt="a heart")
    assert (refused.value.param, refused.value.code) == ("model", "model_unavailable")
    assert jobs_of(service, client) == []


def test_several_pictures_come_in_one_answer_of_one_job(service: RunningGesso, client: openai.OpenAI) -> None:
    raw = client.images.with_raw_response.generate(model="strokes", prompt="a red heart", n=3)
    answer = raw.parse()
    assert len({bytes_of(answer, index) for index in range(3)}) == 3
    assert all(picture(bytes_of(answer, index)).size == (64, 48) for index in range(3))
    assert (answer.size, answer.quality, answer.output_format) == ("64x48", "medium", "png")
    assert answer.background == "opaque" and (answer.data or [])[0].revised_prompt is None
    assert answer.usage.input_tokens == 3 and answer.usage.output_tokens == 3 * 12
    jobs = jobs_of(service, client)
    assert [job["id"] for job in jobs] == [raw.headers["x-gesso-job"]]
    assert raw.headers["x-gesso-engine"] == "sketch"
    history = service.call("GET", "/history", key=client.api_key).json()
    assert list(history) == [jobs[0]["id"]]
    assert history[jobs[0]["id"]]["prompt"][2]["1"]["inputs"]["value"] == "a red heart"


def test_the_same_seed_draws_the_same_picture(client: openai.OpenAI) -> None:
    def drawn(seed: int | None) -> bytes:
        body = None if seed is None else {"seed": seed}
        return bytes_of(client.images.generate(model="strokes", prompt="a heart", extra_body=body))

    assert picture(drawn(7)).tobytes() == picture(drawn(7)).tobytes() != picture(drawn(8)).tobytes()
    assert picture(drawn(None)).tobytes() != picture(drawn(None)).tobytes()


@pytest.mark.parametrize(
    ("form", "compression", "format"), [("png", None, "PNG"), ("jpeg", 40, "JPEG"), ("webp", 100, "WEBP")]
)
def test_pictures_come_in_the_form_asked_for(
    client: openai.OpenAI, form: Any, compression: int | None, format: str
) -> None:
    answer = client.images.generate(
        model="gpt-image-1",
        prompt="a heart",
        size="32x64",
        output_format=form,
        output_compression=compression,
    )
    made = picture(bytes_of(answer))
    assert (made.format, made.size, answer.size) == (format, (32, 64), "32x64")


@pytest.mark.parametrize(
    ("quality", "steps"), [("auto", 4), ("low", 2), ("high", 8), ("hd", 8), ("max", 10), ("standard", 4)]
)
def test_quality_is_how_many_steps_are_taken(
    service: RunningGesso, client: openai.OpenAI, quality: Any, steps: int
) -> None:
    client.images.generate(model="strokes", prompt="a heart", quality=quality)
    (item,) = service.call("GET", "/history", key=client.api_key).json().values()
    assert item["prompt"][2]["4"]["inputs"]["steps"] == steps


def test_a_link_leads_to_the_picture_without_a_key_until_somebody_changes_it(client: openai.OpenAI) -> None:
    answer = client.images.generate(
        model="strokes", prompt="a heart", n=2, response_format="url", output_format="webp"
    )
    for each in answer.data or ():
        with urllib.request.urlopen(str(each.url)) as found:
            assert found.headers["content-type"] == "image/webp"
            assert picture(found.read()).size == (64, 48)
    changed = str((answer.data or [])[0].url).replace("index=0", "index=1")
    with pytest.raises(urllib.error.HTTPError, match="404") as refused:
        urllib.request.urlopen(changed)
    refused.value.close()


@pytest.mark.parametrize(
    ("asked", "param"),
    [
        ({"prompt": " "}, "prompt"),
        ({"n": 0}, "n"),
        ({"n": 4}, "n"),
        ({"n": 11}, "n"),
        ({"size": "33x64"}, "size"),
        ({"size": "128x128"}, "size"),
        ({"size": "big"}, "size"),
        ({"quality": "best"}, "quality"),
        ({"background": "transparent"}, "background"),
        ({"output_format": "gif"}, "output_format"),
        ({"output_compression": 50}, "output_compression"),
        ({"partial_images": 2}, "partial_images"),
        ({"style": "baroque"}, "style"),
        ({"svg": {"model": "x"}}, "svg"),
        ({"extra_body": {"steps": 11}}, "steps"),
        ({"extra_body": {"seed": -1}}, "seed"),
        ({"extra_body": {"negative_prompt": "x"}}, "negative_prompt"),
        ({"extra_body": {"sise": "64x64"}}, "sise"),
    ],
)
def test_what_is_not_taken_is_refused_by_name(
    client: openai.OpenAI, asked: dict[str, Any], param: str
) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        client.images.generate(**{"model": "strokes", "prompt": "a heart", **asked})
    assert refused.value.param == param and refused.value.type == "invalid_request_error"
    assert refused.value.response.headers["x-should-retry"] == "false"


def test_what_has_no_effect_here_is_accepted(client: openai.OpenAI) -> None:
    assert client.images.generate(
        model="strokes", prompt="a heart", style="vivid", moderation="low", user="u1", safety_identifier="s"
    ).data


def test_a_wrong_key_is_refused_as_openai_does(service: RunningGesso) -> None:
    with user(service, key="wrong") as stranger, pytest.raises(openai.AuthenticationError) as refused:
        stranger.images.generate(model="strokes", prompt="a heart")
    assert refused.value.code == "invalid_api_key"


def test_a_full_quota_is_told_with_the_time_to_wait(service: RunningGesso) -> None:
    key = service.new_key("somebody-limited")
    service.call("PATCH", "/gesso/api/users/somebody-limited/limits", {"jobs_queued": 1})
    first = send(service, key, model="slow", prompt="a heart", steps=100)
    with user(service, key=key, max_retries=0) as client:
        wait_for(lambda: jobs_of(service, client), 30)
        with pytest.raises(openai.RateLimitError) as refused:
            client.images.generate(model="strokes", prompt="a heart")
    first.close()
    assert int(refused.value.response.headers["retry-after"]) >= 1
    assert refused.value.code == "rate_limit_exceeded"


def test_a_request_that_is_sent_again_and_again_is_one_job(service: RunningGesso) -> None:
    with user(service, timeout=0.7, max_retries=8) as client:
        answer = client.images.with_raw_response.generate(
            model="slow", prompt="a heart", extra_body={"steps": 25}
        )
        assert int(answer.http_request.headers["x-stainless-retry-count"]) >= 2
        assert [job["id"] for job in jobs_of(service, client)] == [answer.headers["x-gesso-job"]]


def test_two_requests_that_are_no_repetitions_are_two_jobs(
    service: RunningGesso, client: openai.OpenAI
) -> None:
    with ThreadPoolExecutor(2) as pool:
        asked = [
            pool.submit(client.images.generate, model="slow", prompt="a heart", extra_body={"steps": 3})
            for _ in range(2)
        ]
        assert all(each.result().data for each in asked)
    assert len(jobs_of(service, client)) == 2


def test_an_idempotency_key_names_one_job(service: RunningGesso, client: openai.OpenAI) -> None:
    def ask(prompt: str) -> Any:
        return client.images.with_raw_response.generate(
            model="strokes", prompt=prompt, extra_headers={"Idempotency-Key": "mine"}
        )

    first, second = ask("a heart"), ask("a heart")
    assert first.headers["x-gesso-job"] == second.headers["x-gesso-job"]
    assert bytes_of(first.parse()) == bytes_of(second.parse())
    with pytest.raises(openai.UnprocessableEntityError):
        ask("a star")
    with user(service) as other:
        answer = other.images.with_raw_response.generate(
            model="strokes", prompt="a heart", extra_headers={"Idempotency-Key": "mine"}
        )
        assert answer.headers["x-gesso-job"] != first.headers["x-gesso-job"]


def test_anothers_repetition_joins_nobody(service: RunningGesso, client: openai.OpenAI) -> None:
    again = {"x-stainless-retry-count": "1"}
    with user(service) as other, ThreadPoolExecutor(2) as pool:
        asked = [
            pool.submit(
                each.images.with_raw_response.generate,
                model="slow",
                prompt="a heart",
                extra_body={"steps": 5},
                extra_headers=again,
            )
            for each in (client, other)
        ]
        assert len({each.result().headers["x-gesso-job"] for each in asked}) == 2


def send(
    service: RunningGesso, key: str, retries: int | None = None, **asked: Any
) -> http.client.HTTPConnection:
    """A request whose answer is not waited for; with `retries`, as OpenAI's library numbers its own."""
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=30)
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    headers |= {} if retries is None else {"x-stainless-retry-count": str(retries)}
    connection.request("POST", "/v1/images/generations", json.dumps(asked), headers)
    return connection


@pytest.mark.parametrize("count", ["-1", "x", "0" * 9, "9" * 5000])
def test_any_count_of_repetitions_is_answered(
    service: RunningGesso, client: openai.OpenAI, count: str
) -> None:
    asked, headers = {"model": "strokes", "prompt": "a heart"}, {"x-stainless-retry-count": count}
    told = service.call("POST", "/v1/images/generations", asked, headers=headers, key=client.api_key)
    assert told.status == 200


def test_a_client_that_hangs_up_cancels_its_job(service: RunningGesso, client: openai.OpenAI) -> None:
    connection = send(service, client.api_key, model="slow", prompt="a heart", steps=100)
    job = wait_for(lambda: [j for j in jobs_of(service, client) if j["state"] == "running"], 30)[0]
    connection.close()
    wait_for(lambda: jobs_of(service, client)[0]["state"] == "cancelled", 30)
    assert jobs_of(service, client)[0]["id"] == job["id"]


def test_a_client_that_comes_back_finds_its_job(service: RunningGesso, client: openai.OpenAI) -> None:
    asked = {"model": "slow", "prompt": "a heart", "steps": 20}
    first = send(service, client.api_key, retries=0, **asked)
    job = wait_for(lambda: jobs_of(service, client), 30)[0]
    first.close()
    with closing(send(service, client.api_key, retries=1, **asked)) as second:
        answer = second.getresponse()
        assert (answer.status, answer.headers["x-gesso-job"]) == (200, job["id"])
    assert len(jobs_of(service, client)) == 1


def test_a_job_that_somebody_cancels_is_not_drawn_again(service: RunningGesso, client: openai.OpenAI) -> None:
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(client.images.generate, model="slow", prompt="a heart", extra_body={"steps": 100})
        job = wait_for(lambda: jobs_of(service, client), 30)[0]
        service.call("POST", f"/gesso/api/jobs/{job['id']}/cancel", key=client.api_key)
        with pytest.raises(openai.ConflictError) as refused:
            asked.result()
    assert refused.value.code == "job_cancelled"
    assert len(jobs_of(service, client)) == 1


def test_a_job_that_fails_is_told_once_and_not_drawn_again(
    service: RunningGesso, client: openai.OpenAI
) -> None:
    with pytest.raises(openai.InternalServerError, match="unknown group name 'nobody'") as refused:
        client.images.generate(model="failing", prompt="a heart")
    assert refused.value.code == "execution_failed"
    assert len(jobs_of(service, client)) == 1


def test_a_stream_brings_previews_and_then_what_the_answer_would_have_brought(
    service: RunningGesso, client: openai.OpenAI
) -> None:
    body = {"seed": 4, "steps": 8}
    with client.images.generate(
        model="slow", prompt="a heart", size="32x32", stream=True, partial_images=2, extra_body=body
    ) as stream:
        *partials, completed = list(stream)
    assert [each.type for each in partials] == ["image_generation.partial_image"] * 2
    assert [getattr(each, "partial_image_index", None) for each in partials] == [0, 1]
    assert all(picture(base64.b64decode(each.b64_json)).size == (32, 32) for each in partials)
    assert completed.type == "image_generation.completed"
    whole = client.images.generate(model="slow", prompt="a heart", size="32x32", extra_body=body)
    assert picture(base64.b64decode(completed.b64_json)).tobytes() == picture(bytes_of(whole)).tobytes()
    assert completed.usage.model_dump() == whole.usage.model_dump()
    assert (completed.size, completed.quality) == (whole.size, whole.quality)
    assert len(jobs_of(service, client)) == 2


def test_a_stream_of_several_pictures_ends_each(client: openai.OpenAI) -> None:
    with client.images.generate(model="strokes", prompt="a heart", n=2, stream=True) as stream:
        events = list(stream)
    assert [each.type for each in events] == ["image_generation.completed"] * 2
    assert events[0].b64_json != events[1].b64_json


def test_a_job_that_fails_in_a_stream_is_an_error_of_the_library(client: openai.OpenAI) -> None:
    with (
        client.images.generate(model="failing", prompt="a heart", stream=True) as stream,
        pytest.raises(openai.APIError, match="unknown group name 'nobody'"),
    ):
        list(stream)


def test_a_stream_that_is_left_cancels_its_job(service: RunningGesso, client: openai.OpenAI) -> None:
    with client.images.generate(
        model="slow", prompt="a heart", stream=True, partial_images=3, extra_body={"steps": 40}
    ) as stream:
        assert next(iter(stream)).type == "image_generation.partial_image"
    wait_for(lambda: jobs_of(service, client)[0]["state"] == "cancelled", 30)


def test_a_request_outlives_the_end_and_the_next_start_of_gesso(tmp_path: Path) -> None:
    model = template(tmp_path / "slow.json", seconds=0.1)
    with (
        running_service(tmp_path, ENGINE + UNHURRIED + model) as service,
        user(service, max_retries=12) as client,
        ThreadPoolExecutor(1) as pool,
    ):
        asked = pool.submit(
            client.images.with_raw_response.generate,
            model="slow",
            prompt="a heart",
            extra_body={"steps": 40},
        )
        wait_for(lambda: [j for j in jobs_of(service, client) if j["state"] == "running"], 30)
        service.close()
        service.launch()
        service.ready()
        answer = asked.result(timeout=60)
        assert [job["id"] for job in jobs_of(service, client)] == [answer.headers["x-gesso-job"]]
        assert answer.parse().data
