"""A server that keeps some fields otherwise than it was sent, as laws of real kinds.

`otherwise` stands for everything that a server may do to a field: drop it, tidy it, or answer a value of its own.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from msgspec.structs import replace

from tavusctl import patch
from tavusctl.core.binding import MADE, Binding
from tavusctl.core.json_tree import leaves, map_leaves
from tavusctl.core.model import ABSENT, Cause
from tavusctl.core.ports import State
from tavusctl.engine.compare.three_way import compare, recorded_value
from tavusctl.fields.equivalence import same
from tavusctl.kinds import KINDS
from tavusctl.lib.json_types import JsonObject, as_object, as_text
from tavusctl.secrets import redaction
from tavusctl.secrets.values import Secret
from tavusctl.state.seals import without_fingerprints
from tavusctl.state.serialization import binding_in, binding_out, plain
from tests.laws.specs import KEY, SPECS, Body, bound, desired, live

of_each_kind = pytest.mark.parametrize("kind", sorted(SPECS))
TREATMENTS: dict[str, Callable[[Any], Any]] = {
    "drop": lambda _: ABSENT,
    "case": lambda value: value.swapcase() if isinstance(value, str) else value,
    "blanks": lambda value: f" {value}" if isinstance(value, str) else value,
    "order": lambda value: value[::-1] if isinstance(value, list) else value,
    "default": lambda value: "its own" if isinstance(value, str) else value,
}


def fields_of(kind: str, spec: Body) -> list[str]:
    """Pointers of managed fields that a read can tell of."""
    found = []
    for change in compare(desired(kind, spec), live(kind, {}), None).fields:
        path = patch.split(change.path)
        declared = [KINDS[kind].field_at(path[:n]) for n in range(1, len(path) + 1)]
        if not any(one.secret or one.write_only for one in declared):
            found.append(change.path)
    return found


def kept(body: Body, treated: dict[str, str]) -> Body:
    """A body as the server keeps it."""
    body = copy.deepcopy(body)
    for pointer, treatment in treated.items():
        *above, last = patch.split(pointer)
        parent: Any = body
        for key in above:
            parent = parent.get(key, {}) if isinstance(parent, dict) else {}
        if isinstance(parent, dict) and last in parent:
            value = TREATMENTS[treatment](parent[last])
            if value is ABSENT:
                del parent[last]
            else:
                parent[last] = value
    return body


@st.composite
def accounts(draw: st.DrawFn, kind: str) -> tuple[Body, Body, dict[str, str]]:
    """What was sent, what the server keeps of it, and what it did to which field."""
    spec = draw(SPECS[kind])
    places = fields_of(kind, spec)
    chosen = draw(st.lists(st.sampled_from(places), unique=True, max_size=4)) if places else []
    treated = {one: draw(st.sampled_from(sorted(TREATMENTS))) for one in chosen}
    return spec, kept(spec, treated), treated


def known(kind: str, spec: Body, body: Body, *, read: bool) -> Binding:
    """The binding after the create: read back, or not yet; as it comes back from the state."""
    made = bound(kind, spec)
    assert made
    made = replace(made, unconfirmed=MADE)
    if read:
        answers = compare(desired(kind, spec), live(kind, body), made).answers
        made = replace(made, unconfirmed={}, answered=answers)
    return binding_in(made.address, as_object(plain(binding_out(made))))


@of_each_kind
@given(data=st.data(), read=st.booleans())
def test_what_the_server_keeps_otherwise_is_neither_drift_nor_planned_and_is_told(
    kind: str, data: st.DataObject, read: bool
) -> None:
    spec, body, treated = data.draw(accounts(kind))
    difference = compare(desired(kind, spec), live(kind, body), known(kind, spec, body, read=read))
    assert (difference.fields, difference.patch, difference.drift) == ((), (), ())
    told = {one.path for one in difference.stored_differently}
    without = compare(desired(kind, spec), live(kind, body), None).fields
    differing = {one.path for one in without if not one.sensitive}
    assert {one for one in told if one in treated} == {one for one in differing if one in treated}


@of_each_kind
@given(data=st.data(), read=st.booleans())
def test_an_edit_of_the_manifest_alone_is_an_edit(kind: str, data: st.DataObject, read: bool) -> None:
    spec, body, _ = data.draw(accounts(kind))
    other = data.draw(SPECS[kind])
    difference = compare(desired(kind, other), live(kind, body), known(kind, spec, body, read=read))
    assert {one.cause for one in difference.fields} <= {Cause.EDITED}
    assert difference.drift == ()


@of_each_kind
@given(data=st.data())
def test_an_edit_of_the_account_alone_is_drift(kind: str, data: st.DataObject) -> None:
    """Unless it brings what was sent, which ends the matter."""
    spec, body, _ = data.draw(accounts(kind))
    places = [one for one in fields_of(kind, spec) if _held(body, one) is not ABSENT]
    assume(places)
    place = data.draw(st.sampled_from(places))
    edited = kept(body, {})
    *above, last = patch.split(place)
    parent: Any = edited
    for key in above:
        parent = parent[key]
    was, parent[last] = parent[last], "somebody's" if isinstance(parent[last], str) else ["somebody's"]
    binding = known(kind, spec, body, read=True)
    path = patch.split(place)
    assume(not any(same(KINDS[kind], path, one, parent[last]) for one in (was, _held(spec, place))))
    difference = compare(desired(kind, spec), live(kind, edited), binding)
    assert place in {one.path for one in difference.drift}
    assert {one.cause for one in difference.fields} == {Cause.DRIFTED}


@of_each_kind
@given(data=st.data())
def test_a_write_that_did_nothing_is_planned_again(kind: str, data: st.DataObject) -> None:
    """Whatever is on record of it: the account reads as before, so the manifest is what moved."""
    before, after = data.draw(SPECS[kind]), data.draw(SPECS[kind])
    planned = compare(desired(kind, after), live(kind, before), bound(kind, before))
    assume(planned.patch and not planned.replaces)
    written = bound(kind, after)
    assert written
    paths = [as_text(one["path"]) for one in planned.patch]
    places = {one: recorded_value(_held(before, one)) for one in paths}
    written = replace(written, unconfirmed=places)
    difference = compare(desired(kind, after), live(kind, before), written)
    readable = {one.path for one in planned.fields if one.path in fields_of(kind, after) and one.path in places}
    assert readable <= {one.path for one in difference.fields}
    assert {one.cause for one in difference.fields if one.path in readable} <= {Cause.EDITED}
    assert not readable & {one.path for one in difference.drift}


@of_each_kind
@given(data=st.data())
def test_no_patch_leaves_an_object_as_it_is(kind: str, data: st.DataObject) -> None:
    spec, body, base = data.draw(SPECS[kind]), data.draw(SPECS[kind]), data.draw(st.none() | SPECS[kind])
    now = live(kind, body)
    difference = compare(desired(kind, spec), now, bound(kind, base))
    if difference.patch:
        assert not patch.same(patch.apply(now.body, difference.patch), now.body)
    assert bool(difference.patch) or not difference.fields or difference.replaces


def _held(body: Body, pointer: str) -> Any:
    found: Any = body
    for key in patch.split(pointer):
        found = found.get(key, ABSENT) if isinstance(found, dict) else ABSENT
    return found


def test_every_leaf_of_a_spec_is_reached() -> None:
    """The generators above treat fields of every depth."""
    spec: JsonObject = {"persona_name": "a", "layers": {"tts": {"voice_settings": {"speed": 1}}}}
    assert fields_of("persona", spec) == ["/layers/tts/voice_settings/speed", "/persona_name"]
    assert [path for path, _ in leaves(kept(spec, {"/persona_name": "drop"}))] == [
        ("layers", "tts", "voice_settings", "speed")
    ]


@of_each_kind
@given(data=st.data(), read=st.booleans())
def test_a_new_key_of_the_state_is_no_difference(kind: str, data: st.DataObject, read: bool) -> None:
    """Nothing tells any more what the secrets were, neither those that were sent nor those that the server keeps."""
    spec, body, _ = data.draw(accounts(kind))
    altered = data.draw(st.booleans())
    with redaction.isolated_run():
        body = map_leaves(body, lambda leaf: Secret("its own", KEY) if altered and isinstance(leaf, Secret) else leaf)
        made = known(kind, spec, body, read=read)
        renewed = without_fingerprints(State("line", bindings={made.address: made}), lambda _: True).bindings[
            made.address
        ]
        before, after = (compare(desired(kind, spec), live(kind, body), one) for one in (made, renewed))

        assert (after.fields, after.patch, after.drift) == ((), (), ())
        assert [one.path for one in after.stored_differently] == [one.path for one in before.stored_differently]


@pytest.mark.parametrize("ignored", [(), ("/greeting",)])
def test_a_field_that_would_not_go_is_told_unless_it_is_ignored(ignored: tuple[str, ...]) -> None:
    spec, kept_ = (
        {"persona_name": "A", "system_prompt": "B."},
        {"persona_name": "A", "system_prompt": "B.", "greeting": "Hi"},
    )
    made = bound("persona", spec)
    assert made
    found = compare(
        desired("persona", spec, *ignored), live("persona", kept_), replace(made, answered={"/greeting": "Hi"})
    )
    assert [one.path for one in found.stored_differently] == ([] if ignored else ["/greeting"])
