"""The calls that change the account, made so that no answer, and no lack of one, costs anything.

A call ends done, surely not done, or unknown.  Unknown is settled by looking:

    create   See making.py.
    update   Does the object read as wanted?  Done.  As before?  The same guarded patch again.  Otherwise: a conflict.
    delete   Is it gone?  Done.  Otherwise once more.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from tavusctl import guards, links, patch
from tavusctl.document import leaves, map_leaves
from tavusctl.engine.apply.inverse import invert
from tavusctl.engine.apply.run import Run
from tavusctl.errors import (
    Ambiguous,
    ConflictError,
    Gone,
    Rejected,
    TavusctlError,
    Throttled,
)
from tavusctl.model import Binding, Change, Desired, Document, Live, ResourceKind, Update
from tavusctl.patch import Pinned
from tavusctl.secret import Secret

_REFUSALS = frozenset({400, 409, 422})  # how a failed `test` may be answered
_PROBE = {"op": "test", "value": "tavusctl asks whether test operations are obeyed: no object has this name"}


def update(this: Run, step: Change, desired: Desired, remote_id: str, current: Binding) -> None:
    """Send a patch; ConflictError, and nothing written, when somebody edited what it is about to change."""
    before = _seen(this, step, desired.kind, remote_id)
    known = this.ledger.get(step.address)
    op = this.ledger.intend(
        step.address,
        step.action,
        remote_id=remote_id,
        spec=current.applied,
        time=this.now(),
        inverse=invert(this, before, step.patch, known.applied if known else {}),
    )
    try:
        _send_guarded(this, desired.kind, remote_id, step, before)
    except Ambiguous:
        _settle_update(this, step, desired.kind, remote_id, before)
    except TavusctlError:
        this.ledger.settle(op, done=False)
        raise
    this.ledger.bind(current, op)


def _seen(this: Run, step: Change, kind: ResourceKind, remote_id: str) -> Live:
    """The object as the plan saw it; kinds without `test` are looked at again, as late as possible."""
    if step.live is None:
        return _look(this, kind, remote_id)
    planned = this.as_planned(step.live)
    if planned.kind.update is Update.JSON_PATCH and _obeys_tests(this, planned.kind, remote_id):
        return planned
    now = _look(this, planned.kind, remote_id)
    moved = guards.moved(planned.body, now.body, step.patch)
    if moved:
        raise _conflict(step, moved)
    return planned


def _look(this: Run, kind: ResourceKind, remote_id: str) -> Live:
    """The object as it is now, with ids where it has addresses."""
    live = this.tools.look(kind, remote_id)
    return replace(live, body=this.with_ids(live.body))


def _obeys_tests(this: Run, kind: ResourceKind, remote_id: str) -> bool:
    """Whether the API obeys `test`: asked once per account, by a test that must fail."""
    with this.probing:
        if this.ledger.state.guarded is None:
            probe = {**_PROBE, "path": kind.patch_root + patch.join((kind.name_field,))}
            try:
                this.api.patch(f"{kind.collection}/{remote_id}", [probe])
                this.ledger.remember_guards(obeyed=False)
            except (Gone, Throttled):
                raise
            except Ambiguous:
                pass  # not known yet: this one write is compared instead, and the next one asks again
            except Rejected as error:
                this.ledger.remember_guards(obeyed=error.status in _REFUSALS)
        return bool(this.ledger.state.guarded)


def _send_guarded(this: Run, kind: ResourceKind, remote_id: str, step: Change, before: Live) -> None:
    path = f"{kind.collection}/{remote_id}"
    if kind.update is not Update.JSON_PATCH:
        members = {one["path"].removeprefix("/"): one["value"] for one in this.with_ids(list(step.patch))}
        this.api.patch(f"{path}/name" if kind.update is Update.RENAME else path, members)
        return
    tested = bool(this.ledger.state.guarded)
    operations = guards.protect(kind, before.body, step.patch) if tested else list(step.patch)
    try:
        this.api.patch(path, [{**one, "path": kind.patch_root + one["path"]} for one in this.with_ids(operations)])
    except Gone:
        raise
    except Rejected as error:
        moved = guards.moved(before.body, _look(this, kind, remote_id).body, step.patch)
        if tested and error.status in _REFUSALS and moved:
            raise _conflict(step, moved) from None
        raise


def _settle_update(this: Run, step: Change, kind: ResourceKind, remote_id: str, before: Live) -> None:
    """The answer was lost: look, and send again only what certainly is not there."""
    wanted = patch.apply(before.body, this.with_ids(list(step.patch)))
    now = _look(this, kind, remote_id).body
    touched = [one for one in guards.moved(wanted, now, step.patch) if not _hidden(wanted, one)]
    if not touched and not _writes_hidden(step):
        return
    moved = guards.moved(before.body, now, step.patch)
    if moved and touched:
        raise _conflict(step, moved)
    if not this.ledger.state.guarded and kind.update is Update.JSON_PATCH:
        message = f"{step.address} reads as before, and without tests a patch that comes late could apply twice"
        raise Ambiguous(message)
    _send_guarded(this, kind, remote_id, step, before)


def remove(this: Run, step: Change, kind: ResourceKind, left: Binding | None = None) -> None:
    """Delete an object, its body kept aside; the binding goes, or becomes `left`."""
    op = this.ledger.intend(step.address, step.action, remote_id=step.remote_id, time=this.now())
    try:
        body = map_leaves(this.tools.look(kind, step.remote_id).body, links.unsigned)
        this.tools.keep(step.address, step.remote_id, this.with_ids(body))
        _delete(this, f"{kind.collection}/{step.remote_id}")
    except Gone:
        pass  # what was to be deleted is not there: done
    except Ambiguous:
        raise
    except TavusctlError:
        this.ledger.settle(op, done=False)
        raise
    if left is None:
        this.ledger.forget(step.address, op)
    else:
        this.ledger.bind(left, op)


def _delete(this: Run, path: str) -> None:
    try:
        this.api.delete(path)
    except Ambiguous:
        this.api.get(path)  # Gone: it was carried out
        this.api.delete(path)


def _conflict(step: Change, moved: Sequence[str]) -> ConflictError:
    message = f"{', '.join(moved)} of {step.address} was edited in the account meanwhile; nothing of it was written"
    return ConflictError(message)


def _hidden(body: Document, pointer: str) -> bool:
    held = guards.value_at(body, patch.split(pointer))
    return any(isinstance(leaf, Secret | Pinned) for _, leaf in leaves(held))


def _writes_hidden(step: Change) -> bool:
    return any(isinstance(leaf, Secret) for one in step.patch for _, leaf in leaves(one.get("value")))
