"""What a chat asks for: of its last message, and of the picture that was shown before."""

from typing import Any

import pytest

from gesso.protocol.openai import Drawn
from gesso.protocol.openai_chat import chat_answer, chat_chunks, parse_chat
from gesso.protocol.openai_follow_up import is_change
from gesso.protocol.openai_parameters import Route

USED = {"input_tokens": 2, "output_tokens": 256, "total_tokens": 258}
ONE, TWO = "data:image/png;base64,b25l", "data:image/webp;base64,dHdv"


def said(text: str, *pictures: str) -> dict[str, Any]:
    parts = [{"type": "image_url", "image_url": {"url": link}} for link in pictures]
    return {"role": "user", "content": [{"type": "text", "text": text}, *parts] if parts else text}


def drew(content: Any = "", **more: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": content, **more}


@pytest.mark.parametrize(
    "text",
    [
        "make the heart green",
        "Now make it green, please.",
        "could you please remove the star?",
        "change the background to night",
        "add a blue star",
        "and then paint it red",
        "turn it around",
        "take the star away",
        "take away the star",
        "take it off",
        "color the sky",
        "make everything blue",
        "make its eyes green",
        "turn the day into night",
    ],
)
def test_a_wish_to_change_something_is_known(text: str) -> None:
    assert is_change(text)


@pytest.mark.parametrize(
    "text",
    [
        "a red heart",
        "make a heart",
        "paint me a moon",
        "draw a star that changes",
        "take a photo of a dog",
        "Please take another picture, of two cats",
        "make two hearts",
        "paint some flowers",
        "colored pencils",
        "color pencils on a table",
        "turn",
        "",
        "now",
        "日本",
    ],
)
def test_all_else_is_a_wish_for_another_picture(text: str) -> None:
    assert not is_change(text)


@pytest.mark.parametrize(
    ("before", "pictures"),
    [
        ([drew(f"![picture]({ONE})")], (ONE,)),
        ([drew(f"Here: ![a]({ONE}) and ![b]({TWO}) as wished")], (TWO,)),
        ([drew(f"![a]({ONE}) and ![no picture] or ![b](")], (ONE,)),
        ([drew(f"![a]({ONE})" + "![" * 1000)], ()),
        ([drew("", images=[{"type": "image_url", "image_url": {"url": ONE}}])], (ONE,)),
        ([drew([{"type": "text", "text": f"![a]({ONE})"}])], (ONE,)),
        ([said("like this", ONE), drew("I cannot see.")], (ONE,)),
        ([drew(f"![a]({ONE})"), said("a star"), drew(f"![a]({TWO})")], (TWO,)),
        ([drew(f"![a]({ONE})"), drew("![b](https://elsewhere/x.png)")], ("https://elsewhere/x.png",)),
        ([drew("no picture"), drew(None), "rubbish", drew([{"type": "text"}, 3])], ()),
        ([], ()),
    ],
)
def test_a_change_is_about_the_picture_shown_last(before: list[Any], pictures: tuple[str, ...]) -> None:
    chat = parse_chat({"messages": [*before, said("now make it green")]})
    assert chat.pictures == pictures
    assert chat.asked.route is (Route.EDITS if pictures else Route.GENERATIONS)


def test_a_wish_for_another_picture_and_a_picture_of_its_own_go_before_what_was_shown() -> None:
    assert parse_chat({"messages": [drew(f"![a]({ONE})"), said("a star")]}).asked.route is Route.GENERATIONS
    assert parse_chat({"messages": [drew(f"![a]({ONE})"), said("make it red", TWO)]}).pictures == (TWO,)
    later = drew(f"![a]({ONE})")
    assert parse_chat({"messages": [said("make it red"), later]}).pictures == ()


def test_a_long_message_is_read_once() -> None:
    for rubbish in ("![", "![](", "![]", "![a](b"):
        before = [drew(rubbish * 20_000), said("make it red")]
        assert parse_chat({"messages": before}).pictures == ()


@pytest.mark.parametrize(
    ("more", "streamed"),
    [({}, 0), ({"modalities": ["text"]}, 0), ({"modalities": ["image", "text"]}, 1), ({"modalities": 7}, 0)],
)
def test_whole_answer_has_the_picture_as_a_part_too_and_a_stream_for_those_who_ask(
    more: dict[str, Any], streamed: int
) -> None:
    chat = parse_chat({"model": "m", "messages": [said("a heart")], **more})
    drawn = [Drawn(width=8, height=8, opaque=True, data=b"picture")]
    told = b"".join(chat_chunks(chat, "job", drawn, 0, USED))
    message = chat_answer(chat, "job", drawn, 0, USED)["choices"][0]["message"]
    assert message["content"].startswith("![picture](data:image/") and len(message["images"]) == 1
    assert (told.count(b"![picture]("), told.count(b"image_url")) == (1, 2 * streamed)
