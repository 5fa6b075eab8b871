"""Names added to `secrets:` of a project file, and every other byte kept."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tavusctl.rewrite.export import with_secrets

BEFORE = "version: 1  # the first\nmanifests: manifests\n"
AFTER = "# the rest\nsafety: {max_deletes: 5}\n"


@pytest.mark.parametrize(
    ("secrets", "expected"),
    [
        ("secrets: []\n", "secrets: [NEW, OTHER]\n"),
        ("secrets: []  # none\n", "secrets: [NEW, OTHER]  # none\n"),
        ("secrets: [OLD]  # one\n", "secrets: [OLD, NEW, OTHER]  # one\n"),
        ("secrets: [OLD, ]\n", "secrets: [OLD, NEW, OTHER, ]\n"),
        ("secrets: [\n  OLD, # x\n]\n", "secrets: [\n  OLD, # x\n  NEW,\n  OTHER,\n]\n"),
        ("secrets:\n  - OLD  # one\n", "secrets:\n  - OLD  # one\n  - NEW\n  - OTHER\n"),
        ("secrets: ~\n", "secrets: [NEW, OTHER]\n"),
        ("vars: 1\t# a tab\nsecrets: [OLD]\t# two\n", "vars: 1\t# a tab\nsecrets: [OLD, NEW, OTHER]\t# two\n"),
        ("secrets:\n- OLD\n\n", "secrets:\n- OLD\n- NEW\n- OTHER\n\n"),
        ("secrets:\n", "secrets: [NEW, OTHER]\n"),
        ("secrets: # none yet\n", "secrets: [NEW, OTHER] # none yet\n"),
        ("secrets: [OLD, OTHER]\n", "secrets: [OLD, OTHER, NEW]\n"),
        ("secrets: [NEW, OTHER]\n", "secrets: [NEW, OTHER]\n"),
    ],
)
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_names_are_added_and_nothing_else_is_touched(secrets: str, expected: str, line_end: str) -> None:
    before, after = ((BEFORE + each + AFTER).replace("\n", line_end) for each in (secrets, expected))

    assert with_secrets(before, ["NEW", "OTHER"]) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "secrets: [NEW]\n"),
        ("# nothing", "# nothing\nsecrets: [NEW]\n"),
        ("version: 1", "version: 1\nsecrets: [NEW]"),
        ("version: 1\n...\n", "version: 1\nsecrets: [NEW]\n...\n"),
        ("\ufeffversion: 1\n", "\ufeffversion: 1\nsecrets: [NEW]\n"),
        ('{"version": 1}', '{"version": 1, "secrets": ["NEW"]}'),
        ('{"secrets": ["OLD"]}\n', '{"secrets": ["OLD", "NEW"]}\n'),
        ("{}", "{secrets: [NEW]}"),
        ("secrets:\n  - OLD", "secrets:\n  - OLD\n  - NEW"),
    ],
)
def test_every_form_of_project_file_is_known(before: str, after: str) -> None:
    assert with_secrets(before, ["NEW"]) == after


@pytest.mark.parametrize(
    "text",
    ["secrets: &a [X]\nvars: *a\n", "[1]", "a: [", "version: 1\n---\nx: 1\n"],
)
def test_where_adding_is_not_enough_nothing_is_made(text: str) -> None:
    assert with_secrets(text, ["NEW"]) is None


@given(st.lists(st.sampled_from("ABCDEF"), unique=True), st.sampled_from("ABCDEF"), st.integers(0, 1))
def test_adding_a_second_time_adds_nothing(names: list[str], name: str, flow: int) -> None:
    text = yaml.safe_dump({"version": 1, "secrets": names}, default_flow_style=bool(flow))
    once = with_secrets(text, [name])

    assert once is not None
    assert yaml.safe_load(once)["secrets"] == [*names, *([name] if name not in names else [])]
    assert with_secrets(once, [name]) == once
