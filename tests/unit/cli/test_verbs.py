"""The verbs: listed without being loaded, and as they are when loaded."""

import pytest

from gesso.cli.main import application
from gesso.cli.verbs import VERBS, load, stub


@pytest.mark.parametrize("name", VERBS)
def test_the_line_in_the_list_is_the_verbs_own(name):
    assert load(name).help.splitlines()[0] == VERBS[name].help == stub(name).help


@pytest.mark.parametrize("name", [None, *VERBS])
def test_no_line_of_a_list_of_commands_is_cut_off_at_80_columns(name):
    listed = load(name) if name else application()
    context = listed.make_context(name or "gesso", [], resilient_parsing=True, terminal_width=80)
    lines = listed.get_help(context).splitlines()
    assert not [line for line in lines if line.endswith("...") and not line.startswith("Usage")]


def leaves(name, command):
    inner = getattr(command, "commands", {})
    if not inner:
        yield name, command
    for each, sub in inner.items():
        yield from leaves(f"{name} {each}", sub)


COMMANDS = [leaf for name in VERBS for leaf in leaves(name, load(name))]


@pytest.mark.parametrize(("name", "command"), COMMANDS, ids=[name for name, _ in COMMANDS])
def test_every_command_speaks_json_and_explains_itself(name, command):
    assert "--json" in {spelling for option in command.params for spelling in option.opts}
    assert command.help and command.help.strip().splitlines()[0].endswith((".", ":"))
    assert all(option.help for option in command.params)


@pytest.mark.parametrize(("name", "command"), COMMANDS, ids=[name for name, _ in COMMANDS])
def test_every_command_that_asks_a_server_takes_its_address_and_key(name, command):
    if name.split()[0] in ("up", "demo", "config", "metrics", "service", "discover"):
        return
    environment = {option.name: option.envvar for option in command.params}
    assert (environment["url"], environment["key"]) == ("GESSO_URL", "GESSO_KEY")
