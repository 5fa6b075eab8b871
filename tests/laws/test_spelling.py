"""Laws of spellings: short texts mean no longer ones, so a secret is looked for only in texts that are long enough."""

from __future__ import annotations

import base64
import gzip
import zlib
from html.entities import html5

from hypothesis import given
from hypothesis import strategies as st

from tavusctl.lib.spelling import (
    ALL,
    IGNORED,
    NESTED,
    PACKED,
    SPELLINGS,
    decode_all,
    decoded_parts,
    longest,
    possible_spellings,
    without_ignored,
)


@given(st.text(st.characters(codec="utf-8"), max_size=60) | st.from_regex(ALL[1].pattern, fullmatch=True))
def test_no_text_means_a_longer_one_unless_it_is_compressed(text: str) -> None:
    for _, spelling in (*SPELLINGS, NESTED, ALL):
        written, _ = decoded_parts(spelling, text)
        assert "".join(written) == text
        if spelling is not PACKED[1]:
            assert len(decode_all(spelling, text)) <= len(text)


@given(st.text(st.sampled_from("ab é"), min_size=1), st.integers(1, 10_000))
def test_what_is_compressed_is_decompressed_up_to_a_limit(text: str, times: int) -> None:
    for compress in (gzip.compress, zlib.compress):
        packed = base64.b64encode(compress((text * times).encode())).decode().rstrip("=")
        assert decode_all(PACKED[1], packed) == (text * times).encode()[: 8 * len(packed)].decode("utf-8", "ignore")
        assert len(decode_all(PACKED[1], packed)) <= longest(len(packed))


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
