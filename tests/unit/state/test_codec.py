"""The file of a state: it is read in pieces, and whatever it contains, the result is that of reading it as a whole."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path

import pytest

from tavusctl.core.address import Address
from tavusctl.core.binding import Binding
from tavusctl.core.errors import StateError
from tavusctl.core.ports import State
from tavusctl.core.project_settings import ApprovedInputs, Safety
from tavusctl.state.codec import decode, decode_file, encode, encode_in_parts

TEXT = '} "{\\ \n  },\n  "resources": {\n  }\n }\n' * 500  # looks like the parts of a file, and is 20 KB long


def bound(number: int) -> Binding:
    """A binding with a long text and a reference."""
    address = Address("persona", f"coach-{number}")
    return Binding(address, f"p{number}", {"prompt": f"{number} {TEXT}", "tool_ids": [Address("tool", "map")]})


STATE = State(
    "lineage",
    serial=7,
    bindings={binding.address: binding for binding in map(bound, range(200))},
    safety=Safety(),
    reads=ApprovedInputs(used=("KEY",)),
)
CONTENT = encode(STATE)


@pytest.mark.parametrize("count", [0, 1, 2, 200])
def test_a_state_comes_back_as_it_was_in_any_layout(count: int) -> None:
    state = State("lineage", bindings=dict([*STATE.bindings.items()][:count]))

    content = encode(state)

    assert decode(content, "here") == state
    for indent in (None, 0, 2):
        assert decode(json.dumps(json.loads(content), indent=indent).encode() + b"\n", "here") == state


def test_a_state_is_written_object_by_object_as_one_indented_document() -> None:
    parts = [*encode_in_parts(STATE)]

    assert (
        b"".join(parts).decode() == json.dumps(json.loads(CONTENT), sort_keys=True, indent=1, ensure_ascii=False) + "\n"
    )
    assert max(map(len, parts)) < 2 * len(TEXT)


def test_a_reference_is_found_also_if_its_key_is_written_with_escapes() -> None:
    assert decode(CONTENT.replace(b'"tavusctl:ref"', b'"\\u0074avusctl:ref"'), "here") == STATE


def test_a_state_without_references_comes_back_as_it_was() -> None:
    address = Address("persona", "coach")
    state = State("lineage", bindings={address: Binding(address, "p1", {"layers": {"tools": ["a", {"b": [1]}]}})})

    assert decode(encode(state), "here") == state


def test_only_a_piece_of_the_file_is_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    path.write_bytes(CONTENT)
    decode(CONTENT, "here")  # imports
    tracemalloc.start()
    with path.open("rb") as file:
        state = decode_file(file, "here")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    texts = sum(len(str(binding.applied["prompt"])) for binding in state.bindings.values())
    assert peak < texts + len(CONTENT) / 4


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"persona/coach-150", b"persona/coach-1"),  # twice, in two pieces
        (b'\n  "persona/coach-150"', b'\n  },\n  "persona/coach-150"'),
        (b'\n "safety": {', b'\n "resources": {\n  "persona/other": {\n  }\n },\n "safety": {'),
        (b'\n "resources": {', b'\n "reads": {\n "resources": {\n  }\n },\n "resources": {'),
        (b'"remote_id": "p150"', b'"remote_id": "p151"'),
        (b"}\n }", b"}\n }\n  }\n }"),
    ],
)
def test_a_changed_file_is_refused(old: bytes, new: bytes) -> None:
    changed = CONTENT.replace(old, new)
    assert changed != CONTENT

    with pytest.raises(StateError) as raised:
        decode(changed, "here")

    assert raised.value.id == "E901"


@pytest.mark.parametrize("size", [0, 1, 1000, len(CONTENT) // 2, len(CONTENT) - 1])
def test_a_part_of_a_file_is_refused(size: int) -> None:
    with pytest.raises(StateError, match="is corrupt: its end is missing"):
        decode(CONTENT[:size], "here")
