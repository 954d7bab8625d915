"""The `[[engine]]` of gesso.toml that would adopt what was found. Pure: texts only."""

import json
import re
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import PurePath

from gesso.fleet.discover import Found, Kind

# A name has 63 characters at most, and the port's stand behind it.
LONGEST_WORD = 50


def engine_table(found: Found) -> str | None:
    """The table as text; None where none would: not an engine, not one that gesso can speak to yet, or
    a gesso's own, which that gesso adopts by itself."""
    if found.ours or found.url is None or found.kind in (Kind.UNKNOWN, Kind.FORGE):
        return None
    kind = Kind.SKETCH if found.kind is Kind.SKETCH else Kind.COMFYUI
    lines = [
        "[[engine]]",
        f"name = {_text(_name(found, kind))}",
        f"kind = {_text(kind)}",
        f"url = {_text(found.url)}",
    ]
    if found.kind is Kind.LOCKED:
        lines.append('# credential = { bearer_file = "…" }   # it wants to know who asks')
    return "\n".join([*lines, *_as_ours(found)]) + "\n"


def _as_ours(found: Found) -> Iterator[str]:
    """How gesso would start it by itself, as comments: the running one must be ended first."""
    known = found.program
    if found.container is not None or known is None or known.directory is None:
        return
    script = next((n for n, word in enumerate(known.argv) if PurePath(word).name == "main.py"), None)
    if script is None:
        return
    yield "# Or, after ending it, let gesso start it, watch it and start it again:"
    yield f"# directory = {_text(str(PurePath(known.directory, known.argv[script]).parent))}"
    yield f"# python = {_text(known.argv[0])}"
    yield f"# arguments = [{', '.join(map(_text, _without_address(known.argv[script + 1 :])))}]"
    for card in found.cards[:1]:
        yield f"# gpu = {_text(card.uuid)}   # {card.card}"


def _without_address(argv: Sequence[str]) -> Iterator[str]:
    """The arguments, but for `--port` and `--listen` with their values: gesso sets these."""
    rest = deque(argv)
    while rest:
        word = rest.popleft()
        if word.split("=")[0] not in ("--port", "--listen"):
            yield word
        elif "=" not in word and rest and not rest[0].startswith("-"):
            rest.popleft()


def _name(found: Found, kind: Kind) -> str:
    port = (found.url or "").rpartition(":")[2]
    folder = found.program.directory if found.program is not None and found.container is None else None
    word = re.sub(r"[^a-z0-9]+", "-", PurePath(folder or "").name.lower()).strip("-")
    word = word[:LONGEST_WORD].rstrip("-")
    return f"{word if kind is Kind.COMFYUI and word else kind}-{port}"


def _text(value: str) -> str:
    # What JSON escapes, TOML's basic strings escape in the same way, but for DEL.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007F")
