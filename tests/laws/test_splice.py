"""The law of write-back: an edit reads as intended, and leaves every byte that is not its own."""

from __future__ import annotations

import copy
import random
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hypothesis import assume, given, note
from hypothesis import strategies as st

from tavusctl.config import yaml12
from tavusctl.core.address import Address
from tavusctl.core.diagnostics import Edit
from tavusctl.patch.pointer import escape, resolve, split
from tavusctl.rewrite import edit_steps, source_map
from tavusctl.rewrite.apply_edits import splice
from tavusctl.rewrite.edit_steps import Step
from tavusctl.rewrite.source_map import Entry
from tests.laws.dressing import dressed

MANIFESTS = sorted(Path(__file__).resolve().parents[2].joinpath("manifests").rglob("*.yaml"))
ADDRESS = Address("persona", "a")

WORDS = st.sampled_from(["a", "b", "note", "tools", "x y", "yes", "12", "", "#", "a: b", "é", "a/b~c"])
TEXT = (
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
    | st.lists(st.sampled_from(["word", "longer", "Ж", "#", "-", "it's"]), min_size=1, max_size=60).map(" ".join)
    | st.lists(st.sampled_from(["one line", "", " led", "- two", "\ttab", "end "]), max_size=6).map("\n".join)
    | WORDS
)
SCALARS = st.none() | st.booleans() | st.integers(-99, 10**12) | st.floats(-1e9, 1e9) | TEXT
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4), max_leaves=12
)
SPECS = st.dictionaries(WORDS, VALUES, max_size=5)


def manifest(spec: Any) -> Any:
    return {"kind": "persona", "name": "a", "spec": spec}


def pointers(value: Any, pointer: str = "/spec") -> list[str]:
    below = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [pointer, *(one for key, item in below for one in pointers(item, f"{pointer}/{escape(str(key))}"))]


def documents(content: bytes) -> list[Any]:
    parsed = yaml12.read(content, "x.yaml")
    assert [one for one in parsed.diagnostics if one.id != "TV105"] == []
    return [one.value for one in parsed.documents]


def notes(content: bytes) -> list[str]:
    return re.findall(r"# note \d+\.", content.decode())


def lines_of(content: bytes, pointer: str, address: Address = ADDRESS) -> tuple[int, int]:
    """The lines of a value and its key in the manifest of an address, from the marks of the YAML library alone."""
    sheet = source_map.parse(content.decode().removeprefix("\ufeff"))
    (node,) = (one for one in sheet.documents if one.kind == "mapping" and _says(one.entries, address))
    start = end = 0
    for segment in split(pointer):
        entries = node.entries
        entry = (
            entries[int(segment)]
            if node.kind == "sequence"
            else next(e for e in entries if e.key and e.key.text == segment)
        )
        start, end, node = entry.start, max(entry.end, entry.value.end), entry.value
    return len(yaml12.LINE_BREAK.findall(sheet.text, 0, start)), len(yaml12.LINE_BREAK.findall(sheet.text, 0, end))


def _says(entries: Sequence[Entry], address: Address) -> bool:
    said = {entry.key.text: entry.value.text for entry in entries if entry.key}
    return (said.get("kind"), said.get("name")) == (address.kind, address.name)


def changed_lines(before: bytes, after: bytes) -> tuple[int, int]:
    """The first line that differs, and the first of those at the end that do not."""
    old, new = yaml12.LINE_BREAK.split(before.decode()), yaml12.LINE_BREAK.split(after.decode())
    first = next((i for i, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
    last = next(
        (i for i, (a, b) in enumerate(zip(reversed(old), reversed(new), strict=False)) if a != b),
        min(len(old), len(new)),
    )
    return first, len(old) - last


def check_around(before: bytes, after: bytes, pointer: str) -> None:
    """Nothing has changed but in the lines of the value at a pointer of the text before."""
    start, end = lines_of(before, pointer)
    first, last = changed_lines(before, after)
    if first < last:
        assert start <= first < last <= end + 1
    elif after != before:  # lines were added, which may be equal to those around them
        assert last <= end + 1
        assert first >= start
    lines = yaml12.LINE_BREAK.split(before.decode())
    outside = notes("\n".join([*lines[:start], *lines[end + 1 :]]).encode())
    assert [note for note in notes(after) if note in outside] == outside


def at(value: Any, pointer: str) -> Any:
    """What stands at a pointer."""
    return resolve(value, pointer)


def collection_of(pointer: str) -> str:
    return pointer.rpartition("/")[0]


def around(value: Any, pointer: str) -> str:
    """The pointer of the nearest collection whose lines a removal may touch."""
    above = collection_of(pointer)
    return above if len(at(value, above)) > 1 else collection_of(above) or above


def expect(before: bytes, after: bytes, wanted: Any) -> None:
    found = documents(after)
    ours = [index for index, one in enumerate(documents(before)) if isinstance(one, dict) and one.get("name") == "a"]
    assert edit_steps.exact_text(found[ours[0]]) == edit_steps.exact_text(wanted)
    assert [one for i, one in enumerate(found) if i not in ours] == [
        one for i, one in enumerate(documents(before)) if i not in ours
    ]
    assert after.startswith(b"\xef\xbb\xbf") == before.startswith(b"\xef\xbb\xbf")
    if b"\r\n" in before:
        assert after.count(b"\n") == after.count(b"\r\n")


@st.composite
def files(draw: st.DrawFn) -> tuple[Any, bytes]:
    """A manifest, and a file that it stands in beside others."""
    spec = draw(SPECS)
    others = [{"kind": "persona", "name": "other", "spec": draw(VALUES)}] * draw(st.integers(0, 1))
    chance = random.Random(draw(st.integers(0, 2**32)))
    before, after = (others, []) if chance.random() < 0.5 else ([], others)
    text = dressed([*before, manifest(spec), *after], chance)
    note(text.decode())
    (found,) = (one for one in documents(text) if one["name"] == "a")  # a `>` block may lose its last line end
    return found, text


@given(st.data(), files())
def test_a_value_is_set_and_nothing_else_changes(data: st.DataObject, file: tuple[Any, bytes]) -> None:
    value, before = file
    pointer = data.draw(st.sampled_from(pointers(value["spec"])))
    new = data.draw(VALUES)

    after = splice(before, "x.yaml", [Edit(ADDRESS, pointer, "set", new)])

    wanted = copy.deepcopy(value)
    *above, name = split(pointer)
    parent = wanted
    for segment in above:
        parent = parent[int(segment) if isinstance(parent, list) else segment]
    parent[int(name) if isinstance(parent, list) else name] = new
    expect(before, after, wanted)
    check_around(before, after, pointer)
    assert (after == before) == (edit_steps.exact_text(wanted) == edit_steps.exact_text(value))


@given(st.data(), files())
def test_an_entry_is_removed_and_nothing_else_changes(data: st.DataObject, file: tuple[Any, bytes]) -> None:
    value, before = file
    found = pointers(value["spec"])[1:]
    assume(found)
    pointer = data.draw(st.sampled_from(found))

    after = splice(before, "x.yaml", [Edit(ADDRESS, pointer, "remove")])

    wanted = copy.deepcopy(value)
    parent = at(wanted, collection_of(pointer))
    del parent[int(split(pointer)[-1]) if isinstance(parent, list) else split(pointer)[-1]]
    expect(before, after, wanted)
    check_around(before, after, around(value, pointer))


@given(st.data(), files(), VALUES)
def test_a_key_or_an_item_is_added_and_nothing_else_changes(
    data: st.DataObject, file: tuple[Any, bytes], new: Any
) -> None:
    value, before = file
    collections = [one for one in pointers(value["spec"]) if isinstance(resolve(value, one), dict | list)]
    pointer = data.draw(st.sampled_from(collections))
    parent = resolve(value, pointer)

    key = "-" if isinstance(parent, list) else "new key"
    after = splice(before, "x.yaml", [Edit(ADDRESS, f"{pointer}/{key}", "set", new)])

    wanted = copy.deepcopy(value)
    collection = at(wanted, pointer)
    if isinstance(collection, list):
        collection.append(new)
    else:
        collection[key] = new
    expect(before, after, wanted)
    check_around(before, after, pointer)


@given(st.data(), files(), WORDS)
def test_a_key_is_renamed_and_nothing_else_changes(data: st.DataObject, file: tuple[Any, bytes], name: str) -> None:
    value, before = file
    keys = [one for one in pointers(value["spec"])[1:] if isinstance(resolve(value, collection_of(one)), dict)]
    assume(keys)
    pointer = data.draw(st.sampled_from(keys))
    assume(name not in at(value, collection_of(pointer)))

    after = splice(before, "x.yaml", [Edit(ADDRESS, pointer, "rename", name)])

    wanted = copy.deepcopy(value)
    parent = at(wanted, collection_of(pointer))
    parent[name] = parent.pop(split(pointer)[-1])
    expect(before, after, wanted)
    check_around(before, after, pointer)


def test_some_examples_have_several_documents() -> None:
    assert any(len(documents(path.read_bytes())) > 1 for path in MANIFESTS)


@given(st.data(), st.sampled_from(MANIFESTS), VALUES)
def test_the_examples_can_be_edited_anywhere(data: st.DataObject, path: Path, new: Any) -> None:
    """Any of the documents of a file, whatever stands around it."""
    before = path.read_bytes()
    all_of_file = documents(before)
    index = data.draw(st.sampled_from(range(len(all_of_file))))
    value = all_of_file[index]
    address = Address(value["kind"], value["name"])
    pointer = data.draw(st.sampled_from(pointers(value, "")[1:]))
    assume(pointer not in ("/kind", "/name"))
    in_list = isinstance(resolve(value, collection_of(pointer)), list)
    edits = [
        (Edit(address, pointer, "set", new), Step("replace", pointer, new)),
        (Edit(address, pointer, "remove"), Step("remove", pointer)),
        (Edit(address, pointer, "rename", "new name"), Step("rename", pointer, "new name")),
    ]
    edit, step = data.draw(st.sampled_from(edits[:2] if in_list else edits))

    after = splice(before, path.name, [edit])

    wanted = [*all_of_file[:index], edit_steps.apply_step(value, step), *all_of_file[index + 1 :]]
    assert edit_steps.exact_text(documents(after)) == edit_steps.exact_text(wanted)
    touched = collection_of(pointer) if edit.op == "remove" else pointer
    assume(touched)
    start, end = lines_of(before, touched, address)
    old, lines = before.decode().split("\n"), after.decode().split("\n")
    assert lines[:start] == old[:start]
    assert lines[len(lines) - len(old) + end + 1 :] == old[end + 1 :]
