"""Find manifests that the state does not know, so that a lost state is never reported as `no changes`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

from msgspec import Struct

from tavusctl.core.address import Address
from tavusctl.core.binding import Binding
from tavusctl.core.diagnostics import Diagnostic, warning
from tavusctl.core.model import Action, Live, Manifest, Plan
from tavusctl.core.ports import OtherBindings, Reader
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.engine.account import observe
from tavusctl.engine.compare.match_create import same_name
from tavusctl.kinds import KINDS
from tavusctl.secrets.values import FingerprintKey

HINT = "restore the state, or import the objects with `tavusctl import --match-names`"
_OF_OTHERS = "E425"  # another environment has an object of this name
_MANY = 5  # items that a message lists; it only counts the rest


class UnboundManifests(Struct, frozen=True):
    """Manifests without a binding: those whose name is in the account, with the ids of its objects, and new ones."""

    matching_ids: Mapping[Address, Sequence[str]] = {}
    new: tuple[Address, ...] = ()

    @property
    def summary(self) -> str:
        """One sentence about objects in the account that the state does not know."""
        names = _listed([f"{address} ({', '.join(ids)})" for address, ids in sorted(self.matching_ids.items())])
        return f"the account has objects with the names of manifests that are not in the state: {names}"

    def warnings(self) -> Iterator[Diagnostic]:
        """Warnings about these manifests, for a report on managed objects."""
        if self.matching_ids:
            yield warning("TV310", self.summary, HINT)
        if self.new:
            count = len(self.new)
            verb = "manifest was" if count == 1 else "manifests were"
            message = f"{count} {verb} never applied, according to the state: {_listed(map(str, self.new))}"
            hint = "run `tavusctl plan` to see what apply would create"
            yield warning("TV311", message, hint)


def unknown_reason(ids: Iterable[str]) -> str:
    """Why nothing is done with an object that the state does not know, although the account has objects of its name."""
    return f"the object is not in the state, and the account has objects of its name: {', '.join(ids)}; {HINT}"


def of_plan(plan: Plan, bound: Collection[Address]) -> UnboundManifests:
    """The manifests without a binding, according to a plan."""
    refused = [refusal.change for refusal in plan.refused if refusal.id != _OF_OTHERS]
    there = {change.address: change.rivals for change in refused if change.rivals and change.address not in bound}
    made = {change.address for change in plan.changes if change.action is Action.CREATE and change.address not in bound}
    return UnboundManifests(there, tuple(sorted(made - there.keys())))


def of_account(
    manifests: Iterable[Manifest], api: Reader, bindings: Mapping[Address, Binding], others: Callable[[], OtherBindings]
) -> UnboundManifests:
    """The manifests without a binding, and the objects with their names; the account is read only if there are any.

    `others` reads what other environments have bound: these objects are known, and do not count.
    """
    free = [manifest for manifest in manifests if not manifest.external_id and manifest.address not in bindings]
    if not free:
        return UnboundManifests()
    taken = {*(binding.remote_id for binding in bindings.values()), *others().owners}
    decoder = observe.Decoder({}, FingerprintKey())
    names = sorted({manifest.address.kind for manifest in free})
    listed = {name: observe.listed(api, KINDS[name], decoder) for name in names}
    live = {name: [item for item in objects if item.remote_id not in taken] for name, objects in listed.items()}
    matches = {
        manifest.address: _matching_ids(manifest, KINDS[manifest.address.kind], live[manifest.address.kind])
        for manifest in free
    }
    there = {address: ids for address, ids in matches.items() if ids}
    return UnboundManifests(there, tuple(address for address, ids in sorted(matches.items()) if not ids))


def _matching_ids(manifest: Manifest, kind: ResourceKind, live: Iterable[Live]) -> tuple[str, ...]:
    """Ids of objects with the name of a manifest in any spelling; without a name, those made from the same URL."""
    name = manifest.spec.get(kind.name_field)
    if isinstance(name, str) and name:
        return tuple(sorted(item.remote_id for item in live if same_name(name, item.name)))
    link = kind.attachment.link if kind.attachment else ""
    url = manifest.spec.get(link)
    return tuple(sorted(item.remote_id for item in live if url and item.body.get(link) == url))


def _listed(items: Iterable[str]) -> str:
    names = list(items)
    more = len(names) - _MANY
    return ", ".join(names[:_MANY]) + (f" and {more} more" if more > 0 else "")
