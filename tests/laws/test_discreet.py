"""The law of discreet records: whatever a document says, no state holds a secret, and the document is known again."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tavusctl.core.address import Address
from tavusctl.core.binding import Binding
from tavusctl.core.json_tree import canonical
from tavusctl.core.ports import State
from tavusctl.fields.equivalence import same
from tavusctl.kinds import KINDS
from tavusctl.secrets import redaction
from tavusctl.state.codec import decode, encode
from tavusctl.state.seals import Keys, Seals, Trust, verify
from tests.scenarios.canaries import ANYWHERE, canaries, found_in

pytestmark = pytest.mark.usefixtures("quick_scrypt")

COACH: Final = Address("persona", "coach")
KIND: Final = KINDS["persona"]
SECRETS: Final = canaries()
KEYS: Final = Keys("an API key")
WORDS: Final = st.sampled_from(["You coach.", "é✓", "a, b", "true", "x" * 40])
TOLD: Final = st.builds("{}{}{}".format, WORDS, st.sampled_from(SECRETS), WORDS)
DIGITS: Final = "7300518"
NUMBERS: Final = st.integers(0, 9) | st.sampled_from([int(DIGITS), -float(DIGITS)])
TEXTS: Final = WORDS | TOLD | st.sampled_from(SECRETS)
FREE: Final = st.recursive(
    TEXTS
    | st.none()
    | st.booleans()
    | st.integers(0, 9)
    | st.sampled_from([int(DIGITS), -float(DIGITS), f"a{DIGITS}"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
SPECS: Final = st.fixed_dictionaries(
    {"persona_name": TEXTS, "system_prompt": TEXTS},
    optional={
        "context": TEXTS,
        "document_tags": st.lists(TEXTS, max_size=3, unique=True),
        "layers": st.fixed_dictionaries(
            {"llm": st.fixed_dictionaries({"model": WORDS, "extra_body": st.dictionaries(WORDS, FREE, max_size=3)})},
            optional={"stt": st.fixed_dictionaries({"hotwords": TEXTS | st.lists(WORDS, max_size=3)})},
        ),
    },
)


def custody() -> Seals:
    return Seals(Trust.NEW, b"k" * 32, KEYS)


def kept(binding: Binding) -> bytes:
    """The bytes of a state that holds a binding as a record may have it."""
    own = custody()
    return encode(own.sealed(replace(State("lineage"), bindings={COACH: own.binding_without_secret_values(binding)})))


@given(SPECS)
def test_no_state_holds_a_secret_and_each_is_known_again(spec: dict[str, Any]) -> None:
    with redaction.isolated_run():
        for one in (*SECRETS, DIGITS):
            redaction.register(one)
        content = kept(Binding(COACH, "p1", spec, answered={"/context": spec["system_prompt"]}, unconfirmed=dict(spec)))
    assert found_in(content, [ANYWHERE]) == []
    assert DIGITS.encode() not in content
    again = verify(decode(content, "the state"), (), KEYS).replay.state.bindings[COACH]
    assert same(KIND, (), again.applied, spec)
    assert same(KIND, (), spec, again.applied)


@given(SPECS, TOLD)
def test_another_text_is_told_from_the_one_that_was_kept(spec: dict[str, Any], other: str) -> None:
    changed = {**spec, "system_prompt": f"{spec['system_prompt']}{other}"}
    with redaction.isolated_run():
        for one in SECRETS:
            redaction.register(one)
        content = kept(Binding(COACH, "p1", spec))
    again = verify(decode(content, "the state"), (), KEYS).replay.state.bindings[COACH]
    assert not same(KIND, (), again.applied, changed)
    assert not same(KIND, (), changed, again.applied)


@given(SPECS)
def test_what_holds_no_secret_is_kept_as_it_is(spec: dict[str, Any]) -> None:
    with redaction.isolated_run():
        redaction.register("another secret altogether")
        assert custody().without_secret_values(spec) is spec
    assert json.loads(canonical(spec)) == spec
