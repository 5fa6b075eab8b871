from __future__ import annotations

import time
from typing import Any

import pytest
import yaml

from tavusctl.config import yaml12
from tavusctl.core.address import Source
from tavusctl.core.diagnostics import Severity


def diagnostics(text: bytes | str) -> list[str]:
    parsed = yaml12.read(text.encode() if isinstance(text, str) else text, "f.yaml")
    return [f"{diagnostic.source} {diagnostic.id} {diagnostic.message}" for diagnostic in parsed.diagnostics]


def value(text: bytes | str) -> Any:
    parsed = yaml12.read(text.encode() if isinstance(text, str) else text, "f.yaml")
    assert not [diagnostic for diagnostic in parsed.diagnostics if diagnostic.severity is Severity.ERROR]
    (document,) = parsed.documents
    return document.value


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("null", None),
        ("~", None),
        ("", None),
        ("true", True),
        ("FALSE", False),
        ("0", 0),
        ("-12", -12),
        ("+3", 3),
        ("0o17", 15),
        ("0xfF", 255),
        (".5", 0.5),
        ("1.", 1.0),
        ("-1.5e3", -1500.0),
        ("9999999999999999999", 9999999999999999999),
        ("'1'", "1"),
        ('"true"', "true"),
        ("text", "text"),
        ("=", "="),
        ("1.2.3", "1.2.3"),
        ("-", [None]),
        ("+", "+"),
        ("[]", []),
        ("{}", {}),
        ("laughs 😄 é", "laughs 😄 é"),
        ("|\n    one\n    two\n", "one\ntwo\n"),
        (">-\n    one\n    two\n", "one two"),
        ("nulls", "nulls"),
    ],
)
def test_scalars_follow_the_core_schema(written: str, read: object) -> None:
    found = value(f"a:\n  b: {written}" if written != "-" else "a:\n  b:\n  -")
    assert found == {"a": {"b": read}}
    assert type(found["a"]["b"]) is type(read)


@pytest.mark.parametrize(
    "written",
    [
        *("y", "N", "yes", "Yes", "NO", "on", "Off", "0123", "08", "-012", "0b11", "1_000", "12:30", "12:30:45"),
        *("1:30.5", "2024-01-02", "2024-13-45", "2024-01-02T03:04:05Z", "2024-1-2 3:04:05 +1:00", "0x_f"),
    ],
)
def test_what_older_yaml_reads_otherwise_is_text_with_a_warning(written: str) -> None:
    parsed = yaml12.read(f"a: {written}\nb: '{written}'\n".encode(), "f.yaml")
    assert parsed.documents[0].value == {"a": written, "b": written}
    (warning,) = parsed.diagnostics
    assert (warning.id, warning.severity, warning.source) == ("TV105", Severity.WARNING, Source("f.yaml", 1, 4))
    assert warning.hint == f'write `"{written}"`'


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("a: We are #1 in town", 11),
        ("a: We are  \t#1 in town", 13),
        ("- We are #1", 10),
        ("a: \u00e9\u2028\U0001f600 #1", 8),
        ("a: #1 in town", 4),
        ("a:  \t#1 in town", 6),
        ("- #1 in town", 3),
        ("a: [#1 in town", 0),
        ("a: # 1", 0),
        ("a: #x\n  b: 1", 0),
        ("a:\n  #x\nb: 1", 0),
        ("a: ~ #x", 0),
        ("--- #x", 0),
        ('a: "" #x', 0),
        ('a: "We are #1" #x', 0),
        ("a: |\n  We are #1\nb: 2", 0),
        ("a: We are # 1", 0),
        ("a: We are #", 0),
        ("a: We are ## 1", 0),
        ("a: We are#1", 0),
        ("a: 3 #x", 0),
        ("a: We are #tavusctl: ignore=TV201", 0),
        ("a: We are\n#b: 2", 0),
    ],
)
def test_a_text_that_a_comment_without_a_space_ends_gets_a_warning(text: str, column: int) -> None:
    warnings = [one for one in yaml12.read(text.encode(), "f.yaml").diagnostics if one.id == "TV136"]
    assert [one.source for one in warnings] == ([Source("f.yaml", 1, column)] if column else [])


def test_every_value_and_key_has_its_position() -> None:
    text = "# comment\na: 1\nb/c~:\n  - 'x'\n  - k: |\n      text\n    é: ü\n"
    (document,) = yaml12.read(text.encode(), "f.yaml").documents
    assert document.source == Source("f.yaml", 2, 1)
    assert {pointer: (at.line, at.column) for pointer, at in document.sources.items()} == {
        "": (2, 1),
        "/a": (2, 4),
        "/b~1c~0": (4, 3),
        "/b~1c~0/0": (4, 5),
        "/b~1c~0/1": (5, 5),
        "/b~1c~0/1/k": (5, 8),
        "/b~1c~0/1/é": (7, 8),
    }
    assert {pointer: (at.line, at.column) for pointer, at in document.keys.items()} == {
        "/a": (2, 1),
        "/b~1c~0": (3, 1),
        "/b~1c~0/1/k": (5, 5),
        "/b~1c~0/1/é": (7, 5),
    }


def test_documents_are_read_one_by_one_and_empty_ones_left_out() -> None:
    parsed = yaml12.read(b"---\n---\na: 1\n---\n# nothing\n---\nb: 2\n...\n", "f.yaml")
    assert [document.value for document in parsed.documents] == [{"a": 1}, {"b": 2}]
    assert [document.source.line for document in parsed.documents] == [3, 7]
    assert yaml12.read(b"", "f.yaml") == yaml12.read(b"# only this\n", "f.yaml") == yaml12.Parsed()


@pytest.mark.parametrize("text", ["\ufeffa: x\nb: y\n", "a: x\r\nb: y\r\n", "%YAML 1.2\n---\na: x\nb: y\n"])
def test_byte_order_marks_line_ends_and_the_version_are_taken(text: str) -> None:
    assert value(text) == {"a": "x", "b": "y"}


def test_a_byte_order_mark_does_not_shift_positions() -> None:
    (document,) = yaml12.read("\ufeffa: x\n".encode(), "f.yaml").documents
    assert document.keys["/a"] == Source("f.yaml", 1, 1)


def test_aliases_are_copies_with_positions_of_their_own() -> None:
    (document,) = yaml12.read(b"a: &x {k: [1]}\nb: *x\nc: &s text\nd: *s\n", "f.yaml").documents
    assert document.value == {"a": {"k": [1]}, "b": {"k": [1]}, "c": "text", "d": "text"}
    assert document.value["a"] is not document.value["b"]
    assert document.value["a"]["k"] is not document.value["b"]["k"]
    assert str(document.sources["/b"]) == "f.yaml:2:4"
    assert str(document.sources["/b/k/0"]) == "f.yaml:1:12"
    assert str(document.keys["/b/k"]) == "f.yaml:1:8"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\nb: 2\n'a': 3\n", ["f.yaml:3:1 TV102 duplicate key `a`, first used in line 1, column 1"]),
        ("x: {a: 1, a: 2}\n", ["f.yaml:1:11 TV102 duplicate key `a`, first used in line 1, column 5"]),
        ("a: &x {b: 1}\nc:\n  <<: *x\n", ["f.yaml:3:3 TV101 YAML merge keys (`<<`) are not supported"]),
        ("a: !!python/object/apply:os.system [x]\n", ["f.yaml:1:4 TV101 YAML tags are not supported, found "]),
        ("a: !!str 1\n", ["f.yaml:1:4 TV101 YAML tags are not supported, found "]),
        ("a: ! 1\n", ["f.yaml:1:4 TV101 YAML tags are not supported, found `!`"]),
        ("!!str a: 1\n", ["f.yaml:1:1 TV101 YAML tags are not supported, found "]),
        ("%TAG !e! tag:x,2000:\n---\na: 1\n", ["f.yaml:1:1 TV101 YAML tags are not supported"]),
        ("12: x\n", ["f.yaml:1:1 TV104 a key must be text, found `12`"]),
        ("9" * 70 + ": x\n", ["f.yaml:1:1 TV104 a key must be text, found `9999"]),
        ("-: x\n1.0: x\n0o7: x\n", ["f.yaml:2:1 TV104 a key must be text", "f.yaml:3:1 TV104 a key must be text"]),
        ("null: x\n", ["f.yaml:1:1 TV104 a key must be text, found `null`"]),
        ("~: x\n", ["f.yaml:1:1 TV104 a key must be text, found `~`"]),
        ("? [a, b]\n: x\n", ["f.yaml:1:3 TV101 a key must be text, found a mapping, a list or an alias"]),
        ("a: &x 1\n*x : 2\n", ["f.yaml:2:1 TV101 a key must be text, found a mapping, a list or an alias"]),
        ("a: *x\n", ["f.yaml:1:4 TV101 alias `*x` has no anchor above it"]),
        ("a: &x [1, *x]\n", ["f.yaml:1:11 TV101 alias `*x` is inside the value that it repeats"]),
        ("a: &x 1\n---\nb: *x\n", ["f.yaml:3:4 TV101 alias `*x` has no anchor above it"]),
        ("a: .nan\nb: -.INF\nc: 1e999\n", ["f.yaml:1:4 TV104 ", "f.yaml:2:4 TV104 ", "f.yaml:3:4 TV104 `1e999`"]),
        ("a: 12345678901234567890\n", ["f.yaml:1:4 TV115 `12345678901234567890` has more than 19 digits"]),
        ("a: 0xfffffffffffffffff\n", ["f.yaml:1:4 TV115 `0xfffffffffffffffff` has more than 19 digits"]),
        ("a: " + "9" * 5000, ["f.yaml:1:4 TV115 the number is too long (5000 characters)"]),
        ("a: b: c\n", ["f.yaml:1:5 TV101 invalid YAML: mapping values are not allowed"]),
        ("a:\n\t- b\n", ["f.yaml:2:1 TV101 invalid YAML: "]),
        ("a: @b\n", ["f.yaml:1:4 TV101 invalid YAML: found character that cannot start any token"]),
        ("a: [${ref:x/y}]\n", ["f.yaml:1:"]),
        ('a: "\\ud83d"\n', ["f.yaml:1:5 TV101 invalid YAML: the escape"]),
        ('a: "x\\0y"\n', ["f.yaml:1:4 TV101 the text contains a NUL character"]),
        ('"x\\0y": 1\n', ["f.yaml:1:1 TV101 the text contains a NUL character"]),
        ("a: é\0c\n", ["f.yaml:1:5 TV101 a control character (U+0000) is not allowed"]),
        ("a: 1\nb: \x1b[31m\n", ["f.yaml:2:4 TV101 a control character (U+001B) is not allowed"]),
        (b"a: 1\nb: \xc3\xa9 \xff\n", ["f.yaml:2:6 TV101 the file is not UTF-8: byte 0xFF"]),
        (b"\xef\xbb\xbfa: \xff\n", ["f.yaml:1:4 TV101 the file is not UTF-8: byte 0xFF"]),
        (b"a: \xed\xa0\x80\n", ["f.yaml:1:4 TV101 the file is not UTF-8: byte 0xED"]),
        ("a: 1\n".encode("utf-16"), ["f.yaml:1:1 TV101 the file is in UTF-16 or UTF-32"]),
        ("a: 1\n".encode("utf-16-be"), ["f.yaml:1:1 TV101 the file is in UTF-16 or UTF-32"]),
        ("a: 1\n".encode("utf-32"), ["f.yaml:1:1 TV101 the file is in UTF-16 or UTF-32"]),
    ],
)
def test_what_is_refused_is_told_with_its_place(text: str | bytes, expected: list[str]) -> None:
    found = diagnostics(text)
    assert len(found) == len(expected)
    assert all(diagnostic.startswith(start) for diagnostic, start in zip(found, expected, strict=True)), found


SAME_INDENT = "indent all keys of one mapping, and all items of one list, by the same number of spaces"
SAME_COLUMN = "begin the key in this line and the key in the line above in the same column"
SEPARATE = "separate the items with commas, and close the bracket"
NO_COLON = "put a colon and a space after the key in the line above"
ONE_QUOTE = r"write a quote inside a text as `''` between single quotes, as `\"` between double quotes"
LOWER = "write the text into the lines below, and indent them"
WITHOUT_COLON = "write `KEY: VALUE`, or indent the line more than the line above if it continues a text"
REMOVE = "remove it, or write a value before it"
SECOND = "write `---` in the line above if a second manifest begins here, else remove one of the two"


@pytest.mark.parametrize("loader", ["CSafeLoader", "SafeLoader"])
@pytest.mark.parametrize(
    ("text", "place", "hint"),
    [
        ("a:\n\t- b\n", "2:1", "indent with spaces, not with tabs"),
        ("a: \u201cb: c\u201d\n", "1:6", 'the quotes of a text must be straight: replace the typographic ones by `"`'),
        (
            "- \u00abb: c: d\u00bb\n",
            "1:8",
            'the quotes of a text must be straight: replace the typographic ones by `"`',
        ),
        ("a: b\n \u3000c: d\n", "2:4", "in this line, replace the character U+3000 by a normal space"),
        ("a:\n  b:\xa0c\n  d: e\n", "3:4", "in the line above, replace the character U+00A0 by a normal space"),
        ("a:\n\u200b  b: c\n  d: e\n", "3:4", "in the line above, replace the character U+200B by a normal space"),
        ("a: b\nc\uff1ad\n", "2:1", "in this line, replace the character U+FF1A by a colon `:`"),
        ("a:\n  b\uff1ac\n  d: e\n", "3:4", "in the line above, replace the character U+FF1A by a colon `:`"),
        ("a: [${ref:x/y}]\n", "1:6", 'inside `[ ]` and `{ }`, put `"${...}"` in quotes'),
        ("a: @b\n", "1:4", "put quotes around the text"),
        ("a: b: c\n", "1:5", "put quotes around the text"),
        ("- a: b: c\n", "1:7", "put quotes around the text"),
        ("a: *b\n", "1:4", "an anchor counts up to the next `---`; put quotes around the text if it is no alias"),
        ("a: ${file: b.md}\n", "1:10", "remove the spaces inside `${file:...}`"),
        ("a: 'b\nc: d\n---\ne: f\n", "1:4", "close the quote"),
        ('a: "b\n', "1:4", "close the quote"),
        ("kind: persona\nname\nspec: {}\n", "2:1", WITHOUT_COLON),
        ("a: |\nText of it.\nb: c\n", "2:1", WITHOUT_COLON),
        ("a: {{b}}\n", "1:5", "write a text before the colon, or put quotes around a text with `{{`"),
        ("a: [b, , c]\n", "1:8", REMOVE),
        ("a: ]\n", "1:4", REMOVE),
        ("spec:\n   a: b\n  c: d\n", "3:3", SAME_INDENT),
        ("a:\n  - b\n - c\n", "3:2", SAME_INDENT),
        ("a:\n  b: c\n  - d: e\n", "3:3", "remove `- ` at the beginning of the line"),
        ("a: [b], c\n", "1:7", "put quotes around the text"),
        ("a: {b: c} d\n", "1:11", "put quotes around the text"),
        ("spec:\n  a: b\n   c: d\n", "3:5", SAME_COLUMN),
        ("spec:\na: b\n\n  c: d\n", "4:4", SAME_COLUMN),
        ("spec:\n  a:b\n  c: d\n", "3:4", NO_COLON),
        ("spec:\n  a\n  c: d\n", "3:4", NO_COLON),
        ("a: [1, 2\nb: c\n", "2:2", SEPARATE),
        ("a: {b: 1 c: 2}\n", "1:11", SEPARATE),
        ("a: [\n", "2:1", "close the bracket"),
        ("a: 'It's fine'\n", "1:8", ONE_QUOTE),
        ('a: "say "hi" now"\n', "1:10", ONE_QUOTE),
        ("a: | b\n", "1:6", LOWER),
        ("a: - b\n", "1:4", "put quotes around the text, or write the list into the lines below"),
        ("kind: a\nname: b\nkind: c\nname: d\n", "3:1", SECOND),
        ("kind: a\nname: b\nname: d\n", "3:1", "keep one of them"),
        ("secrets: []\nenvironments: {}\nsecrets: []\n", "3:1", "keep one of them"),
    ],
)
def test_common_slips_get_a_hint(
    monkeypatch: pytest.MonkeyPatch, loader: str, text: str, place: str, hint: str
) -> None:
    if loader == "SafeLoader":  # PyYAML without C
        monkeypatch.delattr(yaml, "CSafeLoader")
    for line_end in ("\n", "\r\n", "\r"):
        found = yaml12.read(text.replace("\n", line_end).encode(), "f.yaml").diagnostics
        assert [(str(diagnostic.source), diagnostic.hint) for diagnostic in found] == [(f"f.yaml:{place}", hint)]


@pytest.mark.parametrize(
    "text",
    [
        "spec:\n  key: -----BEGIN\n    sk-live-0123456789\n    more: x\n",
        "spec:\n  key:sk-live-0123456789\n  more: x\n",
        "spec:\n  key: sk-live-0123456789\n   more: x\n",
        *(f"spec:\n  key: ${{{scheme}: sk-live-0123456789}}\n" for scheme in ("ref", "file", "var", "secret")),
        'spec:\n  key: "sk-live-0123456789\n',
        "kind: a\nsk-live-0123456789\nmore: x\n",
    ],
)
def test_no_text_of_an_invalid_file_is_quoted_because_it_may_be_a_key(text: str) -> None:
    (found,) = yaml12.read(text.encode(), "f.yaml").diagnostics
    assert found.id == "TV101"
    assert found.hint
    assert "sk-live" not in f"{found.message} {found.hint}"


def test_all_complaints_of_a_file_come_in_one_run_and_documents_before_a_break_are_kept() -> None:
    parsed = yaml12.read(b"a: 1\na: 2\n---\nb: yes\n---\nc: [\n", "f.yaml")
    assert [diagnostic.id for diagnostic in parsed.diagnostics] == ["TV102", "TV105", "TV101"]
    assert [document.value for document in parsed.documents] == [{"a": 2}, {"b": "yes"}]


def test_depth_is_bounded() -> None:
    assert value("[" * 64 + "]" * 64)
    assert diagnostics("[" * 65 + "]" * 65) == ["f.yaml:1:65 TV115 nested deeper than 64 levels"]
    nested = "a: &x " + "[" * 40 + "]" * 40 + "\nb: " + "[" * 40 + "*x" + "]" * 40
    assert [line.split(" ", 1)[1] for line in diagnostics(nested)] == ["TV115 nested deeper than 64 levels"]


def _bomb(seed: str) -> str:
    lines = [f"a0: &a0 {seed}"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 11)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("nested lists", "[" * 100_000),
        ("nested mappings", "{a: " * 100_000),
        ("nested blocks", "- " * 100_000),
        ("nested keys", "? " * 100_000),
        ("alias bomb", _bomb("x")),
        ("alias bomb of text", _bomb("x" * 100_000)),
        ("long keys above many values", f"? {'k' * 100_000}\n: [{'1, ' * 1000}1]\n" * 2),
        ("many values", "- a\n" * 1_200_000),
        ("many documents", "---\n" * 1_200_000),
        ("many directives", "%TAG !a! b\n" * 400_000),
        ("many anchors", "".join(f"- &a{n} x\n" for n in range(150_000))),
        ("many duplicates", "a: 1\n" * 500_000),
        ("many look-alikes", "- yes\n" * 150_000),
        ("one long line", "a: " + "x " * 2_500_000),
        ("long number", "a: " + "1" * 5_000_000),
        ("long almost number", "a: " + "1_" * 2_500_000),
        ("open quotes", '"' * 1_000_001),
        ("spaces", " " * 5_000_000),
        ("larger than is read", "a" * 5_242_881),
    ],
)
def test_hostile_files_are_answered_in_linear_time(name: str, text: str) -> None:
    content = text.encode()
    start = time.process_time()
    parsed = yaml12.read(content, "f.yaml")
    assert time.process_time() - start < 5, name  # under 1 s on a quiet machine; what is not linear takes minutes
    assert all(diagnostic.source is not None and diagnostic.source.line >= 1 for diagnostic in parsed.diagnostics)
    assert len(parsed.diagnostics) <= 201


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('a: "\\ud800x"\n', "f.yaml:1:4 TV101 the text contains half of a surrogate pair"),
        ('a: 1\nb: "\\UFFFFFFFF"\n', "f.yaml:1:4 TV101 invalid YAML: an escape sequence names no character"),
        ("a: x\0\n", "f.yaml:1:5 TV101 a control character (U+0000) is not allowed"),
        ("a: [\n", "f.yaml:2:1 TV101 invalid YAML"),
        ("[" * 1000, "f.yaml:1:65 TV115 nested deeper than 64 levels"),
    ],
)
def test_without_the_parser_in_c_the_same_is_refused(monkeypatch: pytest.MonkeyPatch, text: str, expected: str) -> None:
    monkeypatch.delattr(yaml, "CSafeLoader")
    parsed = yaml12.read(text.encode(), "f.yaml")
    (diagnostic,) = parsed.diagnostics
    assert f"{diagnostic.source} {diagnostic.id} {diagnostic.message}".startswith(expected)
    assert "\ud800" not in str([document.value for document in parsed.documents])


def test_a_file_of_full_size_is_read() -> None:
    assert value("a: " + "x" * (5 * 1024 * 1024 - 3)) == {"a": "x" * (5 * 1024 * 1024 - 3)}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: 1\n<<<<<<< HEAD\nb: 1\n=======\nb: 2\n>>>>>>> other\n", 2),
        ("a: |\n  one\n<<<<<<< HEAD\n  two\n", 3),
        ('a: "one\n<<<<<<< HEAD\n  two"\n', 2),
        ("a: 1\r\n||||||| 1a2b\r\nb: 2\r\n", 2),
        ("b: 2\n>>>>>>> other", 2),
    ],
)
def test_a_merge_that_is_not_resolved_is_called_so(text: str, line: int) -> None:
    (found,) = yaml12.read(text.encode(), "f.yaml").diagnostics

    assert (found.id, str(found.source)) == ("TV101", f"f.yaml:{line}:1")
    assert found.message.startswith("unresolved merge conflict of git: the line ")


@pytest.mark.parametrize("text", ["a: |\n  x\n  =======\n  << >>\n", "# <<<<<<< a\na: <<<<<<<<\n", "a: '>>>>>>> b'\n"])
def test_what_only_looks_like_a_merge_is_read(text: str) -> None:
    assert yaml12.read(text.encode(), "f.yaml").diagnostics == ()
