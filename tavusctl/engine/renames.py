"""Change addresses in bindings and run records: a resource is renamed, or its binding is removed.  Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from msgspec.structs import replace

from tavusctl.core.address import Address
from tavusctl.core.binding import Binding
from tavusctl.core.errors import StateError
from tavusctl.core.json_tree import replace_addresses
from tavusctl.core.model import Manifest, Move
from tavusctl.state.journal import FinishedRun, Intent, Inverse

Bindings = Mapping[Address, Binding]
Renames = Mapping[Address, Address]  # old to new
Names = Mapping[Address, Address] | Mapping[Address, str]  # old address -> the new address or the id in its place


def follow(manifests: Iterable[Manifest], bindings: Bindings) -> tuple[Bindings, tuple[Move, ...]]:
    """The bindings under the current addresses of manifests, and the moves that the state has not recorded yet.

    StateError if several objects would get one address: `moved_from` cannot say which of them the address means.
    """
    moves = tuple(move for manifest in manifests for move in _moves(manifest, bindings))
    return renamed(bindings, {move.old: move.new for move in moves}), moves


def renamed(bindings: Bindings, renames: Renames) -> Bindings:
    """Bindings under new addresses; references between them are renamed, too."""
    return {
        renames.get(address, address): _renamed(binding, renames) if renames else binding
        for address, binding in bindings.items()
    }


def unbound(bindings: Bindings, gone: Mapping[Address, str]) -> Bindings:
    """Bindings without those of `gone`; the others refer to these objects by their ids (the values of `gone`)."""
    return {
        address: _with_renamed_references(binding, gone) for address, binding in bindings.items() if address not in gone
    }


def run_with_current_addresses(finished_run: FinishedRun, bindings: Bindings) -> FinishedRun:
    """The records of a finished run, with the addresses that its objects have now."""
    current_addresses = {binding.key: address for address, binding in bindings.items()}
    objects = [*finished_run.results.values(), *finished_run.imported, *finished_run.unbound]
    touched = [(binding.address, binding.remote_id) for binding in objects] + [
        (intent.address, intent.remote_id) for intent in finished_run.intents
    ]
    address_pairs = (
        (old, current_addresses.get((old.kind, remote_id))) for old, remote_id in touched if old not in bindings
    )
    renames = {old: new for old, new in address_pairs if new}
    return replace(
        finished_run,
        intents=tuple(_renamed_intent(intent, renames) for intent in finished_run.intents),
        results={op: _renamed(binding, renames) for op, binding in finished_run.results.items()},
        imported=tuple(_renamed(binding, renames) for binding in finished_run.imported),
        unbound=tuple(_renamed(binding, renames) for binding in finished_run.unbound),
    )


def _moves(manifest: Manifest, bindings: Bindings) -> Sequence[Move]:
    new = manifest.address
    moves = [Move(old, new, bindings[old].remote_id) for old in manifest.moved_from if old in bindings]
    occupant = [(new, bindings[new].remote_id)] if new in bindings else []
    rivals = [*occupant, *((move.old, move.remote_id) for move in moves)]
    if moves and len(rivals) > 1:
        conflicting = " and ".join(f"{address} ({remote_id})" for address, remote_id in rivals)
        source = manifest.envelope_sources.get("moved_from", manifest.source)
        message = f"{source}: `moved_from` merges several objects into one address: {conflicting}"
        hint = (
            "run `tavusctl state rm ADDRESS` for one of them, or remove "
            f"`moved_from`, which leaves `{rivals[-1][0]}` without a manifest"
        )
        raise StateError(message, hint, id="E905")
    return moves


def _renamed(binding: Binding, renames: Renames) -> Binding:
    return replace(_with_renamed_references(binding, renames), address=renames.get(binding.address, binding.address))


def _with_renamed_references(binding: Binding, renames: Names) -> Binding:
    return binding.with_documents(lambda document: replace_addresses(document, renames))


def _renamed_intent(intent: Intent, renames: Renames) -> Intent:
    inverse = intent.inverse
    return replace(
        intent,
        address=renames.get(intent.address, intent.address),
        spec=replace_addresses(intent.spec, renames),
        before=intent.before and _renamed(intent.before, renames),
        inverse=Inverse(
            tuple(replace_addresses(operation, renames) for operation in inverse.operations),
            replace_addresses(inverse.values_after, renames),
            replace_addresses(inverse.values_before, renames),
            inverse.unrecorded,
        ),
    )
