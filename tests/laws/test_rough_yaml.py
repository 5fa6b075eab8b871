"""Files that nobody has tidied are edited and formatted like others: every value is as intended, no report of a bug."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tavusctl.config import yaml12
from tavusctl.core.diagnostics import Edit
from tavusctl.patch.pointer import resolve
from tavusctl.rewrite import edit_steps
from tavusctl.rewrite.apply_edits import splice
from tavusctl.rewrite.formatter import format_document
from tests.laws.rough_yaml import rough
from tests.laws.test_splice import ADDRESS, VALUES, pointers

FILES = st.integers(0, 2**32).map(lambda seed: rough(random.Random(seed)))


def exact(content: bytes) -> list[str]:
    return [edit_steps.exact_text(one.value) for one in yaml12.read(content, "x.yaml").documents]


@given(FILES)
def test_a_formatted_file_says_the_same_and_stays_as_it_is(before: bytes) -> None:
    after = format_document(before, "x.yaml", "../schemas/persona.schema.json")

    assert exact(after) == exact(before)
    assert format_document(after, "x.yaml", "../schemas/persona.schema.json") == after


@st.composite
def edits(draw: st.DrawFn, value: Any) -> Edit:
    """An edit of a manifest: another value at a pointer, none, or one that is new."""
    found = [one for one in pointers(value, "") if one not in ("/kind", "/name")]
    pointer = draw(st.sampled_from(found))
    old = resolve(value, pointer)
    ways = ["set", "remove"] if pointer else []
    way = draw(st.sampled_from([*ways, "add"] if isinstance(old, dict | list) else ways))
    if way == "remove":
        return Edit(ADDRESS, pointer, "remove")
    added = "" if way == "set" else "/-" if isinstance(old, list) else "/new"
    return Edit(ADDRESS, f"{pointer}{added}", "set", draw(VALUES))


@given(st.data(), FILES)
def test_edits_one_after_the_other_do_what_they_say(data: st.DataObject, content: bytes) -> None:
    first, *others = yaml12.read(content, "x.yaml").documents
    value = first.value
    for _ in range(data.draw(st.integers(1, 3))):
        edit = data.draw(edits(value))
        for step in edit_steps.steps_of_edit(edit, value):
            value = edit_steps.apply_step(value, step)
        content = splice(content, "x.yaml", [edit])
        assert exact(content) == [edit_steps.exact_text(one) for one in (value, *(other.value for other in others))]


BELOW_A_BLOCK = {
    "a comment with the indent of the block": (
        "k: >-\n  x\nl:\n  m: 1\n  # deep\nn: 1\n",
        "k: >-\n  x\n# deep\nn: 1\n",
    ),
    "a blank line": ("k: |+\n  x\nl: 1\n\n# end\nn: 1\n", "k: |+\n  x\n# end\nn: 1\n"),
    "no line end": ("k: |\n  x\nl: 1", "k: |\n  x\n"),
    "a block without lines": ("k: 1\nl: |+\nn: 1\n", "k: 1\nn: 1\n"),
    "a block of spaces": ("k: 1\nl: |1-\n   \nn: 1\n", "k: 1\nn: 1\n"),
}


@pytest.mark.parametrize("example", BELOW_A_BLOCK)
def test_an_entry_is_removed_around_a_block(example: str) -> None:
    head = "kind: persona\nname: a\n"
    before, after = BELOW_A_BLOCK[example]

    removed = splice((head + before).encode(), "x.yaml", [Edit(ADDRESS, "/l", "remove")])

    assert removed.decode() == head + after


@pytest.mark.parametrize("value", ['"\\n "', "|2-\n   ", "|1\n   \n", "plain\n\n  more\n   "])
def test_text_of_blanks_is_no_bug(value: str) -> None:
    before = f"k: {value}\n".encode()

    after = format_document(before, "x.yaml")

    assert exact(after) == exact(before)
    assert format_document(after, "x.yaml") == after


@pytest.mark.parametrize(
    ("header", "kept"), [("|", "|-"), (">", ">-"), ("|+", "|-"), ("|+2", "|2-"), ("|  # c", "|-  # c")]
)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_an_entry_is_added_below_a_block_without_a_line_end(header: str, kept: str, newline: str) -> None:
    before = f"kind: persona\nname: a\nspec:\n  k:\n  - {header}\n    text"

    added = splice(before.replace("\n", newline).encode(), "x.yaml", [Edit(ADDRESS, "/spec/new", "set", 1)]).decode()

    assert added.replace(newline, "\n") == f"{before}\n  new: 1".replace(header, kept)
