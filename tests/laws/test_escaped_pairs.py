"""YAML holds JSON: characters that a program wrote as two escapes are read, wherever they stand, at their place."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tavusctl.config import yaml12
from tavusctl.core.address import Address, Source
from tavusctl.core.diagnostics import Edit
from tavusctl.lib.json_types import as_object, as_text
from tavusctl.rewrite.apply_edits import splice
from tavusctl.rewrite.formatter import format_document

# Characters of all planes, those that stand in for others among them, and what looks like an escape.
TEXT = st.text(
    st.sampled_from("a\\\"'u \U0001f600\U00010000\U0010ffff\ue000\ue03d\ue600\ue801\uf000\ud7ff\uffef")
) | st.just("\\ud83d\\ude00")
JSON = st.recursive(TEXT, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3))


@given(JSON)
def test_what_json_escapes_is_read_as_it_was(value: object) -> None:
    text = json.dumps({"a": value, "z": 1}, ensure_ascii=True)

    read = yaml12.read(text.encode(), "f.yaml")

    assert [one.value for one in read.documents] == [{"a": value, "z": 1}], read.diagnostics
    assert read.documents[0].keys["/z"] == Source("f.yaml", 1, text.rindex('"z"') + 1)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (r"a: \ud83d\ude00", r"\ud83d\ude00"),
        (r"a: '\uD83D\ude00 \uD83D\uDE00'", r"\ud83d\ude00 \ud83d\ude00"),
        ("a: |-\n  \\ud83d\\uDE00 x\n  \\uE83d\nb: 1", "\\ud83d\\ude00 x\n\\ue83d"),
        (r'a: "\\ud83d \uD83D\uDE00 \ue000"', "\\ud83d \U0001f600 \ue000"),
        (r'"a": "\ud83d\ude00"  # \ud83d\ude00', "\U0001f600"),
        ("a: \"x\\ud83d\\ude00 \ue000\"\nb: '\\ud83d\\ude00'", "x\U0001f600 \ue000"),
    ],
)
def test_only_double_quotes_have_escapes(written: str, expected: str) -> None:
    (document,) = yaml12.read(written.encode(), "f.yaml").documents

    assert as_text(as_object(document.value)["a"]).lower() == expected
    if "uD83D" in written and "'" in written:
        assert as_object(document.value)["a"] == r"\uD83D\ude00 \uD83D\uDE00"


@pytest.mark.parametrize(
    ("written", "place", "message"),
    [
        (r'a: "x\ud83d"', 6, r"`\ud83d` is half of a surrogate pair"),
        (r'a: "\ude00 \ud83d\ude00"', 5, r"`\ude00` is half of a surrogate pair"),
        (r'a: "\ud83d\ud83d\ude00"', 5, r"`\ud83d` is half of a surrogate pair"),
        (r'a: "\U00110000"', 5, r"`\U00110000` names no character"),
    ],
)
def test_half_a_character_is_named(written: str, place: int, message: str) -> None:
    (found,) = yaml12.read(written.encode(), "f.yaml").diagnostics

    assert (found.id, str(found.source)) == ("TV101", f"f.yaml:1:{place}")
    assert message in found.message
    assert found.hint == "write the character itself"


def test_a_file_with_pairs_is_edited_and_tidied() -> None:
    written = '{"kind": "toy", "name": "t", "spec": {"\\ud83d\\ude00": "Hi \\ud83d\\ude00", "a": "b"}}\n'
    edit = Edit(Address("toy", "t"), "/spec/a", "set", "c \U0001f600")

    changed = splice(written.encode(), "f.yaml", [edit])

    assert as_object(yaml12.read(changed, "f.yaml").documents[0].value)["spec"] == {
        "\U0001f600": "Hi \U0001f600",
        "a": "c \U0001f600",
    }
    assert b'"\\ud83d\\ude00": "Hi \\ud83d\\ude00"' in changed
    tidy = format_document(written.encode(), "f.yaml", "")
    assert yaml12.read(tidy, "f.yaml").documents[0].value == yaml12.read(written.encode(), "f.yaml").documents[0].value
