"""Read bodies in the spelling of manifests: envelopes, names, computed keys; the input stays as it was."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tavusctl.fields import spellings
from tavusctl.kinds import KINDS

CORPUS = Path(__file__).parents[1] / "corpus"
PERSONA = {"persona_name": "Coach", "system_prompt": " Be brief.\n", "layers": {"tts": {"api_key": "********"}}}
TIMES = {"created_at": "2025-05-13T06:42:58.291561Z", "updated_at": "2025-05-13T06:42:58.341561Z"}
ITEM = {"guardrail_name": "kind", "guardrail_prompt": "Be kind.", "modality": "verbal", "callback_url": ""}
GOAL = {"objective_name": "greet", "objective_prompt": "Greet.", "next_required_objective": "close"}


@pytest.mark.parametrize(
    ("kind", "read", "expected"),
    [
        ("persona", {"persona_id": "p1", **PERSONA, **TIMES}, PERSONA),
        ("persona", {"data": [{"persona_id": "p1", **PERSONA, **TIMES}]}, PERSONA),
        ("persona", {"data": {"persona_id": "p1", **PERSONA}}, PERSONA),
        (
            "persona",
            {"pal_id": "p1", "pal_name": "Coach", "default_face_id": "r1"},
            {"persona_name": "Coach", "default_replica_id": "r1"},
        ),
        ("persona", {"persona_id": "p1", "pal_name": "New", "persona_name": "Old"}, {"persona_name": "Old"}),
        ("persona", {"persona_id": "p1", "something_new": {"a": [1]}}, {"something_new": {"a": [1]}}),
        (
            "replica",
            {
                "replica_id": "r1",
                "replica_name": "Anna",
                "thumbnail_video_url": "https://example.com/t.mp4",
                "training_progress": "100/100",
                "status": "completed",
                "replica_type": "user",
                "error_message": None,
                **TIMES,
            },
            {"replica_name": "Anna"},
        ),
        (
            "document",
            {
                "document_id": "d8-5c71baca86fc",
                "document_name": "Docs",
                "document_url": "https://example.com/",
                "status": "ready",
                "progress": 100,
                "callback_url": "",
                "tags": ["b", "a"],
                "crawl_config": {"depth": 2, "max_pages": 25},
                "crawled_urls": ["https://example.com/"],
                "last_crawled_at": "2024-01-01T12:00:00Z",
                "crawl_count": 1,
                **TIMES,
            },
            {
                "crawl": {"depth": 2, "max_pages": 25},
                "document_name": "Docs",
                "document_url": "https://example.com/",
                "callback_url": "",
                "tags": ["b", "a"],
            },
        ),
        (
            "guardrails",
            {"uuid": "g1", "owner_id": 7, "name": "Kind", "data": [ITEM], "is_deleted": False, **TIMES},
            {"name": "Kind", "data": [ITEM]},
        ),
        ("guardrails", {"data": {"guardrails_id": "g1", **ITEM, **TIMES}}, {"data": [ITEM]}),
        ("guardrails", {"data": [{"uuid": "g1", "name": "Kind", "data": [ITEM]}]}, {"name": "Kind", "data": [ITEM]}),
        (
            "guardrails",
            {"data": {"uuid": "g1", "name": "Kind", "data": [ITEM, ITEM]}},
            {"name": "Kind", "data": [ITEM, ITEM]},
        ),
        (
            "guardrails",
            {"guardrails_id": "g1", "guardrails_name": "Kind", "data": [{**ITEM, "uuid": "i1"}]},
            {"name": "Kind", "data": [ITEM]},
        ),
        (
            "guardrails",
            {"uuid": "g1", "data": [{"guardrails_name": "kind", "guardrails_prompt": "Be kind."}]},
            {"data": [{"guardrail_name": "kind", "guardrail_prompt": "Be kind."}]},
        ),
        ("objectives", {"uuid": "o1", "name": "Hello", "data": [GOAL], **TIMES}, {"name": "Hello", "data": [GOAL]}),
        ("objectives", {"data": {"objectives_id": "o1", **GOAL, **TIMES}}, {"data": [GOAL]}),
        ("objectives", {"uuid": "o1", "name": "Empty", "data": []}, {"name": "Empty", "data": []}),
        ("objectives", {"objectives_id": "o1", **TIMES}, {}),
    ],
)
def test_a_read_body_is_turned_into_the_spelling_of_spec(
    kind: str, read: dict[str, Any], expected: dict[str, Any]
) -> None:
    before = copy.deepcopy(read)
    assert spellings.read(KINDS[kind], read) == expected
    assert read == before


@pytest.mark.parametrize("kind", KINDS)
@given(
    body=st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=3),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["data", "uuid", "name", "persona_name", "crawl", "crawl_config", "x"]),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    ).filter(lambda value: isinstance(value, dict))
)
def test_any_object_is_read_without_error_change_or_aliasing_of_keys(kind: str, body: dict[str, Any]) -> None:
    before = copy.deepcopy(body)
    read = KINDS[kind].normalise(body)
    assert body == before
    assert not {"uuid", "crawl_config"} & set(read) or kind != "document"
    assert "uuid" not in read


@pytest.mark.parametrize("path", sorted(CORPUS.glob("*/persona-*.json")), ids=lambda path: path.stem)
def test_what_is_written_is_read_back_as_it_is(path: Path) -> None:
    body = json.loads(path.read_text("utf-8"))
    written = {key: value for key, value in body.items() if key not in {"persona_id", "created_at", "updated_at"}}
    assert KINDS["persona"].normalise({"persona_id": "p1", **TIMES, **written}) == written


def test_ids_are_found_under_every_name() -> None:
    assert KINDS["guardrails"].id_of({"uuid": "g1", "id": "x"}) == "g1"
    assert KINDS["guardrails"].id_of({"guardrails_id": "g2", "uuid": "g1"}) == "g2"
    assert KINDS["objectives"].id_of({"id": "o1"}) == "o1"
    assert KINDS["document"].id_of({"uuid": "d1"}) == "d1"
    assert KINDS["persona"].id_of({"pal_id": "p1"}) == "p1"
    assert KINDS["replica"].id_of({"face_id": "r1"}) == "r1"
