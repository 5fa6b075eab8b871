from __future__ import annotations

from typing import Any

import pytest

from tests.emulator.harness import Tavus

GREET = [{"op": "replace", "path": "/greeting", "value": "Hello"}]
EDIT = [{"op": "replace", "path": "/greeting", "value": "From Maker"}]
MEET = [{"op": "add", "path": "/layers/conferencing", "value": {"username": "acme"}}]
BOTH = [*MEET, *GREET]


def begin(tavus: Tavus, ident: str, **more: Any) -> None:
    assert tavus.control("POST", "drafts", {"id": ident, **more}) == {"drafts": [ident]}


def greeting(tavus: Tavus, ident: str, query: str = "") -> Any:
    return tavus.ok("GET", f"/v2/personas/{ident}{query}")["greeting"]


@pytest.mark.parametrize(
    "operations",
    [GREET, [], BOTH, [{"op": "test", "path": "/greeting", "value": "other"}], [{"op": "replace", "path": "/nowhere"}]],
    ids=["a change", "no change", "conferencing beside another field", "a test that fails", "no patch at all"],
)
def test_a_draft_in_maker_keeps_every_patch_out(tavus: Tavus, operations: Any) -> None:
    ident = tavus.persona()
    begin(tavus, ident, patch=EDIT)
    before = tavus.mutations()
    refused = tavus.call("PATCH", f"/v2/personas/{ident}", operations)
    assert (refused.status_code, refused.json()["conflict"]) == (409, "maker_changes")
    assert (tavus.mutations(), greeting(tavus, ident)) == (before, "")


def test_force_writes_and_throws_the_draft_away(tavus: Tavus) -> None:
    ident = tavus.persona()
    begin(tavus, ident, patch=EDIT)
    answered = tavus.ok("PATCH", f"/v2/personas/{ident}?force=true", GREET)
    assert (answered["greeting"], answered["discarded_maker_changes"]) == ("Hello", True)
    assert tavus.control("GET", "drafts") == {"drafts": []}
    assert "discarded_maker_changes" not in tavus.ok("PATCH", f"/v2/personas/{ident}?force=true", EDIT)


def test_the_meeting_identity_never_waits_for_a_draft(tavus: Tavus) -> None:
    tavus.switch(layers_unknown="keep")
    ident = tavus.persona()
    begin(tavus, ident, patch=EDIT)
    tavus.ok("PATCH", f"/v2/personas/{ident}", MEET)
    tavus.control("POST", "drafts/publish", {"id": ident})
    shown = tavus.ok("GET", f"/v2/personas/{ident}")
    assert (shown["greeting"], shown["layers"]["conferencing"]) == ("From Maker", {"username": "acme"})


@pytest.mark.parametrize(("publish", "reads"), [(True, "From Maker"), (False, "")])
def test_a_person_publishes_a_draft_or_throws_it_away(tavus: Tavus, *, publish: bool, reads: str) -> None:
    ident = tavus.persona()
    begin(tavus, ident, patch=EDIT)
    if publish:
        tavus.control("POST", "drafts/publish", {"id": ident})
    else:
        tavus.control("DELETE", f"drafts?id={ident}")
    assert greeting(tavus, ident) == reads
    tavus.ok("PATCH", f"/v2/personas/{ident}", GREET)
    assert greeting(tavus, ident) == "Hello"


def test_no_read_shows_a_draft_of_maker_and_a_client_cannot_publish_it(tavus: Tavus) -> None:
    ident = tavus.persona()
    before = tavus.ok("GET", f"/v2/personas/{ident}")
    begin(tavus, ident, patch=EDIT)
    tavus.ok("POST", f"/v2/pals/{ident}/publish")
    assert [tavus.ok("GET", f"/v2/personas/{ident}{query}") for query in ("", "?source=draft")] == [before, before]
    assert tavus.control("GET", "drafts")["drafts"][0]["document"]["greeting"] == "From Maker"


def test_a_draft_begins_between_a_read_and_a_write(tavus: Tavus) -> None:
    ident = tavus.persona()
    armed = {"id": "*", "patch": EDIT, "when": {"before": "PATCH /v2/personas/*"}}
    assert tavus.control("POST", "drafts", armed) == {"armed": True}
    tavus.ok("GET", f"/v2/personas/{ident}")
    assert tavus.call("PATCH", f"/v2/personas/{ident}", GREET).status_code == 409


def test_a_write_of_july_goes_to_the_draft(tavus: Tavus) -> None:
    ident = tavus.persona()
    begin(tavus, ident, model="july")
    answered = tavus.ok("PATCH", f"/v2/personas/{ident}", GREET)
    assert (answered["greeting"], "publish_url" in answered) == ("Hello", True)
    assert (greeting(tavus, ident), greeting(tavus, ident, "?source=draft")) == ("", "Hello")
    assert tavus.call("PATCH", f"/v2/personas/{ident}", GREET).status_code == 304
    draft = tavus.ok("GET", f"/v2/personas/{ident}?source=draft")
    assert (draft["is_draft_view"], draft["has_unpublished_changes"], "publish_url" in draft) == (True, True, True)
    assert "is_draft_view" not in tavus.ok("GET", f"/v2/personas/{ident}")
    tavus.switch(draft_marks="every read")
    live = tavus.ok("GET", f"/v2/personas/{ident}")
    assert (live["is_draft_view"], live["has_unpublished_changes"]) == (False, True)


def test_a_client_publishes_a_draft_of_july(tavus: Tavus) -> None:
    ident = tavus.persona()
    begin(tavus, ident, model="july")
    tavus.ok("PATCH", f"/v2/personas/{ident}", GREET)
    told = tavus.ok("POST", f"/v2/pals/{ident}/publish")
    assert told.keys() == {"status", "pal_id", "pal_name", "system_prompt", "updated_at"}
    assert greeting(tavus, ident) == "Hello"
    again = tavus.mutations()
    assert tavus.ok("POST", f"/v2/pals/{ident}/publish") == told
    assert tavus.mutations() == again


def test_a_write_of_july_can_be_sent_to_the_live_row(tavus: Tavus) -> None:
    ident = tavus.persona()
    begin(tavus, ident, model="july", patch=EDIT)
    assert "publish_url" not in tavus.ok("PATCH", f"/v2/personas/{ident}?target=live", GREET)
    assert (greeting(tavus, ident), greeting(tavus, ident, "?source=draft")) == ("Hello", "From Maker")


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        ({"id": "p1", "model": "june"}, "model"),
        ({"id": "p1"}, "there is no persona p1"),
        ({"model": "july"}, "id"),
        ({"id": "p1", "patch": [{"op": "x"}]}, "patch"),
        ({"id": "p1", "colour": 1}, "unknown members"),
    ],
)
def test_a_draft_that_cannot_begin_is_refused(tavus: Tavus, wanted: Any, why: str) -> None:
    refused = tavus.http.post(f"{tavus.url}/__emulator/drafts", json=wanted)
    assert refused.status_code == 400
    assert why in refused.json()["error"]
