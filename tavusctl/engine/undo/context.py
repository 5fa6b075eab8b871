"""The input of an undo, and the plan that it builds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from msgspec import Struct, field
from msgspec.structs import replace

from tavusctl.core.address import NOWHERE, Address, ObjectKey
from tavusctl.core.binding import Binding
from tavusctl.core.diagnostics import Diagnostic, warning
from tavusctl.core.json_tree import set_at
from tavusctl.core.model import Action, Cause, Change, Desired, FieldChange, Lifecycle, Live, Refusal
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.engine.compare.patch_guards import touches
from tavusctl.engine.compare.three_way import compare, recorded_value
from tavusctl.lib.json_types import JsonObject
from tavusctl.patch import Pinned, split
from tavusctl.secrets.values import Secret
from tavusctl.state.journal import FinishedRun, Intent

UNKNOWN_OUTCOME: Final = "no record shows whether that run or a later one did this"


class UndoContext(Struct, frozen=True):
    """The run to undo, the account and the state now, and the saved bodies of deleted objects."""

    run: FinishedRun
    bindings: Mapping[Address, Binding]
    live: Mapping[ObjectKey, Live]
    ids: Mapping[str, Address]
    trash: Mapping[str, JsonObject]  # by id: bodies of deleted objects
    recreate: bool = False
    secrets: Mapping[tuple[Address, str], Secret] = field(default_factory=dict)  # by pointer: as manifests name them
    unset: Mapping[tuple[Address, str], tuple[str, ...]] = field(default_factory=dict)  # by pointer: unset variables
    owners: Mapping[str, str] = field(default_factory=dict)  # by id: which other environment has bound an object
    externals: Mapping[ObjectKey, Address] = field(default_factory=dict)  # external objects
    missing: frozenset[ObjectKey] = frozenset()  # references to objects that no longer exist


class TargetState(Struct, frozen=True):
    """An object as the account should show it after the undo, and the binding that the state should have then."""

    desired: Desired
    base: Binding


class UndoPlan(Struct):
    """The plan of an undo: the steps, the refusals, and the warnings."""

    changes: list[Change] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    settled: list[Binding] = field(default_factory=list)
    warnings: list[Diagnostic] = field(default_factory=list)
    deleted: Mapping[str, Address] = field(default_factory=dict)  # by id: objects that the run has deleted
    bodies: dict[Address, JsonObject] = field(default_factory=dict)  # of updated objects, after the updates so far
    bases: dict[Address, Binding] = field(default_factory=dict)  # of updated objects: their bindings after the undo
    brought_back: dict[Address, Binding] = field(default_factory=dict)  # new versions that are to be deleted


def minimal_change(intent: Intent, action: Action) -> Change:
    """A change of an object, with nothing but its action, address and id."""
    return Change(
        action, Cause.ASKED, intent.address, intent.remote_id, reason="as it was before the run that is undone"
    )


def refuse(plan: UndoPlan, change: Change, reason: str) -> None:
    """Refuse to change an object, because it is not as the run left it."""
    plan.refused.append(Refusal(change, "E305", 3, reason, "undo it by hand, in its manifest"))


def as_desired(kind: ResourceKind, binding: Binding) -> Desired:
    """A desired resource with the spec and the lifecycle of a binding."""
    lifecycle = Lifecycle(prevent_destroy=binding.prevent_destroy, on_remove=binding.on_remove)
    return Desired(binding.address, binding.applied, NOWHERE, lifecycle, kind=kind)


def target_state(kind: ResourceKind, binding: Binding, body: JsonObject, places: Sequence[str] = ("",)) -> TargetState:
    """The object and its binding after an undo that restores, at some places, a body that the account once showed.

    `binding` is the state's binding at that time.  Values that somebody had edited then count as applied from now on;
    where the server had stored an applied value differently, its value stays its answer.
    """
    desired = as_desired(kind, binding)
    comparison = compare(desired, Live(kind, binding.remote_id, body), binding)
    edited, stored = (
        [one for one in changes if touches(one.path, places) and not isinstance(one.live, Pinned)]
        for changes in (comparison.fields, comparison.stored_differently)
    )
    answers = {change.path: recorded_value(change.live) for change in stored}
    other_answers = {path: value for path, value in binding.answered.items() if not touches(path, places)}
    base = replace(
        binding,
        applied=recorded_value(_with_live(binding.applied, edited)),
        answered={**other_answers, **answers},
        unconfirmed={path: value for path, value in binding.unconfirmed.items() if not touches(path, places)},
    )
    return TargetState(replace(desired, spec=_with_live(binding.applied, [*edited, *stored])), base)


def _with_live(spec: JsonObject, fields: Iterable[FieldChange]) -> JsonObject:
    for change in fields:
        spec = set_at(spec, split(change.path), change.live)
    return spec


def refuse_without(plan: UndoPlan, change: Change, pointers: Iterable[str], context: UndoContext) -> None:
    """Refuse to change an object because of a lost secret: the API would refuse it, or accept it without the secret."""
    pointer = min(pointers)
    unset = context.unset.get((change.address, pointer), ())
    variables = f", and the variable {' and '.join(unset)} of its manifest is not set" if unset else ""
    action = f"set {' and '.join(unset)}" if unset else f"restore its manifest, with `${{secret:NAME}}` at `{pointer}`"
    hint = f"{action} and run undo again; or restore the manifest and run `tavusctl apply`"
    plan.refused.append(
        Refusal(change, "E309", 4, f"the secret at `{pointer}` is not stored anywhere{variables}", hint)
    )


def lost_secret(address: Address, pointer: str) -> Diagnostic:
    """The warning about a secret that cannot be restored."""
    message = f"{address}: the secret at `{pointer}` cannot be restored; set it in the manifest and apply"
    return warning("TV304", message, address=address)
