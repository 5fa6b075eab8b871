"""Make a plan of a comparison: order its steps, and refuse what must not be done.  Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime, timedelta

from msgspec import Struct, field
from msgspec.structs import replace

from tavusctl.core.address import Address
from tavusctl.core.binding import Binding
from tavusctl.core.diagnostics import Diagnostic, Severity
from tavusctl.core.errors import RefusedError
from tavusctl.core.json_tree import digest, leaves, plain
from tavusctl.core.model import Action, Cause, Change, Desired, Drift, Live, Plan, Refusal
from tavusctl.core.project_settings import Limit, Safety, strictest
from tavusctl.crawl import quota
from tavusctl.engine import provisioning
from tavusctl.engine.safety import protection
from tavusctl.fields import presigned_urls
from tavusctl.lib.json_types import special_leaves
from tavusctl.secrets.values import revealed

# What has to exist before a step can name it by id.
_MAKES_AN_ID = frozenset({Action.CREATE, Action.ADOPT, Action.REPLACE})
_REMOVES = frozenset({Action.DELETE, Action.RETIRE})
_FETCHED_WITHIN = timedelta(hours=24)  # for so long the API wants to be able to fetch what it is given a link to


class Approvals(Struct, frozen=True):
    """What the user has allowed by name on the command line."""

    replace: AbstractSet[Address] = frozenset()
    overwrite: AbstractSet[Address] = frozenset()
    delete_costly: AbstractSet[Address] = frozenset()
    targets: AbstractSet[Address] = field(default_factory=frozenset)  # empty: everything
    finish: bool = False  # nothing but what ends replacements that an earlier run has begun
    adopt: bool = False  # objects that have the name of a planned create
    recreate: int | None = None  # so many objects, all that the state knows, which the account has no more


class PlanMetadata(Struct, frozen=True):
    """Where and when a plan is made."""

    environment: str
    account: str
    now: datetime  # the server's time, by which presigned links are judged
    crawled: Mapping[str, int] = field(default_factory=dict)  # objects with a crawl that the account has, by kind
    crawl_limit: int = 0  # how many it may have; 0: as many as everybody
    limits: tuple[Limit, ...] = ()  # limits on deletes that are higher than at the last apply
    owners: Mapping[str, str] = field(default_factory=dict)  # what other environments have bound: id -> in words


def make(
    changes: Sequence[Change],
    drift: Sequence[Drift],
    settled: Sequence[Binding],
    *,
    bindings: Mapping[Address, Binding],
    consent: Approvals,
    occasion: PlanMetadata,
    no_op: int = 0,
    warnings: Sequence[Diagnostic] = (),
    along: Sequence[Binding] = (),
) -> Plan:
    """The plan: what may be done as steps, what must not as refusals with the way out."""
    wanted = _targeted(changes, consent.targets)
    strangers = {one for change in wanted for one in change.rivals} - occasion.owners.keys()
    lost = not bindings and not consent.adopt and bool(strangers)
    judged = protection.with_users(tuple(_judged(wanted, bindings, consent, occasion, lost=lost)))
    refused = {refusal.change.address for _, refusal in judged if refusal}
    allowed = [change for change, refusal in judged if refusal is None and not _is_kept(change, consent)]
    # What only follows from a replacement (pointing to the new half, deleting the old) goes when that is refused.
    # What needs something that is refused waits for it in vain, and does nothing.
    made = {one.address for one, no in judged if one.action in _MAKES_AN_ID and not (no and one.address in bindings)}
    steps = _ordered([change for change in allowed if not refused.intersection(change.waits_for)], made)
    return Plan(
        steps=steps,
        drift=tuple(sorted(drift, key=lambda entry: entry.address)),
        refused=tuple(refusal for _, refusal in judged if refusal),
        warnings=(*warnings, *(_kept_version(change) for change in wanted if _is_kept(change, consent))),
        no_op=no_op,
        environment=occasion.environment,
        account=occasion.account,
        settled=tuple(settled),
        along=tuple(along),
        fingerprint=_fingerprint(steps, occasion),
        limits=occasion.limits,
        targets=tuple(sorted(consent.targets)),
        finish=consent.finish,
    )


def awaited(plan: Plan, desired: Sequence[Desired], live: Iterable[Live], consent: Approvals) -> tuple[Change, ...]:
    """What the server still works on for earlier runs, in the order of manifests, but for what the plan makes anew."""
    busy = {
        one.address: one for one in live if one.address and not (provisioning.usable(one) or provisioning.failed(one))
    }
    anew = {step.address for step in plan.steps if step.action in _MAKES_AN_ID}
    wanted = _needed(desired, consent.targets)
    return tuple(
        Change(Action.WAIT, Cause.DUE, item.address, found.remote_id, source=item.source, desired=item, live=found)
        for item in desired
        if (found := busy.get(item.address)) and not item.external_id and item.address in wanted - anew
    )


def _needed(desired: Sequence[Desired], targets: AbstractSet[Address]) -> set[Address]:
    """Targets and all that they refer to; everything where nothing is named."""
    refers = {item.address: item.refers_to for item in desired}
    wanted, queue = set[Address](), list(targets or refers)
    while queue:
        address = queue.pop()
        queue += [] if address in wanted else refers.get(address, ())
        wanted.add(address)
    return wanted


def deletes(plan: Plan) -> int:
    """How many objects the plan deletes; the old half of a replacement is not counted."""
    return sum(step.action is Action.DELETE for step in plan.steps)


def check_deletes(
    plan: Plan,
    safety: Safety,
    *,
    managed: int,
    allowed: int | None,
    approved: bool = False,
    before: Safety | None = None,
) -> None:
    """Refuse deletes that nobody has agreed to; RefusedError says how many there are and what would allow them.

    `allowed` must be the plan's exact number; a plan file that shows the deletes (`approved`) agrees to them within
    the limits of `safety`, and within those of the last apply (`before`).
    """
    count = deletes(plan)
    if allowed is not None and allowed != count:
        message = f"the plan deletes {_objects(count)}, but `--allow-deletes` is {allowed}; nothing was written"
        raise RefusedError(message, f"review the plan, then run again with `--allow-deletes {count}`", id="E410")
    if not count or allowed is not None:
        return
    hint = f"review the plan, then run again with `--allow-deletes {count}`"
    strict = strictest(before, safety)
    limit = min(strict.max_deletes, int(max(1, strict.max_delete_ratio * managed)))
    if approved and count <= limit:
        return
    later = "; a raised limit counts from the next run" if plan.limits else ""
    over = f" (more than the limit of {limit} in one run{later})" if approved else ""
    message = f"the plan deletes {_objects(count)}{over}; nothing was written"
    raise RefusedError(message, hint, id="E410")


def _objects(count: int) -> str:
    return f"{count} object{'' if count == 1 else 's'}"


def _judged(
    changes: Iterable[Change],
    bindings: Mapping[Address, Binding],
    consent: Approvals,
    occasion: PlanMetadata,
    *,
    lost: bool,
) -> Iterator[tuple[Change, Refusal | None]]:
    """Every change with what speaks against it; a crawl that nothing does takes a place of the account's."""
    crawled = Counter(occasion.crawled)
    for change in changes:
        binding = bindings.get(change.address)
        refusal = _refusal(change, binding, consent, occasion.owners, lost=lost) or _expiring(change, occasion.now)
        if refusal is None and quota.is_another(change):
            refusal = quota.exceeded(change, crawled[change.address.kind], occasion.crawl_limit)
            crawled[change.address.kind] += refusal is None
        yield change, refusal


def _refusal(
    change: Change, binding: Binding | None, consent: Approvals, owners: Mapping[str, str], *, lost: bool = False
) -> Refusal | None:
    address, action = change.address, change.action
    costly = bool(change.desired and change.desired.kind.expensive) or bool(change.live and change.live.kind.expensive)
    foreign = protection.foreign(change, owners) or _unknown(change, lost=lost)
    if foreign:
        return foreign
    if change.cause is Cause.BOTH and address not in consent.overwrite:
        paths = ", ".join(entry.path for entry in change.fields if entry.cause is Cause.BOTH)
        reason = f"{paths} was changed both in the manifest and in the account, to different values"
        ours = f"run `tavusctl apply --overwrite {address}` to use the value of the manifest"
        return Refusal(
            change, "E301", 3, reason, f"{ours}, or `tavusctl adopt {address}` to use the value of the account"
        )
    if change.lacks:
        return _lacking(change)
    # One that waits for its new half sends nothing: somebody has confirmed it when it began.
    remakes = (action is Action.REPLACE and change.patch) or (action is Action.CREATE and change.cause is Cause.DRIFTED)
    if remakes and costly and address not in consent.replace:
        reason = f"{change.reason}; training a new {address.kind} takes hours"
        return Refusal(change, "E402", 4, reason, f"run `tavusctl apply --allow-replace {address}` to confirm")
    if action in (Action.DELETE, Action.REPLACE) and binding and binding.prevent_destroy:
        reason = "`lifecycle.prevent_destroy` protects the object"
        return Refusal(change, "E403", 4, reason, "apply `prevent_destroy: false` first, then this change")
    if action is Action.DELETE and costly and address not in consent.delete_costly:
        return Refusal(change, "E404", 4, f"a deleted {address.kind} cannot be restored", _retain_hint(address))
    return _in_use(change) or _failed_replacement(change)


def _in_use(change: Change) -> Refusal | None:
    """Why an object cannot be deleted that others use, whom this plan does not change."""
    if change.action is not Action.DELETE or not (change.held_by or change.referrers):
        return None
    if change.held_by:
        reason = f"{', '.join(change.held_by)} was made with it, and keeps it for good"
        return Refusal(change, "E405", 4, reason, f"run `tavusctl state rm {change.address}` to keep it unmanaged")
    reason = f"still referred to by {', '.join(change.referrers)}, not managed here"
    return Refusal(change, "E405", 4, reason, "remove the references there first")


def _lacking(change: Change) -> Refusal:
    """Why an update cannot be sent: it would take away a secret that it does not mention, or that has no value here."""
    reads = change.desired.reads if change.desired else {}
    unset = sorted({name for one in change.lacks for name in reads.get(one, ())})
    places = ", ".join(f"`{one}`" for one in change.lacks)
    unnamed = ", ".join(f"`{one}`" for one in change.lacks if one not in reads)
    reason = f"the API takes `{_member(change)}` whole, with the secret at {places}, which no read returns"
    ways = [f"write `${{secret:NAME}}` at {unnamed} in the manifest of {change.address}"] if unnamed else []
    ways += [f"set {', '.join(unset)} in the environment or in `.env`"] if unset else []
    return Refusal(change, "E408", 4, reason, f"{', and '.join(ways)}; nothing was sent")


def _member(change: Change) -> str:
    return change.lacks[0].split("/")[1]


def _unknown(change: Change, *, lost: bool) -> Refusal | None:
    """Why a create may stand for an object that is there."""
    if change.action is not Action.CREATE:
        return None
    if change.rivals:
        return _rivals(change)
    if lost:
        reason = "the state is empty, but the account has objects with the names of manifests: the state may be lost"
        hint = (
            "run `tavusctl import --match-names` to import them, or `tavusctl "
            "apply --import-existing` to import them and create the rest"
        )
        return Refusal(change, "E422", 4, reason, hint)
    return None


def _retain_hint(address: Address) -> str:
    return (
        f"run `tavusctl apply --allow-replica-delete {address}` to confirm, "
        f"or `tavusctl state rm {address}` to keep the object unmanaged"
    )


def _rivals(change: Change) -> Refusal:
    ids = ", ".join(change.rivals)
    reason = f"the name is taken in the account by an object that is not managed here: {ids}"
    if len(change.rivals) == 1:
        hint = f"run `tavusctl import {change.address} {ids}` or `tavusctl apply --import-existing` to import it"
    else:
        hint = f"run `tavusctl import {change.address} ID` to import the right one"
    return Refusal(change, "E401", 4, reason, hint)


def _failed_replacement(change: Change) -> Refusal | None:
    # A replacement that waits for its new half carries that half as `live`, and no patch.
    if change.action is Action.REPLACE and not change.patch and change.live and provisioning.failed(change.live):
        address = change.address
        hint = (
            "change the manifest, or run `tavusctl apply --allow-replace "
            f"{address}` to try again; the old version stays in use"
        )
        return Refusal(change, "E406", 5, f"{change.reason}: {provisioning.failure(change.live)}", hint)
    return None


def _expiring(change: Change, now: datetime) -> Refusal | None:
    """A link is no use that ends to work before the API has surely fetched what it leads to."""
    if change.desired is None or change.action not in (Action.CREATE, Action.REPLACE) or not change.patch:
        return None
    for path, leaf in leaves(change.patch[0]["value"]):
        end = presigned_urls.expiry(revealed(leaf)) if change.desired.kind.field_at(path).must_stay_reachable else None
        if end and end < now + _FETCHED_WITHIN:
            ends = f"expire{'d' if end <= now else 's'} at {end.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
            reason = f"the signed URL in `{'.'.join(path)}` {ends}, but must be valid for 24 hours from now"
            return Refusal(change, "E407", 4, reason, "sign a new URL that is valid for longer; nothing was sent")
    return None


def _is_kept(change: Change, consent: Approvals) -> bool:
    """An old version stays that somebody else still uses, or that is costly and was not named; that is no failure."""
    costly = bool(change.live and change.live.kind.expensive) and change.address not in consent.delete_costly
    return change.action is Action.RETIRE and (bool(change.referrers) or costly)


def _kept_version(change: Change) -> Diagnostic:
    address = change.address
    if change.referrers:
        why, hint = f"{', '.join(change.referrers)} still refers to it", ""
    else:
        why = f"a deleted {address.kind} cannot be restored"
        hint = f"run `tavusctl apply --allow-replica-delete {address}` to delete it"
    message = f"{address}: the old version {change.remote_id} is kept, because {why}"
    return Diagnostic("TV301", message, None, hint, address, Severity.WARNING)


def _targeted(changes: Sequence[Change], targets: AbstractSet[Address]) -> list[Change]:
    if not targets:
        return list(changes)
    by_address = {change.address: change for change in changes}
    wanted, queue = set(targets), list(targets)
    while queue:
        change = by_address.get(queue.pop())
        needs = change.desired.refers_to if change and change.desired else ()
        queue += [address for address in needs if address not in wanted]
        wanted.update(needs)
    return [change for change in changes if change.address in wanted]


def _ordered(changes: Sequence[Change], made: AbstractSet[Address]) -> tuple[Change, ...]:
    """Creates and updates in the order of references; deletes last, in the opposite one; old versions at the end."""
    making = [change for change in changes if change.action not in _REMOVES]
    waiting = [_waiting(change, made) for change in making]
    removing = sorted((c for c in changes if c.action is Action.DELETE), key=lambda c: (_rank(c), c.address))
    retiring = [change for change in changes if change.action is Action.RETIRE]
    return (*waiting, *removing, *retiring)


def _waiting(change: Change, made: AbstractSet[Address]) -> Change:
    if change.waits_for or change.desired is None:
        return change
    return replace(change, waits_for=tuple(sorted(made & _named(change, change.desired))))


def _named(change: Change, desired: Desired) -> AbstractSet[Address]:
    """What a change sends an id of: an update of a prompt needs nothing of what its object refers to."""
    if change.action is not Action.UPDATE:
        return set(desired.refers_to)
    return {leaf for one in change.patch for _, leaf in special_leaves(one) if isinstance(leaf, Address)}


def _rank(change: Change) -> int:
    """What refers to others goes before them."""
    kind = change.live.kind if change.live else None
    return 0 if kind and any(declared.refers_to for declared in kind.fields.values()) else 1


def _fingerprint(steps: Sequence[Change], occasion: PlanMetadata) -> str:
    listed = [[step.action.value, str(step.address), step.remote_id, plain(list(step.patch))] for step in steps]
    limits = [str(one) for one in occasion.limits]
    return "sha256:" + digest([occasion.environment, occasion.account, listed, *([limits] if limits else [])])
