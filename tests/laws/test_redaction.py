"""The law of what is shown: nothing of any secret, and everything else, however secrets lie in one another."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tavusctl.secrets import needles, redaction
from tavusctl.secrets.redaction import SHOWN, redacted, redacted_words

# So few letters that secrets begin alike, overlap, and contain one another and themselves.
ALIKE = st.lists(st.text("ab-", min_size=6, max_size=12), min_size=1, max_size=4)
SPELLED_OTHERWISE = st.text("ab é/?+%'\"\\\n", max_size=9).map(lambda one: f"a{one}b".ljust(6, "b"))
SPELLINGS: list[Callable[[str], str]] = [
    str,
    repr,
    quote,
    quote_plus,
    json.dumps,
    lambda one: one.replace("'", "''"),  # in single quotes of YAML
    lambda one: " ".join(one.split()),
    lambda one: one.encode().hex(),
    lambda one: base64.b64encode(one.encode()).decode(),
    lambda one: base64.urlsafe_b64encode(one.encode()).decode().rstrip("="),
]


def left_of(text: str, parts: Iterable[str]) -> str:
    """The characters of a text that are in none of the parts, wherever those are."""
    hidden = {at for part in parts for start in range(len(text)) if text.startswith(part, start)
              for at in range(start, start + len(part))}  # fmt: skip
    return "".join(one for at, one in enumerate(text) if at not in hidden)


@given(ALIKE, st.data())
def test_what_is_in_a_secret_goes_and_nothing_else(secrets: list[str], data: st.DataObject) -> None:
    pieces = st.sampled_from(secrets) | st.sampled_from(secrets).map(lambda one: one[:9]) | st.text("ab-", max_size=6)
    text = "".join(data.draw(st.lists(pieces, max_size=5)))
    parts = [one[:end] for one in secrets for end in range(8, len(one))]
    parts += [one[-size:] for one in secrets for size in range(8, len(one))]

    with redaction.isolated_run():
        for one in secrets:
            redaction.register(one)

        spelled = [*secrets, *(one[::-1] for one in secrets)]
        assert redacted(text).replace(SHOWN, "") == left_of(text, spelled)
        assert redacted_words(text).replace(SHOWN, "") == left_of(text, [*spelled, *parts])


@pytest.mark.parametrize("spelled", SPELLINGS)
@given(st.lists(SPELLED_OTHERWISE, min_size=1, max_size=3), st.text("ab9/", max_size=4))
def test_the_longer_secret_goes_whole_in_every_spelling(
    spelled: Callable[[str], str], secrets: list[str], rest: str
) -> None:
    secrets = [*secrets, secrets[0] + rest]

    with redaction.isolated_run():
        for one in secrets:
            redaction.register(one)

        for one in secrets:
            if len("".join(one.split())) < needles.SHORTEST:
                continue  # without its white space it may be a word
            assert redacted(f"<{spelled(one)}>").replace('"', "").replace("'", "") == f"<{SHOWN}>"
