"""Compare the manifests of two environments field by field, or those of one environment with its account."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from tavusctl.app.planning.prepare import prepare
from tavusctl.app.session.local import LocalSession
from tavusctl.app.session.manifests import load
from tavusctl.app.session.online import Session
from tavusctl.config.passages import field_source
from tavusctl.core.address import Address
from tavusctl.core.comparison import Comparison, Difference, Presence, Unknown
from tavusctl.core.json_tree import map_leaves, side_by_side
from tavusctl.core.model import ABSENT, Action, Cause, Change, FieldChange, Manifest
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.engine.import_.missing_state import of_plan
from tavusctl.engine.resolve import variable_in
from tavusctl.fields.equivalence import same
from tavusctl.kinds import KINDS
from tavusctl.lib.json_types import Json, JsonObject, KeyPath
from tavusctl.patch.pointer import join
from tavusctl.secrets.values import SecretText

ACCOUNT: Final = "account"
_REMOVING: Final = (Action.DELETE, Action.RETIRE, Action.FORGET)
_UNSENT: Final = (Action.RECRAWL, Action.UNPROTECT)  # they change no field, so they are not shown as a difference


def environments(left: LocalSession, right: LocalSession) -> Comparison:
    """Compare the manifests of two environments; their accounts are not read."""
    old, new = ({manifest.address: manifest for manifest in load(session)[0]} for session in (left, right))
    names = {name for session in (left, right) for name in session.project.secrets}
    values = {name: value for name in names if isinstance(value := left.value_of(name), str) and value}
    sides, addresses = _Sides(old, new, values), sorted({*old, *new})
    differences = tuple(difference for address in addresses for difference in sides.of(address))
    labels = (left.environment.name, right.environment.name)
    return Comparison(*labels, differences, len(addresses) - len(differences), tuple(sides.unknown))


class _Sides(Struct):
    left: Mapping[Address, Manifest]
    right: Mapping[Address, Manifest]
    values: Mapping[str, str]  # of the variables that hold secrets, by name; only those that are set here
    unknown: list[Unknown] = []

    def of(self, address: Address) -> Iterator[Difference]:
        """The difference at an address, if any."""
        old, new = self.left.get(address), self.right.get(address)
        kind = KINDS[address.kind]
        places = (old.source if old else None, new.source if new else None)
        if old is None or new is None:
            yield Difference(address, kind, Presence.RIGHT if new else Presence.LEFT, places=places)
            return
        settings = tuple(_differing_settings(old, new))
        fields = tuple(self._fields(kind, old, new))
        if fields or settings:
            yield Difference(address, kind, Presence.BOTH, fields, settings, places)

    def _fields(self, kind: ResourceKind, old: Manifest, new: Manifest) -> Iterator[FieldChange]:
        """The innermost fields that differ; lists are compared as a whole."""
        for path, right, left in side_by_side(new.spec, old.spec):
            is_secret = isinstance(left, SecretText) or isinstance(right, SecretText)
            if is_secret and self._are_equal(new.address, path, left, right):
                continue
            before, after = (map_leaves(one, _as_written) for one in (left, right))
            if is_secret or not (same(kind, path, before, after) and same(kind, path, after, before)):
                entry = FieldChange(join(path), Cause.EDITED, ABSENT, before, after, sensitive=is_secret)
                yield replace(entry, source=field_source(kind, old if after is ABSENT else new, entry))

    def _are_equal(self, address: Address, path: KeyPath, left: Json, right: Json) -> bool:
        """Whether two values, one of them a secret, are equal.

        Secrets whose variables are not set here count as equal, and are added to `unknown`.
        """
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


def _differing_settings(old: Manifest, new: Manifest) -> Iterator[FieldChange]:
    left, right = _settings_beside_spec(old), _settings_beside_spec(new)
    for key in left:
        if left[key] != right[key]:
            yield FieldChange(f"/{key}", Cause.EDITED, ABSENT, left[key], right[key], source=new.overlay or new.source)


def _settings_beside_spec(manifest: Manifest) -> JsonObject:
    """The settings of a manifest beside spec, such as `lifecycle` and `recrawl`; ABSENT where one is not set."""
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


def with_account(session: Session) -> Comparison:
    """Compare the manifests of an environment with its account; unmanaged objects are left out.

    Warns if the environment was never applied, and about unknown objects with the names of its manifests.
    """
    with session.reader() as api:
        prepared = prepare(session, api)
    unbound = of_plan(prepared.plan, prepared.state.bindings)
    # A new manifest is a difference like others, unless the state is missing, or the environment was never applied.
    session.warn((replace(unbound, new=()) if prepared.state.serial else unbound).warnings())
    changes = (*prepared.plan.changes, *prepared.plan.awaited)
    differences = {one.address: one for change in changes if (one := _difference_of(change))}
    all_addresses = {one.address for one in prepared.desired} | prepared.state.bindings.keys()
    equal = len(all_addresses - differences.keys())
    # Secrets whose variables are not set here count as unchanged.
    unknown = tuple(
        Unknown(one.address, one.pointer, (variable_in(one.hint),)) for one in prepared.unset_secrets if one.address
    )
    return Comparison(
        ACCOUNT, session.environment.name, tuple(differences[one] for one in sorted(differences)), equal, unknown
    )


def _difference_of(change: Change) -> Difference | None:
    """The difference that a change would remove; None if the change sends no field."""
    side = change.desired or change.live
    if side is None or change.action in _UNSENT:
        return None
    places = (None, change.source)
    if change.action in _REMOVING and not change.fields:
        return Difference(change.address, side.kind, Presence.LEFT, places=places)
    if change.action is Action.CREATE:
        return Difference(change.address, side.kind, Presence.RIGHT, places=places)
    return Difference(change.address, side.kind, Presence.BOTH, change.fields, (), places) if change.fields else None
