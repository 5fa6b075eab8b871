"""What an edit looks like in a file, style by style."""

from __future__ import annotations

import textwrap

import pytest

from tavusctl.core.address import Address
from tavusctl.core.diagnostics import Edit
from tavusctl.core.errors import RefusedError
from tavusctl.lib.json_types import Json
from tavusctl.rewrite.apply_edits import splice

ADDRESS = Address("persona", "a")
HEAD = "kind: persona\nname: a\n"


def edited(text: str, *edits: tuple[str, str] | tuple[str, str, Json], head: str = HEAD) -> str:
    made = [Edit(ADDRESS, pointer, op, *value) for op, pointer, *value in edits]  # type: ignore[arg-type]
    result = splice((head + textwrap.dedent(text).lstrip("\n")).encode(), "x.yaml", made).decode()
    assert result.startswith(head)
    return result.removeprefix(head)


@pytest.mark.parametrize(
    ("before", "value", "after"),
    [
        ("k: old  # why\n", "new", "k: new  # why\n"),
        ("k:    old\n", "new", "k:    new\n"),
        ("k: 'old'\n", "it's", "k: 'it''s'\n"),
        ('k: "old"\n', "new", 'k: "new"\n'),
        ("k: old\n", "yes", 'k: "yes"\n'),
        ("k: old\n", 5, "k: 5\n"),
        ("k:  # why\n", "new", "k: new  # why\n"),
        ("k: old # why\n", "one\ntwo\n", "k: | # why\n  one\n  two\n"),
        ('k: "old"\n', "one\ntwo", "k: |-\n  one\n  two\n"),
        ("k: |  # why\n    one\n    two\n\nz: 1\n", "one\n2", "k: |-  # why\n    one\n    2\n\nz: 1\n"),
        ("k: |\n  one\n", 5, "k: 5\n"),
        (
            "k: >-\n  one two\n  three four\n  five six\n",
            "one two three 4 five six",
            "k: >-\n  one two\n  three 4\n  five six\n",
        ),
        ("k: >\n  one\n\n  two\n  three\n", "1\ntwo three\n", "k: >\n  1\n\n  two\n  three\n"),
        ("k: old  # why\n", {"a": 1}, "k:  # why\n  a: 1\n"),
        ("k:\n  a: 1  # c\n", "new", "k: new\n"),
        ("k: [a, b]  # why\n", ["a", "c"], "k: [a, c]  # why\n"),
        ("k:\n- a # 1\n- b # 2\n- c # 3\n", ["a", "c"], "k:\n- a # 1\n- c # 3\n"),
        ("k:\n- a # 1\n- c # 3\n", ["a", "b", "c"], "k:\n- a # 1\n- b\n- c # 3\n"),
        (
            "k:\n  - name: x  # 1\n    v: 1  # 2\n  - name: y  # 3\n    v: 2\n",
            [{"name": "y", "v": 3}],
            "k:\n  - name: y  # 3\n    v: 3\n",
        ),
        ("k: {a: 1, b: [x]}\n", {"a": 1, "b": ["x", "z"], "c": None}, "k: {a: 1, b: [x, z], c: null}\n"),
        ("k: {}  # why\n", {"a": {"b": 1}}, "k:  # why\n  a:\n    b: 1\n"),
    ],
)
def test_a_value_keeps_the_style_of_what_it_replaces(before: str, value: Json, after: str) -> None:
    assert edited(before, ("set", "/k", value)) == after


@pytest.mark.parametrize(
    ("before", "pointer", "after"),
    [
        ("a: 1\n# about b\nb: 2  # b\nc: 3\n", "/b", "a: 1\n# about b\nc: 3\n"),
        ("a: 1\nb:\n  - x\n\n# end\n", "/b", "a: 1\n\n# end\n"),
        ("a: 1\nb: 2", "/b", "a: 1"),
        ("a:  # c\n  # d\n  b: 1  # e\n", "/a/b", "a: {}  # c\n  # d\n"),
        ("a:\n  - x\n", "/a/0", "a: []\n"),
        ("a:\n  - b: 1  # c\n    d: 2\n", "/a/0/b", "a:\n  - d: 2\n"),
        ("a:\n  - b: 1\n    # about d\n    d: 2\n", "/a/0/b", "a:\n  -\n    # about d\n    d: 2\n"),
        ("a: {b: 1, c: 2, d: 3}\n", "/a/c", "a: {b: 1, d: 3}\n"),
        ("a: {b: 1, c: 2}\n", "/a/c", "a: {b: 1}\n"),
        ("a: [\n  1, # one\n  2, # two\n  3  # three\n]\n", "/a/2", "a: [\n  1, # one\n  2 # two\n]\n"),
        ("a: [\n  1, # one\n  2, # two\n  3  # three\n]\n", "/a/1", "a: [\n  1, # one\n  3  # three\n]\n"),
        ("a: |+\n  text\n\nb: 1\n\nc: 2\n", "/b", "a: |+\n  text\n\nc: 2\n"),
    ],
)
def test_what_is_removed_goes_with_its_lines_and_its_comment(before: str, pointer: str, after: str) -> None:
    assert edited(before, ("remove", pointer)) == after


@pytest.mark.parametrize(
    ("before", "pointer", "value", "after"),
    [
        ("a: 1\n\n# end\n", "/b", 2, "a: 1\nb: 2\n\n# end\n"),
        ("a: 1", "/b", 2, "a: 1\nb: 2"),
        (
            "s:\n    a: 1\n# next\nt: 1\n",
            "/s/b",
            {"c": [{"d": 1}]},
            "s:\n    a: 1\n    b:\n        c:\n            - d: 1\n# next\nt: 1\n",
        ),
        ("s:\n- a\n", "/s/-", {"b": {"c": ["d" * 90]}}, f"s:\n- a\n- b:\n    c:\n    - {'d' * 90}\n"),
        ("s: [a]\n", "/s/-", "b", "s: [a, b]\n"),
        ("s: [\n  a, # a\n  b # b\n]\n", "/s/-", "c", "s: [\n  a, # a\n  b, # b\n  c\n]\n"),
        ("s: {}\n", "/s/t/u", 1, "s:\n  t:\n    u: 1\n"),
        ("s:\n", "/s/t", "one\ntwo\n", "s:\n  t: |\n    one\n    two\n"),
        ("s:\n  a: |\n    text\n\n\nt: 1\n", "/s/b", 1, "s:\n  a: |\n    text\n  b: 1\n\n\nt: 1\n"),
    ],
)
def test_what_is_new_stands_at_the_end_of_its_collection(before: str, pointer: str, value: Json, after: str) -> None:
    assert edited(before, ("set", pointer, value)) == after


def test_a_key_is_renamed_with_its_quotes_and_everything_below_it_stays() -> None:
    text = 'a:  # c\n  "b" : [1]\n'
    assert edited(text, ("rename", "/a/b", "long name"), ("rename", "/a", "z")) == 'z:  # c\n  "long name" : [1]\n'


def test_json_stays_json() -> None:
    text = '{"kind": "persona", "name": "a",\n "spec": {"b": "c"}}\n'
    after = '{"kind": "persona", "name": "a",\n "spec": {"b": "d\\ne", "f": {"g": ["h"]}}}\n'
    assert edited(text, ("set", "/spec/b", "d\ne"), ("set", "/spec/f/g", ["h"]), head="") == after


def test_only_the_document_of_the_address_is_changed_and_line_ends_and_mark_stay() -> None:
    text = "\ufeffkind: persona\r\nname: b\r\nv: 1\r\n--- # two\r\nkind: persona\r\nname: a\r\nv: 1\r\n"
    after = text[:-6] + "v: |-\r\n  x\r\n  y\r\n"
    assert splice(text.encode(), "x.yaml", [Edit(ADDRESS, "/v", "set", "x\ny")]).decode() == after


@pytest.mark.parametrize(
    ("text", "edit", "reason"),
    [
        ("a: &x\n  b: 1\nc: *x\n", ("set", "/a/b", 2), "line 3 has the YAML anchor `&x`, which an alias repeats"),
        ("a: &x\n  b: 1\nc: *x\n", ("set", "/c/b", 2), "line 5 has the YAML alias `*x`"),
        ("a: &x 1\nc: *x\n", ("remove", "/a"), "line 3 has the YAML anchor `&x`"),
        ("a:\n  b: &x 1\nc: *x\n", ("set", "/a", 1), "line 4 has the YAML anchor `&x`"),
        ("a: 1\n", ("remove", "/b"), "`/b` does not exist"),
        ("a: 1\n", ("set", "/a/b", 1), "`/a/b` does not exist"),
        ("a: [1]\n", ("set", "/a/7", 1), "`/a/7` does not exist"),
        ("a: 1\nb: 2\n", ("rename", "/a", "b"), "`/a` cannot be renamed to `b`"),
        ("a: 1\n", ("set", "/a", "\ud800"), "YAML cannot carry"),
        ("a: 1\na: 2\n", ("set", "/a", 1), "it is invalid already: duplicate key `a`"),
        ("a: 1\n---\nkind: persona\nname: a\n", ("set", "/a", 1), "it has 2 documents with kind: persona and name: a"),
    ],
)
def test_what_cannot_be_edited_alone_is_refused_with_the_reason(
    text: str, edit: tuple[str, str, Json], reason: str
) -> None:
    with pytest.raises(RefusedError) as refused:
        edited(text, edit)
    assert reason in refused.value.message
    assert refused.value.id == "E430"


def test_an_alias_is_replaced_and_its_anchor_stays() -> None:
    assert edited("a: &x {b: 1}\nc: *x\n", ("set", "/c", {"d": 2})) == "a: &x {b: 1}\nc:\n  d: 2\n"


@pytest.mark.parametrize("break_", ["\n", "\r\n"])
def test_an_item_in_front_leaves_the_lines_of_the_others(break_: str) -> None:
    text = HEAD + "spec:\n  k:\n    # why\n    - b  # note\n    - c\n"
    made = [Edit(ADDRESS, "/spec/k", "set", ["a", "b", "c"])]
    after = splice(text.replace("\n", break_).encode(), "x.yaml", made).decode()
    assert after == text.replace("- b", "- a\n    - b").replace("\n", break_)
