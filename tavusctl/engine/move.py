"""Follow renames: what is bound to an address that a manifest has left belongs to its new one.  Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from msgspec.structs import replace

from tavusctl.document import map_leaves
from tavusctl.errors import StateError
from tavusctl.journal import Intent, Inverse, Past
from tavusctl.model import Address, Binding, Document, Manifest, Move, Value

Bindings = Mapping[Address, Binding]
Renames = Mapping[Address, Address]  # old to new


def follow(manifests: Iterable[Manifest], bindings: Bindings) -> tuple[Bindings, tuple[Move, ...]]:
    """The bindings under the addresses that manifests have now, and what moved; nothing, where it was done before.

    StateError when several objects would have one address: `moved_from` cannot say which of them it is.
    """
    moves = tuple(move for manifest in manifests for move in _moves(manifest, bindings))
    return renamed(bindings, {move.old: move.new for move in moves}), moves


def renamed(bindings: Bindings, renames: Renames) -> Bindings:
    """Bindings under new addresses, also where one refers to another."""
    return {
        renames.get(address, address): _bound(binding, renames) if renames else binding
        for address, binding in bindings.items()
    }


def remembered(past: Past, bindings: Bindings) -> Past:
    """A run as if it had known the addresses that its objects have now."""
    now = {(address.kind, binding.remote_id): address for address, binding in bindings.items()}
    objects = [*past.made.values(), *past.adopted, *past.forgotten]
    touched = [(one.address, one.remote_id) for one in objects] + [(one.address, one.remote_id) for one in past.intents]
    found = ((old, now.get((old.kind, remote_id))) for old, remote_id in touched if old not in bindings)
    renames = {old: new for old, new in found if new}
    return replace(
        past,
        intents=tuple(_intended(one, renames) for one in past.intents),
        made={op: _bound(one, renames) for op, one in past.made.items()},
        adopted=tuple(_bound(one, renames) for one in past.adopted),
        forgotten=tuple(_bound(one, renames) for one in past.forgotten),
    )


def _moves(manifest: Manifest, bindings: Bindings) -> Sequence[Move]:
    new = manifest.address
    found = [Move(old, new, bindings[old].remote_id) for old in manifest.moved_from if old in bindings]
    taken = [(new, bindings[new].remote_id)] if new in bindings else []
    rivals = [*taken, *((one.old, one.remote_id) for one in found)]
    if found and len(rivals) > 1:
        several = " and ".join(f"{address} ({remote_id})" for address, remote_id in rivals)
        message = f"{manifest.source}: moved_from makes one address of several objects: {several}"
        hint = f"state rm forgets one of them; without moved_from, {rivals[-1][0]} is an object without a manifest"
        raise StateError(message, hint, id="E905")
    return found


def _bound(binding: Binding, renames: Renames) -> Binding:
    return replace(
        binding,
        address=renames.get(binding.address, binding.address),
        applied=_document(binding.applied, renames),
        successor_spec=_document(binding.successor_spec, renames),
        answered=_document(binding.answered, renames),
        unconfirmed=_document(binding.unconfirmed, renames),
    )


def _intended(intent: Intent, renames: Renames) -> Intent:
    inverse = intent.inverse
    operations = tuple(_document(one, renames) for one in inverse.operations)
    left, was = _document(inverse.left, renames), _document(inverse.was, renames)
    return replace(
        intent,
        address=renames.get(intent.address, intent.address),
        spec=_document(intent.spec, renames),
        before=intent.before and _bound(intent.before, renames),
        inverse=Inverse(operations, left, was, inverse.lost),
    )


def _document(document: Mapping[str, Value], renames: Renames) -> Document:
    def followed(leaf: Value) -> Value:
        return renames.get(leaf, leaf) if isinstance(leaf, Address) else leaf

    return {key: map_leaves(value, followed) for key, value in document.items()}
