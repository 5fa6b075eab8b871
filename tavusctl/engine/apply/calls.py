"""The calls that change the account, made so that no answer, and no lack of one, costs anything.

A call ends done, surely not done, or unknown.  Unknown is settled by looking:

    create   See making.py.
    update   Does the object read as wanted?  Done.  As before?  The same guarded patch again.  Otherwise: a conflict.
    delete   Is it gone?  Done.  Otherwise once more.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial

from msgspec import Struct
from msgspec.structs import replace

from tavusctl import guards, links, patch
from tavusctl.document import leaves, map_leaves
from tavusctl.engine.apply.inverse import invert
from tavusctl.engine.apply.obedience import REFUSALS, is_obeyed
from tavusctl.engine.apply.run import Run
from tavusctl.equality import alike
from tavusctl.errors import (
    Ambiguous,
    ConflictError,
    Gone,
    Rejected,
    TavusctlError,
)
from tavusctl.model import Binding, Change, Desired, Document, Live, ResourceKind, Update
from tavusctl.patch import Pinned
from tavusctl.secret import Secret


def update(this: Run, step: Change, desired: Desired, remote_id: str, current: Binding) -> None:
    """Send a patch; ConflictError, and nothing written, when somebody edited what it is about to change."""
    before = this.as_planned(step.live) if step.live else _look(this, desired.kind, remote_id)
    known = this.ledger.get(step.address)
    op = this.ledger.intend(
        step.address,
        step.action,
        remote_id=remote_id,
        spec=current.applied,
        time=this.now(),
        inverse=invert(this, before, step.patch, known.applied if known else {}),
    )
    with on_record(this, op):
        write = _Write(this, op, step, before, tested=_is_tested(this, op, step, before))
        try:
            _sent(write)
        except ConflictError:
            if write.tested:  # a call that comes late fails by its tests, too
                this.ledger.clear(op)
            raise
    this.ledger.bind(current, op)


@contextmanager
def on_record(this: Run, op: str) -> Iterator[None]:
    """Put on record what surely was not done; what may have been stays open, for the next run to look at."""
    try:
        yield
    except TavusctlError:
        if not this.ledger.is_sent(op):
            this.ledger.settle(op, done=False)
        raise


class _Write(Struct, frozen=True):
    """An update under way."""

    run: Run
    op: str
    step: Change
    before: Live  # the object as the plan saw it
    tested: bool  # the server compares; otherwise we do, as late as possible

    @property
    def path(self) -> str:
        return f"{self.before.kind.collection}/{self.before.remote_id}"


def _is_tested(this: Run, op: str, step: Change, before: Live) -> bool:
    """Whether `test` operations guard the update; where they do not, it is compared here."""
    if before.kind.update is Update.JSON_PATCH and is_obeyed(this, op, before):
        return True
    _compare(this, step, before)
    return False


def _compare(this: Run, step: Change, before: Live) -> None:
    now = _look(this, before.kind, before.remote_id)
    moved = guards.moved(before.body, now.body, step.patch)
    if moved:
        raise _conflict(step, moved)


def _look(this: Run, kind: ResourceKind, remote_id: str) -> Live:
    """The object as it is now, with ids where it has addresses."""
    live = this.tools.look(kind, remote_id)
    return replace(live, body=this.with_ids(live.body))


def _sent(write: _Write) -> None:
    try:
        _send(write)
    except Ambiguous:
        _settle_update(write)


def _send(write: _Write) -> None:
    this, kind, step = write.run, write.before.kind, write.step
    # Without tests, what was compared before a pause says nothing after it.
    check = (lambda: None) if write.tested else partial(_compare, this, step, write.before)
    try:
        with this.sending(write.op, check) as fence:
            if kind.update is Update.JSON_PATCH:
                this.api.patch(write.path, _operations(write), fence=fence)
            else:
                members = {one["path"].removeprefix("/"): one["value"] for one in this.with_ids(list(step.patch))}
                path = f"{write.path}/name" if kind.update is Update.RENAME else write.path
                this.api.patch(path, members, fence=fence)
    except Gone:
        raise
    except Rejected as error:
        if write.tested and error.status in REFUSALS:
            _compare(this, step, write.before)
        raise


def _operations(write: _Write) -> list[Document]:
    kind, step = write.before.kind, write.step
    operations = guards.protect(kind, write.before.body, step.patch) if write.tested else list(step.patch)
    return [{**one, "path": kind.patch_root + one["path"]} for one in write.run.with_ids(operations)]


def _settle_update(write: _Write) -> None:
    """The answer was lost: look, and send again only what certainly is not there."""
    this, step, before = write.run, write.step, write.before.body
    wanted = patch.apply(before, this.with_ids(list(step.patch)))
    now = _look(this, write.before.kind, write.before.remote_id).body
    touched = [one for one in guards.moved(wanted, now, step.patch) if not _hidden(wanted, one)]
    touched = [
        one for one in touched if not alike(*(guards.value_at(body, patch.split(one)) for body in (wanted, now)))
    ]
    if not touched and not _writes_hidden(step):
        return
    moved = guards.moved(before, now, step.patch)
    if moved and touched:
        raise _conflict(step, moved)
    if not write.tested and write.before.kind.update is Update.JSON_PATCH:
        message = f"{step.address} reads as before, and without tests a patch that comes late could apply twice"
        raise Ambiguous(message)
    _send(write)


def remove(this: Run, step: Change, kind: ResourceKind, left: Binding | None = None) -> None:
    """Delete an object, its body kept aside; the binding goes, or becomes `left`."""
    op = this.ledger.intend(step.address, step.action, remote_id=step.remote_id, time=this.now())
    with on_record(this, op), suppress(Gone):  # what was to be deleted is not there: done
        body = map_leaves(this.tools.look(kind, step.remote_id).body, links.unsigned)
        this.tools.keep(step.address, step.remote_id, this.with_ids(body))
        _delete(this, op, f"{kind.collection}/{step.remote_id}")
    if left is None:
        this.ledger.forget(step.address, op)
    else:
        this.ledger.bind(left, op)


def _delete(this: Run, op: str, path: str) -> None:
    try:
        with this.sending(op) as fence:
            this.api.delete(path, fence=fence)
    except Ambiguous:
        this.api.get(path)  # Gone: it was carried out
        with this.sending(op) as fence:
            this.api.delete(path, fence=fence)


def _conflict(step: Change, moved: Sequence[str]) -> ConflictError:
    message = f"{', '.join(moved)} of {step.address} was edited in the account meanwhile"
    return ConflictError(message)


def _hidden(body: Document, pointer: str) -> bool:
    held = guards.value_at(body, patch.split(pointer))
    return any(isinstance(leaf, Secret | Pinned) for _, leaf in leaves(held))


def _writes_hidden(step: Change) -> bool:
    return any(isinstance(leaf, Secret) for one in step.patch for _, leaf in leaves(one.get("value")))
