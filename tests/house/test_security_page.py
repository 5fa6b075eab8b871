"""docs/security.md: each promise names the tests that hold it, and they exist."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.house.tree import ROOT

PAGE = ROOT / "docs/security.md"
LONGEST = 250  # lines: what is longer nobody reads before an audit
HEAD = ["Promise", "How", "Tests"]
TEST = re.compile(r"`(tests/[\w/]+/test_\w+\.py)`")


def sections() -> dict[str, str]:
    """The text under each heading of the second level."""
    _, *parts = re.split(r"^## ", PAGE.read_text("utf-8"), flags=re.MULTILINE)
    return {part.partition("\n")[0]: part for part in parts}


def tables(text: str) -> Iterator[list[list[str]]]:
    """The tables of a text as rows of cells, their heads first."""
    for block in re.findall(r"(?:^\|.*\|\n)+", text, re.MULTILINE):
        head, _, *rows = ([cell.strip() for cell in line.strip("|").split(" | ")] for line in block.splitlines())
        yield [head, *rows]


def promises() -> list[tuple[str, list[str]]]:
    found = [(title, row) for title, text in sections().items() for table in tables(text) for row in table[1:]]
    return [(title, row) for title, row in found if title != "Assets"]


def test_every_border_has_one_table_of_promises_and_says_what_is_not_promised() -> None:
    first, *borders = sections().items()

    assert first[0] == "Assets"
    assert len(borders) > 8
    for title, text in borders:
        assert [table[0] for table in tables(text)] == [HEAD], title
        assert "Not promised" in text, title


def test_there_are_promises() -> None:
    assert len(promises()) > 40
    assert all(len(row) == len(HEAD) and all(row) for _, row in promises()), promises()


@pytest.mark.parametrize(("title", "row"), promises(), ids=lambda one: one if isinstance(one, str) else one[0][:60])
def test_a_promise_names_tests_that_exist(title: str, row: list[str]) -> None:
    named = TEST.findall(row[-1])

    assert named, f"{title}: no test holds: {row[0]}"
    assert TEST.sub("", row[-1]).strip(" ,") == "", (
        f"write tests as `tests/FOLDER/test_NAME.py`, with commas: {row[-1]}"
    )
    missing = [one for one in named if not (ROOT / one).is_file() or "def test_" not in (ROOT / one).read_text("utf-8")]
    assert not missing, f"{title}: {row[0]}: there is no such test: {missing}"


def test_the_page_is_short_and_the_policy_leads_to_it() -> None:
    assert len(PAGE.read_text("utf-8").splitlines()) < LONGEST
    assert "(docs/security.md)" in (ROOT / "SECURITY.md").read_text("utf-8")
    readme = (ROOT / "README.md").read_text("utf-8")
    assert "(docs/security.md)" in readme
    assert "(SECURITY.md)" in readme
