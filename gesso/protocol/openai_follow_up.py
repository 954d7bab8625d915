"""In a chat: the picture that was shown last, and whether what is said next is about it (pure)."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

# Stops at the next bracket, so that no text is read twice: a message may have megabytes.
SHOWN = re.compile(r"!\[[^\[\]\n]*\]\(([^\s()]+)\)")
WORD = re.compile(r"[a-z']+")
POLITE = frozenset(
    "now then and also ok okay please next but can could would you just so well let's let us".split()
)
CHANGES = frozenset(
    "add brighten change color colour darken delete erase lighten make move paint recolor recolour remove "
    "replace swap take turn".split()
)
# "make a heart", "paint me one": those are wishes for another picture.
MAKES, ANOTHER = (
    frozenset({"make", "paint", "color", "colour"}),
    frozenset({"a", "an", "me", "us", "another"}),
)


def is_change(text: str) -> bool:
    """Whether it wishes a change ("now make it green"), and no new picture ("a green heart")."""
    words = WORD.findall(text.lower()[:200])
    while words and words[0] in POLITE:
        words.pop(0)
    first, after = [*words, "", ""][:2]
    return first in CHANGES and not (first in MAKES and after in ANOTHER)


def shown_last(messages: Sequence[Any]) -> str | None:
    """The link of the last picture in these messages, whoever showed it."""
    for message in reversed(messages):
        if isinstance(message, dict) and (links := list(_links(message))):
            return links[-1]
    return None


def link_of(part: Any) -> str:
    """Where the picture of a part is; "" where it does not say."""
    link = part.get("image_url")
    link = link.get("url") if isinstance(link, dict) else link
    return link if isinstance(link, str) else ""


def _links(message: dict[str, Any]) -> Iterator[str]:
    """Of a message: in its Markdown, in its parts, and in the list that our own answers have."""
    for place in (message.get("content"), message.get("images")):
        if isinstance(place, str):
            yield from SHOWN.findall(place)
        for part in place if isinstance(place, list) else ():
            if not isinstance(part, dict):
                continue
            if isinstance(part.get("text"), str):
                yield from SHOWN.findall(part["text"])
            if link := link_of(part):
                yield link
