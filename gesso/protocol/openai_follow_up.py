"""In a chat: the picture that was shown last, and whether what is said next is about it (pure)."""

import re
from collections.abc import Sequence
from typing import Any

# Stops at the next bracket, so that no text is read twice.
SHOWN = re.compile(r"!\[[^\[\]\n]*\]\(([^\s()]+)\)")
# Of what begins like a picture and is none.
MOST_TRIES = 100
WORD = re.compile(r"[a-z']+")
POLITE = frozenset(
    "now then and also ok okay please next but can could would you just so well let's let us".split()
)
CHANGES = frozenset(
    "add brighten change darken delete erase lighten move recolor recolour remove replace swap".split()
)
# New pictures are wished for with these, too ("make two hearts", "take a photo"): they change what is there.
EITHER = frozenset("color colour make paint take turn".split())
THERE = frozenset(
    "it this that these those them the its his her their everything everyone all both each".split()
    + ["away", "off"]  # "take away the star"
)


def is_change(text: str) -> bool:
    """Whether it wishes a change ("now make it green"), and no new picture ("a heart", "make a heart")."""
    words = WORD.findall(text[:200].lower())
    while words and words[0] in POLITE:
        words.pop(0)
    first, after = [*words, "", ""][:2]
    return first in CHANGES or (first in EITHER and after in THERE)


def shown_last(messages: Sequence[Any]) -> str | None:
    """The link of the last picture in these messages, whoever showed it."""
    for message in reversed(messages):
        if isinstance(message, dict) and (link := _last_link(message)):
            return link
    return None


def link_of(part: Any) -> str:
    """Where the picture of a part is; "" where it does not say."""
    link = part.get("image_url")
    link = link.get("url") if isinstance(link, dict) else link
    return link if isinstance(link, str) else ""


def _last_link(message: dict[str, Any]) -> str | None:
    """Of a message: in the list that our own answers have, in its parts, and in its Markdown."""
    for place in (message.get("images"), message.get("content")):
        if isinstance(place, str) and (link := _last_shown(place)):
            return link
        for part in reversed(place) if isinstance(place, list) else ():
            if isinstance(part, dict) and (link := link_of(part) or _last_shown(part.get("text"))):
                return link
    return None


def _last_shown(text: Any) -> str | None:
    """In Markdown; looked for from the end, as the whole may have megabytes of pictures."""
    if not isinstance(text, str):
        return None
    end = len(text)
    for _ in range(MOST_TRIES):
        end = text.rfind("![", 0, end)
        if end < 0:
            break
        if found := SHOWN.match(text, end):
            return found[1]
    return None
