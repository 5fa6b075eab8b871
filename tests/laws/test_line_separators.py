"""YAML 1.2 knows two line breaks, CR and LF: U+0085, U+2028 and U+2029 are characters like any other, wherever they
stand; and lines are counted as editors and git count them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tavusctl.config import yaml12
from tavusctl.core.address import Address, Source
from tavusctl.core.diagnostics import Edit
from tavusctl.lint import suppressions
from tavusctl.rewrite.apply_edits import splice
from tavusctl.rewrite.formatter import format_document

SEPARATORS = "\x85\u2028\u2029"
# Also characters that may stand in for others while a text is parsed, and what escapes make of them.
TEXT = st.text(st.sampled_from(f"ab {SEPARATORS}\ue000\ue001\ue002\uf000\U0001f600\\\"'#:-"))
VALUES = st.recursive(TEXT, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3))


def read(text: str) -> Any:
    parsed = yaml12.read(text.encode(), "f.yaml")
    assert [one for one in parsed.diagnostics if one.id != "TV105"] == []
    (document,) = parsed.documents
    return document.value


@given(VALUES)
def test_json_with_separators_is_yaml(value: object) -> None:
    written = json.dumps({"a": value, "z": "\U0001f600"}, ensure_ascii=False)
    assert read(written) == {"a": value, "z": "\U0001f600"}
    halves = written.replace("\U0001f600", "\\ud83d\\ude00")
    assert read(halves) == {"a": value, "z": "\U0001f600"}


@pytest.mark.parametrize("one", SEPARATORS)
@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("a: x@y\n", "x@y"),
        ("a: x @ y\n", "x @ y"),
        ("a: x@\n", "x@"),
        ("a: 'x @ y'\n", "x @ y"),
        ('a: "x @ \\ue000\\ue001\\ue002 \ue003 y"\n', "x @ \ue000\ue001\ue002 \ue003 y"),
        ("a: |\n  x@y: 3\n   @\n", "x@y: 3\n @\n"),
        ("a: >-\n  x@y\n  z\n", "x@y z"),
        ("a: [x@y]\n", ["x@y"]),
        ("a: 1  # @b: 1\n", 1),
    ],
)
def test_a_separator_ends_no_line(one: str, written: str, value: object) -> None:
    expected = value.replace("@", one) if isinstance(value, str) else [f"x{one}y"] if isinstance(value, list) else value
    assert read(written.replace("@", one)) == {"a": expected}


@given(st.lists(st.sampled_from(["a", " ", "\n", "\r\n", *SEPARATORS]), max_size=12).map("".join))
def test_lines_are_those_of_an_editor(comment: str) -> None:
    head = "".join(f"# {line}\n" for line in comment.split("\n"))
    (found,) = yaml12.read(f"{head}a: 1\n\u2028b: [\n".encode(), "f.yaml").diagnostics
    assert found.source
    document = yaml12.read(f"{head}a: 1\nb: 'x\u2028y'\n".encode(), "f.yaml").documents[0]
    assert document.keys["/b"] == Source("f.yaml", head.count("\n") + 2, 1)
    (line,) = suppressions.in_text(f"{head}# tavusctl: ignore=TV200\na: 1\n")
    assert line == head.count("\n") + 2


@given(
    st.text(st.sampled_from(f"ab {SEPARATORS}#:"), min_size=1).map(lambda text: f"x{text}x"), st.sampled_from("|>\"'")
)
def test_files_with_separators_are_edited_and_formatted(text: str, style: str) -> None:
    scalar = f"{style}-\n    {text}" if style in "|>" else f"{style}{text}{style}"
    written = f"kind: persona\nname: t\nspec:\n  # {text}\n  a: {scalar}\n  b: 1  # {text}\n  c: [{style}x{style}]\n"
    written = written.replace("[|x|]", "[x]").replace("[>x>]", "[x]")
    before = read(written)
    assert before["spec"]["a"] == text

    formatted = format_document(written.encode(), "f.yaml").decode()
    assert read(formatted) == before
    assert formatted.count(text) == written.count(text)

    edited = splice(written.encode(), "f.yaml", [Edit(Address("persona", "t"), "/spec/b", "set", 2)]).decode()
    assert edited == written.replace("b: 1", "b: 2")
    removed = splice(written.encode(), "f.yaml", [Edit(Address("persona", "t"), "/spec/a", "remove")]).decode()
    assert removed == written.replace(f"  a: {scalar}\n", "")


@pytest.mark.parametrize("text", ["\ufeffa: 1\n---\n\ufeffb: 1\nc: 1\n", "a: 1\r\n\ufeff  b: 1\n"])
def test_a_byte_order_mark_of_a_later_line_is_named(text: str) -> None:
    (found,) = yaml12.read(text.encode(), "f.yaml").diagnostics
    line = text[1:].partition("\ufeff")[0].count("\n") + 1
    assert (found.id, found.hint, found.source) == ("TV101", "remove it", Source("f.yaml", line, 1))
