"""Make a plan from a comparison: order its steps, and refuse changes that a safety rule forbids.  Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace

from tavusctl.core.address import Address, ObjectKey
from tavusctl.core.binding import Binding
from tavusctl.core.diagnostics import Diagnostic, warning
from tavusctl.core.errors import ConflictError, RefusedError
from tavusctl.core.json_tree import digest, leaves, manifest_notation
from tavusctl.core.messages import counted, moment
from tavusctl.core.model import Action, Cause, Change, Desired, Live, Plan, Refusal
from tavusctl.core.project_settings import Limit, Safety, strictest_limits
from tavusctl.crawl import quota
from tavusctl.engine import provisioning
from tavusctl.engine.compare.joined import sent_addresses, with_repointing
from tavusctl.engine.safety import broken_rules, duplicates, protection, removals, taken_names
from tavusctl.fields import presigned_urls
from tavusctl.patch import Pinned
from tavusctl.secrets.values import Secret, revealed

# Actions that make or bind an object: other steps can send its id only after them.
_MAKES_AN_ID = frozenset({Action.CREATE, Action.ADOPT, Action.REPLACE})
_FETCHED_WITHIN = timedelta(hours=24)  # the API must be able to fetch a linked file for this long


class Approvals(Struct, frozen=True):
    """What the command line allows, and to which part of the plan it limits the run."""

    target: frozenset[Address] = frozenset()  # empty: everything
    overwrite: frozenset[Address] = frozenset()
    allow_replace: frozenset[Address] = frozenset()
    allow_replica_delete: frozenset[Address] = frozenset()
    allow_recreate: int | None = None  # how many lost objects may be recreated; only valid for all of the state
    finish: bool = False  # plan only steps that end replacements which an earlier run has begun
    import_existing: bool = False  # import objects that have the name of a planned create
    destroy: bool = False  # delete all managed objects


class PlanMetadata(Struct, frozen=True):
    """Where and when a plan is made, and the facts about the account that limit its steps."""

    environment: str
    account: str
    now: datetime  # the server's time, by which presigned links are judged
    crawled: Mapping[str, int] = {}  # objects with a crawl that the account has, by kind
    crawl_limit: int = 0  # how many the account may have; 0: the standard limit of the kind
    limits: tuple[Limit, ...] = ()  # limits on deletes that are higher than at the last apply
    key_source: str = ""  # where the API key comes from, which names an account without a label
    owners: Mapping[str, str] = {}  # id -> the other environment that has bound it, in words
    names: taken_names.Holders = {}  # the objects whose names the account accepts only once
    forgotten: Mapping[ObjectKey, Address] = {}  # released objects, whether targets or not


def make(
    changes: Sequence[Change],
    *,
    bindings: Mapping[Address, Binding],
    approvals: Approvals,
    metadata: PlanMetadata,
    warnings: Sequence[Diagnostic],
) -> Plan:
    """The plan: allowed changes as steps, forbidden ones as refusals with a hint that says what would allow them."""
    unmanaged_rivals = {rival for change in changes for rival in change.rivals} - metadata.owners.keys()
    lost = not bindings and not approvals.import_existing and bool(unmanaged_rivals)
    existing = duplicates.Existing(metadata.forgotten, approvals.import_existing, metadata.owners, lost)
    kept = [change for change in changes if _is_kept(change, approvals)]
    judged = protection.with_users(tuple(_judge(changes, bindings, approvals, metadata, existing)))
    versions = {change.address: _why_kept(change) for change in kept}
    judged = tuple((one, refusal or removals.refuse_with_version(one, versions)) for one, refusal in judged)
    judged = taken_names.refuse(judged, metadata.names)
    refused = tuple(refusal for _, refusal in judged if refusal)
    steps = _steps(judged, bindings, approvals, metadata.names)
    return Plan(
        steps=steps,
        refused=refused,
        warnings=(*warnings, *map(_kept_version, kept)),
        environment=metadata.environment,
        account=metadata.account,
        key_source=metadata.key_source,
        fingerprint=_fingerprint(steps, metadata),
        limits=metadata.limits,
        targets=tuple(sorted(approvals.target)),
        finish=approvals.finish,
    )


def awaited(plan: Plan, desired: Sequence[Desired], live: Iterable[Live], approvals: Approvals) -> tuple[Change, ...]:
    """A wait for each object that the server still processes for an earlier run, in the order of manifests.

    Without those that the plan creates, imports or replaces.
    """
    busy_objects = {obj.address: obj for obj in live if obj.address and not provisioning.has_ended(obj)}
    new_addresses = {step.address for step in plan.steps if step.action in _MAKES_AN_ID}
    needed = _needed(desired, approvals.target)
    return tuple(
        Change(Action.WAIT, Cause.DUE, item.address, busy.remote_id, source=item.source, desired=item, live=busy)
        for item in desired
        if (busy := busy_objects.get(item.address)) and not item.external_id and item.address in needed - new_addresses
    )


Item = TypeVar("Item", Change, Binding)


def targeted(items: Sequence[Item], desired: Sequence[Desired], targets: AbstractSet[Address]) -> Sequence[Item]:
    """The items of targets and of all that they refer to, directly or not; all items if there are no targets."""
    needed = _needed(desired, targets)
    return [item for item in items if item.address in needed] if targets else items


def _needed(desired: Sequence[Desired], targets: AbstractSet[Address]) -> set[Address]:
    """Targets and all that they refer to, directly or not; every address of `desired` if there are no targets."""
    references = {item.address: item.refers_to for item in desired}
    needed, queue = set[Address](), list(targets or references)
    while queue:
        address = queue.pop()
        queue += [] if address in needed else references.get(address, ())
        needed.add(address)
    return needed


def count_deletes(plan: Plan) -> int:
    """How many objects the plan deletes; the old version in a replacement is not counted."""
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
    """Refuse deletes that nobody has agreed to: RefusedError says how many there are and which option allows them.

    `allowed` must be the plan's exact number; a plan file that shows the deletes (`approved`) agrees to them within
    the limits of `safety`, and within those of the last apply (`before`).
    """
    count = count_deletes(plan)
    deletes = f"the plan deletes {counted(count, 'object')}"
    option = f"with `--allow-deletes {count}`" if count else "without `--allow-deletes`"
    hint = f"review the plan, then run again {option}"
    if allowed is not None and allowed != count:
        message = f"{deletes}, but `--allow-deletes` is {allowed}; nothing was written"
        raise RefusedError(message, hint, id="E410")
    if not count or allowed is not None:
        return
    strict = strictest_limits(before, safety)
    limit = min(strict.max_deletes, int(max(1, strict.max_delete_ratio * managed)))
    if approved and count <= limit:
        return
    later = "; a raised limit counts from the next run" if plan.limits else ""
    over = f" (more than the limit of {limit} in one run{later})" if approved else ""
    message = f"{deletes}{over}; nothing was written"
    raise RefusedError(message, hint, id="E410")


def _judge(
    changes: Iterable[Change],
    bindings: Mapping[Address, Binding],
    approvals: Approvals,
    metadata: PlanMetadata,
    existing: duplicates.Existing,
) -> Iterator[tuple[Change, Refusal | None]]:
    """Every change with its refusal, if any; an allowed change with a crawl counts against the limit of the account."""
    crawled = Counter(metadata.crawled)
    for change in changes:
        binding = bindings.get(change.address)
        refusal = _refusal(change, binding, approvals, existing)
        refusal = refusal or _refuse_expiring_url(change, metadata.now)
        if refusal is None and quota.adds_crawl(change):
            refusal = quota.refuse_over_limit(change, crawled[change.address.kind], metadata.crawl_limit)
            crawled[change.address.kind] += refusal is None
        yield change, refusal


def _refusal(
    change: Change, binding: Binding | None, approvals: Approvals, existing: duplicates.Existing
) -> Refusal | None:
    address, action = change.address, change.action
    is_expensive = any(side.kind.expensive for side in (change.desired, change.live) if side)
    foreign = protection.refuse_foreign(change, existing.owners)
    if foreign := foreign or duplicates.refuse_possible_duplicate(change, existing):
        return foreign
    if change.cause is Cause.BOTH and address not in approvals.overwrite:
        return _refuse_conflict(change)
    if change.unknown_secrets:
        return _refuse_missing_secret(change)
    if broken := broken_rules.refuse(change):
        return broken
    # A replacement that only waits for its successor sends nothing: it was confirmed when it began.
    recreates = (action is Action.REPLACE and change.patch) or (
        action is Action.CREATE and change.cause is Cause.DRIFTED
    )
    if recreates and is_expensive and address not in approvals.allow_replace:
        reason = f"{change.reason}; training a new {address.kind} takes hours"
        return Refusal(change, "E402", 4, reason, f"run `tavusctl apply --allow-replace {address}` to confirm")
    if protection.is_protected(change, binding):
        reason = "`lifecycle.prevent_destroy` protects the object"
        hint = "put the manifest back with `prevent_destroy: false`, apply, and remove it then"
        hint = hint if change.cause is Cause.ORPHANED else "apply `prevent_destroy: false` first, then this change"
        return Refusal(change, "E403", 4, reason, hint)
    if action is Action.DELETE and is_expensive and address not in approvals.allow_replica_delete:
        hint = f"`tavusctl state rm {address}` to keep the object unmanaged"
        hint = f"add `--allow-replica-delete {address}` to confirm, or {hint}"
        return Refusal(change, "E404", 4, f"a deleted {address.kind} cannot be restored", hint)
    return _refuse_in_use(change) or _refuse_failed_replacement(change)


def _refuse_conflict(change: Change) -> Refusal:
    """The refusal of a change of fields that both sides have changed; no file can get a key that no read shows."""
    address, conflicts = change.address, [entry for entry in change.fields if entry.cause is Cause.BOTH]
    paths = ", ".join(entry.path for entry in conflicts)
    reason = f"{paths} was changed both in the manifest and in the account, to different values"
    hint = f"run `tavusctl apply --overwrite {address}` to use the value of the manifest"
    hidden = [entry.path for entry in conflicts if isinstance(entry.live, Pinned) and isinstance(entry.desired, Secret)]
    if not hidden:
        hint += f", or `tavusctl adopt {address}` to use the value of the account"
        return Refusal(change, "E301", 3, reason, hint)
    secret_names = change.desired.secret_names if change.desired else {}
    names = ", ".join(dict.fromkeys(name for path in hidden for name in secret_names.get(path, ())))
    kept = f"to keep the key of the account at {', '.join(hidden)}, which no read shows, set {names} to it first"
    return Refusal(change, "E301", 3, reason, f"{hint}; {kept}")


def _refuse_in_use(change: Change) -> Refusal | None:
    """A refusal if objects that this plan does not change still refer to the one to be deleted, or keep it for good."""
    if change.action is not Action.DELETE or not (change.held_by or change.referrers):
        return None
    if change.held_by:
        reason = f"{', '.join(change.held_by)} was created with it and depends on it permanently"
        return Refusal(change, "E405", 4, reason, f"run `tavusctl state rm {change.address}` to keep it unmanaged")
    reason = f"still referred to by {', '.join(change.referrers)}, not managed here"
    return Refusal(change, "E405", 4, reason, "remove the references there first")


def _refuse_missing_secret(change: Change) -> Refusal:
    """The refusal of an update that would delete a secret: the manifest does not name it, or it has no value here."""
    secret_names = change.desired.secret_names if change.desired else {}
    unset_variables = sorted(
        {variable for pointer in change.unknown_secrets for variable in secret_names.get(pointer, ())}
    )
    places = ", ".join(f"`{pointer}`" for pointer in change.unknown_secrets)
    unnamed = ", ".join(f"`{pointer}`" for pointer in change.unknown_secrets if pointer not in secret_names)
    member = change.unknown_secrets[0].split("/")[1]
    reason = f"the API accepts `{member}` only as a whole, with the secret at {places}, which no read returns"
    fixes = [f"write `${{secret:NAME}}` at {unnamed} in the manifest of {change.address}"] if unnamed else []
    fixes += [f"set {', '.join(unset_variables)} in the environment or in `.env`"] if unset_variables else []
    return Refusal(change, "E409", 4, reason, f"{', and '.join(fixes)}; nothing was sent")


def _refuse_failed_replacement(change: Change) -> Refusal | None:
    # A replacement that waits for its successor has the successor as `live`, and no patch.
    if change.action is Action.REPLACE and not change.patch and change.live and provisioning.has_failed(change.live):
        address = change.address
        hint = (
            "change the manifest, or run `tavusctl apply --allow-replace "
            f"{address}` to try again; the old version stays in use"
        )
        return Refusal(change, "E406", 5, f"{change.reason}: {provisioning.failure_reason(change.live)}", hint)
    return None


def _refuse_expiring_url(change: Change, now: datetime) -> Refusal | None:
    """A refusal if a presigned URL may expire before the API has fetched the file."""
    if change.desired is None or change.action not in (Action.CREATE, Action.REPLACE) or not change.patch:
        return None
    for path, leaf in leaves(change.patch[0]["value"]):
        end = presigned_urls.expiry(revealed(leaf)) if change.desired.kind.field_at(path).must_stay_reachable else None
        if end and end < now + _FETCHED_WITHIN:
            ends = f"expire{'d' if end <= now else 's'} at {moment(end)}"
            reason = f"the signed URL in `{'.'.join(path)}` {ends}, but must be valid for 24 hours from now"
            return Refusal(change, "E407", 4, reason, "sign a new URL that is valid for longer; nothing was sent")
    return None


def _is_kept(change: Change, approvals: Approvals) -> bool:
    """Whether an old version is kept, which is not a failure: it is still in use, or deleting it needs an approval."""
    needs_approval = (
        bool(change.live and change.live.kind.expensive) and change.address not in approvals.allow_replica_delete
    )
    return change.action is Action.RETIRE and (bool(change.referrers) or needs_approval)


def _kept_version(change: Change) -> Diagnostic:
    address = change.address
    hint = "" if change.referrers else f"run `tavusctl apply --allow-replica-delete {address}` to delete it"
    return warning("TV301", f"{address}: {_why_kept(change)}", hint, address)


def _why_kept(change: Change) -> str:
    version = "new" if change.cause in (Cause.ORPHANED, Cause.ASKED) else "old"
    users = ", ".join(change.referrers)
    reason = f"{users} still refers to it" if users else f"a deleted {change.address.kind} cannot be restored"
    return f"the {version} version {change.remote_id} is kept, because {reason}"


def _steps(
    judged: Sequence[tuple[Change, Refusal | None]],
    bindings: Mapping[Address, Binding],
    approvals: Approvals,
    names: taken_names.Holders,
) -> tuple[Change, ...]:
    refused = [refusal for _, refusal in judged if refusal]
    allowed = [change for change, refusal in judged if refusal is None and not _is_kept(change, approvals)]
    # A step that refers to a refused create keeps waiting for it, so apply never carries that step out.
    created = {
        c.address for c, refusal in judged if c.action in _MAKES_AN_ID and not (refusal and c.address in bindings)
    }
    return _order(with_repointing(_without_followers(allowed, refused)), created, names)


def _without_followers(changes: Sequence[Change], refused: Sequence[Refusal]) -> list[Change]:
    """The changes without those that refusals of other changes keep back.

    These are the steps that follow from a refused replacement (repointing references, deleting the old version), the
    other versions of an object whose removal is refused, every write of an object that has a conflict, and the release
    of an object that a refused create would duplicate.
    """
    addresses = {refusal.change.address for refusal in refused}
    staying = {refusal.change.address for refusal in refused if refusal.change.action in removals.DROPS_BINDING}
    conflicts = {
        (one.change.address, one.change.remote_id) for one in refused if one.exit_code == ConflictError.exit_code
    }
    rivals = {(one.change.address.kind, rival) for one in refused for rival in one.change.rivals}
    forgets = [change for change in changes if change.action is Action.FORGET]
    staying |= {change.address for change in forgets if (change.address.kind, change.remote_id) in rivals}
    return [
        change
        for change in changes
        if not addresses.intersection(change.waits_for)
        and not (change.action in (Action.FORGET, Action.RETIRE) and change.address in staying)
        and not (change.action is not Action.UNPROTECT and (change.address, change.remote_id) in conflicts)
    ]


def _order(changes: Sequence[Change], created: AbstractSet[Address], names: taken_names.Holders) -> tuple[Change, ...]:
    """All other changes in the given order, then deletes, referrers first, then retirements of old versions.

    A change that takes a name comes after the one that frees it.  This is the order in which a plan shows its steps.
    An apply runs the retirements before the deletes.  An address that is removed keeps its binding, which records the
    other versions, until these are retired.
    """
    final = removals.final_steps(changes)
    # Objects that others can refer to come last.
    is_target = {
        step.address: not (step.live and step.live.kind.can_refer) for step in final if step.action is not Action.RETIRE
    }
    final.sort(key=lambda step: (is_target[step.address], step.address, step.action is not Action.RETIRE))
    in_final = set(map(id, final))
    others = [change for change in changes if id(change) not in in_final]
    waiting = [_with_waits(change, created) for change in others if change.action is not Action.RETIRE]
    retirements = [change for change in others if change.action is Action.RETIRE]
    return (*taken_names.in_order(waiting, names), *final, *retirements)


def _with_waits(change: Change, created: AbstractSet[Address]) -> Change:
    if change.waits_for or change.desired is None:
        return change
    return replace(change, waits_for=tuple(sorted(created & sent_addresses(change))))


def _fingerprint(steps: Sequence[Change], metadata: PlanMetadata) -> str:
    step_values = [
        [step.action.value, str(step.address), step.remote_id, manifest_notation(list(step.patch))] for step in steps
    ]
    limits = [str(limit) for limit in metadata.limits]
    return "sha256:" + digest([metadata.environment, metadata.account, step_values, *([limits] if limits else [])])
