"""Manifests that the state does not know: a missing state is never reported as no change."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from msgspec import Struct, field

from tavusctl.core.address import Address
from tavusctl.core.diagnostics import Diagnostic, Severity
from tavusctl.core.model import Action, Live, Manifest, Plan
from tavusctl.core.ports import Reader
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.engine.account import observe
from tavusctl.engine.compare.match_create import same_name
from tavusctl.secrets.values import FingerprintKey

HINT = "restore the state, or import the objects with `tavusctl import --match-names`"
_OF_OTHERS = "E425"  # the name is another environment's
_MANY = 5  # that are named in one message; the rest is counted


class Unknown(Struct, frozen=True):
    """Manifests without a binding: those whose names the account has, with the ids, and those that are new."""

    there: Mapping[Address, Sequence[str]] = field(default_factory=dict)
    new: tuple[Address, ...] = ()

    @property
    def told(self) -> str:
        """What is there and not known, in one sentence."""
        names = _listed([f"{one} ({', '.join(ids)})" for one, ids in sorted(self.there.items())])
        return f"the account has objects with the names of manifests that are not in the state: {names}"

    def warnings(self) -> Iterator[Diagnostic]:
        """What a report about known objects has to say of the others."""
        if self.there:
            yield Diagnostic("TV310", self.told, None, HINT, None, Severity.WARNING)
        if self.new:
            count = len(self.new)
            verb = "manifest was" if count == 1 else "manifests were"
            message = f"{count} {verb} never applied, according to the state: {_listed(map(str, self.new))}"
            hint = "run `tavusctl plan` to see what apply would create"
            yield Diagnostic("TV311", message, None, hint, None, Severity.WARNING)


def of_plan(plan: Plan, bound: Collection[Address]) -> Unknown:
    """What a plan says of manifests without a binding."""
    refused = [refusal.change for refusal in plan.refused if refusal.id != _OF_OTHERS]
    there = {one.address: one.rivals for one in refused if one.rivals and one.address not in bound}
    creates = (*plan.steps, *(refusal.change for refusal in plan.refused))
    made = {one.address for one in creates if one.action is Action.CREATE and one.address not in bound}
    return Unknown(there, tuple(sorted(made - there.keys())))


def of_account(
    manifests: Iterable[Manifest],
    kinds: Mapping[str, ResourceKind],
    api: Reader,
    bound: Mapping[Address, str],
    owned: Collection[str] = (),
) -> Unknown:
    """What the account has under the names of manifests without a binding; asked only where there are any.

    `owned` are ids that another environment has bound: what has them is known, and not ours.
    """
    free = [one for one in manifests if not one.external_id and one.address not in bound]
    taken = {*bound.values(), *owned}
    lens = observe.Decoder({}, FingerprintKey())
    names = sorted({one.address.kind for one in free})
    listed = {name: tuple(observe.listed(api, kinds[name], lens)) for name in names}
    live = {name: [one for one in every if one.remote_id not in taken] for name, every in listed.items()}
    found = {one.address: _like(one, kinds[one.address.kind], live[one.address.kind]) for one in free}
    there = {address: ids for address, ids in found.items() if ids}
    return Unknown(there, tuple(address for address, ids in sorted(found.items()) if not ids))


def _like(manifest: Manifest, kind: ResourceKind, live: Iterable[Live]) -> tuple[str, ...]:
    """Objects with the name of a manifest, however spelled; without one, those that were made from the same address."""
    name = manifest.spec.get(kind.name_field)
    if isinstance(name, str) and name:
        return tuple(sorted(one.remote_id for one in live if same_name(name, one.name)))
    link = kind.attachment.link if kind.attachment else ""
    wanted = manifest.spec.get(link)
    return tuple(sorted(one.remote_id for one in live if wanted and one.body.get(link) == wanted))


def _listed(items: Iterable[str]) -> str:
    every = list(items)
    more = len(every) - _MANY
    return ", ".join(every[:_MANY]) + (f" and {more} more" if more > 0 else "")
