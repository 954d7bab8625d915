"""How a terminal shows pictures: told by its environment, and blocks wherever that is not sure."""

import pytest

from gesso.cli.terminal import Preview, detected


@pytest.mark.parametrize(
    ("env", "way"),
    [
        ({"TERM": "xterm-kitty", "KITTY_WINDOW_ID": "1"}, Preview.KITTY),
        ({"TERM": "xterm-256color", "KITTY_WINDOW_ID": "1"}, Preview.KITTY),
        ({"TERM": "xterm-ghostty"}, Preview.KITTY),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "ghostty"}, Preview.KITTY),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "iTerm.app"}, Preview.ITERM2),
        ({"TERM": "xterm-256color", "LC_TERMINAL": "iTerm2"}, Preview.ITERM2),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "WezTerm"}, Preview.ITERM2),
        ({"TERM": "foot"}, Preview.SIXEL),
        ({"TERM": "mlterm-256color"}, Preview.SIXEL),
        ({"TERM": "xterm-sixel"}, Preview.SIXEL),
        ({"TERM": "xterm-256color"}, Preview.BLOCKS),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "Apple_Terminal"}, Preview.BLOCKS),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "vscode", "KITTY_WINDOW_ID": "1"}, Preview.BLOCKS),
        ({"TERM": "xterm", "XTERM_VERSION": "XTerm(390)", "KITTY_WINDOW_ID": "1"}, Preview.BLOCKS),
        ({}, Preview.BLOCKS),
        ({"TERM": "dumb", "KITTY_WINDOW_ID": "1"}, Preview.NONE),
    ],
)
def test_a_terminal_is_known_by_its_environment(env, way):
    assert detected(env) is way


@pytest.mark.parametrize(
    "between",
    [
        {"TMUX": "socket,1,0"},
        {"STY": "1.pts"},
        {"ZELLIJ": "0"},
        {"TERM": "tmux-256color"},
        {"TERM": "screen"},
    ],
)
@pytest.mark.parametrize(
    "around", [{"KITTY_WINDOW_ID": "1"}, {"TERM_PROGRAM": "iTerm.app"}, {"LC_TERMINAL": "iTerm2"}]
)
def test_what_stands_between_hands_on_colours_only(between, around):
    assert detected({"TERM": "xterm-256color", **around, **between}) is Preview.BLOCKS
