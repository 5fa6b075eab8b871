"""The words that docs/glossary.md rules out are in no public name."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from tests.house.tree import ROOT, files, name, nodes

pytestmark = pytest.mark.xdist_group("source")

ROWS = re.findall(r"^\| (.+?) \| (.+?) \| (.*?) \|$", (ROOT / "docs/glossary.md").read_text("utf-8"), re.MULTILINE)[1:]
# Words that are no term of the field and describe nothing: they are gone, and stay gone.
METAPHORS = {"desk", "manners", "sown", "outlet", "remembering", "placing", "telltale"}
EMULATOR = "tavusctl/emulator/"  # has a glossary of its own: the words of the server that it stands in for


def words(text: str) -> set[str]:
    """The words of a name: `DiagnosticView` and `diagnostic_view` alike."""
    return {word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", text)}


def names() -> Iterator[tuple[str, str]]:
    """Public modules, classes and functions, each with the file that it is in."""
    for path in files("tavusctl", suffix=".py"):
        if not name(path).startswith(EMULATOR):
            yield path.stem, name(path)
            for node in nodes(path):
                if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_"):
                    yield node.name, name(path)


def test_no_public_name_is_made_of_a_word_that_the_glossary_rules_out() -> None:
    ruled_out = METAPHORS | {word.lower() for row in ROWS for word in re.findall(r"`([A-Z]\w+)`", row[2])}

    found = [f"{where}: {one}" for one, where in names() if words(one) & ruled_out]
    assert found == [], "rename these by the terms of docs/glossary.md"


def test_terms_stand_in_alphabetical_order_and_once() -> None:
    terms = [row[0] for row in ROWS]

    assert len(terms) >= 30
    assert terms == sorted(set(terms), key=str.lower)
