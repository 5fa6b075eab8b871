"""docs/reference: the pages that the code makes are fresh, and hold all that there is."""

from __future__ import annotations

import difflib
import re

import pytest

from tavusctl.core.diagnostic_ids import CHECKS
from tests.golden.surface import commands
from tests.pages.check_scenes import SCENES
from tests.pages.checks_page import EXAMPLES
from tests.pages.codes_page import CODES, INTERNAL, VARIABLES, codes_of_errors, variables_of_code
from tests.pages.reference import FOLDER, pages, written

REMEDY = "docs/reference is generated: run `make reference`, and commit what it writes"
ON_SUCCESS_AND_SIGNALS = {0, 2, 129, 130, 143}


@pytest.fixture(scope="module")
def fresh() -> dict[str, str]:
    return pages()


def test_every_page_is_fresh(fresh: dict[str, str]) -> None:
    kept = written()
    assert sorted(kept) == sorted(fresh), REMEDY
    for name, text in fresh.items():
        changed = list(difflib.unified_diff(kept[name].splitlines(), text.splitlines(), name, "now", lineterm="", n=0))
        assert not changed, "\n".join([REMEDY, *changed[:40]])


def test_every_command_has_its_section() -> None:
    text = (FOLDER / "commands.md").read_text("utf-8")
    assert [name for name in commands() if name and f"### `tavusctl {name}`\n" not in text] == []


def test_every_exit_code_has_its_row() -> None:
    assert set(CODES) == codes_of_errors() | ON_SUCCESS_AND_SIGNALS
    rows = re.findall(r"^\| (\d+) \|", (FOLDER / "exit-codes.md").read_text("utf-8"), re.MULTILINE)
    assert sorted(map(int, rows)) == sorted(CODES)


def test_every_variable_that_the_code_reads_has_its_row() -> None:
    assert variables_of_code() - INTERNAL == set(VARIABLES), "change VARIABLES in tests/pages/codes_page.py"


def test_every_check_has_one_example() -> None:
    assert sorted([*EXAMPLES, *SCENES]) == sorted(CHECKS), "tests/pages/checks.yaml and check_scenes.py have one each"
