"""Laws of spellings: no text means a longer one, so a secret is looked for only in texts that are as long as it."""

from __future__ import annotations

from html.entities import html5

from hypothesis import given
from hypothesis import strategies as st

from tavusctl.lib.spelling import ALL, IGNORED, NESTED, SPELLINGS, decode_all, possible_spellings, without_ignored


@given(st.text(st.characters(codec="utf-8"), max_size=60) | st.from_regex(ALL[1].pattern, fullmatch=True))
def test_no_text_means_a_longer_one(text: str) -> None:
    for _, spelling in (*SPELLINGS, NESTED, ALL):
        assert len(decode_all(spelling, text)) <= len(text)


def test_no_reference_of_html_means_more_characters_than_it_has() -> None:
    for name in html5:
        spelled = f"&{name}"
        assert len(decode_all(ALL[1], spelled)) <= len(spelled)


_SIGNS = "".join(sign for sign, _ in SPELLINGS)


@given(st.text(st.characters(codec="utf-8") | st.sampled_from(f"{_SIGNS}\ufeff\u00ad ")))
def test_short_cuts_lead_to_the_same_text(text: str) -> None:
    assert without_ignored(text) == IGNORED.sub("", text)
    for _, spelling in (*SPELLINGS, NESTED, ALL):
        assert spelling in possible_spellings(text) or decode_all(spelling, text) == text
