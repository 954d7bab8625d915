"""The page of the command line."""

from gesso.cli.exits import Exit
from gesso.cli.reference import page
from tests.unit.cli.test_verbs import COMMANDS


def test_the_page_names_every_command_option_and_exit_code():
    text = page()
    for name, command in COMMANDS:
        section = text.split(f"# `gesso {name}`\n")[1].split("\n#")[0]
        for option in command.params:
            if option.name != "help":
                assert max(option.opts, key=len) in section or option.metavar in section
    for code in Exit:
        assert f"\n| {int(code)} | " in text


def test_the_page_is_the_same_each_time():
    assert page() == page()
