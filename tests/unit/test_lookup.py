"""What a create whose answer was lost has made, told by look."""

from __future__ import annotations

from typing import Any

import pytest

from tavusctl import lookup
from tavusctl.errors import Ambiguous
from tavusctl.kinds import KINDS
from tavusctl.model import Address, Live
from tavusctl.patch import Pinned
from tavusctl.secret import MASK, Fingerprint

PERSONA = KINDS["persona"]
SPEC = {"persona_name": "Coach", "system_prompt": "You coach."}
OURS = Address("persona", "coach")


def live(remote_id: str, address: Address | None = None, **changes: Any) -> Live:
    body = {**SPEC, "pipeline_mode": "full", **changes}
    return Live(PERSONA, remote_id, body, str(body["persona_name"]), address=address)


def test_what_was_there_before_belongs_to_somebody_or_has_another_name_is_not_it() -> None:
    seen = [live("old"), live("ours", OURS), live("named", persona_name="Other")]

    assert lookup.found(PERSONA, SPEC, "Coach", seen, {"old"}) == ""


def test_the_one_that_reads_as_what_was_sent_is_it() -> None:
    assert lookup.found(PERSONA, SPEC, "Coach", [live("p1"), live("p2", system_prompt="Hm.")], set()) == "p1"


def test_one_of_the_name_that_reads_otherwise_is_for_a_person() -> None:
    with pytest.raises(Ambiguous, match="p2"):
        lookup.found(PERSONA, SPEC, "Coach", [live("p2", system_prompt="Hm.")], set())


def test_two_that_read_alike_are_for_a_person_where_one_was_made() -> None:
    twins = [live("p2"), live("p1")]

    assert lookup.matching(PERSONA, SPEC, "Coach", twins, set()) == ("p1", "p2")
    with pytest.raises(Ambiguous, match="p1, p2"):
        lookup.found(PERSONA, SPEC, "Coach", twins, set())


def test_a_masked_secret_counts_as_the_one_that_was_sent() -> None:
    spec = {**SPEC, "layers": {"llm": {"model": "gpt-4o", "api_key": Fingerprint("f")}}}
    seen = live("p1", layers={"llm": {"model": "gpt-4o", "api_key": Pinned(MASK)}})

    assert lookup.reads_as(PERSONA, spec, seen)
    assert not lookup.reads_as(PERSONA, spec, live("p1"))
