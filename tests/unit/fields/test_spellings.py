"""Fields that have several names: read, looked for twice, written back."""

from __future__ import annotations

from typing import Any

import pytest

from tavusctl.fields import spellings
from tavusctl.kinds import KINDS, canonical_address

PERSONA = KINDS["persona"]
FLOW = "/layers/conversational_flow"
Body = dict[str, Any]


def flow(**members: Any) -> Body:
    return {"layers": {"conversational_flow": members}}


@pytest.mark.parametrize(
    ("written", "named"),
    [
        ({"pal_name": "A", "x": {"pal_name": "B"}}, {"persona_name": "A", "x": {"pal_name": "B"}}),
        (flow(pal_interruptibility="low"), flow(replica_interruptibility="low")),
        (flow(face_interruptibility="low", turn=1), flow(replica_interruptibility="low", turn=1)),
        (flow(pal_interruptibility="low", replica_interruptibility=None), flow(replica_interruptibility="low")),
        (flow(replica_interruptibility="high", pal_interruptibility="low"), flow(replica_interruptibility="high")),
        (flow(pal_interruptibility="low", replica_interruptibility="high"), flow(replica_interruptibility="high")),
        ({"layers": "${var:layers}"}, {"layers": "${var:layers}"}),
    ],
)
def test_a_document_is_turned_into_the_names_of_the_model(written: Body, named: Body) -> None:
    assert spellings.with_model_names(PERSONA, written) == named


def test_two_names_of_one_field_are_found_at_every_depth() -> None:
    found = [*spellings.duplicate_fields(PERSONA, {"persona_name": 1, "pal_name": 2, **flow(pal_interruptibility=1)})]
    below = [*spellings.duplicate_fields(PERSONA, flow(face_interruptibility=1, pal_interruptibility=2))]

    assert [(one.path, one.names) for one in found] == [((), ("persona_name", "pal_name"))]
    assert [one.path for one in below] == [("layers", "conversational_flow")]


def test_a_patch_is_turned_into_the_names_that_a_read_shows() -> None:
    names = spellings.shown_names(PERSONA, {"pal_name": "A", **flow(face_interruptibility="low")})
    patch: list[Body] = [
        {"op": "test", "path": "/persona_name", "value": "A"},
        {"op": "replace", "path": f"{FLOW}/replica_interruptibility", "value": "high"},
        {"op": "add", "path": FLOW, "value": {"replica_interruptibility": "high", "wake_phrase": "Hi"}},
        {"op": "remove", "path": "/greeting"},
    ]

    assert names == {"/persona_name": "pal_name", f"{FLOW}/replica_interruptibility": "face_interruptibility"}
    assert spellings.with_shown_names(patch, names) == [
        {"op": "test", "path": "/pal_name", "value": "A"},
        {"op": "replace", "path": f"{FLOW}/face_interruptibility", "value": "high"},
        {"op": "add", "path": FLOW, "value": {"face_interruptibility": "high", "wake_phrase": "Hi"}},
        {"op": "remove", "path": "/greeting"},
    ]
    assert spellings.with_shown_names(patch, {}) == patch


def test_a_path_is_found_under_the_name_that_a_document_has() -> None:
    path = ("layers", "conversational_flow", "replica_interruptibility")

    assert spellings.written_path(PERSONA, flow(pal_interruptibility=1), path)[-1] == "pal_interruptibility"
    assert spellings.written_path(PERSONA, flow(), path) == path
    assert spellings.written_path(PERSONA, None, path) == path
    assert spellings.model_pointer(PERSONA, f"{FLOW}/pal_interruptibility") == f"{FLOW}/replica_interruptibility"
    assert spellings.model_pointer(PERSONA, "/pal_name") == "/persona_name"


@pytest.mark.parametrize(
    ("written", "ours"),
    [
        ("pal/a", "persona/a"),
        ("face/a", "replica/a"),
        ("persona/pal", "persona/pal"),
        ("palace/a", "palace/a"),
        ("", ""),
    ],
)
def test_addresses_have_one_word_for_each_kind(written: str, ours: str) -> None:
    assert canonical_address(written) == ours
