"""The line of every key, in every way TOML has to write one."""

import json
import tomllib
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gesso.config.positions import Path, lines_of, nearest_line

EVERYTHING = '''# a comment with [brackets] and = signs
[gateway]
listen = "127.0.0.1:8700" # [no]
a."b.c" = """
[not a table]
x = 1 """"
'literal' = \'\'\'
[[nor this]]\'\'\'

[[engine]]
name = 'q'
arguments = [
  "a", # ] }
  "b]",
]
environment = { HF_HOME = "/srv/hf, } #", X = {y=1} }

[[engine]]
since = 1979-05-27 07:32:00
[engine.credential]
bearer_file = "x"
[[engine.fault]]
kind = "slow"
[[engine.fault]]
kind = "deaf"
'''


def test_each_way_of_writing_a_key_has_its_line() -> None:
    lines = lines_of(EVERYTHING)
    assert {path: lines[path] for path in EXPECTED} == EXPECTED


EXPECTED: dict[Path, int] = {
    ("gateway",): 2,
    ("gateway", "listen"): 3,
    ("gateway", "a", "b.c"): 4,
    ("gateway", "literal"): 7,
    ("engine", 0): 10,
    ("engine", 0, "name"): 11,
    ("engine", 0, "arguments"): 12,
    ("engine", 0, "arguments", 1): 14,
    ("engine", 0, "environment", "HF_HOME"): 16,
    ("engine", 0, "environment", "X", "y"): 16,
    ("engine", 1): 18,
    ("engine", 1, "since"): 19,
    ("engine", 1, "credential"): 20,
    ("engine", 1, "credential", "bearer_file"): 21,
    ("engine", 1, "fault", 0, "kind"): 23,
    ("engine", 1, "fault", 1, "kind"): 25,
}


def test_a_key_that_is_absent_has_the_line_of_its_table() -> None:
    lines = lines_of("\n[[engine]]\nname = 'a'\n")
    assert nearest_line(lines, ("engine", 0, "credential", "bearer_file")) == 2
    assert nearest_line(lines, ("gateway",)) is None


names = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=4)
values = st.recursive(
    st.booleans() | st.integers(-9, 9) | names | st.sampled_from(["]", "}", "#", '"', "'", "=", ",", "\\"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=8,
)
documents = st.dictionaries(names, st.dictionaries(names, values, max_size=3), max_size=3)


@given(documents)
def test_exactly_the_keys_that_tomllib_reads_are_found(document: dict[str, dict[str, Any]]) -> None:
    text = "".join(
        f"[{quoted(table)}]\n" + "".join(f"{quoted(key)} = {inline(value)}\n" for key, value in pairs.items())
        for table, pairs in document.items()
    )
    assert tomllib.loads(text) == document
    assert set(lines_of(text)) == set(paths(document))


def quoted(name: str) -> str:
    return json.dumps(name, ensure_ascii=False).replace("\x7f", "\\u007f")


def inline(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{quoted(key)} = {inline(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(inline, value)) + "]"
    return quoted(value) if isinstance(value, str) else json.dumps(value)


def paths(value: Any, before: Path = ()) -> list[Path]:
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found: list[Path] = []
    for key, inner in pairs:
        found += [(*before, key), *paths(inner, (*before, key))]
    return found
