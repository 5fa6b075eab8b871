"""Duplicates: creates of objects that the account may have already.  Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from tavusctl.core.address import Address, ObjectKey
from tavusctl.core.model import Action, Cause, Change, Refusal
from tavusctl.engine.compare import claim
from tavusctl.engine.compare.desired import sent_name
from tavusctl.engine.compare.match_create import same_name

_ELSEWHERE = "if the project was applied before, find its state (`tavusctl doctor` shows where it is looked for); else "


class Existing(Struct, frozen=True):
    """What is known of the objects that planned creates may duplicate."""

    forgotten: Mapping[ObjectKey, Address]  # objects that the same plan does not manage any more
    adopt: bool  # existing objects are imported, unless they would have to be replaced
    owners: Mapping[str, str]  # by id: who manages an object elsewhere
    state_is_lost: bool  # the state is empty, although the account has objects with the names of manifests


def forgotten_objects(changes: Iterable[Change]) -> Mapping[ObjectKey, Address]:
    """The addresses of objects whose bindings a plan drops, by kind and id."""
    return {(one.address.kind, one.remote_id): one.address for one in changes if one.action is Action.FORGET}


def with_renames(changes: Sequence[Change]) -> tuple[Change, ...]:
    """Add to each delete of an orphan which create of its kind has its name: the manifest may have been renamed."""
    creates = [one for one in changes if one.action is Action.CREATE]
    return tuple(
        replace(one, reason=f"{one.reason}{_renamed(one, creates)}") if one.action is Action.DELETE else one
        for one in changes
    )


def _renamed(delete: Change, creates: Sequence[Change]) -> str:
    if delete.cause is not Cause.ORPHANED or delete.live is None:
        return ""
    kind, name = delete.address.kind, claim.without_claim(delete.live.name)
    same = [
        str(one.address)
        for one in creates
        if one.desired and one.address.kind == kind and same_name(name, sent_name(one.desired))
    ]
    if not same:
        return ""
    return (
        f", and {', '.join(same)} gets its name: to keep the object and its id, "
        f"write `moved_from: {delete.address}` in the new manifest"
    )


def refuse_possible_duplicate(change: Change, existing: Existing) -> Refusal | None:
    """The refusal of a create, or of a replacement, whose object may exist already."""
    if change.action is Action.REPLACE:
        return _refuse_copies(change, existing)
    if change.action is not Action.CREATE:
        return None
    if change.rivals:
        return _refuse_rivals(change, existing)
    if existing.state_is_lost:
        reason = "the state is empty, but the account has objects with the names of manifests: the state may be lost"
        hint = (
            "run `tavusctl import --match-names` to import them, or `tavusctl "
            "apply --import-existing` to import them and create the rest"
        )
        return Refusal(change, "E422", 4, reason, _ELSEWHERE + hint)
    return None


def _refuse_copies(change: Change, existing: Existing) -> Refusal | None:
    copies = [rival for rival in change.rivals if rival not in existing.owners]
    if not copies:
        return None
    reason = f"the account has what may be a copy of the new version, and is not managed here: {', '.join(copies)}"
    hint = "delete it if a replacement that the API refused has made it all the same, or use another name"
    return Refusal(change, "E401", 4, reason, hint)


def _refuse_rivals(change: Change, existing: Existing) -> Refusal:
    ids, address, forgotten = ", ".join(change.rivals), change.address, existing.forgotten
    former = [forgotten[address.kind, rival] for rival in change.rivals if (address.kind, rival) in forgotten]
    if former:
        reason = f"the name is taken in the account by {ids}, and {former[0]} does not manage it any more"
        hint = f"write `moved_from: {former[0]}` in the manifest of {address} to keep the object, or use another name"
        return Refusal(change, "E401", 4, reason, hint)
    reason = f"the name is taken in the account by an object that is not managed here: {ids}"
    if len(change.rivals) == 1 and existing.adopt:
        reason += ", which would have to be replaced"
        hint = f"run `tavusctl import {address} {ids}`; the next plan shows the replacement"
    elif len(change.rivals) == 1:
        hint = f"run `tavusctl import {address} {ids}` or `tavusctl apply --import-existing` to import it"
    else:
        hint = f"run `tavusctl import {address} ID` to import the right one"
    if existing.state_is_lost:
        reason, hint = f"{reason}; the state is empty", _ELSEWHERE + hint
    return Refusal(change, "E401", 4, reason, hint)
