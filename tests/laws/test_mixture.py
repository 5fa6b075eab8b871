"""Texts that are put together of words and expressions: where an edit of the whole belongs, as laws."""

from __future__ import annotations

from hypothesis import assume, given
from hypothesis import strategies as st

from tavusctl.config.interpolation import escape_expressions
from tavusctl.rewrite.template_edits import Piece, find_edit, split_template

BROUGHT = {"${file:a}": "kind and brief", "${file:b}": "b", "${var:c}": "Acme"}
WORDS = st.text("ab $A{}cme", max_size=8)
TEXTS = st.lists(st.tuples(WORDS, st.sampled_from(sorted(BROUGHT))), min_size=1, max_size=3)


def whole(parts: tuple[Piece, ...]) -> str:
    return "".join(one.text for one in parts)


def apart(raw: str, brought: dict[str, str]) -> tuple[Piece, ...]:
    parts = split_template(raw, brought.get)
    assert parts is not None
    return parts


def joined(words: list[str], expressions: list[str]) -> str:
    return "".join(f"{escape_expressions(word)}{one}" for word, one in zip(words, [*expressions, ""], strict=True))


@given(TEXTS, WORDS, st.text("abkind Acme", max_size=20))
def test_whatever_is_written_stands_for_what_the_account_has(
    pairs: list[tuple[str, str]], last: str, live: str
) -> None:
    words, expressions = [*(word for word, _ in pairs), last], [one for _, one in pairs]
    assume(not any(word.endswith("$") for word in words))
    found = find_edit(apart(joined(words, expressions), BROUGHT), live)
    if found:
        brought = {**BROUGHT, **({found.expression: found.text} if found.expression else {})}
        assume(expressions.count(found.expression) <= 1)
        assert whole(apart(found.raw, brought)) == live


@given(TEXTS, WORDS, st.data())
def test_an_edit_of_one_word_is_written_there_or_nowhere(
    pairs: list[tuple[str, str]], last: str, data: st.DataObject
) -> None:
    """What the expressions bring is in no word, so that it is clear what was edited."""
    words, expressions = [*(word for word, _ in pairs), last], [one for _, one in pairs]
    strange = str.maketrans({"a": "x", "b": "y", "A": "z", "$": "§"})
    words = [word.translate(strange) for word in words]
    place = data.draw(st.integers(0, len(words) - 1))
    new = [*words[:place], data.draw(WORDS).translate(strange), *words[place + 1 :]]
    live = whole(apart(joined(new, expressions), BROUGHT))
    found = find_edit(apart(joined(words, expressions), BROUGHT), live)
    assert found is not None
    assert (found.raw, found.expression) == (joined(new, expressions), "")


def test_an_expression_that_brings_nothing_known_is_not_taken_apart() -> None:
    assert split_template("a ${ref:x/y}", BROUGHT.get) is None


def test_an_edit_that_may_be_in_either_of_two_is_not_clear() -> None:
    parts = apart("${file:a}${var:c}", BROUGHT)
    assert find_edit(parts, "kind and briefly Acme") is not None  # a word between them
    assert find_edit(parts, "something else") is None
