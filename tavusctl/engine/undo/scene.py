"""What an undo looks at, and what it finds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct, field

from tavusctl.document import leaves
from tavusctl.journal import Intent
from tavusctl.model import (
    ABSENT,
    Action,
    Address,
    Binding,
    Cause,
    Change,
    Complaint,
    Desired,
    Document,
    Lifecycle,
    Live,
    Path,
    Refusal,
    ResourceKind,
    Severity,
    Source,
    Value,
)
from tavusctl.secret import Secret

_NOWHERE = Source("", 0, 0)


class Scene(Struct, frozen=True):
    """The account and the state now, and what was kept of deleted objects."""

    kinds: Mapping[str, ResourceKind]
    bindings: Mapping[Address, Binding]
    live: Mapping[tuple[str, str], Live]
    ids: Mapping[str, Address]
    trash: Mapping[str, Document]  # bodies by id
    recreate: bool = False
    secrets: Mapping[tuple[Address, str], Secret] = field(default_factory=dict)  # by pointer, as manifests name them
    unset: Mapping[tuple[Address, str], tuple[str, ...]] = field(default_factory=dict)  # variables without a value


class Reversal(Struct):
    """What reverses a run, what of it cannot be reversed, and what has to be said."""

    changes: list[Change] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    settled: list[Binding] = field(default_factory=list)
    warnings: list[Complaint] = field(default_factory=list)
    bodies: dict[Address, Document] = field(default_factory=dict)  # as they will be, where one object has two updates
    brought_back: dict[Address, Live] = field(default_factory=dict)  # replaced once more: the versions that go


def bare(intent: Intent, action: Action) -> Change:
    """A change that names an object and nothing more."""
    return Change(action, Cause.ASKED, intent.address, intent.remote_id, reason="as it was before that run")


def refuse(found: Reversal, change: Change, reason: str) -> None:
    """Leave an object alone, because it is not what the run left."""
    found.refused.append(Refusal(change, "E305", 3, reason, "reverse it by hand, in its manifest"))


def as_desired(kind: ResourceKind, binding: Binding) -> Desired:
    """A binding as something to be brought about."""
    lifecycle = Lifecycle(prevent_destroy=binding.prevent_destroy, on_remove=binding.on_remove)
    return Desired(kind, binding.address, binding.applied, _NOWHERE, lifecycle=lifecycle)


def refuse_without(found: Reversal, change: Change, pointers: Iterable[str], scene: Scene) -> None:
    """Leave an object alone that the API would refuse, or take without a secret that it had."""
    pointer = min(pointers)
    unset = scene.unset.get((change.address, pointer), ())
    why = f", and {' and '.join(unset)}, which its manifest names, is not set" if unset else ""
    first = f"set {' and '.join(unset)}" if unset else f"put its manifest back, with ${{secret:NAME}} at {pointer}"
    hint = f"{first} and undo again; or restore the manifest and run tavusctl apply"
    found.refused.append(Refusal(change, "E309", 4, f"the secret at {pointer} is kept nowhere{why}", hint))


def lost_secret(address: Address, pointer: str) -> Complaint:
    """What has to be said of a secret."""
    message = f"{address}: the secret at {pointer} cannot be brought back; set it in the manifest and apply"
    return Complaint("TV304", message, None, "", address, Severity.WARNING)


def refers(kind: ResourceKind) -> bool:
    """Whether objects of a kind refer to others."""
    return any(declared.refers_to for declared in kind.fields.values())


def uses(one: Live, address: Address, remote_id: str) -> bool:
    """Whether an object refers to another."""
    return any(leaf in (address, remote_id) for _, leaf in leaves(one.body) if isinstance(leaf, Address | str))


def with_value(document: Document, path: Path, value: Value) -> Document:
    """A copy of a document with another value at a place, or with none there; what a list lacks stays out."""
    inner = document.get(path[0])
    if len(path) > 1:
        if isinstance(inner, list):
            value = _with_item(inner, path[1:], value)
        else:
            value = with_value(inner if isinstance(inner, dict) else {}, path[1:], value)
    if value is ABSENT:
        return {key: item for key, item in document.items() if key != path[0]}
    return {**document, path[0]: value}


def _with_item(items: list[Value], path: Path, value: Value) -> list[Value]:
    """The same for a list: an item is changed, and none is put in or taken out."""

    def changed(item: Value) -> Value:
        if len(path) == 1:
            return item if value is ABSENT else value
        if isinstance(item, list):
            return _with_item(item, path[1:], value)
        return with_value(item, path[1:], value) if isinstance(item, dict) else item

    return [changed(item) if str(index) == path[0] else item for index, item in enumerate(items)]
