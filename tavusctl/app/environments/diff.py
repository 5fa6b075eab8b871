"""What two environments are to be, compared field by field; or what one is to be, with its account."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from msgspec import Struct, field
from msgspec.structs import replace

from tavusctl.app.planning.prepare import prepare
from tavusctl.app.session.local import LocalSession
from tavusctl.app.session.manifests import load
from tavusctl.app.session.online import Session
from tavusctl.config.passages import place
from tavusctl.core.address import Address, Source
from tavusctl.core.comparison import Comparison, Difference, Presence, Unknown
from tavusctl.core.json_tree import map_leaves
from tavusctl.core.model import ABSENT, Action, Cause, Change, FieldChange, Manifest
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.engine.prepared_plan import PreparedPlan
from tavusctl.fields.equivalence import same
from tavusctl.kinds import KINDS
from tavusctl.lib.json_types import Json, JsonObject, KeyPath
from tavusctl.patch.pointer import join
from tavusctl.secrets.values import SecretText

ACCOUNT: Final = "account"
_GOING: Final = (Action.DELETE, Action.RETIRE, Action.FORGET)
_UNSENT: Final = (Action.RECRAWL, Action.UNPROTECT)  # nothing of an object is compared there


def environments(left: LocalSession, right: LocalSession) -> Comparison:
    """What two environments are to be; what their accounts have is not looked at."""
    old, new = ({one.address: one for one in load(session)[0]} for session in (left, right))
    names = {name for session in (left, right) for name in session.project.secrets}
    values = {name: value for name in names if isinstance(value := left.value_of(name), str) and value}
    compared, addresses = _Sides(old, new, values), sorted({*old, *new})
    found = tuple(one for address in addresses for one in compared.of(address))
    called = (left.environment.name, right.environment.name)
    return Comparison(*called, found, len(addresses) - len(found), tuple(compared.unknown))


class _Sides(Struct):
    """The manifests of two environments."""

    left: Mapping[Address, Manifest]
    right: Mapping[Address, Manifest]
    values: Mapping[str, str]  # of the variables that hold secrets, as far as they are set here
    unknown: list[Unknown] = field(default_factory=list)

    def of(self, address: Address) -> Iterator[Difference]:
        """The difference at an address, if there is one."""
        old, new = self.left.get(address), self.right.get(address)
        kind = KINDS[address.kind]
        places = (old.source if old else None, new.source if new else None)
        if old is None or new is None:
            yield Difference(address, kind, Presence.RIGHT if new else Presence.LEFT, places=places)
            return
        settings = tuple(_settings(old, new))
        fields = tuple(self._fields(kind, (), old, new, old.spec, new.spec))
        if fields or settings:
            yield Difference(address, kind, Presence.BOTH, fields, settings, places)

    def _fields(
        self, kind: ResourceKind, path: KeyPath, old: Manifest, new: Manifest, left: Json, right: Json
    ) -> Iterator[FieldChange]:
        """The innermost fields that differ; lists are compared as a whole."""
        if isinstance(left, dict) and isinstance(right, dict):
            for key in dict.fromkeys((*right, *left)):
                inner = left.get(key, ABSENT), right.get(key, ABSENT)
                yield from self._fields(kind, (*path, key), old, new, *inner)
            return
        is_secret = isinstance(left, SecretText) or isinstance(right, SecretText)
        if is_secret and self._are_equal(new.address, path, left, right):
            return
        left, right = (map_leaves(one, _as_written) for one in (left, right))
        if is_secret or not (same(kind, path, left, right) and same(kind, path, right, left)):
            entry = FieldChange(join(path), Cause.EDITED, ABSENT, left, right, sensitive=is_secret)
            yield replace(entry, source=place(kind, old if right is ABSENT else new, entry))

    def _are_equal(self, address: Address, path: KeyPath, left: Json, right: Json) -> bool:
        """Whether two values, one of them a secret, are the same, or nobody here can tell."""
        if left == right:
            return True
        if not (isinstance(left, SecretText) and isinstance(right, SecretText)):
            return False
        missing = sorted({*left.names, *right.names} - self.values.keys())
        if missing:
            self.unknown.append(Unknown(address, join(path), tuple(missing)))
            return True
        return left.text(self.values) == right.text(self.values)


def _as_written(leaf: Json) -> Json:
    return str(leaf) if isinstance(leaf, SecretText) else leaf


def _settings(old: Manifest, new: Manifest) -> Iterator[FieldChange]:
    """What differs around spec."""
    left, right = _around(old), _around(new)
    for key in left:
        if left[key] != right[key]:
            yield FieldChange(f"/{key}", Cause.EDITED, ABSENT, left[key], right[key], source=_place(new))


def _around(manifest: Manifest) -> JsonObject:
    """What a manifest says around spec; ABSENT where it says nothing."""
    recrawl, lifecycle = manifest.recrawl, manifest.lifecycle
    return {
        "id": manifest.external_id or ABSENT,
        "lifecycle/prevent_destroy": lifecycle.prevent_destroy,
        "lifecycle/ignore_changes": list(lifecycle.ignore_changes) or ABSENT,
        "lifecycle/on_remove": lifecycle.on_remove,
        "recrawl/every": ABSENT if recrawl is None or recrawl.every is None else f"{recrawl.every:g}s",
        "recrawl/cron": (recrawl.cron if recrawl else "") or ABSENT,
        "recrawl/timezone": recrawl.timezone if recrawl and recrawl.cron else ABSENT,
        "watch": manifest.watch,
        "upload": manifest.file.upload if manifest.file else ABSENT,
    }


def _place(manifest: Manifest) -> Source:
    return manifest.overlay or manifest.source


def with_account(session: Session) -> Comparison:
    """What an environment is to be, and what its account has of that; what nobody manages is not looked at."""
    with session.reader() as api:
        prepared = prepare(session, api)
    every = (*prepared.plan.steps, *(one.change for one in prepared.plan.refused), *prepared.plan.awaited)
    found = {one.address: one for change in every if (one := _of_change(change))}
    known = {one.address for one in prepared.desired} | prepared.state.bindings.keys()
    equal = len(known - found.keys())
    return Comparison(
        ACCOUNT, session.environment.name, tuple(found[one] for one in sorted(found)), equal, _unset(prepared)
    )


def _of_change(change: Change) -> Difference | None:
    """What a change says of both sides; None where it sends nothing."""
    side = change.desired or change.live
    if side is None or change.action in _UNSENT:
        return None
    places = (None, change.source)
    if change.action in _GOING and not change.fields:
        return Difference(change.address, side.kind, Presence.LEFT, places=places)
    if change.action is Action.CREATE:
        return Difference(change.address, side.kind, Presence.RIGHT, places=places)
    return Difference(change.address, side.kind, Presence.BOTH, change.fields, (), places) if change.fields else None


def _unset(prepared: PreparedPlan) -> tuple[Unknown, ...]:
    """Secrets that have no value here, and count as unchanged."""
    return tuple(
        Unknown(one.address, one.pointer, (one.hint.removeprefix("export ").removesuffix("=..."),))
        for one in prepared.unset
        if one.address
    )
