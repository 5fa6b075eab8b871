"""Bindings and secrets at rest: nothing that is secret, and everything else."""

from __future__ import annotations

import copy
import json
import pickle

import pytest

from tavusctl.core.address import Address
from tavusctl.core.binding import Binding
from tavusctl.lib.json_types import as_object
from tavusctl.secrets.values import SHOWN, Fingerprint, FingerprintKey, Secret, SecretText
from tavusctl.state.serialization import binding_in, binding_out, leaves_in, plain

COACH = Address("persona", "coach")


@pytest.mark.parametrize(
    "binding",
    [
        Binding(COACH, "p1"),
        Binding(
            COACH,
            "p1",
            {"guardrails_id": Address("guardrails", "rules"), "keys": [Fingerprint("f"), 1, None], "in": {"x": "y"}},
            prevent_destroy=True,
            on_remove="retain",
            successor="p2",
            successor_spec={"key": Fingerprint("g")},
            retired=("p0",),
        ),
    ],
)
def test_a_binding_comes_back_as_it_was(binding: Binding) -> None:
    kept = as_object(plain(binding_out(binding)))

    assert binding_in(COACH, json.loads(json.dumps(kept))) == binding
    assert "address" not in kept


def test_what_is_at_its_default_is_left_out() -> None:
    assert binding_out(Binding(COACH, "p1")) == {"remote_id": "p1"}


def test_a_member_of_a_newer_version_is_not_dropped_silently() -> None:
    with pytest.raises(TypeError):
        binding_in(COACH, {"remote_id": "p1", "newer": 1})


def test_leaves_have_a_spelling_of_their_own() -> None:
    assert leaves_in({"tavusctl:ref": "persona/coach"}) == COACH
    assert leaves_in([{"tavusctl:secret": "f"}, {"tavusctl:ref": "persona/coach", "and": 1}]) == [
        Fingerprint("f"),
        {"tavusctl:ref": "persona/coach", "and": 1},
    ]


def test_a_secret_shows_nowhere() -> None:
    secret = Secret("canary", b"key")

    assert [str(secret), repr(secret), f"{secret:>20}", f"{secret}"] == [SHOWN] * 4
    assert "canary" not in json.dumps(plain({"key": secret}))
    assert plain({"key": secret}) == {"key": {"tavusctl:secret": secret.fingerprint.digest}}
    assert secret.reveal() == "canary"
    assert not hasattr(secret, "__dict__")


def test_a_secret_cannot_be_stored() -> None:
    with pytest.raises(TypeError, match="not to be stored"):
        pickle.dumps(Secret("canary", b"key"))


def test_secrets_are_equal_by_value_and_tell_nothing_else() -> None:
    one, same, other = Secret("a", b"k"), Secret("a", b"other key"), Secret("b", b"k")

    assert (one == same, one == other, one == "a") == (True, False, False)
    assert (hash(one) == hash(Secret("a", b"k")), copy.deepcopy(one) is one) == (True, True)
    assert one.fingerprint != same.fingerprint


def test_a_template_is_filled_and_names_what_has_no_value() -> None:
    template = SecretText(("Bearer ", "-", ""), ("A", "B"))

    assert template.fill({"A": "1", "B": "2"}, FingerprintKey(b"k")) == Secret("Bearer 1-2", b"k")
    with pytest.raises(KeyError, match="B"):
        template.fill({"A": "1"}, FingerprintKey(b"k"))


def test_a_binding_may_have_each_member_at_once() -> None:
    binding = Binding(COACH, "p1")
    members = {name: getattr(binding, name) for name in Binding.__struct_fields__ if name != "address"}
    assert binding_in(COACH, members) == binding
    with pytest.raises(TypeError):
        binding_in(COACH, {**members, "newer": 1})
