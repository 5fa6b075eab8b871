"""What an undo looks at, and what it finds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct, field
from msgspec.structs import replace

from tavusctl.core.address import Address, Source
from tavusctl.core.binding import Binding
from tavusctl.core.diagnostics import Diagnostic, Severity
from tavusctl.core.json_tree import set_at
from tavusctl.core.model import Action, Cause, Change, Desired, FieldChange, Lifecycle, Live, Refusal
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.engine.compare.patch_guards import touches
from tavusctl.engine.compare.three_way import compare, remembered
from tavusctl.lib.json_types import JsonObject
from tavusctl.patch import Pinned, split
from tavusctl.secrets.values import Secret
from tavusctl.state.journal import Intent

_NOWHERE = Source("", 0, 0)


class UndoContext(Struct, frozen=True):
    """The account and the state now, and what was kept of deleted objects."""

    kinds: Mapping[str, ResourceKind]
    bindings: Mapping[Address, Binding]
    live: Mapping[tuple[str, str], Live]
    ids: Mapping[str, Address]
    trash: Mapping[str, JsonObject]  # bodies by id
    recreate: bool = False
    secrets: Mapping[tuple[Address, str], Secret] = field(default_factory=dict)  # by pointer, as manifests name them
    unset: Mapping[tuple[Address, str], tuple[str, ...]] = field(default_factory=dict)  # variables without a value


class Seen(Struct, frozen=True):
    """An object as the account is to show it, and what the state is to remember of that."""

    desired: Desired
    base: Binding


class UndoPlan(Struct):
    """The plan of an undo: the steps, the refusals, and the warnings."""

    changes: list[Change] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    settled: list[Binding] = field(default_factory=list)
    warnings: list[Diagnostic] = field(default_factory=list)
    bodies: dict[Address, JsonObject] = field(default_factory=dict)  # as they will be, where one object has two updates
    bases: dict[Address, Binding] = field(default_factory=dict)  # the same: what will be remembered of them
    brought_back: dict[Address, Live] = field(default_factory=dict)  # replaced once more: the versions that go


def bare(intent: Intent, action: Action) -> Change:
    """A change that names an object and nothing more."""
    return Change(action, Cause.ASKED, intent.address, intent.remote_id, reason="as it was before that run")


def refuse(found: UndoPlan, change: Change, reason: str) -> None:
    """Leave an object alone, because it is not what the run left."""
    found.refused.append(Refusal(change, "E305", 3, reason, "undo it by hand, in its manifest"))


def as_desired(kind: ResourceKind, binding: Binding) -> Desired:
    """A binding as a desired resource."""
    lifecycle = Lifecycle(prevent_destroy=binding.prevent_destroy, on_remove=binding.on_remove)
    return Desired(kind, binding.address, binding.applied, _NOWHERE, lifecycle=lifecycle)


def as_seen(kind: ResourceKind, binding: Binding, body: JsonObject, places: Sequence[str] = ("",)) -> Seen:
    """What is brought about when an object is to read at some places as the account once showed it.

    `binding` is what the state remembered then.  What somebody had edited is from now on what we have applied; what the
    server had made of what we had applied stays its answer.
    """
    wanted = as_desired(kind, binding)
    found = compare(wanted, Live(kind, binding.remote_id, body), binding)
    edited, kept = ([one for one in some if _is_put_back(one, places)] for some in (found.fields, found.otherwise))
    answers = {one.path: remembered(one.live) for one in kept}
    others = {path: value for path, value in binding.answered.items() if not touches(path, places)}
    base = replace(
        binding,
        applied=remembered(_with_live(binding.applied, edited)),
        answered={**others, **answers},
        unkept={path: value for path, value in binding.unkept.items() if not touches(path, places)},
        unconfirmed={path: value for path, value in binding.unconfirmed.items() if not touches(path, places)},
    )
    return Seen(replace(wanted, spec=_with_live(binding.applied, [*edited, *kept])), base)


def _is_put_back(one: FieldChange, places: Sequence[str]) -> bool:
    return touches(one.path, places) and not isinstance(one.live, Pinned)


def _with_live(spec: JsonObject, fields: Iterable[FieldChange]) -> JsonObject:
    for one in fields:
        spec = set_at(spec, split(one.path), one.live)
    return spec


def refuse_without(found: UndoPlan, change: Change, pointers: Iterable[str], context: UndoContext) -> None:
    """Leave an object alone that the API would refuse, or take without a secret that it had."""
    pointer = min(pointers)
    unset = context.unset.get((change.address, pointer), ())
    why = f", and the variable {' and '.join(unset)} of its manifest is not set" if unset else ""
    first = f"set {' and '.join(unset)}" if unset else f"restore its manifest, with `${{secret:NAME}}` at `{pointer}`"
    hint = f"{first} and run undo again; or restore the manifest and run `tavusctl apply`"
    found.refused.append(Refusal(change, "E309", 4, f"the secret at `{pointer}` is not stored anywhere{why}", hint))


def lost_secret(address: Address, pointer: str) -> Diagnostic:
    """The warning about a secret that cannot be restored."""
    message = f"{address}: the secret at `{pointer}` cannot be restored; set it in the manifest and apply"
    return Diagnostic("TV304", message, None, "", address, Severity.WARNING)


def refers(kind: ResourceKind) -> bool:
    """Whether objects of a kind refer to others."""
    return any(declared.refers_to for declared in kind.fields.values())
