"""Wrapped keys are written to states: what was wrapped once has to open for ever."""

from __future__ import annotations

from tavusctl.secrets.key_wrapping import SIZE, slot, unwrap, wrap

HOLDER, LINEAGE = "sk-holder", "lineage-1"
KEY = bytes(range(100, 100 + SIZE))
WRAPPED = (
    "000102030405060708090a0b0c0d0e0f"
    "a5ebecb414b80f651f5acf7b32cff0aaafddcdda9512e4d19011339ae5c5ec64"
    "2d69179649e516c09bc468fb7b2a3054d5609c72628129b0b22a5b3df9992b9a"
)


def test_a_key_that_was_wrapped_by_an_earlier_version_opens() -> None:
    assert unwrap(WRAPPED, HOLDER, LINEAGE) == KEY


def test_it_is_found_under_the_name_that_an_earlier_version_gave_it() -> None:
    assert slot(HOLDER, LINEAGE) == "271042cc0a7e9efb"


def test_each_wrapping_has_a_salt_of_its_own() -> None:
    salts = {wrap(KEY, HOLDER, LINEAGE)[:32] for _ in range(8)}
    assert len(salts) == 8
