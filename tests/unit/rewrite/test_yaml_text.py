"""JSON values as tidy YAML, and the law that every reader sees the same value."""

import json
import math

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from tavusctl.config import yaml12
from tavusctl.lib.json_types import Json
from tavusctl.rewrite import yaml_text

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])) | st.sampled_from(
    ["yes", "~", "0123", "12:30", "1e5", "1.2_3", "2026-01-02", "- a", "a: b", "a #b", "<<", "=", "---", "${var:x}"]
)
PROSE = st.lists(st.text(" ab\n\t:#-'\"\\|>é🙂", max_size=30) | st.just("\n" + "word " * 40), max_size=6).map("".join)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(10**19) + 1, 10**19 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT
    | PROSE
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4), max_leaves=20
)


def exact(value: Json) -> str:
    """A value with its types and the order of its keys."""
    return json.dumps(value)


def lines_read(lines: list[str]) -> Json:
    found = yaml12.read("\n".join([*lines, ""]).encode(), "x.yaml")
    assert found.diagnostics == ()
    return found.documents[0].value


@given(VALUES)
@example(["\n", " a\n b", "\ta\nb", "a\n\n", "a\n  ", "a\nb\n\n\n", "\n\n a\n"])
@example({"k" * 2000: {"a": [["b", "c" * 100], [[]]]}})
@example(1e16)
def test_every_value_reads_back_without_complaint(value: Json) -> None:
    lines = yaml_text.entry("value", value)
    assert exact(lines_read(lines)) == exact({"value": value})


@given(VALUES)
def test_readers_of_yaml_1_1_see_the_same_value(value: Json) -> None:
    text = "\n".join([*yaml_text.entry("value", [value]), ""])
    assert exact(yaml.load(text, yaml.SafeLoader)) == exact({"value": [value]})


@given(VALUES, st.integers(0, 4))
def test_values_stand_at_any_indent(value: Json, depth: int) -> None:
    lines = [f"{'  ' * level}k:" for level in range(depth)] + yaml_text.entry("k", value, depth * 2)
    for _ in range(depth + 1):
        value = {"k": value}
    assert exact(lines_read(lines)) == exact(value)


@given(VALUES)
def test_values_stand_inside_flow_collections(value: Json) -> None:
    assert exact(lines_read([f"[{yaml_text.flow(value)}, {yaml_text.flow({'k': value})}]"])) == exact(
        [value, {"k": value}]
    )


@given(st.text(" ab-:#", min_size=1))
def test_no_line_of_ours_is_quoted_without_need(text: str) -> None:
    written = yaml_text.line(text)
    if written != text:
        bare = yaml12.read(f"k: {text}\n".encode(), "x.yaml")
        starts_special = text[0] in "-?:,[]{}#&*!|>'\"%@`="
        assert starts_special or bare.diagnostics or bare.documents[0].value != {"k": text}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("plain text, with a comma", "k: plain text, with a comma"),
        ("${ref:replica/nathan}", "k: ${ref:replica/nathan}"),
        ("yes", 'k: "yes"'),
        ("Off", 'k: "Off"'),
        ("0123", 'k: "0123"'),
        ("12:30", 'k: "12:30"'),
        ("2026-01-02", 'k: "2026-01-02"'),
        ("~", 'k: "~"'),
        ("", 'k: ""'),
        ("note: this", 'k: "note: this"'),
        ("C# or C #", 'k: "C# or C #"'),
        ('say "hi"', 'k: say "hi"'),
        ('"hi", she said', "k: '\"hi\", she said'"),
        ("it's", "k: it's"),
        ("\x1b[31m", 'k: "\\u001B[31m"'),
        ("a\u202eb", 'k: "a\\u202Eb"'),
        (" lead", 'k: " lead"'),
        (1.5, "k: 1.5"),
        (1e16, "k: 1.0e+16"),
        (None, "k: null"),
        (True, "k: true"),
        ([], "k: []"),
        ({}, "k: {}"),
        (["a", "b"], "k: [a, b]"),
        (["a, b", "c?"], 'k: ["a, b", "c?"]'),
        ({"a": {"b": 1}}, "k:\n  a:\n    b: 1"),
        ([{"a": 1, "b": [2]}], "k:\n  - a: 1\n    b: [2]"),
        ("one\ntwo\n", "k: |\n  one\n  two"),
        ("one\n\ntwo", "k: |-\n  one\n\n  two"),
        ("one\ntwo\n\n", "k: |+\n  one\n  two\n"),
        (" one\ntwo", "k: |2-\n   one\n  two"),
        ("one\r\ntwo", 'k: "one\\r\\ntwo"'),
        ("word " * 25 + "end", "k: >-\n  " + "word " * 22 + "word\n  word word end"),
    ],
)
def test_values_as_a_careful_person_writes_them(value: Json, text: str) -> None:
    assert "\n".join(yaml_text.entry("k", value)) == text


@pytest.mark.parametrize("key", ["null", "1", "<<", "true", "a: b", "", "- x"])
def test_keys_that_would_not_be_text_are_quoted(key: str) -> None:
    assert yaml_text.entry(key, 1) == [f'"{key}": 1']


@pytest.mark.parametrize("value", [math.inf, math.nan, 10**19, "\0", "\ud800"])
def test_what_yaml_cannot_carry_is_refused(value: Json) -> None:
    with pytest.raises(ValueError, match=r"number|NUL"):
        yaml_text.entry("k", value)
