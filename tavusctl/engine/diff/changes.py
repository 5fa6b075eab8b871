"""Compare manifests, state and account: every managed object becomes a change, or is as it should be.  Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from tavusctl.core.address import Address, Source
from tavusctl.core.binding import Binding
from tavusctl.core.diagnostics import written_at
from tavusctl.core.model import Action, Cause, Change, Desired, Drift, FieldChange, Live
from tavusctl.crawl import source_fingerprint
from tavusctl.engine import provisioning
from tavusctl.engine.compare import claim, match_create
from tavusctl.engine.compare.desired import new_document, sent_name
from tavusctl.engine.compare.three_way import Difference, compare
from tavusctl.engine.compare.updates import update_of
from tavusctl.engine.diff import crawl_changes, ownership
from tavusctl.engine.diff.applied_base import applied, is_applied, says_more, tells, with_applied
from tavusctl.engine.diff.dependents import affecting
from tavusctl.engine.diff.replacement import BothVersions, excused, halves, repointed, retired
from tavusctl.lib.json_types import JsonObject

_NOTHING: Final[Mapping[str, Sequence[Address]]] = {}


class Comparison(Struct, frozen=True):
    """The result of a diff: changes, drift, and bindings that only need to be recorded."""

    changes: tuple[Change, ...] = ()
    drift: tuple[Drift, ...] = ()
    settled: tuple[Binding, ...] = ()
    along: tuple[Binding, ...] = ()  # other words for what is known
    no_op: int = 0
    otherwise: tuple[Drift, ...] = ()  # what the server keeps otherwise than it was sent


def compare_all(
    desired: Sequence[Desired],
    live: Sequence[Live],
    bindings: Sequence[Binding],
    missing: AbstractSet[Address],
    *,
    adopt: bool = False,
    again: AbstractSet[Address] = frozenset(),
    in_names: Callable[[Binding], Binding] = lambda binding: binding,
    spelled: Mapping[str, Sequence[Address]] = _NOTHING,
) -> Comparison:
    """Changes in the order of `desired`, then what manifests no longer have.

    `in_names` puts what is remembered of an object into the names of today; `bindings` are in them already.
    `spelled` tells who refers to a bound id by the id itself, in place of an address.
    """
    known = {binding.address: binding for binding in bindings}
    by_id = {(one.kind.name, one.remote_id): one for one in live}
    sides = BothVersions(known, by_id, missing, adopt, again, match_create.Strangers(live, halves(bindings)), in_names)
    managed = [item for item in desired if not item.external_id]
    found = _one_by_one(managed, sides)
    lowered = [one for item in managed for one in ownership.lowered(item, *sides.of(item.address))]
    moved_on = list(repointed(managed, found.changes, sides))
    old_halves = list(retired(found.changes, moved_on, sides, live))
    touched = {change.address for change in (*found.changes, *lowered, *moved_on)}
    every = (*found.changes, *lowered, *moved_on, *_given_up(desired, old_halves, sides, live))
    return replace(
        found,
        changes=affecting(ownership.with_users(every, live, spelled), managed, live),
        no_op=sum(item.address not in touched for item in managed),
    )


def asked(found: Comparison, reason: str) -> Comparison:
    """The same comparison where nothing that manifests lack is behind it, but somebody's order."""
    changes = [
        replace(one, cause=Cause.ASKED, reason=reason if one.action is Action.DELETE else one.reason)
        if one.cause is Cause.ORPHANED
        else one
        for one in found.changes
    ]
    return replace(found, changes=tuple(changes))


def _one_by_one(managed: Sequence[Desired], sides: BothVersions) -> Comparison:
    """What becomes of each object by itself, whatever becomes of the others."""
    changes: list[Change] = []
    drift: list[Drift] = []
    settled: list[Binding] = []
    along: list[Binding] = []
    otherwise: list[Drift] = []
    for item in managed:
        found, moved, learned = _compare_one(item, sides)
        changes += found
        drift += moved
        for one in learned:
            news = says_more(item.kind, sides.in_names(one), sides.bindings[one.address])
            (settled if news else along).append(one)
        otherwise += _otherwise(item, sides)
    return Comparison(tuple(changes), tuple(drift), tuple(settled), tuple(along), otherwise=tuple(otherwise))


def _given_up(
    desired: Sequence[Desired], old_halves: Iterable[Change], sides: BothVersions, live: Sequence[Live]
) -> Iterator[Change]:
    """What is let go because it is external now, what no manifest has any more, and old halves of replacements."""
    released = list(ownership.released(desired, sides.bindings.values(), sides.live))
    let_go = {change.address for change in released}
    kept = {*(item.address for item in desired if not item.external_id), *let_go}
    yield from released
    for binding in sides.bindings.values():
        if binding.address not in kept:
            yield from ownership.orphaned(binding, sides, live)
    yield from (one for one in old_halves if one.address not in let_go)


def _otherwise(item: Desired, sides: BothVersions) -> Iterator[Drift]:
    """What the server keeps otherwise than it was sent; that a crawl is shown as it was is no news."""
    binding, live = sides.of(item.address)
    if binding is None or live is None or not (binding.answered or binding.unconfirmed or binding.unkept):
        return
    crawl = f"/{item.kind.crawl_key}/" if item.kind.crawl_key else None
    kept = compare(item, live, binding).otherwise
    fields = tuple(one for one in kept if not (crawl and one.path.startswith(crawl)))
    if fields:
        place = written_at(item.sources, fields[0].path, item.source)
        yield Drift(item.address, binding.remote_id, Cause.DRIFTED, fields, item.kind, place)


def _compare_one(item: Desired, sides: BothVersions) -> tuple[list[Change], list[Drift], list[Binding]]:
    binding, live = sides.of(item.address)
    if binding is None:
        return [_created(item, sides)], [], []
    waiting = _awaited(item, binding, sides) if binding.successor else None
    if waiting:
        return [waiting], [], []
    another = ownership.not_ours(binding, live)
    if live is None or another:
        gone = Drift(item.address, binding.remote_id, Cause.MISSING, kind=item.kind, source=item.source)
        change = ownership.taken(item, binding, live, another) if live else _created_anew(item, binding, sides)
        return [change], [gone], []
    if binding.successor:
        return [_replace(item, live, compare(item, live, binding))], [], []
    if provisioning.failed(live) and item.address in sides.again:
        again = replace(
            _replace(item, live, Difference()), cause=Cause.DUE, reason=f"{provisioning.failure(live)}; recreated"
        )
        return [again], [], []
    difference = _unclaimed(item, live, binding) or excused(compare(item, live, binding), item, sides)
    place = written_at(item.sources, difference.drift[0].path, item.source) if difference.drift else item.source
    moved = Drift(item.address, binding.remote_id, Cause.DRIFTED, difference.drift, item.kind, place)
    drift = [moved] if difference.drift else []
    news = source_fingerprint.changed(
        binding.applied.get(source_fingerprint.KEY), item.spec.get(source_fingerprint.KEY)
    )
    if news and not binding.retired:  # one replacement is brought to its end before the next begins
        return [_renewed(item, live, difference, news)], drift, []
    if difference.fields:
        return _changes(item, live, difference, binding, sides), drift, []
    current = ownership.protected(binding, with_applied(item, binding))
    current = replace(current, answered=difference.answers, unconfirmed={}, unkept={})
    current = replace(current, created_at=binding.created_at or live.created)
    if news:  # what it was made of, until it is made anew
        made_of = {source_fingerprint.KEY: binding.applied[source_fingerprint.KEY]}
        current = replace(current, applied={**current.applied, **made_of})
    return [], drift, [current] if sides.in_names(current) != binding or tells(binding) else []


def _unclaimed(item: Desired, live: Live, binding: Binding) -> Difference | None:
    """The difference of an object that its run did not get to give its own name: that is nobody's edit."""
    if not claim.is_claimed(live.name):
        return None
    key = item.kind.name_field
    named = replace(item, spec={**item.spec, key: sent_name(item)})
    return compare(named, live, replace(binding, applied={k: v for k, v in binding.applied.items() if k != key}))


def _created(item: Desired, sides: BothVersions) -> Change:
    name = sent_name(item)
    rivals = sides.strangers.like(item.kind, applied(item), name)
    if sides.adopt and len(rivals) == 1:
        difference = compare(item, rivals[0], None)
        what = f"has the name `{name}`" if match_create.same_name(name, rivals[0].name) else "matches it"
        reason = f"imports {rivals[0].remote_id}, which {what}"
        return replace(_changed(item, rivals[0], difference), action=Action.ADOPT, cause=Cause.NEW, reason=reason)
    return replace(_create(item, Cause.NEW), rivals=tuple(sorted(one.remote_id for one in rivals)))


def _created_anew(item: Desired, binding: Binding, sides: BothVersions) -> Change:
    """What was deleted in the account; somebody may have made another of that name there, too."""
    change = _created(item, sides)
    if change.action is Action.ADOPT:
        return change
    reason = "; ".join(filter(None, [f"{binding.remote_id} was deleted in the account", change.reason]))
    return replace(change, cause=Cause.DRIFTED, fields=(), reason=reason)


def _create(item: Desired, cause: Cause, reason: str = "") -> Change:
    whole: JsonObject = {"op": "add", "path": "", "value": new_document(item)}
    reason = "; ".join(filter(None, [reason, _uploading(item), _claiming(item)]))
    fields = tuple(_new_fields(item)) if cause is Cause.NEW else ()
    return Change(
        Action.CREATE,
        cause,
        item.address,
        fields=fields,
        patch=(whole,),
        reason=reason,
        source=item.source,
        desired=item,
    )


def _uploading(item: Desired) -> str:
    file = item.file
    return f"uploads {file.name} ({file.size:,} bytes) to {file.upload}" if file else ""


def _claiming(item: Desired) -> str:
    return "its name starts with a claim of this run until its id is recorded" if item.kind.expensive else ""


def _new_fields(item: Desired) -> Iterator[FieldChange]:
    empty = Live(item.kind, "", {})
    yield from compare(replace(item, lifecycle=replace(item.lifecycle, ignore_changes=())), empty, None).fields


def _renewed(item: Desired, live: Live, difference: Difference, news: str) -> Change:
    """A document made anew because its source has changed, whatever else has."""
    made = _replace(item, live, difference)
    reason = "; ".join(filter(None, [f"its source changed: {news}", made.reason]))
    return replace(made, cause=made.cause if difference.fields else Cause.DUE, reason=reason)


def _changes(item: Desired, live: Live, difference: Difference, binding: Binding, sides: BothVersions) -> list[Change]:
    """The change of an object; two, when it is crawled with another crawl and otherwise patched."""
    if item.address in sides.again or not crawl_changes.can_override(item, live, difference):
        return [_changed(item, live, difference)]
    recrawl = crawl_changes.override(item, live, difference)
    rest = crawl_changes.without(item, binding)
    others = compare(rest, live, binding)
    return [*([_changed(rest, live, others)] if others.fields else []), recrawl]


def _changed(item: Desired, live: Live, difference: Difference) -> Change:
    if difference.replaces:
        return _replace(item, live, difference)
    return Change(
        Action.UPDATE,
        _overall(difference.fields),
        item.address,
        live.remote_id,
        fields=difference.fields,
        patch=difference.patch,
        guards=update_of(live.kind).guards(live, difference.patch),
        lacks=difference.lacks,
        source=_source(item, difference.fields),
        desired=item,
        live=live,
    )


def _replace(item: Desired, live: Live, difference: Difference) -> Change:
    fixed = ", ".join(difference.replaces)
    return Change(
        Action.REPLACE,
        _overall(difference.fields),
        item.address,
        live.remote_id,
        fields=difference.fields,
        patch=({"op": "add", "path": "", "value": new_document(item)},),
        reason="; ".join(
            filter(None, [fixed and f"{fixed} cannot be changed in place", _uploading(item), _claiming(item)])
        ),
        source=_source(item, difference.fields),
        desired=item,
        live=live,
    )


def _awaited(item: Desired, binding: Binding, sides: BothVersions) -> Change | None:
    """A replacement whose new half exists already, unless the manifest has moved on since."""
    successor = sides.live.get((item.address.kind, binding.successor))
    if successor is None or not is_applied(item, binding.successor_spec):
        return None
    if provisioning.failed(successor) and item.address in sides.again:
        return None
    state = f"{binding.successor} is {successor.status or 'there'}"
    same_manifest = source_fingerprint.sent(binding.applied) == source_fingerprint.sent(binding.successor_spec)
    return Change(
        Action.REPLACE,
        Cause.DUE if same_manifest else Cause.EDITED,
        item.address,
        binding.remote_id,
        reason=f"the new version {state}",
        source=item.source,
        desired=item,
        live=successor,
    )


def _overall(fields: Iterable[FieldChange]) -> Cause:
    causes = {change.cause for change in fields}
    return next((cause for cause in (Cause.BOTH, Cause.EDITED, Cause.DRIFTED) if cause in causes), Cause.EDITED)


def _source(item: Desired, fields: Sequence[FieldChange]) -> Source:
    written = [item.sources[change.path] for change in fields if change.path in item.sources]
    return min(written, default=item.source)
