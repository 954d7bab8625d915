"""Drawing and editing through the client, both flavours: one job each, followed like any other."""

import io
import uuid
from typing import Any

import pytest
from PIL import Image

from gesso import errors

HEART = "a big red heart on a white background"


pytestmark = pytest.mark.parametrize("server", ["gesso"], indirect=True)


def png(image):
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def mean(data, box=None):
    with Image.open(io.BytesIO(data)) as image:
        part = image.convert("RGB").crop(box or (0, 0, *image.size)).resize((1, 1), Image.Resampling.BOX)
        return part.getpixel((0, 0))


def test_a_sentence_becomes_a_picture(client):
    (picture,) = client.draw(HEART, seed=1, size="64x64").wait().outputs
    red, green, blue = mean(picture.read(), (24, 24, 40, 40))
    assert red > 120 and red - max(green, blue) > 60


def test_the_seed_that_nobody_chose_draws_the_picture_again(client):
    job = client.draw("a red heart", steps=1, size="16x16")
    drawn, seed = job.wait().outputs[0].read(), job.seed()
    assert seed is not None
    again = client.draw("a red heart", steps=1, size="16x16", seed=seed)
    assert again.wait().outputs[0].read() == drawn and again.seed() == seed
    assert client.job("00000000-0000-4000-8000-000000000000").seed() is None


def test_each_step_is_seen(client):
    news: list[Any] = []
    client.draw(HEART, steps=40, size="128x128").wait(news.append)
    assert {one.steps for one in news if one.step} == {40}
    previews = {one.preview for one in news if one.preview}
    assert len(previews) >= 3
    for each in previews:
        Image.open(io.BytesIO(each)).verify()


def test_count_and_the_other_wishes_reach_the_model(client):
    wishes = {"count": 2, "seed": 3, "steps": 2, "guidance": 2.5, "negative_prompt": "a star"}
    result = client.draw(HEART, model="sketch", size="48x64", **wishes).wait()
    assert [Image.open(io.BytesIO(each.read())).size for each in result.outputs] == [(48, 64)] * 2
    inputs = result.raw["prompt"][2]["3"]["inputs"]
    assert (inputs["seed"], inputs["steps"], inputs["cfg"]) == (3, 2, 2.5)


def test_a_picture_is_changed_where_the_mask_is_clear(client, tmp_path):
    (tmp_path / "plain.png").write_bytes(png(Image.new("RGB", (64, 64), "white")))
    mask = Image.new("RGBA", (64, 64), (0, 0, 0, 255))
    mask.paste((0, 0, 0, 0), (0, 0, 32, 64))
    job = client.edit(
        tmp_path / "plain.png", "change the background to night", mask=png(mask), seed=1, steps=4
    )
    (edited,) = job.wait().outputs
    assert mean(edited.read(), (32, 0, 64, 64)) == (255, 255, 255)
    assert mean(edited.read(), (0, 0, 32, 64)) != (255, 255, 255)


def test_several_pictures_may_be_given(client):
    pictures = [png(Image.new("RGB", (64, 64), color)) for color in ("white", "black")]
    assert len(client.edit(pictures, "add a star", seed=1, steps=1).wait().outputs) == 1
    with pytest.raises(errors.InvalidParameter, match="at most 3 pictures"):
        client.edit(pictures * 2, "add a star")


def test_the_same_key_names_the_same_job(client):
    key = str(uuid.uuid4())
    first = client.draw(HEART, idempotency_key=key, steps=1)
    assert client.draw(HEART, idempotency_key=key, steps=1).id == first.id
    with pytest.raises(errors.IdempotencyMismatch):
        client.draw("a star", idempotency_key=key)
    first.wait()


def test_a_drawing_can_be_cancelled(client):
    job = client.draw(HEART, steps=100, count=10, size="128x128")
    assert job.cancel()
    with pytest.raises(errors.JobCancelled):
        job.wait()


def test_the_models_are_listed_with_what_they_can(client):
    (model,) = client.models()
    assert (model.name, model.draws, model.edits, model.reason) == ("sketch", True, True, None)
    assert model.available and model.sizes.multiple == 8 and "x" in model.sizes.usual


@pytest.mark.parametrize(
    ("wishes", "param"),
    [({"size": "7x7"}, "size"), ({"size": "big"}, "size"), ({"count": 11}, "n"), ({"steps": 101}, "steps")],
)
def test_a_wish_that_is_not_taken_is_named(client, wishes, param):
    with pytest.raises(errors.InvalidParameter) as refused:
        client.draw(HEART, **wishes)
    assert refused.value.param == param and refused.value.remedy == errors.InvalidParameter.remedy
    assert refused.value.remedy not in refused.value.message


def test_an_unknown_model_is_answered_with_those_there_are(client):
    with pytest.raises(errors.UnknownModel, match="There are sketch"):
        client.draw(HEART, model="nobody")


def test_a_picture_that_is_not_there_is_said_before_anything_is_asked(client, tmp_path):
    with pytest.raises(errors.RequestError, match=r"absent.png.*cannot be read"):
        client.edit(tmp_path / "absent.png", "make it green")
