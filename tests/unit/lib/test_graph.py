from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tavusctl.kinds.objectives import flow
from tavusctl.lib.graph import MARKS, Edge, Graph, Node, mark_changes

KEYS = st.sampled_from(
    ["name", "data", "objective_name", "objective_prompt", "next_conditional_objectives", "next_required_objectives"]
)
SHAPES = st.recursive(
    st.none() | st.integers() | st.sampled_from(["a", "b", ""]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)
NAMES = st.sampled_from("abcde")
LABELS = st.sampled_from(["", "if so", "if not"])


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    nodes = {name: Node(name, name, detail=draw(LABELS), faint=draw(st.booleans())) for name in draw(st.sets(NAMES))}
    ends = st.sampled_from(sorted(nodes)) if nodes else st.nothing()
    return Graph(tuple(nodes.values()), tuple(draw(st.lists(st.builds(Edge, ends, ends, LABELS), max_size=8))))


def test_what_was_added_removed_and_changed_is_marked() -> None:
    old = Graph((Node("a", "A"), Node("b", "B"), Node("c", "C")), (Edge("a", "b", "if so"), Edge("a", "c")), "Old")
    new = Graph((Node("a", "A"), Node("b", "Bee"), Node("d", "D")), (Edge("a", "b", "if not"), Edge("a", "d")), "New")
    assert mark_changes(old, new) == Graph(
        (Node("a", "A"), Node("b", "Bee", "changed"), Node("d", "D", "added"), Node("c", "C", "removed")),
        (Edge("a", "b", "if not", "changed"), Edge("a", "d", "", "added"), Edge("a", "c", "", "removed")),
        "New",
    )


def test_an_edge_beside_another_is_known_by_its_label() -> None:
    nodes = (Node("a", "A"), Node("b", "B"))
    old = Graph(nodes, (Edge("a", "b", "one"), Edge("a", "b", "two")))
    new = Graph(nodes, (Edge("a", "b", "two"), Edge("a", "b", "three"), Edge("a", "b", "four")))
    assert [(edge.label, edge.mark) for edge in mark_changes(old, new).edges] == [
        ("two", ""),
        ("three", "changed"),
        ("four", "added"),
    ]


@given(graphs())
def test_a_graph_is_the_same_as_itself(graph: Graph) -> None:
    same = mark_changes(graph, graph)
    assert same.nodes == graph.nodes
    assert sorted(map(repr, same.edges)) == sorted(map(repr, graph.edges))


@given(graphs(), graphs())
def test_both_graphs_can_be_read_from_the_comparison(old: Graph, new: Graph) -> None:
    both = mark_changes(old, new)
    assert {node.id for node in both.nodes if node.mark != "removed"} == {node.id for node in new.nodes}
    assert {node.id for node in both.nodes if node.mark != "added"} == {node.id for node in old.nodes}
    assert len([edge for edge in both.edges if edge.mark != "removed"]) == len(new.edges)
    assert len([edge for edge in both.edges if edge.mark != "added"]) == len(old.edges)
    assert {node.mark for node in both.nodes} <= set(MARKS)


def test_the_flow_of_a_set_has_conditions_at_its_edges() -> None:
    assert flow(
        {
            "name": "Intake",
            "data": [
                {
                    "objective_name": "greet",
                    "objective_prompt": "Say hello.",
                    "output_variables": ["name", "age"],
                    "next_conditional_objectives": {"ask": "if they agree", "leave": "if not"},
                },
                {"objective_name": "ask", "objective_prompt": "Ask.", "next_required_objectives": ["leave", "greet"]},
                {"objective_name": "leave", "objective_prompt": "Leave.", "next_required_objective": "nowhere"},
            ],
        }
    ) == Graph(
        (
            Node("greet", "greet", detail="Say hello.\noutput_variables: name, age"),
            Node("ask", "ask", detail="Ask."),
            Node("leave", "leave", detail="Leave."),
            Node("nowhere", "nowhere", detail="not in this set", faint=True),
        ),
        (
            Edge("greet", "ask", "if they agree"),
            Edge("greet", "leave", "if not"),
            Edge("ask", "leave"),
            Edge("ask", "greet"),
            Edge("leave", "nowhere"),
        ),
        "Intake",
    )


@given(st.fixed_dictionaries({"name": SHAPES, "data": st.lists(st.dictionaries(KEYS, SHAPES))}))
def test_a_live_set_in_any_shape_has_a_flow(body: dict[str, object]) -> None:
    drawn = flow(body)
    assert {end for edge in drawn.edges for end in (edge.source, edge.target)} <= {node.id for node in drawn.nodes}


@pytest.mark.parametrize("item", [None, 3, "text", [], {"objective_name": ["a"]}, {"objective_prompt": "no name"}])
def test_what_has_no_name_is_not_drawn(item: object) -> None:
    assert flow({"data": [item, {"objective_name": "a", "next_conditional_objectives": ["b"]}]}) == Graph(
        (Node("a", "a"),), ()
    )
