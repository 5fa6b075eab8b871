"""What a binding learns: more than other words for what was known, or not."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from tavusctl.core.address import Address
from tavusctl.core.binding import Binding
from tavusctl.engine.diff.applied_base import differs_in_content
from tavusctl.kinds import KINDS
from tavusctl.lib.json_types import JsonObject
from tavusctl.secrets.values import Secret

KIND = KINDS["persona"]
APPLIED: JsonObject = {"persona_name": "Coach", "document_tags": ["a", "b"], "greeting": "Hi"}
KNOWN = Binding(Address("persona", "coach"), "p1", APPLIED)


@pytest.mark.parametrize(
    "current",
    [
        replace(KNOWN, created_at="2026-01-01T00:00:00Z"),
        replace(KNOWN, externals={"guardrails/house": "g1"}),
        replace(KNOWN, applied={**APPLIED, "document_tags": ["b", "a"]}),
    ],
)
def test_other_words_are_nothing_to_record(current: Binding) -> None:
    assert not differs_in_content(KIND, current, KNOWN)


@pytest.mark.parametrize(
    "current",
    [
        replace(KNOWN, applied={**APPLIED, "greeting": "Hello"}),
        replace(KNOWN, applied={**APPLIED, "pipeline_mode": "full"}),
        replace(KNOWN, prevent_destroy=True),
        replace(KNOWN, answered={"/greeting": "hi"}),
        replace(KNOWN, remote_id="p2"),
    ],
)
def test_what_was_not_known_is_recorded(current: Binding) -> None:
    assert differs_in_content(KIND, current, KNOWN)


def test_a_default_that_is_no_longer_set_is_recorded() -> None:
    known = replace(KNOWN, applied={**APPLIED, "pipeline_mode": "full"})

    assert differs_in_content(KIND, KNOWN, known)


def test_a_key_that_an_older_version_kept_in_the_clear_is_recorded_as_a_fingerprint() -> None:
    secret = Secret("0f1e2d3c4b5a6978", b"k" * 32)
    known, current = (
        replace(KNOWN, applied={**APPLIED, "layers": {"llm": {"default_query": {"api-key": leaf}}}})
        for leaf in (secret.reveal(), secret.fingerprint)
    )

    assert differs_in_content(KIND, current, known)
    assert not differs_in_content(KIND, current, current)
