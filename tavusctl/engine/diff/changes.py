"""Compare manifests, state and account: every managed object becomes a change, or is up to date.  Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from tavusctl.core.address import Address
from tavusctl.core.binding import Binding
from tavusctl.core.diagnostics import written_at
from tavusctl.core.model import Action, Cause, Change, Desired, Drift, FieldChange, Live
from tavusctl.crawl import source_fingerprint
from tavusctl.engine import provisioning
from tavusctl.engine.compare import claim, match_create
from tavusctl.engine.compare.desired import new_document, sent_name
from tavusctl.engine.compare.three_way import Difference, compare
from tavusctl.engine.compare.updates import update_of
from tavusctl.engine.diff import ownership
from tavusctl.engine.diff.applied_base import (
    applied,
    contains_known_secret,
    differs_in_content,
    is_applied,
    with_applied,
)
from tavusctl.engine.diff.ownership import with_referrers
from tavusctl.engine.diff.replacement import (
    StateAndAccount,
    excuse_outdated_references,
    repoint_changes,
    retire_changes,
    with_copies,
)
from tavusctl.lib.json_types import JsonObject, as_object

_NOTHING: Final[Mapping[str, Sequence[Address]]] = {}


class Comparison(Struct, frozen=True):
    """The result of a diff: changes, drift, and bindings that only need to be recorded."""

    changes: tuple[Change, ...] = ()
    drift: tuple[Drift, ...] = ()
    settled: tuple[Binding, ...] = ()
    form_changes: tuple[Binding, ...] = ()  # bindings that changed in form only, recorded when something else is
    no_op: int = 0
    stored_differently: tuple[Drift, ...] = ()  # fields that the server stores differently from what was sent


def compare_all(
    desired: Sequence[Desired],
    live: Sequence[Live],
    bindings: Sequence[Binding],
    *,
    adopt: bool = False,
    recreate: AbstractSet[Address] = frozenset(),
    with_current_addresses: Callable[[Binding], Binding] = lambda binding: binding,
    referrers_by_id: Mapping[str, Sequence[Address]] = _NOTHING,
) -> Comparison:
    """Changes in the order of `desired`, then those of objects that no manifest declares any more.

    `with_current_addresses` puts a binding into the names that objects have now; `bindings` are in these already.
    `referrers_by_id` has, by bound id, the addresses of manifests that contain this id in place of an address.
    """
    by_address = {binding.address: binding for binding in bindings}
    by_id = {obj.key: obj for obj in live}
    managed = [item for item in desired if not item.external_id]
    releases = tuple(ownership.release_changes(desired, by_address.values(), by_id))
    handled = {*(item.address for item in managed), *_addresses(releases)}
    orphans = [binding for address, binding in by_address.items() if address not in handled]
    removals = tuple(change for binding in orphans for change in ownership.orphan_changes(binding, by_id, live))
    forgotten = {change.address for change in removals if change.action is Action.FORGET}
    versions = {one for binding in bindings for one in binding.other_versions}
    unmanaged = match_create.UnmanagedObjects(live, versions, forgotten)
    sides = StateAndAccount(by_address, by_id, adopt, recreate, unmanaged, with_current_addresses)
    comparison = _one_by_one(managed, sides)
    comparison = replace(comparison, changes=tuple(with_copies(change, unmanaged) for change in comparison.changes))
    lowered = [change for item in managed for change in ownership.lowered_protection(item, *sides.of(item.address))]
    repointing = list(repoint_changes(managed, comparison.changes, sides))
    retirements = retire_changes((*comparison.changes, *repointing), removals, sides, live)
    touched = _addresses((*comparison.changes, *lowered, *repointing))
    changes = (*comparison.changes, *lowered, *repointing, *releases, *removals)
    changes += tuple(change for change in retirements if change.address not in _addresses(releases))
    return replace(
        comparison,
        changes=with_referrers(ownership.with_users(changes, live, referrers_by_id), managed, live),
        no_op=sum(item.address not in touched for item in managed),
    )


def on_request(comparison: Comparison) -> Comparison:
    """A comparison whose orphaned objects are removed because `destroy` was requested, not for lack of a manifest."""
    reason = "destroy was requested"
    changes = [
        replace(change, cause=Cause.ASKED, reason=reason if change.action is Action.DELETE else change.reason)
        if change.cause is Cause.ORPHANED
        else change
        for change in comparison.changes
    ]
    return replace(comparison, changes=tuple(changes))


def _one_by_one(managed: Sequence[Desired], sides: StateAndAccount) -> Comparison:
    """The comparison of each object by itself, without regard to the others."""
    changes: list[Change] = []
    drift: list[Drift] = []
    settled: list[Binding] = []
    along: list[Binding] = []
    otherwise: list[Drift] = []
    for item in managed:
        item_changes, item_drift, learned = _compare_one(item, sides)
        changes += item_changes
        drift += item_drift
        for binding in learned:
            is_news = differs_in_content(
                item.kind, sides.with_current_addresses(binding), sides.bindings[binding.address]
            )
            (settled if is_news else along).append(binding)
        otherwise += _otherwise(item, sides)
    return Comparison(tuple(changes), tuple(drift), tuple(settled), tuple(along), stored_differently=tuple(otherwise))


def _addresses(changes: Iterable[Change]) -> set[Address]:
    return {change.address for change in changes}


def _otherwise(item: Desired, sides: StateAndAccount) -> Iterator[Drift]:
    """Fields that the server stores differently from what was sent; not crawl settings, which reads show as created."""
    binding, live = sides.of(item.address)
    if binding is None or live is None or not (binding.answered or binding.unconfirmed):
        return
    crawl_prefix = f"/{item.kind.crawl_key}/" if item.kind.crawl_key else None
    stored_differently = compare(item, live, binding).stored_differently
    fields = tuple(field for field in stored_differently if not (crawl_prefix and field.path.startswith(crawl_prefix)))
    yield from _drift(item, binding, fields)


def _compare_one(item: Desired, sides: StateAndAccount) -> tuple[list[Change], list[Drift], list[Binding]]:
    binding, live = sides.of(item.address)
    if binding is None:
        return [_create_or_import(item, sides)], [], []
    waiting = _awaited(item, binding, sides) if binding.successor else None
    if waiting:
        return [waiting], [], []
    mismatch = ownership.not_ours(binding, live)
    if live is None or mismatch:
        gone = Drift(item.address, binding.remote_id, Cause.MISSING, kind=item.kind, source=item.source)
        change = ownership.update_of_foreign(item, binding, live, mismatch) if live else _recreate(item, binding, sides)
        return [change], [gone], []
    if binding.successor:
        return [_replace(item, live, compare(item, live, binding))], [], []
    if provisioning.has_failed(live) and item.address in sides.recreate:
        reason = f"{provisioning.failure_reason(live)}; recreated"
        return [replace(_replace(item, live, Difference()), cause=Cause.DUE, reason=reason)], [], []
    difference = _unclaimed(item, live, binding) or excuse_outdated_references(
        compare(item, live, binding), item, sides
    )
    drift = list(_drift(item, binding, difference.drift))
    was_made_of, declared = (spec.get(source_fingerprint.KEY) for spec in (binding.applied, item.spec))
    source_change = source_fingerprint.describe_change(was_made_of, declared)
    if source_change and not binding.retired:  # an unfinished replacement is completed before the next one begins
        return [_replace_for_source(item, live, difference, source_change)], drift, []
    if difference.fields:
        return _changes(item, live, difference, binding, sides), drift, []
    current = replace(
        with_applied(item, binding),
        answered=difference.answers,
        unconfirmed={},
        created_at=binding.created_at or live.created,
    )
    if source_change:  # keep the fingerprint of the source it was made from until it is recreated
        current = replace(current, applied={**current.applied, source_fingerprint.KEY: was_made_of})
    is_same = current == binding or sides.with_current_addresses(current) == binding  # the first is faster
    is_new = not is_same or contains_known_secret(binding)
    return [], drift, [current] if is_new else []


def _drift(item: Desired, binding: Binding, fields: tuple[FieldChange, ...]) -> Iterator[Drift]:
    if fields:
        source = written_at(item.sources, fields[0].path, item.source)
        yield Drift(item.address, binding.remote_id, Cause.DRIFTED, fields, item.kind, source)


def _unclaimed(item: Desired, live: Live, binding: Binding) -> Difference | None:
    """The difference of an object whose name still has a claim: the name is unset, not edited.  Else None."""
    if not claim.is_claimed(live.name):
        return None
    key = item.kind.name_field
    item_with_name = replace(item, spec={**item.spec, key: sent_name(item)})
    return compare(
        item_with_name, live, replace(binding, applied={k: v for k, v in binding.applied.items() if k != key})
    )


def _create_or_import(item: Desired, sides: StateAndAccount) -> Change:
    name = sent_name(item)
    rivals = sides.unmanaged.find_duplicates(item.kind, applied(item), name)
    is_importable = sides.adopt and len(rivals) == 1 and rivals[0].address is None
    difference = compare(item, rivals[0], None) if is_importable else None
    if difference and not difference.replaces:  # whoever asks for an import has not asked for a replacement
        match = f"has the name `{name}`" if match_create.same_name(name, rivals[0].name) else "matches the manifest"
        reason = f"imports {rivals[0].remote_id}, which {match}"
        return replace(
            _update_or_replace(item, rivals[0], difference), action=Action.ADOPT, cause=Cause.NEW, reason=reason
        )
    return replace(_create(item, Cause.NEW), rivals=tuple(sorted(rival.remote_id for rival in rivals)))


def _recreate(item: Desired, binding: Binding, sides: StateAndAccount) -> Change:
    """A new create of an object that was deleted in the account, or the import of one that has its name now."""
    change = _create_or_import(item, sides)
    if change.action is Action.ADOPT:
        return change
    reason = "; ".join(filter(None, [f"{binding.remote_id} was deleted in the account", change.reason]))
    return replace(change, cause=Cause.DRIFTED, fields=(), reason=reason)


def _create(item: Desired, cause: Cause, reason: str = "") -> Change:
    operation: JsonObject = {"op": "add", "path": "", "value": new_document(item)}
    reason = "; ".join(filter(None, [reason, _uploading(item), _claiming(item)]))
    fields = tuple(_new_fields(item)) if cause is Cause.NEW else ()
    return Change(
        Action.CREATE,
        cause,
        item.address,
        fields=fields,
        patch=(operation,),
        reason=reason,
        source=item.source,
        desired=item,
    )


def _uploading(item: Desired) -> str:
    file = item.file
    return f"uploads {file.name} ({file.size:,} bytes) to {file.upload}" if file else ""


def _claiming(item: Desired) -> str:
    return "its name begins with `tavusctl_` and 12 digits until its id is recorded" if item.kind.expensive else ""


def _new_fields(item: Desired) -> Iterator[FieldChange]:
    empty = Live(item.kind, "", {})
    yield from compare(replace(item, lifecycle=replace(item.lifecycle, ignore_changes=())), empty, None).fields


def _replace_for_source(item: Desired, live: Live, difference: Difference, source_change: str) -> Change:
    """The replacement of a document whose source has changed, with all its other changes."""
    replacement = _replace(item, live, difference)
    reason = "; ".join(filter(None, [f"its source changed: {source_change}", replacement.reason]))
    return replace(replacement, cause=replacement.cause if difference.fields else Cause.DUE, reason=reason)


def _changes(
    item: Desired, live: Live, difference: Difference, binding: Binding, sides: StateAndAccount
) -> list[Change]:
    """The change of an object; two if it needs a recrawl for new crawl settings and an update for the rest."""
    if item.address in sides.recreate or not _can_recrawl(item, live, difference):
        return [_update_or_replace(item, live, difference)]
    recrawl = _recrawl(item, live, difference)
    item_without_crawl = _with_applied_crawl(item, binding)
    other_difference = compare(item_without_crawl, live, binding)
    return [
        *([_update_or_replace(item_without_crawl, live, other_difference)] if other_difference.fields else []),
        recrawl,
    ]


def _can_recrawl(item: Desired, live: Live, difference: Difference) -> bool:
    """Whether the crawl is the only fixed field that changes, and the document had one and still has one."""
    key = item.kind.crawl_key
    other_fixed = [path for path in difference.replaces if path.split("/")[1] != key]
    return bool(key and difference.replaces and not other_fixed and item.spec.get(key) and live.body.get(key))


def _recrawl(item: Desired, live: Live, difference: Difference) -> Change:
    """The recrawl that applies the manifest's crawl settings to a document."""
    key = item.kind.crawl_key
    fields = tuple(field for field in difference.fields if field.path in difference.replaces)
    settings = {name: value for name, value in as_object(item.spec[key]).items() if value is not None}
    current = live.body[key]
    value = {**(current if isinstance(current, dict) else {}), **settings}
    return replace(
        _change_of(Action.RECRAWL, item, live, fields),
        patch=({"op": "replace", "path": f"/{key}", "value": value},),
        reason="the document is crawled again with the new settings, and keeps its id",
    )


def _with_applied_crawl(item: Desired, binding: Binding) -> Desired:
    """A manifest with the crawl that was applied last, to plan all other changes as a step of their own."""
    key = item.kind.crawl_key
    other_fields = {name: value for name, value in item.spec.items() if name != key}
    spec = {**other_fields, **({key: binding.applied[key]} if key in binding.applied else {})}
    ignored = (*item.lifecycle.ignore_changes, f"/{key}")
    return replace(item, spec=spec, lifecycle=replace(item.lifecycle, ignore_changes=ignored))


def _update_or_replace(item: Desired, live: Live, difference: Difference) -> Change:
    if difference.replaces:
        return _replace(item, live, difference)
    return replace(
        _change_of(Action.UPDATE, item, live, difference.fields),
        patch=difference.patch,
        guards=update_of(live.kind).guards(live, difference.patch),
        unknown_secrets=difference.unknown_secrets,
    )


def _replace(item: Desired, live: Live, difference: Difference) -> Change:
    fixed_fields = ", ".join(difference.replaces)
    fixed = f"{fixed_fields} cannot be changed in place" if fixed_fields else ""
    return replace(
        _change_of(Action.REPLACE, item, live, difference.fields),
        patch=({"op": "add", "path": "", "value": new_document(item)},),
        reason="; ".join(filter(None, [fixed, _uploading(item), _claiming(item)])),
    )


def _change_of(action: Action, item: Desired, live: Live, fields: tuple[FieldChange, ...]) -> Change:
    """A change of fields of an existing object, still without its patch."""
    sources = [item.sources[change.path] for change in fields if change.path in item.sources]
    source = min(sources, default=item.source)
    cause = _strongest_cause(fields)
    return Change(action, cause, item.address, live.remote_id, fields, source=source, desired=item, live=live)


def _awaited(item: Desired, binding: Binding, sides: StateAndAccount) -> Change | None:
    """A replacement whose successor exists already; None if the manifest has changed, or a failed one is recreated."""
    successor = sides.live.get((item.address.kind, binding.successor))
    if successor is None or not is_applied(item, binding.successor_spec):
        return None
    if provisioning.has_failed(successor) and item.address in sides.recreate:
        return None
    status = f"{binding.successor} is {successor.status or 'present'}"
    same_manifest = source_fingerprint.without_fingerprint(binding.applied) == source_fingerprint.without_fingerprint(
        binding.successor_spec
    )
    return Change(
        Action.REPLACE,
        Cause.DUE if same_manifest else Cause.EDITED,
        item.address,
        binding.remote_id,
        reason=f"the new version {status}",
        source=item.source,
        desired=item,
        live=successor,
    )


def _strongest_cause(fields: Iterable[FieldChange]) -> Cause:
    causes = {change.cause for change in fields}
    return next((cause for cause in (Cause.BOTH, Cause.EDITED, Cause.DRIFTED) if cause in causes), Cause.EDITED)
