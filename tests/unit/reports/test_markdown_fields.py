"""What a comment shows of one change: no line is too long for a phone, and each thing is told once."""

from __future__ import annotations

import html
import re
from typing import Any

from tavusctl.core.model import ABSENT, Action, Cause, FieldChange, Plan
from tavusctl.reports.formats import REPORTS
from tests.golden.plans import change, field

LONG = "You help people who ask for help, and you stay calm. " * 3


def comment(*steps: Any) -> str:
    """A plan as a comment, with characters for their references and no code."""
    text = html.unescape(REPORTS["comment"].plan(Plan(steps)))
    return re.sub(r"</?code>", "", text)


def update(name: str, *fields: FieldChange, **more: Any) -> Any:
    return change(Action.UPDATE, f"persona/{name}", *fields, **more)


def test_a_value_shows_what_goes_and_what_comes() -> None:
    text = comment(update("coach", field("/greeting", "Hello", "Hi"), field("/language", ABSENT, "en")))

    assert '- /greeting: <del>"Hello"</del> → <ins>"Hi"</ins>\n- /language: <ins>"en"</ins>\n' in text


def test_words_are_marked_inside_lines_and_a_line_that_goes_as_a_whole() -> None:
    text = comment(update("coach", field("/system_prompt", f"{LONG}\nBe kind.\nStay.", f"{LONG}\nBe strict.\n")))

    assert "<br>\n  - Be <del>kind</del>.<br>\n" in text
    assert "<br>\n  + Be <ins>strict</ins>.<br>\n" in text or "<br>\n  + Be <ins>strict</ins>.\n" in text
    assert "<br>\n  - <del>Stay.</del>" in text
    assert "```" not in text


def test_of_an_object_that_is_made_nothing_is_marked() -> None:
    text = comment(
        change(Action.CREATE, "persona/new", field("/greeting", ABSENT, "Hi"), field("/system_prompt", ABSENT, LONG))
    )

    assert '- /greeting: "Hi"\n' in text
    assert "<ins>" not in text


def test_a_removed_item_is_named_as_one() -> None:
    tool = {
        "type": "function",
        "function": {"name": "book", "description": "Books a room. " * 4, "parameters": {"type": "object"}},
    }
    text = comment(update("coach", field("/layers/llm/tools", [tool], [])))

    (line,) = [one for one in text.splitlines() if one.startswith("- /")]
    assert line.startswith("- /layers/llm/tools/book: <del>{")
    assert line.endswith("</del> removed")


def test_a_conflict_shows_what_was_applied_and_what_both_sides_made_of_it() -> None:
    text = comment(update("coach", field("/greeting", "Theirs", "Ours", Cause.BOTH, base="Was"), cause=Cause.BOTH))

    assert '- /greeting (both)<br>\n  last applied: "Was"<br>\n  account: "Theirs"<br>\n  manifest: "Ours"\n' in text


def test_a_conflict_in_a_text_shows_what_each_side_changed() -> None:
    sides = field("/system_prompt", f"{LONG}\nTheirs.", f"{LONG}\nOurs.", Cause.BOTH, base=f"{LONG}\nWas.")
    text = comment(update("coach", sides, cause=Cause.BOTH))

    account, manifest = text.split("(in the account)")[1].split("(in the manifest)")
    assert "<ins>Theirs</ins>." in account
    assert "<ins>Ours</ins>." in manifest


def test_changes_that_are_alike_are_told_once_with_all_addresses() -> None:
    same = field("/layers/llm/model", "old-model", "new-model")
    text = comment(*(update(f"p{number}", same) for number in range(12)), update("other", field("/greeting", "a", "b")))

    assert text.count("new-model") == 1
    assert "<b>persona/p0</b> and 11 more alike" in text
    assert [f"- persona/p{number} x1" in text for number in range(12)] == [True] * 12
    assert "<b>persona/other</b> update" in text


def test_what_is_dangerous_is_told_alone() -> None:
    host = field("/layers/llm/base_url", "https://a.example/v1", "https://b.example/v1")
    text = comment(update("one", host), update("two", host))

    assert "alike" not in text
    assert text.count("<details open>") == 2
