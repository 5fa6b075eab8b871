"""Names that hints advise: spelled as they may be, and never the value of a secret in another spelling."""

from __future__ import annotations

import pytest

from tavusctl.core.messages import nearest, sanitized_name, site
from tavusctl.secrets import redaction

SECRET = "tk live 9f8e7d6c5b4a"
OTHERWISE = "a_name"


@pytest.mark.parametrize(
    ("name", "right"),
    [
        ("Capture Lead Information", "Capture_Lead_Information"),
        ("  one,  two  ", "one_two"),
        ("größe", "gr_e"),  # what fits is ASCII, as the API has it
        ("fits_already", "fits_already"),
        ("???", OTHERWISE),
        ("", OTHERWISE),
    ],
)
def test_what_does_not_fit_in_a_name_is_replaced(name: str, right: str) -> None:
    assert sanitized_name(name, r"\W+", "_", OTHERWISE) == right


@pytest.mark.parametrize("name", [SECRET, f"call {SECRET}", f"{SECRET}!", SECRET.replace(" ", "%20")])
def test_a_name_with_a_secret_in_it_is_not_spelled_anew(name: str) -> None:
    """The value in a new spelling would be found by no redaction."""
    redaction.register(SECRET, "TOKEN")

    told = sanitized_name(name, r"\W+", "_", OTHERWISE)

    assert told == OTHERWISE


def test_a_name_is_spelled_anew_once_nobody_keeps_its_words_secret() -> None:
    with redaction.isolated_run():
        redaction.register(SECRET, "TOKEN")
        kept = sanitized_name(SECRET, r"\s+", "_", OTHERWISE)

    assert (kept, sanitized_name(SECRET, r"\s+", "_", OTHERWISE)) == (OTHERWISE, "tk_live_9f8e7d6c5b4a")


def test_the_site_of_an_address_shows_no_piece_of_a_secret() -> None:
    """A slash ends a host, and may stand in the midst of a secret."""
    url = "https://first-half-of-it/second-half-of-it/v2"
    assert site(url) == "https://first-half-of-it"

    with redaction.isolated_run():
        redaction.register("first-half-of-it/second-half-of-it")
        assert site(url) == "https://(sensitive)"


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("persona/nobody", ""),  # as long as `persona/` is, it says nothing about the name
        ("persona/coahc", "persona/coach"),
        ("Persona/Coach", "persona/coach"),
        ("assistant", "persona/assistant"),
        ("guardrail/anna", "replica/anna"),
    ],
)
def test_the_names_of_addresses_decide_which_one_was_meant(typed: str, meant: str) -> None:
    assert nearest(typed, ["persona/assistant", "persona/coach", "replica/anna", "replica/coach"]) == meant
