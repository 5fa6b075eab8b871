"""Differences of prompts: nothing is lost, moved paragraphs are moved, and long texts take no longer than they must."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tavusctl.lib.diffing import sequence_alignment, text_diff
from tavusctl.lib.diffing.text_diff import Line, RowType

LINES = st.lists(
    st.sampled_from(["", "a", "b", "a b", "a line that is long enough", "another line of its own", "c\td"])
)
TEXTS = LINES.map("\n".join)
SECONDS = 5.0  # on a busy machine; the slowest of these takes half of one on an idle one


def shortened_rows(old: str, new: str) -> list[str]:
    return [written(text_diff.shortened(line)) for line in text_diff.lines(old, new)]


def written(line: Line) -> str:
    return f"{line.sign} " + "".join(f"[{text}]" if changed and text else text for text, changed in line.parts)


def without(text: str, numbers: set[int]) -> list[str]:
    return [line for number, line in enumerate(text.split("\n"), 1) if number not in numbers]


@given(TEXTS, TEXTS)
def test_what_is_not_shown_as_changed_is_the_same(old: str, new: str) -> None:
    old, new = old + "\nend", new + "\nend"
    rows = [row for row in text_diff.rows(old, new) if row.row_type in (RowType.CHANGED, RowType.MOVED)]
    assert without(old, {row.old for row in rows}) == without(new, {row.new for row in rows})


@given(TEXTS, TEXTS)
def test_a_row_holds_the_lines_of_its_numbers(old: str, new: str) -> None:
    before, after = ["", *old.split("\n")], ["", *new.split("\n")]
    for row in text_diff.rows(old, new):
        for side, line in ((row.left, before[row.old]), (row.right, after[row.new])):
            if side is not None:
                assert "".join(text for text, _ in side).replace("·", " ").replace("→", "\t") == line


@given(TEXTS)
def test_equal_texts_differ_nowhere(text: str) -> None:
    assert [row for row in text_diff.rows(text, text) if row.row_type is not RowType.NOTE] == []


@given(st.lists(st.integers(0, 9)), st.lists(st.integers(0, 9)))
def test_an_alignment_pairs_equal_items_in_order(before: list[int], after: list[int]) -> None:
    pairs = sequence_alignment.pairs(before, after)
    assert all(before[left] == after[right] for left, right in pairs)
    assert pairs == sorted(set(pairs))
    assert len({left for left, _ in pairs}) == len({right for _, right in pairs}) == len(pairs)


def test_one_inserted_line_is_one_line() -> None:
    old = "\n".join(f"Line {number}." for number in range(20))
    new = old.replace("Line 9.", "Line 9.\nA new one.")
    assert shortened_rows(old, new) == ["  Line 9.", "+ [A new one.]", "  Line 10."]


def test_a_line_is_compared_with_the_one_it_was() -> None:
    old = "First of all.\nYou are kind to everybody."
    new = "First of all.\nA new beginning here.\nAnd one more.\nYou are strict to everybody."
    assert shortened_rows(old, new) == [
        "  First of all.",
        "- You are [kind] to everybody.",
        "+ [A new beginning here.]",
        "+ [And one more.]",
        "+ You are [strict] to everybody.",
    ]


def test_lines_with_little_in_common_are_marked_whole() -> None:
    assert shortened_rows("You end every call with one thing.", "Nobody knows.") == [
        "- [You end every call with one thing.]",
        "+ [Nobody knows.]",
    ]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "あなたは親切なアシスタントです。",
            "あなたは忍耐強いアシスタントです。",
            ["- あなたは[親切な]アシスタントです。", "+ あなたは[忍耐強い]アシスタントです。"],
        ),
        ("你是一个友好的助手", "你是一个耐心的助手", ["- 你是一个[友好]的助手", "+ 你是一个[耐心]的助手"]),
        ("أنت مساعد ودود هنا", "أنت مساعد صبور هنا", ["- أنت مساعد [ودود] هنا", "+ أنت مساعد [صبور] هنا"]),
    ],
)
def test_only_the_changed_words_are_marked_in_other_scripts(old: str, new: str, expected: list[str]) -> None:
    assert shortened_rows(old, new) == expected


def test_white_space_between_changed_words_is_marked_along() -> None:
    assert shortened_rows("a b c kept and kept d", "a b c kept and kept e") == [
        "- a b c kept and kept [d]",
        "+ a b c kept and kept [e]",
    ]
    assert shortened_rows("one two three four five", "one 2 3 four five") == [
        "- one [two three] four five",
        "+ one [2 3] four five",
    ]


def test_a_moved_paragraph_is_named_as_moved() -> None:
    paragraph = "You give advice that is grounded.\n\nYou ask one question at a time.\n"
    rest = "First line of the rest.\nSecond line of the rest.\nThird line of the rest.\n"
    assert shortened_rows(paragraph + rest, rest + paragraph) == [
        "… 3 lines moved to line 4: You give advice that is grounded…",
        "  First line of the rest.",
        "… ",
        "  Third line of the rest.",
        "… 3 lines moved here from line 1: You give advice that is grounded…",
        "> You give advice that is grounded.",
        "> ",
        "> You ask one question at a time.",
    ]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("a b", "a  b", ["… only white space differs", "- a[·]b", "+ a[··]b"]),
        ("a b", "a\tb", ["… only white space differs", "- a[·]b", "+ a[→]b"]),
        ("a b", "a\u00a0b", ["… only white space differs", "- a[·]b", "+ a[\\u{a0}]b"]),
        ("a\nb", "a b", ["… only white space differs", "- a", "- [b]", "+ a[ b]"]),
        ("a\r\nb\r\n", "a\nb\n", ["… only line endings differ: CRLF -> LF"]),
        ("a\nb", "a\r\nb", ["… only line endings differ: LF -> CRLF"]),
        ("a\n", "a", ["… only the line breaks at the end of the text differ"]),
        ("a\n", "b", ["- [a]", "+ [b]", "… a line break at the end went"]),
        ("a\u2028b", "a\nb", ["… only white space differs", "- a[\u2028b]", "+ a", "+ [b]"]),
    ],
)
def test_differences_that_nobody_sees_are_told(old: str, new: str, expected: list[str]) -> None:
    assert shortened_rows(old, new) == expected


def test_a_long_line_is_cut_where_nothing_changed() -> None:
    begin, end = "It begins with many words " * 9, " and it ends with many words" * 9
    (old, new) = shortened_rows(f"{begin}kind{end}", f"{begin}strict{end}")
    assert old == "- …" + begin[-32:] + "[kind]" + end[:32] + "…"
    assert new == "+ …" + begin[-32:] + "[strict]" + end[:32] + "…"


def test_a_line_that_lost_words_is_cut_where_they_were() -> None:
    begin, end = "It begins with many words " * 9, " and it ends with many words" * 9
    (old, new) = shortened_rows(f"{begin}never{end}", f"{begin}{end[1:]}")
    assert old == "- …" + begin[-32:] + "[never ]" + end[1:33] + "…"
    assert new == "+ …" + begin[-32:] + end[1:33] + "…"


def test_blank_lines_around_a_change_are_left_out() -> None:
    old = "First.\n\nYou are kind.\n\nLast.\n"
    assert shortened_rows(old, old.replace("kind", "strict")) == ["- You are [kind].", "+ You are [strict]."]


def words(seed: int, size: int, per_line: int) -> str:
    made = random.Random(seed)
    lines, length = [], 0
    while length < size:
        lines.append(" ".join("".join(made.choices("abcdefghij", k=5)) for _ in range(per_line)))
        length += len(lines[-1]) + 1
    return "\n".join(lines)


def shuffled(text: str, by: str) -> str:
    parts = text.split(by)
    random.Random(7).shuffle(parts)
    return by.join(parts)


def letters(seed: int, joint: str) -> str:
    return joint.join(random.Random(seed).choices("ab", k=50_000))


def one_line(text: str) -> str:
    return text.replace("\n", " ")


ONE = partial(words, 1, 100_000, 8)
# Pairs on which a diff by search alone takes minutes; made by their tests, for every worker imports this module.
LONG_TEXTS: dict[str, Callable[[], tuple[str, str]]] = {
    "all different": lambda: (ONE(), words(2, 100_000, 8)),
    "one line, all different": lambda: (one_line(ONE()), one_line(words(2, 100_000, 8))),
    "lines shuffled": lambda: (ONE(), shuffled(ONE(), "\n")),
    "lines reversed": lambda: (ONE(), "\n".join(reversed(ONE().split("\n")))),
    "words shuffled": lambda: (one_line(ONE()), shuffled(one_line(ONE()), " ")),
    "two lines, many times": lambda: (letters(3, "\n"), letters(4, "\n")),
    "two words, many times": lambda: (letters(5, " "), letters(6, " ")),
    "blank lines": lambda: ("\n" * 100_000, "\n" * 99_999),
    "typical": lambda: (words(4, 54_000, 60), words(4, 54_000, 60).replace("a", "e", 200)),
}


@pytest.mark.parametrize("name", LONG_TEXTS)
@pytest.mark.sampled(4)
def test_long_prompts_take_no_longer_than_they_must(name: str) -> None:
    old, new = LONG_TEXTS[name]()
    begun = time.process_time()
    assert sum(1 for _ in text_diff.lines(old, new)) > 0
    assert time.process_time() - begun < SECONDS
