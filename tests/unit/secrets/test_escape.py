from __future__ import annotations

from tavusctl.secrets import escape


def test_a_text_is_plain_just_where_nothing_of_ascii_hides() -> None:
    """What is looked for in every prompt is not there, and the quick look says the same as the thorough one."""
    for code in range(0x250):
        text = f"a{chr(code)}b"
        if escape.is_plain(text):
            assert not escape.PATTERN.search(text)
        else:
            assert not text.isascii() or escape.PATTERN.search(text)
    assert escape.is_plain("a prompt\n\tof two lines")
    assert escape.is_plain("")
