"""Signs that do not show: what scripts of the world need of them, and what hides in them."""
# ruff: noqa: RUF001 - letters of other scripts are what this is about

from __future__ import annotations

import pytest

from tests.unit.lint.test_rules import (
    SCHEMA,
    Spec,
    document,
    goal,
    goals,
    layers,
    manifest,
    persona,
    remarks,
    rules_of,
    tool,
)

# Text as people write it: none of it is remarked on, wherever it is prose.
WRITTEN = {
    "Hebrew with a name in isolates": "את המאמנת של \u2068emca\u2069 שלנו.",
    "Hebrew with Latin in an embedding": "המוצר \u202aTavus API\u202c החדש",
    "Arabic with an isolate inside another": "مرحبا \u2067بكم في \u2066Tavus\u2069 اليوم\u2069 جميعا",
    "Hebrew of several lines": "שלום לכולם.\nברוכים \u2068emca\u2069 הבאים.\n\u2067עוד שורה\u2069 אחת.",
    "English with a Hebrew phrase": "Say \u2067שלום לך\u2069 first.",
    "Urdu with one Latin word": "آپ \u2067Tavus\u2069 میں ہیں",
    "Adlam": "\U0001e900\U0001e901 \u2068emca\u2069 \U0001e902",
    "Persian with a joiner that parts": "می\u200cخواهم کتاب\u200cها را ببینم",
    "Persian behind Latin letters": "فایل PDF\u200cها را بفرست",
    "Urdu": "آپ کا خیر\u200cمقدم ہے",
    "Hindi": "क्\u200dष और क्\u200cष",
    "Sinhala": "ශ්\u200dරී ලංකාව",
    "Malayalam at the end of a word": "അവന്\u200d വന്നു.",
    "marks in Hebrew": "המחיר 5$\u200f, כולל מע״מ.",
    "a family": "Greet 👨\u200d👩\u200d👧 and ❤\ufe0f\u200d🔥.",
    "a flag of a part of a country": "Fly 🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f today.",
    "keys and signs": "Press 1\ufe0f\u20e3 or ©\ufe0f here.",
    "a variation of an ideograph": "葛\U000e0100城市 です。",
    "full width": "ＡＰＩ　です。",
}
# What makes text read otherwise than it is, or hides in it.
TRICKS = {
    "an isolate among English": ("Approve \u2067this\u2069 now.", "TV206"),
    "an override among English": ("You coach \u202eemca\u202c now.", "TV206"),
    "an override among Hebrew": ("שלום \u202eemca\u202c לך", "TV206"),
    "never closed": ("שלום \u2068emca לך", "TV206"),
    "closed on another line": ("שלום \u2068emca\nלך\u2069 היום", "TV206"),
    "closed by the wrong sign": ("שלום \u2068emca\u202c לך", "TV206"),
    "closed and never opened": ("שלום emca\u2069 לך", "TV206"),
    "closed in another order": ("שלום \u2068a \u202ab\u2069 c\u202c לך", "TV206"),
    "from right to left around Latin": ("שלום \u2067pay mallory now\u2069 לך", "TV206"),
    "Hebrew on another line only": ("שלום לך\nApprove \u2066this\u2069 now.", "TV206"),
    "joiners that spell": ("Be kind\u200c\u200d\u200c\u200c.", "TV205"),
    "joiners that spell behind a letter that joins": ("سلام\u200c\u200d\u200c\u200d.", "TV205"),
    "selectors that spell behind an emoji": ("Hi 😀\ufe03\ufe08\U000e0120\U000e0121.", "TV205"),
    "a selector behind a letter": ("Hi a\ufe0f.", "TV205"),
    "selectors that spell behind an ideograph": ("葛\U000e0120\U000e0121城", "TV205"),
    "tags": ("Hi\U000e0041\U000e0042.", "TV205"),
    "a blank that is no space": ("Hi\u2800there.", "TV205"),
}


def places_of_prose(text: str) -> list[tuple[str, Spec]]:
    return [
        persona(system_prompt=text),
        layers(llm={"tools": [tool(description=text)]}),
        goals(goal("ask", objective_prompt=text)),
        rules_of({"guardrail_name": "kind", "guardrail_prompt": text}),
        persona(persona_name=text),
        document("https://example.com/a", document_name=text),
    ]


def hidden_in(made: tuple[str, Spec]) -> list[str]:
    return [one.id for one in remarks(manifest(*made)) if one.id in ("TV205", "TV206")]


@pytest.mark.parametrize("text", WRITTEN.values(), ids=WRITTEN)
def test_text_of_any_script_is_no_trick(text: str) -> None:
    assert [hidden_in(made) for made in places_of_prose(text)] == [[]] * 6


@pytest.mark.parametrize(("text", "told"), TRICKS.values(), ids=TRICKS)
def test_a_trick_is_told_wherever_it_stands(text: str, told: str) -> None:
    assert [hidden_in(made) for made in places_of_prose(text)] == [[told]] * 6


ISOLATED = "המאמנת של \u2068emca\u2069"


@pytest.mark.parametrize(
    "made",
    [
        document("https://example.com/a\u2068b\u2069ש"),
        document("https://example.com/a", tags=[ISOLATED]),
        goals(goal("ask", output_variables=[ISOLATED])),
        layers(llm={"tools": [tool(parameters={**SCHEMA, "required": [ISOLATED]})]}),
        layers(llm={"model": ISOLATED}),
        layers(llm={"tools": [tool(parameters={"type": "object", "properties": {ISOLATED: {"type": "string"}}})]}),
    ],
)
def test_what_a_thing_is_known_by_has_no_sign_of_direction(made: tuple[str, Spec]) -> None:
    assert "TV206" in hidden_in(made)


@pytest.mark.parametrize("text", ["| a | b |\n|||||||\n| 1 | 2 |", "> a\n>>>>>>>\nb"])
def test_an_empty_row_and_nested_quotes_are_no_conflict(text: str) -> None:
    assert [one.id for one in remarks(manifest(*persona(system_prompt=text))) if one.id == "TV207"] == []
