"""Several catalogues as one."""

import copy
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gesso.workflows.catalog import Catalog
from gesso.workflows.union import union


def loader(*choices: str, modern: bool = False) -> dict[str, Any]:
    declared = ["COMBO", {"options": list(choices)}] if modern else [list(choices), {"tooltip": "which"}]
    return {"input": {"required": {"name": declared, "strength": ["FLOAT", {"min": 0}]}}, "output": ["MODEL"]}


def choices_of(catalog: Catalog, node: str) -> list[Any] | None:
    found = catalog.node(node)
    assert found is not None
    return found.inputs["name"].choices


def test_classes_of_all_engines_are_there() -> None:
    both = union([Catalog({"A": loader("x")}), Catalog({"B": loader("y")})])
    assert list(both.raw) == ["A", "B"]


def test_choices_of_the_second_follow_those_of_the_first_once() -> None:
    for modern in (False, True):
        catalogs = [Catalog({"A": loader(*names, modern=modern)}) for names in (("x", "y"), ("z", "y"))]
        assert choices_of(union(catalogs), "A") == ["x", "y", "z"]


def test_class_that_is_declared_otherwise_is_the_first_ones() -> None:
    first = loader("x")
    other = {"input": {"required": {"name": ["INT", {}]}, "optional": "nonsense"}, "output": []}
    assert union([Catalog({"A": first}), Catalog({"A": other})]).raw["A"] is first
    assert union([Catalog({"A": other}), Catalog({"A": first})]).raw["A"] is other


def test_single_catalogue_is_itself() -> None:
    only = Catalog({"A": loader("x")})
    assert union([only]) is only


def test_merging_changes_no_catalogue() -> None:
    catalogs = [Catalog({"A": loader("x")}), Catalog({"A": loader("y")})]
    before = [copy.deepcopy(catalog.raw) for catalog in catalogs]
    union(catalogs)
    assert [catalog.raw for catalog in catalogs] == before


NAMES = st.lists(st.sampled_from("abcdef"), unique=True)


@given(st.lists(NAMES, min_size=1, max_size=4))
def test_union_offers_exactly_what_some_engine_has(lists: list[list[str]]) -> None:
    merged = choices_of(union([Catalog({"A": loader(*names)}) for names in lists]), "A")
    assert merged is not None
    assert set(merged) == set().union(*lists)
    assert len(merged) == len(set(merged))
    assert merged[: len(lists[0])] == lists[0]
