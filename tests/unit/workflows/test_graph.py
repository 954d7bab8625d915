"""Links, the order of dependencies, and telling the two formats apart."""

from hypothesis import given
from hypothesis import strategies as st

from gesso.workflows.graph import Format, Link, detect, is_link, links, upstream

IDS = [str(number) for number in range(8)]
GRAPHS = st.dictionaries(
    st.sampled_from(IDS),
    st.builds(
        lambda sources: {"class_type": "X", "inputs": {f"i{n}": [s, 0] for n, s in enumerate(sources)}},
        st.lists(st.sampled_from(IDS), max_size=3),
    ),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=10,
)


def test_a_link_is_a_text_and_a_number():
    assert is_link(["1", 0])
    assert is_link(["1", 0.0])
    assert not any(map(is_link, [["1"], [1, 0], ["1", "0"], ("1", 0), {"1": 0}, "1", None, ["1", 0, 0]]))


def test_links_to_absent_nodes_are_listed_too():
    prompt = {"2": {"class_type": "X", "inputs": {"a": ["9", 1], "b": 3}}, "3": {"class_type": "X"}}
    assert list(links(prompt)) == [Link(node="2", input="a", source="9", slot=1)]


@given(GRAPHS, st.lists(st.sampled_from(IDS)))
def test_upstream_is_closed_and_each_node_comes_once(graph, outputs):
    order = upstream(graph, outputs)
    assert len(order) == len(set(order))
    assert {output for output in outputs if output in graph} <= set(order)
    for link in links({node: graph[node] for node in order}):
        assert link.source in order or link.source not in graph


@given(GRAPHS, st.lists(st.sampled_from(IDS)))
def test_upstream_puts_dependencies_first_where_there_is_no_cycle(graph, outputs):
    acyclic = {
        node_id: {
            "inputs": {key: link for key, link in node["inputs"].items() if link[0] < node_id},
            "class_type": "X",
        }
        for node_id, node in graph.items()
    }
    place = {node: number for number, node in enumerate(upstream(acyclic, outputs))}
    for link in links(acyclic):
        if link.node in place and link.source in place:
            assert place[link.source] < place[link.node]


def test_upstream_follows_a_chain_of_any_length():
    prompt = {str(n): {"class_type": "X", "inputs": {"a": [str(n - 1), 0]}} for n in range(20_000)}
    assert upstream(prompt, ["19999"])[0] == "0"


def test_formats_are_told_apart():
    assert detect({"1": {"class_type": "X", "inputs": {}}}) is Format.API
    assert detect({"nodes": [], "links": [], "version": 0.4}) is Format.EDITOR
    assert detect({"nodes": {"class_type": "X"}, "links": {"class_type": "Y"}}) is Format.API
    assert detect({}) is Format.NEITHER
    assert detect([]) is Format.NEITHER


@given(JSON)
def test_any_json_has_a_format(body):
    assert isinstance(detect(body), Format)
