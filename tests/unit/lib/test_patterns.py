from __future__ import annotations

import re

import pytest

from tavusctl.lib.patterns import pattern


def test_a_pattern_does_what_a_compiled_one_does() -> None:
    ours, theirs = pattern("(?P<word>[a-z]+)", re.IGNORECASE), re.compile("(?P<word>[a-z]+)", re.IGNORECASE)
    assert ours.findall("One two") == theirs.findall("One two") == ["One", "two"]
    assert ours.fullmatch("One") is not None
    assert ours.fullmatch("1") is None
    assert (ours.pattern, ours.flags, ours.groupindex) == (theirs.pattern, theirs.flags, theirs.groupindex)


def test_a_pattern_is_compiled_when_it_is_used() -> None:
    wrong = pattern("(")
    with pytest.raises(re.error):
        wrong.search("")
