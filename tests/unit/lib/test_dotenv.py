from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tavusctl.lib import dotenv

NAMES = st.sampled_from(["A", "B", "PERSONA_ID"])
VALUES = st.sampled_from(["p1", "p1,p2", "", "true", "it's", "a # b", "https://example.com/?a=1&b=2"])
LINES = st.sampled_from(
    [
        "",
        "# A=comment 'open",
        "A=1",
        "export A='old' # kept",
        'B = "old"',
        "B=",
        "B= # nothing",
        "A=a#b",
        'KEY="first\nA=inside\nlast"',
        "KEY='{\"A\": 1}'",
        "not an assignment",
        "C=`x`",
        "A='unterminated",
    ]
)
TEXTS = st.tuples(st.lists(LINES, max_size=6), st.sampled_from(["\n", "\r\n"])).map(lambda each: each[1].join(each[0]))


@given(TEXTS, st.dictionaries(NAMES, VALUES, max_size=3))
def test_what_was_merged_is_not_stale_and_merging_again_changes_nothing(text: str, values: dict[str, str]) -> None:
    merged = dotenv.merge(text, values)
    assert dotenv.differing_names(merged, values) == []
    assert dotenv.merge(merged, values) == merged


@given(TEXTS, st.dictionaries(NAMES, VALUES, max_size=3))
def test_names_that_are_not_asked_for_keep_every_byte(text: str, values: dict[str, str]) -> None:
    merged = dotenv.merge(text, values)
    for line in ("# A=comment 'open", 'KEY="first\nA=inside\nlast"', "KEY='{\"A\": 1}'", "not an assignment", "C=`x`"):
        if "unterminated" not in text:
            assert merged.count(line) == text.count(line)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "A=1\n"),
        ("B=2", "B=2\nA=1\n"),
        ("B=2\r\n", "B=2\r\nA=1\r\n"),
        ("A=0\nA=2 # two\n", "A=1\nA=1 # two\n"),
        ("export A = '0'\n", "export A = 1\n"),
        ("A= # none\n", "A= 1 # none\n"),
        ("\ufeffA=0\n", "\ufeffA=1\n"),
        ('A="1"\n', 'A="1"\n'),
        ("AA=0\nB.A=0\n", "AA=0\nB.A=0\nA=1\n"),
    ],
)
def test_merged(text: str, expected: str) -> None:
    assert dotenv.merge(text, {"A": "1"}) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [("", ""), ("a,b", "a,b"), ("a b", "'a b'"), ('say "x"', "'say \"x\"'"), ("it's", '"it\'s"'), ("a#b", "'a#b'")],
)
def test_quoted(value: str, expected: str) -> None:
    assert dotenv.quoted(value) == expected


@pytest.mark.parametrize("value", ['it\'s "x"', "a\nb", "$HOME", "a\\b", "\x1b[0m"])
def test_what_programs_read_differently_cannot_be_written(value: str) -> None:
    with pytest.raises(dotenv.UnwritableError):
        dotenv.quoted(value)
