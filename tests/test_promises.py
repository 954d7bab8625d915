"""Every promise about the fleet names tests that hold gesso to it, and these exist."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROW = re.compile(r"^\| (F-\d\d) \| (.+?) \| (.*?) \| (.*?) ?\|$", re.MULTILINE)
TEST = re.compile(r"`([\w/]+\.py)::(\w+)`")
PROMISED = [f"F-{number:02}" for number in (*range(1, 18), *range(27, 33))]
# Also said on the page, in words.
NOT_YET = {"F-28"}
ROWS = ROW.findall((ROOT / "docs/reference/promises.md").read_text(encoding="utf-8"))


@cache
def names_of(path: Path) -> frozenset[str]:
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    return frozenset(node.name for node in nodes if isinstance(node, ast.FunctionDef))


def test_every_promise_has_one_row() -> None:
    assert [row[0] for row in ROWS] == PROMISED


@pytest.mark.parametrize(("promise", "symptom", "named", "healthy"), ROWS, ids=[row[0] for row in ROWS])
def test_a_promise_is_held_by_tests_of_the_symptom_and_of_the_healthy(
    promise: str, symptom: str, named: str, healthy: str
) -> None:
    if promise in NOT_YET:
        assert named.startswith("not yet: ")
        return
    for cell in (named, healthy):
        found = TEST.findall(cell)
        assert found and TEST.sub("", cell).strip(", ") == ""
        for file, name in found:
            assert name in names_of(ROOT / "tests" / file), f"{file} has no {name}"
