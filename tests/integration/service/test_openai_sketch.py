"""What sketch draws with its own model, asked by OpenAI's library: from words, from pictures, in a stream."""

import asyncio
import base64
import io
import uuid
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from PIL import Image

from tests.service import ENGINE, UNHURRIED, RunningGesso, running_service

HEART = "a big red heart on a white background"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGesso]:
    with running_service(tmp_path_factory.mktemp("gesso"), ENGINE + UNHURRIED) as service:
        yield service


@pytest.fixture(scope="module")
def client(service: RunningGesso) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{service.url}/v1", api_key=service.key) as client:
        yield client


@pytest.fixture(scope="module")
def heart(client: openai.OpenAI) -> bytes:
    answer = client.images.generate(prompt=HEART, extra_body={"seed": 1})
    return bytes_of(answer)


def bytes_of(answer: Any, index: int = 0) -> bytes:
    return base64.b64decode(answer.data[index].b64_json)


def picture(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data)).convert("RGB")


def png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def colored(image: Image.Image, channel: int) -> int:
    """How many pixels are mostly of this colour: 0 red, 1 green, 2 blue."""
    pixels = [image.getpixel((x, y)) for x in range(image.width) for y in range(image.height)]
    return sum(
        1
        for pixel in pixels
        if isinstance(pixel, tuple) and all(pixel[channel] - pixel[i] > 60 for i in range(3) if i != channel)
    )


def test_the_embedded_model_is_there_without_configuration(client: openai.OpenAI) -> None:
    (model,) = client.models.list()
    told = model.model_dump()
    assert (told["id"], told["available"], told["reason"]) == ("sketch", True, None)
    assert set(told["routes"]) == {"generations", "edits", "variations"}


def test_a_picture_is_drawn_from_words(heart: bytes) -> None:
    drawn = picture(heart)
    assert drawn.size == (256, 256)
    assert colored(drawn, 0) > 3200 > colored(drawn, 1) + colored(drawn, 2)


@pytest.mark.parametrize("size", ["1024x1024", "1536x1024"])
def test_the_sizes_that_clients_are_fixed_to_are_drawn(client: openai.OpenAI, size: Any) -> None:
    answer = client.images.generate(prompt=HEART, size=size, extra_body={"seed": 1, "steps": 4})
    drawn = picture(bytes_of(answer))
    assert answer.size == f"{drawn.width}x{drawn.height}" == size


def test_a_large_picture_keeps_its_size_when_it_is_changed(client: openai.OpenAI, heart: bytes) -> None:
    large = png(picture(heart).resize((600, 400)))
    answer = client.images.edit(image=large, prompt="make the heart green", extra_body={"steps": 2})
    assert picture(bytes_of(answer)).size == (600, 400)


def test_a_picture_is_changed_by_words(client: openai.OpenAI, heart: bytes) -> None:
    answer = client.images.edit(image=heart, prompt="make the heart green", n=4, extra_body={"seed": 1})
    edited = [picture(bytes_of(answer, index)) for index in range(4)]
    assert all(each.size == (256, 256) for each in edited)
    # How often it is wholly green, `tests/acceptance/test_pictures.py` holds.
    assert sum(colored(each, 1) > colored(each, 0) for each in edited) >= 2


def test_two_pictures_and_a_mask_change_the_first_where_the_mask_is_clear(
    client: openai.OpenAI, heart: bytes
) -> None:
    mask = Image.new("RGBA", (256, 256), (0, 0, 0, 255))
    mask.paste((0, 0, 0, 0), (0, 0, 128, 256))
    answer = client.images.edit(
        image=[heart, heart], mask=png(mask), prompt="make the heart green", n=2, extra_body={"seed": 1}
    )
    assert answer.data and len(answer.data) == 2
    for index in range(2):
        edited, right = picture(bytes_of(answer, index)), (128, 0, 256, 256)
        assert edited.crop(right).tobytes() == picture(heart).crop(right).tobytes()
        assert edited.tobytes() != picture(heart).tobytes()
    assert answer.usage.input_tokens_details.image_tokens == 2 * 256


def test_pictures_can_be_given_in_json(client: openai.OpenAI, heart: bytes) -> None:
    link = f"data:image/png;base64,{base64.b64encode(heart).decode()}"
    body = {"prompt": "make the heart green", "images": [{"image_url": link}], "seed": 1}
    told = client.post("/images/edits", body=body, cast_to=object)
    form = client.images.edit(image=heart, prompt="make the heart green", extra_body={"seed": 1})
    assert isinstance(told, dict)
    assert (
        picture(base64.b64decode(told["data"][0]["b64_json"])).tobytes() == picture(bytes_of(form)).tobytes()
    )


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_variations_are_like_the_picture_and_like_no_other(client: openai.OpenAI, heart: bytes) -> None:
    answer = client.images.create_variation(image=heart, n=2)
    first, second = (picture(bytes_of(answer, index)) for index in range(2))
    assert first.size == second.size == (256, 256) and first.tobytes() != second.tobytes()


def test_a_stream_shows_how_it_is_drawn(client: openai.OpenAI, heart: bytes) -> None:
    with client.images.generate(
        prompt=HEART, stream=True, partial_images=3, extra_body={"seed": 1}
    ) as stream:
        *partials, completed = list(stream)
    assert len({each.b64_json for each in partials}) == 3
    assert all(each.type == "image_generation.partial_image" and each.size == "256x256" for each in partials)
    assert picture(base64.b64decode(completed.b64_json)).tobytes() == picture(heart).tobytes()


def test_a_stream_of_an_edit_has_events_of_its_own(client: openai.OpenAI, heart: bytes) -> None:
    with client.images.edit(image=heart, prompt="make it green", stream=True, partial_images=1) as stream:
        assert [each.type for each in stream] == ["image_edit.partial_image", "image_edit.completed"]


@pytest.mark.parametrize(
    ("asked", "param"),
    [
        ({"image": b"no picture"}, "image"),
        ({"mask": png(Image.new("RGB", (256, 256)))}, "mask"),
        ({"mask": png(Image.new("RGBA", (32, 64)))}, "mask"),
        ({"markup": png(Image.new("RGBA", (64, 64)))}, "markup"),
        ({"size": "2056x64"}, "size"),
        ({"size": "2048x2048"}, "size"),
        ({"n": 11}, "n"),
        ({"input_fidelity": "some"}, "input_fidelity"),
        ({"output_format": "svg"}, "output_format"),
    ],
)
def test_what_an_edit_does_not_take_is_refused_by_name(
    client: openai.OpenAI, heart: bytes, asked: dict[str, Any], param: str
) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        client.images.edit(**{"image": heart, "prompt": "make it green", **asked})
    assert refused.value.param == param


def test_more_pictures_than_the_template_takes_are_refused(client: openai.OpenAI, heart: bytes) -> None:
    with pytest.raises(openai.BadRequestError, match="at most 3 pictures"):
        client.images.edit(image=[heart] * 4, prompt="make it green")
    with pytest.raises(openai.BadRequestError) as refused:
        client.images.edit(image=[heart] * 17, prompt="make it green")
    assert refused.value.param == "image"


def test_a_link_in_json_is_not_followed(client: openai.OpenAI) -> None:
    body = {"prompt": "x", "images": [{"image_url": "http://127.0.0.1:1/x.png"}]}
    with pytest.raises(openai.BadRequestError, match="data links only") as refused:
        client.post("/images/edits", body=body, cast_to=object)
    assert refused.value.param == "images"


def test_a_chat_draws_what_the_users_last_message_says(client: openai.OpenAI, heart: bytes) -> None:
    raw = client.chat.completions.with_raw_response.create(
        model="sketch",
        messages=[
            {"role": "system", "content": "You are kind."},
            {"role": "user", "content": "a star"},
            {"role": "assistant", "content": "![picture](…)"},
            {"role": "user", "content": HEART},
        ],
        temperature=0.7,
        seed=1,
    )
    (choice,) = raw.parse().choices
    link = f"data:image/png;base64,{base64.b64encode(heart).decode()}"
    assert picture(linked(choice.message.content)).tobytes() == picture(heart).tobytes()
    assert choice.finish_reason == "stop" and raw.parse().id == f"chatcmpl-{raw.headers['x-gesso-job']}"
    parts = choice.message.model_dump()["images"]
    assert [part["type"] for part in parts] == ["image_url"]
    assert len(parts[0]["image_url"]["url"]) > len(link) / 2


def linked(content: str | None) -> bytes:
    """The picture of a Markdown data link."""
    head, _, data = (content or "").removesuffix(")").partition(",")
    assert head == "![picture](data:image/png;base64"
    return base64.b64decode(data)


def test_a_chat_with_a_picture_changes_it(client: openai.OpenAI, heart: bytes) -> None:
    link = f"data:image/png;base64,{base64.b64encode(heart).decode()}"
    said: Any = [
        {"type": "text", "text": "make the heart green"},
        {"type": "image_url", "image_url": {"url": link}},
    ]
    answer = client.chat.completions.create(
        model="sketch", messages=[{"role": "user", "content": said}], seed=1
    )
    assert colored(picture(linked(answer.choices[0].message.content)), 1) > 200
    assert answer.usage and answer.usage.prompt_tokens == 4 + 256


def test_a_chat_goes_on_about_the_picture_that_was_shown(client: openai.OpenAI, heart: bytes) -> None:
    shown = f"![picture](data:image/png;base64,{base64.b64encode(heart).decode()})"
    told: Any = [
        {"role": "user", "content": HEART},
        {"role": "assistant", "content": shown},
        {"role": "user", "content": "now make the heart green"},
    ]
    answer = client.chat.completions.create(model="sketch", messages=told, seed=1)
    assert colored(picture(linked(answer.choices[0].message.content)), 1) > 200


def test_a_chat_can_be_streamed(client: openai.OpenAI, heart: bytes) -> None:
    with client.chat.completions.create(
        model="sketch",
        messages=[{"role": "user", "content": HEART}],
        seed=1,
        stream=True,
        stream_options={"include_usage": True},
    ) as stream:
        chunks = list(stream)
    content = "".join(each.choices[0].delta.content or "" for each in chunks if each.choices)
    assert picture(linked(content)).tobytes() == picture(heart).tobytes()
    assert "".join(each.to_json() for each in chunks).count("data:image/") == 1  # who knows both shows both
    assert [each.choices[0].finish_reason for each in chunks if each.choices] == [None, "stop"]
    assert chunks[-1].usage and chunks[-1].usage.completion_tokens == 256


@pytest.mark.parametrize(
    "messages",
    [
        [],
        [{"role": "assistant", "content": "hello"}],
        [{"role": "user", "content": " "}],
        [{"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}],
        [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "x"},
                    {"type": "image_url", "image_url": {"url": "http://x/y"}},
                ],
            }
        ],
    ],
)
def test_what_a_chat_cannot_draw_is_refused(client: openai.OpenAI, messages: Any) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(model="sketch", messages=messages)
    assert refused.value.param == "messages"


def test_what_is_for_words_says_that_this_server_makes_images(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match="makes images"):
        client.embeddings.create(model="sketch", input="x", encoding_format="float")
    with pytest.raises(openai.NotFoundError, match="makes images"):
        client.completions.create(model="sketch", prompt="x")


def test_the_asynchronous_library_draws_too(service: RunningGesso, heart: bytes) -> None:
    async def scenario() -> None:
        async with openai.AsyncOpenAI(base_url=f"{service.url}/v1", api_key=service.key) as client:
            body = {"seed": 1}
            async with asyncio.TaskGroup() as group:
                whole = group.create_task(client.images.generate(prompt=HEART, extra_body=body))
                edited = group.create_task(client.images.edit(image=heart, prompt="make it blue"))
            assert picture(bytes_of(whole.result())).tobytes() == picture(heart).tobytes()
            assert edited.result().data
            stream = await client.images.generate(
                prompt=HEART, stream=True, partial_images=1, extra_body=body
            )
            events = [each async for each in stream]
            assert [each.type for each in events] == [
                "image_generation.partial_image",
                "image_generation.completed",
            ]

    asyncio.run(scenario())


def test_who_does_not_wait_follows_the_job_under_an_id_of_its_choice(service: RunningGesso) -> None:
    chosen = str(uuid.uuid4())
    headers = {"Prefer": "wait=1, respond-async", "x-gesso-job": chosen.upper()}
    body = {"prompt": HEART, "seed": 1}
    for _ in range(2):
        told = service.call("POST", "/v1/images/generations", body, headers=headers)
        assert (told.status, told.json()) == (202, {"job": chosen})
        assert told.headers["location"] == f"/gesso/api/jobs/{chosen}"
        assert told.headers["preference-applied"] == "respond-async"
    assert service.call("GET", f"/gesso/api/jobs/{chosen}").json()["client_id"] == chosen
    assert service.picture(service.ended(chosen), "9").startswith(b"\x89PNG")
    other = service.call("POST", "/v1/images/generations", {"prompt": "a star"}, headers=headers)
    assert other.status == 422


def test_an_id_of_ones_choice_is_a_uuid(service: RunningGesso) -> None:
    told = service.call("POST", "/v1/images/generations", {"prompt": "x"}, headers={"x-gesso-job": "../mine"})
    assert told.status == 400 and "x-gesso-job" in told.json()["error"]["message"]


def test_the_list_of_models_tells_their_sizes(service: RunningGesso) -> None:
    (model,) = service.call("GET", "/v1/models").json()["data"]
    size = model["size"]
    assert size["usual"] == "256x256" and size["multiple"] == 8 and size["choices"] == []
    assert size["least"] == "16x16" and int(size["most"].partition("x")[0]) >= 128
    assert (model["count"], model["steps"]) == (10, 100)
