"""What a workflow is about, in a few words: so that people can tell one job from another."""

from collections.abc import Iterable, Mapping
from typing import Any

from gesso.workflows.graph import inputs_of, is_link

SHORTEST, LIMIT = 3, 160
# Inputs that hold what somebody wrote for the picture, and those that hold what he does not want in it.
WRITTEN = ("text", "prompt", "positive", "caption", "string", "value")
UNWANTED = "negative"
# Every workflow has these; they tell nothing.
COMMON = ("Load", "Save", "Preview", "Empty", "VAE", "CLIP", "Primitive")


def subject(prompt: Mapping[str, Any]) -> str | None:
    """The longest text somebody wrote into it, not counting negative prompts; None if there is none."""
    unwanted = {
        value[0]
        for node in prompt.values()
        for name, value in inputs_of(node).items()
        if UNWANTED in name and is_link(value)
    }
    written = [
        _one_line(value)
        for node_id, node in prompt.items()
        if node_id not in unwanted
        for name, value in inputs_of(node).items()
        if isinstance(value, str) and UNWANTED not in name and any(word in name for word in WRITTEN)
    ]
    longest = max(written, key=len, default="")
    return _cut(longest) if len(longest) >= SHORTEST else None


def work(needs: Iterable[str]) -> str:
    """What kind of work `needs` (see `Needs.ids`) are for: the model files, else the telling node classes."""
    classes, files = [], []
    for need in needs:
        kind, _, rest = need.partition(":")
        if kind == "file":
            files.append(rest.partition("=")[2].replace("\\", "/").rpartition("/")[2])
        elif kind == "class":
            classes.append(rest)
    telling = [name for name in classes if not name.startswith(COMMON)]
    return _cut(", ".join(dict.fromkeys(files) or telling or classes))


def _one_line(text: str) -> str:
    return " ".join(text[: 20 * LIMIT].split())


def _cut(text: str) -> str:
    return text if len(text) <= LIMIT else text[: LIMIT - 1].rstrip() + "…"
