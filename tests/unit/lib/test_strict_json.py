"""JSON from strangers: what cannot be walked or held is refused before it is made, and nothing else is."""

from __future__ import annotations

import json
import time
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tavusctl.lib import strict_json as module
from tavusctl.lib.json_types import JsonObject, as_object, as_text
from tavusctl.lib.strict_json import MAX_DEPTH, strict_json, strict_lines

MB = 1024 * 1024
TEXTS = st.text(alphabet='",[]{}\\:abc\n\u00e9\U0001f600', max_size=12)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=20,
)


def count(value: Any) -> int:
    """Values, keys not counted."""
    if isinstance(value, dict | list):
        return 1 + sum(map(count, value.values() if isinstance(value, dict) else value))
    return 1


@given(VALUES)
def test_a_value_is_read_exactly_when_it_is_within_the_limit(value: Any) -> None:
    """Whatever stands in its texts: there are no fewer marks than values, and no more than twice as many."""
    content = json.dumps(value, ensure_ascii=False).encode()
    assert strict_json(content, 2 * count(value)) == value
    if count(value) > 1:
        with pytest.raises(ValueError, match="too many values"):
            strict_json(content, count(value) // 2)


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}"), ('[0,{"a":[],"b":', "}]")])
def test_a_well_is_no_document(opening: str, closing: str) -> None:
    levels = MAX_DEPTH // (opening.count("[{") + opening.count("[0,{") + 1)
    for times, fits in ((levels - 1, True), (levels + 1, False), (500, False), (100_000, False)):
        content = (opening * times + "[]" + closing * times).encode()
        if fits:
            strict_json(content)
        else:
            with pytest.raises(ValueError, match="nested too deeply"):
                strict_json(content)


PIECES = st.sampled_from(
    [
        *(
            '"',
            '"a"',
            '"b"',
            '"a":',
            '"a" :',
            '"a"\n\t:',
            '"a\\\\":',
            '"\\":"',
            '":"',
            ":",
            ",",
            "[",
            "]",
            "{",
            "}",
            " ",
            "\\",
        ),
        *("0", "-0", "-0.0", "1", "1.5", "1e5", "1e999", "5e-324", "01", "NaN", "-Infinity", "true", "null"),
        *(
            "123456789012345678901234567890",
            '"\\ud800"',
            '"\\udc00"',
            '"\\ud83d\\ude00"',
            '"\x01"',
            '"\x7f"',
            "\ufeff",
            "\xe9",
        ),
    ]
)
MEMBERS = st.lists(
    st.sampled_from(['"a"', '"a" ', '"b"', '"b\\\\"', '"\\""', '"\\":"', '":"']).flatmap(
        lambda key: st.sampled_from(["1", '":"', '"\\u003a"', '"\\u003A"', '"\\": "', '"\\\\"', '{"a":1}']).map(
            lambda value: f"{key}:{value}"
        )
    ),
    max_size=4,
).map(lambda members: f"{{{','.join(members)}}}")


def outcome(read: Any, content: bytes) -> str:
    """The value with its types, or what is wrong."""
    try:
        return repr(read(content))
    except ValueError as error:
        return f"{type(error).__name__}: {error}"


@given(st.lists(PIECES, max_size=12).map("".join) | MEMBERS | VALUES.map(json.dumps))
def test_what_is_read_quickly_is_read_alike(text: str) -> None:
    content = text.encode()
    assert outcome(strict_json, content) == outcome(module._decode_slowly, content)


BOMBS: JsonObject = {
    "lists": b"[" + b"[]," * MB + b"[]]",
    "objects": b"[" + b"{}," * MB + b"{}]",
    "numbers": b"[" + b"1," * (2 * MB) + b"1]",
    "members": b"{" + b",".join(b'"%d":0' % number for number in range(200_000)) + b"}",
    "texts that are not closed": b'["' + b'\\"' * (2 * MB),
    "quotes": b'"' * (4 * MB),
}


@pytest.mark.parametrize("content", BOMBS.values(), ids=BOMBS)
def test_a_bomb_is_refused_before_it_takes_memory_or_time(content: bytes) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=r"too many|Extra data|Expecting|Unterminated"):
            strict_json(content, 20_000)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2 * len(content) + MB, "its text, at most"


def test_the_limit_is_found_soon() -> None:
    content = b"[" + b'{"":""},' * 500_000 + b"{}]"
    began = time.process_time()
    with pytest.raises(ValueError, match="too many"):
        strict_json(content)
    assert time.process_time() - began < 3


def test_many_commas_in_a_text_are_no_values() -> None:
    content = json.dumps({"text": "a, [b] {c}, " * 500_000}).encode()
    assert len(as_text(as_object(strict_json(content))["text"])) == 6_000_000


def test_lines_have_one_limit_together() -> None:
    lines = [json.dumps({"a": [1, 2]}).encode()] * 10
    assert strict_lines(lines, 40) == [{"a": [1, 2]}] * 10
    with pytest.raises(ValueError, match="too many values"):
        strict_lines(lines, 39)


@pytest.mark.parametrize(
    "content",
    [b'{"a": 1, "a": 2}', b'[{"a": {"b": 1, "b": 1}}]', b"NaN", b"[1e999]", b'"\\ud83d"', b'"\\uD83D"', b"\xff"],
)
def test_what_two_readers_may_read_differently_is_not_read(content: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        strict_json(content)


def test_half_characters_that_make_a_whole_one_are_read() -> None:
    assert strict_json(b'"\\ud83d\\ude00"') == "\U0001f600"
