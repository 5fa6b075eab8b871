"""The rule of managed fields, as laws of real kinds: last applied, live and desired in any combination.

Every unmanaged leaf carries a mark of its own, which must be found again where it was and nowhere in a patch.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import jsonpatch
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tavusctl import patch
from tavusctl.core.json_tree import leaves
from tavusctl.core.model import Cause, Live
from tavusctl.engine.compare.desired import new_document
from tavusctl.engine.compare.three_way import Difference, compare, unkept_fields
from tavusctl.fields.equivalence import same
from tavusctl.kinds import KINDS
from tavusctl.lib.json_types import as_text
from tavusctl.secrets.values import MASK, Secret
from tests.laws.specs import SPECS, Body, as_read, bound, desired, fixed, live, member, nested, plain

MARK = "unmanaged"


def settled(kind: str, body: Body, difference: Difference) -> Body:
    """The body after the patch, by two appliers that agree; secrets read as masks again."""
    ours = patch.apply(body, difference.patch)
    theirs = jsonpatch.apply_patch(plain(body), plain(list(difference.patch)))
    assert json.dumps(plain(ours), sort_keys=True) == json.dumps(theirs, sort_keys=True)
    read: Body = as_read(KINDS[kind], ours)
    return read


def marked(spec: Body, path: tuple[str, ...] = ()) -> Body:
    """The document with a marked leaf in every object that is managed key by key."""
    inner = {key: marked(item, (*path, key)) if isinstance(item, dict) else item for key, item in spec.items()}
    return {**inner, MARK: f"{MARK} {'/'.join(path)}", f"{MARK}_list": [f"{MARK} item"]}


def marks(body: Body) -> dict[tuple[str, ...], Any]:
    return {path: leaf for path, leaf in leaves(body) if isinstance(leaf, str) and leaf.startswith(MARK)}


def sides(kind: str) -> st.SearchStrategy[tuple[Body, Body, Body | None]]:
    """Desired, live, last applied (None: never)."""
    return st.tuples(SPECS[kind], SPECS[kind], st.none() | SPECS[kind])


of_each_kind = pytest.mark.parametrize("kind", sorted(SPECS))


@of_each_kind
@given(data=st.data())
def test_the_patch_settles_the_difference_and_nothing_else(kind: str, data: st.DataObject) -> None:
    """After it the object compares equal, every unmanaged leaf is as it was, and no mark or mask was sent."""
    spec, body, base = data.draw(sides(kind))
    now = live(kind, marked(body))

    difference = compare(desired(kind, spec), now, bound(kind, base))
    after = settled(kind, now.body, difference)

    sent = json.dumps(plain(list(difference.patch)))
    again = compare(desired(kind, spec), live(kind, after), bound(kind, spec))
    assert (again.fields, again.patch, again.drift) == ((), (), ())
    assert marks(after) == marks(now.body)
    assert MARK not in sent
    assert MASK not in sent
    assert "Pinned" not in sent
    assert bool(difference.fields) == bool(difference.patch)


@of_each_kind
@given(data=st.data())
def test_what_is_alike_word_for_word_needs_no_field_to_be_looked_at(kind: str, data: st.DataObject) -> None:
    """A null for a key that nobody has makes the comparison look at every field, and it finds just the same."""
    spec = data.draw(SPECS[kind])
    alike = st.just(spec) | st.just(retyped(spec)) | SPECS[kind]
    body, base = data.draw(alike), data.draw(alike)

    quick = compare(desired(kind, spec), live(kind, marked(body)), bound(kind, base))
    slow = compare(desired(kind, {**spec, "unheard_of": None}), live(kind, marked(body)), bound(kind, base))

    assert quick == slow
    assert repr((body, base)) != repr((spec, spec)) or quick == Difference()  # to Python, 1 and true are equal


def retyped(value: Any) -> Any:
    """The same document to Python, with numbers where truth stood."""
    if isinstance(value, dict):
        return {key: retyped(item) for key, item in value.items()}
    if isinstance(value, list):
        return [retyped(item) for item in value]
    return int(value) if isinstance(value, bool) else value


@of_each_kind
@given(data=st.data())
def test_every_difference_is_told_at_the_path_of_its_field(kind: str, data: st.DataObject) -> None:
    """No operation goes where no field is told, and no field is told that the patch does not reach."""
    spec, body, base = data.draw(sides(kind))

    difference = compare(desired(kind, spec), live(kind, body), bound(kind, base))

    told = {change.path for change in difference.fields}
    for operation in difference.patch:
        assert any(_related(as_text(operation["path"]), pointer) for pointer in told)
    for pointer in told:
        assert any(_related(as_text(operation["path"]), pointer) for operation in difference.patch)


def _related(one: str, other: str) -> bool:
    return f"{one}/".startswith(f"{other}/") or f"{other}/".startswith(f"{one}/")


@of_each_kind
@given(data=st.data())
def test_absent_is_unmanaged(kind: str, data: st.DataObject) -> None:
    """A manifest that says nothing, and never said anything, changes nothing."""
    body = data.draw(SPECS[kind])

    assert compare(desired(kind, {}), live(kind, body), None) == Difference()
    assert compare(desired(kind, {}), live(kind, body), bound(kind, {})) == Difference()


@of_each_kind
@given(data=st.data())
def test_null_removes_and_so_does_a_key_that_was_dropped(kind: str, data: st.DataObject) -> None:
    """Both end in the same document, in which the key is not set."""
    body = data.draw(SPECS[kind])
    spec = data.draw(SPECS[kind])
    for key in sorted(body):
        nulled, dropped = {**spec, key: None}, {name: value for name, value in spec.items() if name != key}
        by_null = compare(desired(kind, nulled), live(kind, body), bound(kind, spec))
        by_absence = compare(desired(kind, dropped), live(kind, body), bound(kind, {**spec, key: body[key]}))

        for difference in (by_null, by_absence):
            left = member(settled(kind, live(kind, body).body, difference), f"/{key}")
            assert all(same(KINDS[kind], path, None, leaf) for path, leaf in leaves({key: left}))


def cause(base: Any, found: Any, wanted: Any) -> Cause | None:
    """What the rule says of one field that has a value on all three sides."""
    if wanted == found:
        return None
    if base == found:
        return Cause.EDITED
    return Cause.DRIFTED if base == wanted else Cause.BOTH


@of_each_kind
@given(data=st.data())
def test_each_field_has_the_cause_of_whichever_side_moved(kind: str, data: st.DataObject) -> None:
    """Both alike is nothing, both differently is a conflict on exactly those paths; drift is told in any case."""
    base, found, wanted = (data.draw(fixed(kind)) for _ in range(3))

    difference = compare(
        desired(kind, nested(wanted)), Live(KINDS[kind], "id", nested(found)), bound(kind, nested(base))
    )

    causes = {pointer: cause(base[pointer], found[pointer], wanted[pointer]) for pointer in base}
    assert {change.path: change.cause for change in difference.fields} == {p: c for p, c in causes.items() if c}
    assert {change.path for change in difference.drift} == {p for p in base if found[p] not in (base[p], wanted[p])}
    assert [change.path for change in difference.fields] == sorted(change.path for change in difference.fields)


@of_each_kind
@given(data=st.data())
def test_what_was_never_applied_is_edited_and_never_a_conflict(kind: str, data: st.DataObject) -> None:
    """Without a last apply nobody can say that the account has moved."""
    spec, body = data.draw(SPECS[kind]), data.draw(SPECS[kind])

    difference = compare(desired(kind, spec), live(kind, body), None)

    assert {change.cause for change in difference.fields} <= {Cause.EDITED}
    assert difference.drift == ()


@of_each_kind
@given(data=st.data())
def test_ignored_fields_are_left_to_the_account(kind: str, data: st.DataObject) -> None:
    """No difference, no drift and no operation at an ignored pointer, above it or below it; the rest is as ever."""
    spec, body, base = data.draw(sides(kind))
    known = sorted(set(_pointers(spec)) | set(_pointers(body)) | set(_pointers(base or {})))
    ignored = data.draw(st.lists(st.sampled_from(known), max_size=3)) if known else []
    now = live(kind, body)

    difference = compare(desired(kind, spec, *ignored), now, bound(kind, base))
    after = settled(kind, now.body, difference)

    for pointer in ignored:
        told = [change.path for change in (*difference.fields, *difference.drift)]
        assert not any(f"{path}/".startswith(f"{pointer}/") for path in told)
        assert plain(member(after, pointer)) == plain(member(now.body, pointer))
    whole = compare(desired(kind, spec), now, bound(kind, base))
    kept = [one for one in whole.fields if not any(_related(one.path, pointer) for pointer in ignored)]
    assert [one for one in difference.fields if not any(_related(one.path, p) for p in ignored)] == kept


def _pointers(value: Any, at: str = "") -> Iterator[str]:
    """Pointers to every member that is managed by itself."""
    for key, item in value.items() if isinstance(value, dict) else ():
        yield f"{at}/{key}"
        yield from _pointers(item, f"{at}/{key}")


@given(spec=SPECS["persona"], base=st.none() | SPECS["persona"])
def test_a_masked_key_is_what_was_last_applied_as_far_as_anybody_can_tell(spec: Body, base: Body | None) -> None:
    """Shown as a mask or left out of the read: a new value is sent, the old one is not sent again."""
    keys = [f"/layers/{layer}/api_key" for layer in ("tts", "llm")]
    for reads_mask in (True, False):
        now = live("persona", base or {})
        shown = now.body if reads_mask else map_members(now.body, lambda value: not isinstance(value, patch.Pinned))

        difference = compare(desired("persona", spec), Live(KINDS["persona"], "id", shown), bound("persona", base))

        told = {change.path for change in difference.fields if change.path in keys}
        moved = {key for key in keys if _print(member(spec, key)) != _print(member(base or {}, key))}
        gone = {change.path for change in difference.fields if any(key.startswith(f"{change.path}/") for key in keys)}
        assert told <= moved
        assert all(key in told or any(key.startswith(f"{path}/") for path in gone) for key in moved)
        assert all(change.sensitive for change in difference.fields if change.path in keys)


def map_members(value: Any, keep: Callable[[Any], bool]) -> Any:
    """A document without the members that are not kept."""
    if isinstance(value, dict):
        return {key: map_members(item, keep) for key, item in value.items() if keep(item)}
    return value


def _print(value: Any) -> Any:
    return value.fingerprint if isinstance(value, Secret) else value


@of_each_kind
@given(data=st.data())
def test_what_is_created_reads_as_it_was_written(kind: str, data: st.DataObject) -> None:
    """Nothing of a fresh object counts as lost, also beside members that the server adds."""
    spec = data.draw(SPECS[kind])
    wanted = desired(kind, spec)

    fresh = marked(new_document(wanted))

    assert [change.path for change in unkept_fields(wanted, live(kind, fresh)) if not change.sensitive] == []
    assert compare(wanted, live(kind, fresh), bound(kind, spec)) == Difference()
