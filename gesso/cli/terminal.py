"""How a terminal shows pictures, as its environment tells, and only where that is sure (pure)."""

from collections.abc import Mapping
from enum import StrEnum


class Preview(StrEnum):
    """The ways to show a picture, and to choose one of them."""

    AUTO = "auto"
    KITTY = "kitty"
    ITERM2 = "iterm2"
    SIXEL = "sixel"
    BLOCKS = "blocks"
    NONE = "none"


# What stands between us and the terminal, and hands no pictures on unless told to.
_BETWEEN = ("TMUX", "STY", "ZELLIJ")
_BETWEEN_TERMS = ("tmux", "screen")
_BY_TERM = (
    (("xterm-kitty", "xterm-ghostty"), Preview.KITTY),
    (("foot", "mlterm", "contour", "yaft"), Preview.SIXEL),
)
_BY_PROGRAM = {"iTerm.app": Preview.ITERM2, "WezTerm": Preview.ITERM2, "ghostty": Preview.KITTY}


def detected(env: Mapping[str, str]) -> Preview:
    """The best way that is sure; blocks, which need no more than colours, where none is."""
    term, program = env.get("TERM", ""), env.get("TERM_PROGRAM", "")
    if term in ("dumb", "unknown"):
        return Preview.NONE
    if any(name in env for name in _BETWEEN) or term.startswith(_BETWEEN_TERMS):
        return Preview.BLOCKS
    for starts, way in _BY_TERM:
        if term.startswith(starts):
            return way
    if "sixel" in term:
        return Preview.SIXEL
    if program:
        return _BY_PROGRAM.get(program, Preview.BLOCKS)
    # Handed on by ssh, where TERM_PROGRAM is not.
    if env.get("LC_TERMINAL") == "iTerm2":
        return Preview.ITERM2
    # An xterm that was started from a kitty has this, too.
    if "KITTY_WINDOW_ID" in env and "XTERM_VERSION" not in env:
        return Preview.KITTY
    return Preview.BLOCKS
