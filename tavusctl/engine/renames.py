"""Follow what becomes of an address: another takes its place, or nothing is bound to it any more.  Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from msgspec.structs import replace

from tavusctl.core.address import Address
from tavusctl.core.binding import Binding
from tavusctl.core.errors import StateError
from tavusctl.core.json_tree import map_leaves
from tavusctl.core.model import Manifest, Move
from tavusctl.lib.json_types import Json, JsonObject
from tavusctl.state.journal import FinishedRun, Intent, Inverse

Bindings = Mapping[Address, Binding]
Renames = Mapping[Address, Address]  # old to new
Names = Mapping[Address, Address] | Mapping[Address, str]  # what stands where an address has stood


def follow(manifests: Iterable[Manifest], bindings: Bindings) -> tuple[Bindings, tuple[Move, ...]]:
    """The bindings under the addresses that manifests have now, and what moved; nothing, where it was done before.

    StateError when several objects would have one address: `moved_from` cannot say which of them it is.
    """
    moves = tuple(move for manifest in manifests for move in _moves(manifest, bindings))
    return renamed(bindings, {move.old: move.new for move in moves}), moves


def renamed(bindings: Bindings, renames: Renames) -> Bindings:
    """Bindings under new addresses, also where one refers to another."""
    return {
        renames.get(address, address): _renamed(binding, renames) if renames else binding
        for address, binding in bindings.items()
    }


def unbound(bindings: Bindings, gone: Mapping[Address, str]) -> Bindings:
    """Bindings without some, which the others go on to mean by their ids: no address stands for them any more."""
    return {address: _bound(binding, gone) for address, binding in bindings.items() if address not in gone}


def remembered(past: FinishedRun, bindings: Bindings) -> FinishedRun:
    """A run as if it had known the addresses that its objects have now."""
    now = {(address.kind, binding.remote_id): address for address, binding in bindings.items()}
    objects = [*past.made.values(), *past.adopted, *past.forgotten]
    touched = [(one.address, one.remote_id) for one in objects] + [(one.address, one.remote_id) for one in past.intents]
    found = ((old, now.get((old.kind, remote_id))) for old, remote_id in touched if old not in bindings)
    renames = {old: new for old, new in found if new}
    return replace(
        past,
        intents=tuple(_intended(one, renames) for one in past.intents),
        made={op: _renamed(one, renames) for op, one in past.made.items()},
        adopted=tuple(_renamed(one, renames) for one in past.adopted),
        forgotten=tuple(_renamed(one, renames) for one in past.forgotten),
    )


def _moves(manifest: Manifest, bindings: Bindings) -> Sequence[Move]:
    new = manifest.address
    found = [Move(old, new, bindings[old].remote_id) for old in manifest.moved_from if old in bindings]
    taken = [(new, bindings[new].remote_id)] if new in bindings else []
    rivals = [*taken, *((one.old, one.remote_id) for one in found)]
    if found and len(rivals) > 1:
        several = " and ".join(f"{address} ({remote_id})" for address, remote_id in rivals)
        where = manifest.beside.get("moved_from", manifest.source)
        message = f"{where}: `moved_from` merges several objects into one address: {several}"
        hint = (
            "run `tavusctl state rm` for one of them, or remove "
            f"`moved_from`, which leaves `{rivals[-1][0]}` without a manifest"
        )
        raise StateError(message, hint, id="E905")
    return found


def _renamed(binding: Binding, renames: Renames) -> Binding:
    return replace(_bound(binding, renames), address=renames.get(binding.address, binding.address))


def _bound(binding: Binding, renames: Names) -> Binding:
    return binding.with_documents(lambda document: _document(document, renames))


def _intended(intent: Intent, renames: Renames) -> Intent:
    inverse = intent.inverse
    operations = tuple(_document(one, renames) for one in inverse.operations)
    left, was = _document(inverse.left, renames), _document(inverse.was, renames)
    return replace(
        intent,
        address=renames.get(intent.address, intent.address),
        spec=_document(intent.spec, renames),
        before=intent.before and _renamed(intent.before, renames),
        inverse=Inverse(operations, left, was, inverse.lost),
    )


def _document(document: JsonObject, renames: Names) -> JsonObject:
    def followed(leaf: Json) -> Json:
        return renames.get(leaf, leaf) if isinstance(leaf, Address) else leaf

    return map_leaves(document, followed)
