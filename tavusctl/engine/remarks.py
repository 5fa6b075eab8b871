"""Warnings of a plan about the account and the state.  Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from tavusctl.core.address import Address
from tavusctl.core.binding import Binding
from tavusctl.core.diagnostics import Diagnostic, warning
from tavusctl.core.model import Change, Drift, Live
from tavusctl.core.ports import OtherBindings
from tavusctl.engine import provisioning
from tavusctl.engine.compare import claim, patch_guards
from tavusctl.engine.compare import not_live as writes
from tavusctl.engine.compare.match_create import plain_text
from tavusctl.state.journal import Intent


def failures(live: Sequence[Live], changes: Sequence[Change]) -> Iterator[Diagnostic]:
    """Warnings of failed objects that the plan does not change; a retry may cost money, so none is automatic."""
    changed_addresses = {one.address for one in changes}
    for obj in live:
        if obj.address and provisioning.has_failed(obj) and obj.address not in changed_addresses:
            message = f"`{obj.address}` ({obj.remote_id}) cannot be used: {provisioning.failure_reason(obj)}"
            hint = f"correct the manifest, or run `tavusctl apply --allow-replace {obj.address}` to try again unchanged"
            yield warning("TV302", message, hint, obj.address)


def stored_differently(drift: Drift) -> Diagnostic:
    """A warning of fields that the server stores differently from the manifest; repeated until either changes."""
    paths = ", ".join(field.path for field in drift.fields)
    message = f"{drift.address}: the server stores {paths} differently from the manifest"
    hint = (
        "write the stored value into the manifest, or add the field to "
        "`lifecycle.ignore_changes`; it is sent again only after an edit"
    )
    return warning("TV331", message, hint, drift.address, drift.source)


def unpublished_drafts(live: Iterable[Live]) -> Iterator[Diagnostic]:
    """Warnings of managed objects with an unpublished draft."""
    for obj in live:
        if obj.draft and obj.address is not None:
            message = f"`{obj.address}` has an unpublished draft; the published version may differ"
            yield warning("TV332", message, "publish or discard the draft in PAL Maker", obj.address)


def not_live(bindings: Iterable[Binding], live: Iterable[Live], changes: Sequence[Change]) -> Iterator[Diagnostic]:
    """Warnings of writes that did not go live and that the plan makes again; `bindings` are those with such writes."""
    live_by_id = {obj.remote_id: obj for obj in live if obj.address}
    planned = {change.address: [field.path for field in change.fields] for change in changes}
    for binding in bindings:
        obj = live_by_id.get(binding.remote_id)
        if obj is None:
            continue
        paths = [
            path
            for path in writes.still_not_live(binding.not_live, obj.body)
            if patch_guards.touches(path, planned.get(binding.address, ()))
        ]
        if paths:
            message = f"`{binding.address}`: the last write of {', '.join(paths)} did not go live"
            yield warning("TV333", message, _publish_hint(obj, binding), binding.address)


def _publish_hint(live: Live, binding: Binding) -> str:
    sent_again = "`apply` sends it again"
    if not live.kind.publish_collection:
        return sent_again
    return f"publish the draft in PAL Maker, or with `apply --publish {binding.address}`; {sent_again}"


def unresolved_create(intent: Intent) -> Diagnostic:
    """A warning of a create of an interrupted run whose object is not visible yet."""
    message = (
        "an earlier run was interrupted while it created "
        f"`{intent.address}`; no such object is visible in the account yet"
    )
    return warning(
        "TV303", message, "run `tavusctl apply`, which waits until the object would be visible", intent.address
    )


def discarded_edits(address: Address, certain: bool) -> Diagnostic:  # noqa: FBT001 - mapped over pairs
    """A warning of unpublished edits that an interrupted run discarded without reporting it; `certain`: surely."""
    verb = "has discarded" if certain else "may have discarded"
    message = f"an earlier run, which was interrupted, {verb} unpublished edits of `{address}` in PAL Maker"
    hint = "tell whoever made them; `--discard-drafts` was given for this object"
    return warning("TV334", message, hint, address)


def unread_states(others: OtherBindings) -> Iterator[Diagnostic]:
    """Warnings of environments whose states cannot be read."""
    for name, reason in others.unread:
        message = f"the state of the environment `{name}` cannot be read, so its objects are unknown: {reason}"
        hint = "check that no object that this plan creates or binds is managed there"
        yield warning("TV312", message, hint)


def shared_names(
    live: Sequence[Live], bindings: Sequence[Binding], owners: Callable[[], Mapping[str, str]] = dict
) -> Iterator[Diagnostic]:
    """A warning for each managed object that shares its name with unmanaged ones.

    `owners` returns the environment that has bound an object, by id; it is called only if there is a warning.
    """
    ids_in_replacement = {one for binding in bindings for one in binding.other_versions}
    unmanaged: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for obj in live:
        if obj.address is None and obj.remote_id not in ids_in_replacement:
            unmanaged[obj.kind.name, _plain_name(obj)].append(obj.remote_id)
    if not unmanaged:
        return
    live_by_id = {obj.key: obj for obj in live}
    pairs = ((binding, live_by_id.get(binding.key)) for binding in bindings)
    shared = [
        (binding, managed)
        for binding, managed in pairs
        if managed and managed.name and unmanaged.get((managed.kind.name, _plain_name(managed)))
    ]
    owners_by_id = owners() if shared else {}
    for binding, managed in shared:
        yield _shared_name(managed, binding, unmanaged[managed.kind.name, _plain_name(managed)], owners_by_id)


def _plain_name(obj: Live) -> str:
    return plain_text(claim.without_claim(obj.name))


def _shared_name(managed: Live, binding: Binding, others: Sequence[str], owners: Mapping[str, str]) -> Diagnostic:
    ids = ", ".join(
        f"{remote_id} ({owners[remote_id]})" if remote_id in owners else remote_id for remote_id in sorted(others)
    )
    description = "another object" if len(others) == 1 else "other objects"
    message = (
        f"{binding.address}: the account has {description} with the name `{managed.name}`, not managed here: {ids}"
    )
    hint = "check whether it is a copy or a late create, and delete it in the portal if nobody needs it"
    if not owners.keys().isdisjoint(others):
        hint = "give each environment names of its own: put a variable into the name, such as `${var:environment}`"
    return warning("TV306", message, hint, binding.address)
