"""What `make dead` finds without a run: names that nothing uses, and exceptions in tests/dead.toml for no name."""

from __future__ import annotations

from tests import dead


def test_every_name_is_used() -> None:
    assert dead.unallowed(dead.unused()) == []


def test_every_exception_allows_something() -> None:
    assert dead.idle_without_a_run() == []
