"""What a create has made, told by look."""

from __future__ import annotations

from typing import Any

import pytest

from tavusctl.core.address import Address
from tavusctl.core.errors import Ambiguous
from tavusctl.core.model import Live
from tavusctl.engine.compare import match_create
from tavusctl.engine.compare.match_create import SentCreate
from tavusctl.kinds import KINDS
from tavusctl.lib.json_types import JsonObject
from tavusctl.patch import Pinned
from tavusctl.secrets.values import MASK, Fingerprint

PERSONA, DOCUMENT, REPLICA = KINDS["persona"], KINDS["document"], KINDS["replica"]
SPEC: JsonObject = {"persona_name": "Coach", "system_prompt": "You coach."}
SENT = SentCreate(PERSONA, SPEC, "Coach", frozenset({"Host"}))
PAGE: JsonObject = {"document_url": "https://example.com/prices", "tags": ["sales", "b"]}
OURS = Address("persona", "coach")


def live(remote_id: str, address: Address | None = None, **changes: Any) -> Live:
    body = {**SPEC, "pipeline_mode": "full", **changes}
    return Live(PERSONA, remote_id, body, str(body["persona_name"]), address=address)


def page(remote_id: str, name: str, **changes: Any) -> Live:
    return Live(DOCUMENT, remote_id, {**PAGE, "document_name": name, **changes}, name)


def replica(remote_id: str, name: str) -> Live:
    return Live(REPLICA, remote_id, {"replica_name": name}, name)


def test_what_was_there_before_or_belongs_to_somebody_or_agrees_in_nothing_is_not_it() -> None:
    seen = [live("old"), live("ours", OURS), live("other", persona_name="Other", system_prompt="Hm.")]

    assert match_create.created_id(SENT, seen, {"old"}) == ""


def test_the_one_that_reads_as_what_was_sent_is_it() -> None:
    assert match_create.created_id(SENT, [live("p1"), live("p2", system_prompt="Hm.")], set()) == "p1"


@pytest.mark.parametrize("changes", [{"system_prompt": "Hm."}, {"persona_name": "Trainer"}])
def test_one_that_agrees_only_in_its_name_or_only_in_the_rest_is_for_a_person(changes: dict[str, Any]) -> None:
    with pytest.raises(Ambiguous, match="p2") as told:
        match_create.created_id(SENT, [live("p2", **changes)], set())
    assert "import it with `tavusctl import ADDRESS ID`" in told.value.hint


def test_what_has_the_name_of_another_create_is_not_it() -> None:
    assert match_create.created_id(SENT, [live("p2", persona_name="Host")], set()) == ""


def test_two_that_read_alike_are_for_a_person_where_one_was_made() -> None:
    twins = [live("p2"), live("p1")]

    assert match_create.candidate_ids(SENT, twins, set()) == ("p1", "p2")
    with pytest.raises(Ambiguous, match="p1, p2"):
        match_create.created_id(SENT, twins, set())


def test_one_that_reads_exactly_as_sent_comes_before_one_that_is_spelled_otherwise() -> None:
    assert match_create.created_id(SENT, [live("p1", persona_name="coach"), live("p2")], set()) == "p2"


def test_what_reads_as_another_create_is_no_reason_for_doubt() -> None:
    assert match_create.candidate_ids(SENT, [live("p2", system_prompt="Hm.")], set(), {"p2"}) == ()


def test_a_masked_secret_counts_as_the_one_that_was_sent() -> None:
    spec = {**SPEC, "layers": {"llm": {"model": "gpt-4o", "api_key": Fingerprint("f")}}}
    seen = live("p1", layers={"llm": {"model": "gpt-4o", "api_key": Pinned(MASK)}})

    assert match_create.reads_as(SentCreate(PERSONA, spec, ""), seen)
    assert not match_create.reads_as(SentCreate(PERSONA, spec, ""), live("p1"))


@pytest.mark.parametrize("seen", ["Prices", "prices", " Prices ", "PRICES"])
def test_without_a_name_in_the_manifest_the_content_tells(seen: str) -> None:
    sent = SentCreate(DOCUMENT, PAGE, "prices")

    assert match_create.created_id(sent, [page("d1", seen, tags=["b", "sales"])], set()) == "d1"


def test_a_create_of_an_older_version_that_sent_no_name_is_found_by_its_content() -> None:
    sent = SentCreate(DOCUMENT, PAGE, "")

    assert match_create.created_id(sent, [page("d1", "made up"), page("d2", "x", tags=[])], set()) == "d1"
    assert match_create.created_id(sent, [page("d2", "x", tags=[])], set()) == ""


def test_where_nothing_is_known_of_what_was_sent_any_new_object_is_for_a_person() -> None:
    sent = SentCreate(REPLICA, {"train_video_url": "https://example.com/v.mp4"}, "")

    with pytest.raises(Ambiguous, match="r1"):
        match_create.created_id(sent, [replica("r1", "Anna")], set())
    assert match_create.created_id(sent, [], set()) == ""


@pytest.mark.parametrize(
    ("name", "changes", "ours"),
    [
        ("Coach", {}, True),
        ("Coach", {"system_prompt": "Hm."}, True),
        ("Something else", {}, True),
        ("Something else", {"system_prompt": "Hm."}, False),
        ("Host", {}, False),
    ],
)
def test_an_id_in_an_answer_is_ours_unless_nothing_agrees(name: str, changes: dict[str, Any], *, ours: bool) -> None:
    assert match_create.is_created_object(SENT, live("p1", persona_name=name, **changes)) == ours


@pytest.mark.parametrize(
    ("manifest", "stranger", "rival"),
    [
        (SPEC, {}, True),
        (SPEC, {"persona_name": "  Coach", "system_prompt": "Hm."}, True),
        (SPEC, {"persona_name": "coach", "system_prompt": "Hm."}, False),
        (SPEC, {"persona_name": "coach"}, True),
        (SPEC, {"persona_name": "Coach (staging)"}, False),
        (SPEC, {"persona_name": "tavusctl_0123456789ab Coach"}, True),
        ({"system_prompt": "You coach."}, {"persona_name": "made up"}, True),
        ({"system_prompt": "You coach."}, {"persona_name": "made up", "system_prompt": "Hm."}, False),
    ],
)
def test_a_rival_has_the_name_or_where_there_is_none_the_content(
    manifest: dict[str, Any], stranger: dict[str, Any], *, rival: bool
) -> None:
    name = manifest.get("persona_name", "coach-1")

    found = match_create.UnmanagedObjects([live("p1", **stranger)]).find_duplicates(PERSONA, manifest, name)

    assert [one.remote_id for one in found] == (["p1"] if rival else [])
    assert match_create.UnmanagedObjects([live("p1", OURS, **stranger)]).find_duplicates(PERSONA, manifest, name) == ()
    assert (
        match_create.UnmanagedObjects([live("p1", **stranger)], {"p1"}).find_duplicates(PERSONA, manifest, name) == ()
    )


def test_twins_are_new_nobodys_and_the_same_but_for_the_claims_in_their_names() -> None:
    sent = SentCreate(REPLICA, {"replica_name": "Anna"}, "tavusctl_0123456789ab Anna")
    seen = [replica("r1", "Anna"), replica("r2", "tavusctl_ba9876543210 Anna"), replica("r3", "Ben")]

    assert [one.remote_id for one in match_create.possible_duplicates(sent, seen, {"old"})] == ["r1", "r2"]
    assert match_create.possible_duplicates(sent, seen, {"r1", "r2"}) == ()


@pytest.mark.parametrize(
    ("sent", "shown", "similar"),
    [
        ("Q&A <bot>", "Q&amp;amp;A &lt;bot&gt;", True),
        ("Ka\u0308ufer", "K\u00e4ufer", True),
        ("A \t b\n", "A b", True),
        ("Customer support agent", "Customer support\u2026", True),
        ("Customer support agent", "Customer support clerk", False),
        ("Customer support agent", "Cust", False),
        ("Cust", "Customer support agent", False),
    ],
)
def test_what_stays_of_a_text_however_a_server_spells_it(sent: str, shown: str, *, similar: bool) -> None:
    assert match_create.similar_text(sent, shown) == similar
