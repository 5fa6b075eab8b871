"""The law of views: a secret that the run knows can be read in no report, by a person or a parser of its format.

Secrets are made of what encoders change, and stand in every place that takes a text from elsewhere.  What looks for
them decodes on its own and shares nothing with what redacts.
"""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tavusctl.core.model import Plan
from tavusctl.lib.graph import Edge, Graph, Node
from tavusctl.reports.contents import view
from tavusctl.reports.drawing import DRAWINGS
from tavusctl.reports.formats import REPORTS
from tavusctl.secrets import redaction
from tests.golden.planted import REPORTABLE, planted
from tests.scenarios.canaries import TYPED, found_in

AWKWARD = st.text("-./&<>'\"%#:=?+~${}\\\n é✓ab9", min_size=2, max_size=12).map(lambda one: f"k{one}{TYPED}{one}9z")


@pytest.mark.sampled(3)
@pytest.mark.parametrize("name", sorted(REPORTS))
@settings(max_examples=max(3, settings().max_examples // 16))
@given(AWKWARD)
def test_no_report_shows_a_secret_however_it_is_encoded(name: str, secret: str) -> None:
    plan, outcomes, drift, diagnostics = planted(secret)
    report = REPORTS[name]
    with redaction.isolated_run():
        redaction.register(secret)
        written = [
            report.plan(plan),
            report.outcomes(plan, outcomes),
            report.drift(plan, drift),
            report.diagnostics(diagnostics),
        ]

    assert [hit for text in written for hit in found_in(text, [TYPED])] == []
    # The control: the same reports without a run that knows the secret do show it, so the reader can read.
    if name in REPORTABLE:
        assert all(found_in(text, [TYPED]) for text in (report.plan(plan), report.diagnostics(diagnostics)))


@pytest.mark.parametrize("name", sorted(DRAWINGS))
@settings(max_examples=settings().max_examples // 5)
@given(AWKWARD)
def test_no_drawing_shows_a_secret(name: str, secret: str) -> None:
    """Labels and details are cut and broken into lines: half of a secret would be left."""
    nodes = (Node("a", f"before {secret} after", detail="." * 50 + secret), Node("b", secret))
    graph = Graph(nodes, (Edge("a", "b", f"to {secret}"),), f"Of {secret}")
    with redaction.isolated_run():
        redaction.register(secret)
        assert found_in(DRAWINGS[name](view.graph(graph)), [TYPED]) == []
    assert found_in(DRAWINGS[name](graph), [TYPED])


def test_what_has_no_secret_is_the_report_it_was() -> None:
    plan, *_ = planted("an ordinary text")
    for report in REPORTS.values():
        before = report.plan(plan)
        with redaction.isolated_run():
            redaction.register("sk-nowhere-to-be-seen")
            assert report.plan(plan) == before
    assert REPORTS["text"].plan(Plan())
