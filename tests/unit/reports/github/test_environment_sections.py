"""Sections of a comment: what was written is read again, whatever the environments are called."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tavusctl.reports import markdown
from tavusctl.reports.escaping import code
from tavusctl.reports.github.environment_sections import Section, body, sections

NAMES = st.text(min_size=1, max_size=5)
LINES = st.one_of(
    NAMES.map(code),
    NAMES.map(lambda one: markdown.collapsible(code(one), ["text"])),
    st.sampled_from(["**1 error**", "> [!CAUTION]", "> - x", "### tavusctl plan"]),
)
TEXTS = st.lists(LINES, min_size=1, max_size=4).map(lambda lines: markdown.join_parts(["<!-- tavusctl:a -->", *lines]))


@given(st.dictionaries(NAMES, TEXTS, min_size=1, max_size=3), st.sampled_from(["", "1234567"]))
def test_sections_are_read_as_they_were_written(texts: dict[str, str], commit: str) -> None:
    found = [Section(name, commit, text) for name, text in texts.items()]
    assert sections(f"<!-- tavusctl:plan -->\n{body(found, list(texts), found[0])}") == found
    assert body(found[::-1], list(texts), found[0]) == body(found, list(texts), found[0])
