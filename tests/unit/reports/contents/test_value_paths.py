"""Where values differ, in the words of people; what is dangerous about it; and who will notice."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tavusctl.core.address import Address, Source
from tavusctl.core.binding import Binding
from tavusctl.core.json_tree import canonical
from tavusctl.core.model import ABSENT, Action, Change, Desired, Live
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.engine.diff import compare_all
from tavusctl.kinds import KINDS
from tavusctl.lib.json_types import Json, as_list, as_object
from tavusctl.reports.contents import review, risks
from tavusctl.reports.contents.value_paths import Place, ValueComparison
from tests.golden.plans import EVERY, UPDATE, change, field, tool

PERSONA, OBJECTIVES, DOCUMENT = KINDS["persona"], KINDS["objectives"], KINDS["document"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(0, 3) | st.sampled_from(["", "a", "b" * 80]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "x", "y"]), inner, max_size=3),
    max_leaves=12,
)


def places(old: Json, new: Json, kind: ResourceKind | None = None, *path: str) -> list[str]:
    return [_line(place) for place in ValueComparison(kind).differences(path, old, new)]


def _line(place: Place) -> str:
    sides = [("" if side is ABSENT else canonical(side)) for side in (place.old, place.new)]
    return f"{place.name}{f' ({place.note})' if place.note else ''}: {sides[0]} -> {sides[1]}"


@given(JSON, JSON)
def test_there_is_a_place_where_and_only_where_values_differ(old: Json, new: Json) -> None:
    assert bool(places(old, new)) == (canonical(old) != canonical(new))


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            [tool("a", "x"), tool("b", "y")],
            [tool("b", "z"), tool("a", "x")],
            ['/b/function/description: "y" -> "z"', ' (the order changed): ["a","b"] -> ["b","a"]'],
        ),
        ([tool("a", "x")], [], ['/a: {"function":{"description":"x","name":"a"},"type":"function"} -> ']),
        ([tool("a/b: 1", "x")], [tool("a/b: 1", "y")], ['/"a/b: 1"/function/description: "x" -> "y"']),
        (
            [{"name": "flat", "description": "x"}],
            [{"name": "flat", "description": "y"}],
            ['/flat/description: "x" -> "y"'],
        ),
        (
            [tool("same", "x"), tool("same", "y")],
            [tool("same", "x"), tool("same", "z")],
            ['/1/function/description: "y" -> "z"'],
        ),
    ],
)
def test_tools_are_called_by_their_function(old: Json, new: Json, expected: list[str]) -> None:
    assert places(old, new, PERSONA, "layers", "llm", "tools") == expected


def test_an_inserted_item_is_one_place() -> None:
    assert places([1, 2, 3], [1, 9, 2, 3]) == ["/1:  -> 9"]
    assert places(["a", "b"], ["b", "a"], PERSONA, "document_tags") == []
    assert places(["a", "b"], ["b", "c"], PERSONA, "document_tags") == [': "a" -> ', ':  -> "c"']


def test_what_the_account_fills_in_is_no_difference() -> None:
    mine = [{"objective_name": "a", "objective_prompt": "b", "next_required_objectives": ["c"]}]
    live = [{**mine[0], "confirmation_mode": "auto", "callback_url": "", "next_required_objective": "c"}]
    live[0].pop("next_required_objectives")
    assert places(live, mine, OBJECTIVES, "data") == []
    assert list(ValueComparison(OBJECTIVES, old_is_declared=True).differences(("data",), mine, live)) == []
    assert places("a, b", ["a", "b", "c"], PERSONA, "layers", "stt", "hotwords") == ['/2:  -> "c"']


@pytest.mark.parametrize(
    ("value", "key", "expected"),
    [
        ("https://llm.example.com/v1", "base_url", "llm.example.com"),
        ("HTTPS://LLM.Example.COM:443/", "x", "llm.example.com"),
        ("https://llm.example.com:8443", "x", "llm.example.com:8443"),
        ("http://llm.example.com", "x", "http://llm.example.com"),
        ("https://good.example@evil.example/", "x", "evil.example"),
        ("https:\\\\evil.example\\@good.example", "x", "evil.example"),
        ("ht\ntps://evil.example", "x", "evil.example"),
        ("https:/\t/evil.example", "x", "evil.example"),
        ("//evil.example/x", "x", "evil.example"),
        ("evil.example/v1", "base_url", "evil.example"),
        ("evil.example:8443/v1", "base_url", "evil.example:8443"),
        ("https:evil.example/x", "x", "evil.example"),
        ("ftp://evil.example/x", "x", "ftp://evil.example"),
        ("evil.example/v1", "persona_name", ""),
        ("// a comment", "greeting", ""),
        ("/pricing", "greeting", ""),
        ("Note: no address", "greeting", ""),
        ("https://\u0435vil.example", "x", "xn--vil-qdd.example"),
        ("https://evil.example.", "x", "evil.example"),
        ("https://[::1]:8080/", "x", "[::1]:8080"),
        ("https://[broken", "x", "https://[broken"),
        ("https://x:99999/", "x", "https://x:99999/"),
        ("wss://socket.example", "x", "socket.example"),
        ("See https://docs.example for more.", "persona_name", ""),
        ("", "base_url", ""),
        (None, "base_url", ""),
    ],
)
def test_a_host_is_read_as_browsers_read_it(value: Json, key: str, expected: str) -> None:
    assert risks.host(value, key) == expected


def found(one: Change) -> list[tuple[str, str, str]]:
    return [(risk.id, risk.path, risk.host) for risk in risks.of(one)]


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (UPDATE, [("new-host", "/layers/llm/base_url", "llm.other.example")]),
        (change(Action.DELETE, "persona/x"), [("delete", "", "")]),
        (change(Action.RETIRE, "document/x"), [("retire", "", "")]),
        (change(Action.UPDATE, "persona/x", field("/greeting", "a", "https://x.example is ours")), []),
        (
            change(Action.UPDATE, "persona/x", field("/callback_url", "a", "https://x.example/is ours")),
            [("new-host", "/callback_url", "x.example")],
        ),
        (change(Action.UPDATE, "persona/x", field("/greeting", "a", "Look at https://x.example")), []),
        (change(Action.UPDATE, "persona/x", field("/url", "https://a.example/1", "https://a.example/2")), []),
        (
            change(
                Action.UPDATE,
                "persona/x",
                field("/url", "https://b.example", "https://a.example", base="https://a.example"),
            ),
            [],
        ),
        (
            change(Action.UPDATE, "persona/x", field("/tools", [], [{"url": "https://a.example"}])),
            [("new-host", "/tools/0/url", "a.example")],
        ),
        (change(Action.CREATE, "document/x", field("/document_url", ABSENT, "https://a.example")), []),
        (
            change(Action.CREATE, "document/x", field("/callback_url", ABSENT, "https://a.example")),
            [("new-host", "/callback_url", "a.example")],
        ),
        (
            change(Action.REPLACE, "document/x", field("/callback_url", ABSENT, "https://a.example")),
            [("replace", "", ""), ("new-host", "/callback_url", "a.example")],
        ),
    ],
)
def test_a_new_host_is_a_risk_and_a_known_one_is_not(one: Change, expected: list[tuple[str, str, str]]) -> None:
    assert found(one) == expected


def test_a_secret_is_set_changed_or_removed() -> None:
    sides = [(ABSENT, "a"), ("a", "b"), ("a", None)]
    assert [review.secret_change(old, new) for old, new in sides] == ["set", "changed", "removed"]


def test_a_budget_is_told_for_prompts_alone() -> None:
    long = "word " * 40
    assert review.tokens(field("/greeting", "a", "b")) is None
    assert review.tokens(field("/system_prompt", long, long, sensitive=True)) is None
    before, after = review.tokens(field("/system_prompt", long, long * 2)) or (0, 0)
    assert review.budget(long, long * 2) == f"about {before:,} → {after:,} tokens"
    assert review.budget(ABSENT, long) == review.budget(long, long) == f"about {before:,} tokens"


def test_a_flow_is_drawn_where_it_changed() -> None:
    flows = {str(one.change.address): review.flow(one) for one in review.entries(EVERY)}
    goals = flows.pop("objectives/call")
    assert goals is not None
    assert [(node.id, node.mark) for node in goals.nodes] == [
        ("greet", ""),
        ("ask", ""),
        ("help", "added"),
        ("end", ""),
    ]
    assert [(edge.source, edge.target, edge.mark) for edge in goals.edges if edge.mark] == [
        ("ask", "end", "changed"),
        ("ask", "help", "added"),
        ("help", "end", "added"),
    ]
    assert set(flows.values()) == {None}


def test_a_goal_that_only_has_defaults_from_the_account_is_not_marked() -> None:
    goals = EVERY.steps[2]
    assert goals.live is not None
    filled = [
        {**goal, "confirmation_mode": "auto", "callback_url": ""}
        for goal in map(as_object, as_list(goals.live.body["data"]))
    ]
    seen = review.flow(review.Entry(replace(goals, live=replace(goals.live, body={"data": filled}))))
    assert seen is not None
    assert {node.id: node.mark for node in seen.nodes if node.mark} == {"help": "added"}


def test_who_else_uses_an_object_is_told_with_its_change() -> None:
    """Manifests as they will be, strangers as they are; itself, and what is no longer there, are left out."""
    rules, source = Address("guardrails", "rules"), Source("a.yaml", 1, 1)
    spec: dict[str, Any] = {"name": "Rules", "data": []}
    wanted = [Desired(rules, {**spec, "name": "New"}, source, kind=KINDS["guardrails"])]
    for name in ("one", "two"):
        address = Address("persona", name)
        wanted.append(Desired(address, {"guardrails_id": rules}, source, kind=PERSONA, refers_to=(rules,)))
    live = [
        Live(KINDS["guardrails"], "g1", spec, address=rules),
        Live(PERSONA, "p9", {"guardrails_id": rules}, name="Theirs"),
        Live(PERSONA, "p8", {"guardrails_id": "g2"}, name="Not a user"),
    ]
    changes = compare_all(wanted, live, [Binding(rules, "g1", spec)]).changes
    told = {str(one.address): one.affects for one in changes}
    assert told["guardrails/rules"] == ("persona p9 (Theirs)", "persona/one", "persona/two")
    assert told["persona/one"] == ()
