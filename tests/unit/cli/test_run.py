"""`gesso run`: what --set and --image say."""

import pytest
import typer

from gesso.cli.run import pairs


def test_a_value_may_hold_what_divides_it_from_its_name():
    assert pairs(["6.text=a=b.c", "3.seed="], "--set") == {"6.text": "a=b.c", "3.seed": ""}
    assert pairs(None, "--set") == {}


@pytest.mark.parametrize("typed", ["x=1", "6.text", "=1"])
def test_what_is_no_pair_is_told_as_it_was_typed(typed):
    with pytest.raises(typer.BadParameter, match=f"^'{typed}' is not NODE.INPUT=VALUE"):
        pairs([typed], "--set")
