from __future__ import annotations

import pytest

from tavusctl.lib.command_line import option_values


@pytest.mark.parametrize(
    ("words", "values"),
    [
        ("", []),
        ("plan --base", []),
        ("plan --base main", ["main"]),
        ("plan --base=main", ["main"]),
        ("plan --base=", [""]),
        ("plan -b main", ["main"]),
        ("plan -bmain", ["main"]),
        ("plan --based=main --bas e", []),
        ("plan -bone --base two -b three --base=four", ["one", "two", "three", "four"]),
    ],
)
def test_values_in_every_form(words: str, values: list[str]) -> None:
    assert option_values(words.split(), "--base", "-b") == values
