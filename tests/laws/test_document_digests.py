"""Digests of documents: equal ones have equal digests, different ones have not, whatever texts were hashed before."""

from __future__ import annotations

import json

from hypothesis import example, given
from hypothesis import strategies as st

from tavusctl.config.cache.document_digests import Digests
from tavusctl.core.address import Address
from tavusctl.lib.json_types import JsonObject

LONG = "A long text. " * 30
TEXTS = st.sampled_from([LONG, LONG + "!", "", "short", LONG[:255], LONG[:256], "\ud800" * 300]) | st.text(max_size=5)
LEAVES = TEXTS | st.booleans() | st.none() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3))
DOCUMENTS = st.dictionaries(TEXTS, VALUES, max_size=4)


@given(DOCUMENTS, DOCUMENTS)
@example({"a": LONG}, {"a": list(Digests().of_text(LONG))})
@example({"a": [LONG]}, {"a": [Digests().of_text(LONG).hex()]})
def test_documents_have_the_same_digest_exactly_if_they_have_the_same_text(one: JsonObject, other: JsonObject) -> None:
    digests = Digests()
    is_same = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    assert (digests.of(one) == digests.of(other)) is is_same
    assert digests.of(one) == Digests().of(one)


@given(DOCUMENTS)
def test_the_order_of_keys_is_no_difference_and_nothing_is_changed(document: JsonObject) -> None:
    before = json.dumps(document)
    assert Digests().of(dict(reversed(document.items()))) == Digests().of(document)
    assert json.dumps(document) == before


def test_a_reference_is_no_text() -> None:
    digests = Digests()
    assert digests.of({"a": Address("persona", "coach")}) != digests.of({"a": "persona/coach"})
    assert digests.of({"a": Address("persona", "coach"), "b": LONG}) == digests.of(
        {"b": LONG, "a": Address("persona", "coach")}
    )


def test_a_text_of_several_documents_is_hashed_once() -> None:
    class Counting(str):
        __slots__ = ()
        hashed = 0

        def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
            Counting.hashed += 1
            return str.encode(self, encoding, errors)

    digests, text = Digests(), Counting(LONG)
    assert digests.of_text(text) == digests.of_text(LONG) == Digests().of_text(LONG)
    assert digests.of({"a": text[:]}) == digests.of({"a": LONG})
    assert Counting.hashed == 1
