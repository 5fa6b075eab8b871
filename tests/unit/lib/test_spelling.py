from __future__ import annotations

import base64
from collections.abc import Callable

import pytest

from tavusctl.lib.spelling import ALL, decode_all, possible_spellings


def decoded(text: str) -> str:
    """A text after the first encoding that changes it."""
    for spelling in possible_spellings(text):
        if (other := decode_all(spelling, text)) != text:
            return other
    return text


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("\\u0073\\u006b-1", "sk-1"),
        ("\\ud83d\\ude00", "\U0001f600"),
        ("\\u{73}k-1", "sk-1"),
        ("\\U00000073k-1", "sk-1"),
        ("\\U10000041", "\\U10000041"),  # beyond the last character of Unicode
        ("\\x73\\x6b-1", "sk-1"),
        ("\\xc3\\xa9", "é"),
        ("\\xe9", "é"),  # not UTF-8: one byte for each character
        ("\\163\\153-1", "sk-1"),
        ("a\\nb", "a\nb"),
        ("a\\rb", "a\rb"),
        ("a\\tb", "a\tb"),
        ("a\\/b", "a/b"),
        ("&#115;&#x6b;-1", "sk-1"),
        ("&#7;", "\x07"),
        ("&eacute;", "é"),
        ("#115;k-1", "sk-1"),
        ("%73%6B-1", "sk-1"),
        ("a~1b", "a/b"),
        ("a~0b", "a~b"),
        ("=73=6B-1", "sk-1"),
        ("sk=\r\n-1", "sk-1"),
        ("it'\"'\"'s", "it's"),
        ("sk\x1b[0m-1", "sk-1"),
        ("s<b>k</b>-1", "sk-1"),
        ("s\0k\0-\x001", "sk-1"),
        (b"a secret text".hex(), "a secret text"),
        ("no encoding at all", "no encoding at all"),
    ],
)
def test_each_encoding_is_decoded(text: str, meaning: str) -> None:
    assert decoded(text) == meaning


@pytest.mark.parametrize("secret", ["a secret text", "a secret text.", "a secret text..", "Grüezi?>~ Ω?>~"])
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_base_64_is_decoded_with_and_without_its_padding(encode: Callable[[bytes], bytes], secret: str) -> None:
    packed = encode(secret.encode()).decode()
    assert decoded(packed) == secret
    assert decoded(packed.rstrip("=")) == secret
    assert decoded(f"{packed[:12]}\n{packed[12:]}") == secret


@pytest.mark.parametrize("content", [bytes(range(128, 148)), "\ue000 is private".encode()])
def test_what_does_not_decode_to_a_text_stays(content: bytes) -> None:
    packed = base64.b64encode(content).decode()
    assert decoded(packed) == packed


def test_several_encodings_are_decoded_at_once() -> None:
    assert decode_all(ALL[1], "%73&#107;\\x2d1") == "sk-1"
