"""The laws of fmt: nothing changes its value, no comment is lost, and what is tidy stays as it is."""

from __future__ import annotations

from hypothesis import given

from tavusctl.lib.json_types import Json
from tavusctl.rewrite import edit_steps
from tavusctl.rewrite.formatter import format_document
from tests.laws.test_splice import MANIFESTS, documents, files, notes

SCHEMA = "../schemas/persona.schema.json"


@given(files())
def test_a_tidy_file_says_the_same_and_stays_as_it_is(file: tuple[Json, bytes]) -> None:
    _, before = file

    after = format_document(before, "x.yaml", SCHEMA)

    assert list(map(edit_steps.exact_text, documents(after))) == list(map(edit_steps.exact_text, documents(before)))
    assert [one for one in notes(after) if one in notes(before)] == notes(before)
    assert format_document(after, "x.yaml", SCHEMA) == after


def test_the_examples_are_tidy() -> None:
    for path in MANIFESTS:
        assert format_document(path.read_bytes(), path.name) == path.read_bytes()
