"""Drawings of a project: what refers to what, and where a conversation goes."""

from __future__ import annotations

import pytest

from tests.scenarios.project import Project

COACH = {"persona_name": "Coach", "system_prompt": "You coach.", "default_replica_id": "${ref:replica/anna}"}
GOALS = {
    "name": "Call",
    "data": [
        {
            "objective_name": "ask",
            "objective_prompt": "Ask.",
            "next_conditional_objectives": {"end": 'if they say "no"'},
        },
        {"objective_name": "end", "objective_prompt": "End."},
    ],
}


@pytest.fixture
def drawn(project: Project) -> Project:
    """Two personas, one of them with objectives and a document, and an external replica."""
    project.manifest("persona", "coach", COACH)
    spec = {**COACH, "objectives_id": "${ref:objectives/call}", "document_ids": ["${ref:document/prices}"]}
    project.manifest("persona", "seller", spec)
    project.manifest("objectives", "call", GOALS)
    project.manifest("document", "prices", {"document_url": "https://example.com/prices.pdf"})
    project.write("manifests/anna.yaml", "{kind: replica, name: anna, external: true, id: r79e1c033f}")
    return project


def test_references_are_drawn_and_what_is_external_is_dashed(drawn: Project) -> None:
    result = drawn.expect(0, "graph", TAVUS_API_KEY=None)
    assert result.out.splitlines() == [
        "flowchart LR",
        '  n0["document/prices"]',
        '  n1["objectives/call"]',
        '  n2["persona/coach"]',
        '  n3["persona/seller"]',
        '  n4["replica/anna"]',
        "  n2 --> n4",
        "  n3 --> n0",
        "  n3 --> n1",
        "  n3 --> n4",
        "  classDef faint stroke-dasharray:5 4",
        "  class n4 faint",
    ]
    assert drawn.account.requests == []


def test_with_an_address_only_what_it_needs_and_what_needs_it_is_drawn(drawn: Project) -> None:
    assert "seller" not in drawn.run("graph", "persona/coach").out
    needed = drawn.run("graph", "document/prices", "--format", "dot").out
    assert "persona/seller" in needed
    assert "persona/coach" not in needed
    assert "replica/anna" not in needed


def test_objectives_are_drawn_as_a_flow(drawn: Project) -> None:
    assert drawn.run("graph", "--objectives", "objectives/call").out.splitlines() == [
        "---",
        'title: "Call"',
        "---",
        "flowchart TD",
        '  n0["ask"]',
        '  n1["end"]',
        '  n0 -->|"if they say #34;no#34;"| n1',
    ]


def test_a_file_is_drawn_in_the_language_that_its_name_says(drawn: Project) -> None:
    assert drawn.run("graph", "--out", "all.svg").out == ""
    assert (drawn.root / "all.svg").read_text("utf-8").startswith("<svg ")
    drawn.run("graph", "--out", "all.gv")
    assert (drawn.root / "all.gv").read_text("utf-8").startswith("digraph ")
    drawn.run("graph", "--out", "all.svg", "--format", "mermaid")
    assert (drawn.root / "all.svg").read_text("utf-8").startswith("flowchart ")


def test_what_mermaid_would_not_draw_is_said(drawn: Project) -> None:
    ways = {f"goal_{n}": "if so" for n in range(501)}
    goals = [{"objective_name": "ask", "objective_prompt": "Ask.", "next_conditional_objectives": ways}]
    drawn.manifest("objectives", "call", {"data": goals})
    result = drawn.expect(0, "graph", "--objectives", "objectives/call")
    assert "exceeds the default limit of Mermaid" in result.err
    assert "more than" not in drawn.run("graph", "--objectives", "objectives/call", "--format", "svg").err


@pytest.mark.parametrize(
    ("arguments", "error", "hint"),
    [
        (["persona/coahc"], "`persona/coahc` is not in the manifests", "did you mean `persona/coach`?"),
        (
            ["--objectives", "persona/coach"],
            "`persona/coach` has no conversation flow to draw",
            "choose an address of the kind objectives",
        ),
        (
            ["--objectives", "persona/nobody"],
            "`persona/nobody` is not in the manifests",
            "help: known: `objectives/call`\n",
        ),
        (["--objectives", "objectives/call", "persona/coach"], "`--objectives` draws one set of objectives", ""),
        (
            ["--out", "nowhere/all.svg"],
            "cannot write `nowhere/all.svg`: the folder `nowhere` does not exist",
            "create the folder first",
        ),
    ],
)
def test_what_cannot_be_drawn_is_an_error(drawn: Project, arguments: list[str], error: str, hint: str) -> None:
    result = drawn.expect(12, "graph", *arguments)
    assert error in result.err
    assert hint in result.err


def test_wrong_manifests_are_not_drawn(drawn: Project) -> None:
    drawn.manifest("persona", "coach", {**COACH, "default_replica_id": "${ref:replica/bob}"})
    result = drawn.run("graph")
    assert (result.code, result.out) == (10, "")
    assert "TV121" in result.err
