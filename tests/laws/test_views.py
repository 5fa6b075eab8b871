"""The law of views: a secret that the run knows can be read in no report, by a person or a parser of its format.

Secrets are made of what encoders change, and stand in every place that takes a text from elsewhere.  The reader below
decodes on its own and shares nothing with what redacts.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tavusctl import redaction
from tavusctl.model import Plan
from tavusctl.reports import REPORTS
from tests.golden.planted import REPORTABLE, planted

AWKWARD = st.text("ab9-./&<>'\"%#\\\n ~", min_size=8, max_size=24).map(lambda one: f"k{one}9z")


def readings(report: str) -> Iterator[str]:
    """A report as readers of its format see it, without white space."""
    seen = {report}
    for _ in range(2):
        seen |= {html.unescape(one) for one in seen}
        seen |= {unquote(one) for one in seen}
        seen |= {re.sub(r"\\([\"'\\/])", r"\1", one.replace("\\n", "\n")) for one in seen}
        seen |= {one.replace("~1", "/").replace("~0", "~") for one in seen}
    seen |= {re.sub(r"<[^<>]*>", "", one) for one in set(seen)}
    yield from ("".join(one.split()) for one in seen)


@pytest.mark.parametrize("name", sorted(REPORTS))
@given(AWKWARD)
def test_no_report_shows_a_secret_however_it_is_encoded(name: str, secret: str) -> None:
    whole = "".join(secret.split())
    if len(whole) < redaction.SHORTEST:
        return
    plan, outcomes, drift, complaints = planted(secret)
    report = REPORTS[name]
    with redaction.of_one_run():
        redaction.remember(secret)
        written = [
            report.plan(plan),
            report.outcomes(plan, outcomes),
            report.drift(plan, drift),
            report.complaints(complaints),
        ]

    assert [one for text in written for one in readings(text) if whole in one] == []
    # The control: the same reports without a run that knows the secret do show it, so the reader can read.
    if name in REPORTABLE:
        shown = [report.plan(plan), report.complaints(complaints)]
        assert any(whole in one for text in shown for one in readings(text))


def test_what_has_no_secret_is_the_report_it_was() -> None:
    plan, *_ = planted("an ordinary text")
    for report in REPORTS.values():
        before = report.plan(plan)
        with redaction.of_one_run():
            redaction.remember("sk-nowhere-to-be-seen")
            assert report.plan(plan) == before
    assert REPORTS["text"].plan(Plan())
