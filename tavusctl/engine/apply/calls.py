"""The calls that change the account, made so that no answer, and no lack of one, costs anything.

A call ends done, surely not done, or unknown.  Unknown is settled by looking:

    create   Is there an object that was not there before, has the name, and reads as what was sent?  It is ours.  None,
             once a late create would have shown: one more POST.  Anything else: a person decides (exit 6).
    update   Does the object read as wanted?  Done.  As before?  The same guarded patch again.  Otherwise: a conflict.
    delete   Is it gone?  Done.  Otherwise once more.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
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
    ApiError,
    ConflictError,
    Gone,
    Rejected,
    TavusctlError,
)
from tavusctl.model import Binding, Change, Desired, Document, Live, ResourceKind, Update
from tavusctl.patch import Pinned
from tavusctl.secret import Secret

_LOOKS = (0.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0)  # seconds after a lost answer at which to look
_AN_ID = re.compile(r"[A-Za-z0-9_-]{1,100}")  # what can be a part of a path and means nothing else there


def create(this: Run, step: Change, desired: Desired, bound: Callable[[str], Binding]) -> str:
    """Create an object; its id, bound before anything else happens.  Ambiguous when no look tells what became of it."""
    # Before anything is on record: a kill up to here has cost nothing.
    body = _linked(this, desired, step.patch[0]["value"])
    name = str(body.get(desired.kind.name_field) or "")
    spec = this.tools.remember(desired, Binding(step.address, "")).applied
    op = this.ledger.intend(step.address, step.action, spec=spec, name=name, time=this.now())
    try:
        remote_id = _post(this, desired, body, op)
    except Ambiguous:
        remote_id = _found(this, desired, name) or _post_again(this, desired, body, name, op)
    except TavusctlError:
        this.ledger.settle(op, done=False)
        raise
    this.ledger.bind(bound(remote_id), op)
    return remote_id


def _linked(this: Run, desired: Desired, body: Document) -> Document:
    """A body with a link where the manifest names a file."""
    attachment = desired.kind.attachment
    if desired.file is None or attachment is None:
        return body
    rest = {key: value for key, value in body.items() if key != attachment.file}
    return {**rest, attachment.link: this.tools.link(desired.file)}


def _post(this: Run, desired: Desired, body: Document, op: str) -> str:
    with this.sending(op) as fence:
        answer = this.api.post(desired.kind.collection, this.with_ids(body), fence=fence)
    remote_id = desired.kind.id_of(answer)
    if not _AN_ID.fullmatch(remote_id):
        message = f"the answer to POST {desired.kind.collection} has no id"
        raise Ambiguous(message)
    if _of_another(this, desired.kind, remote_id, body, answer):
        message = f"the answer to POST {desired.kind.collection} is about another object, {remote_id}"
        raise Ambiguous(message)
    return remote_id


def _of_another(this: Run, kind: ResourceKind, remote_id: str, sent: Document, answer: Document) -> bool:
    """Whether a confused proxy gave us the answer to another request: an older object, or one of another name."""
    names = {one.get(kind.name_field) for one in (sent, answer)} - {None}
    return remote_id in this.ledger.ids or remote_id in this.known.get(kind.name, ()) or len(names) > 1


def _post_again(this: Run, desired: Desired, body: Document, name: str, op: str) -> str:
    """The second and last attempt, after a look that would have shown the first."""
    _date_again(this, op)
    try:
        return _post(this, desired, body, op)
    except Ambiguous:
        found = _found(this, desired, name)
        if found:
            return found
        raise


def _date_again(this: Run, op: str) -> None:
    this.ledger.again(op, this.now)


def _found(this: Run, desired: Desired, name: str) -> str:
    """What a create without an answer has made, if it has; Ambiguous when that cannot be told."""
    waited, found = 0.0, ""
    for at in (*(look for look in _LOOKS if look < this.settle), this.settle):
        this.rest(at - waited)
        waited = at
        found = _look_for(this, desired, name)
        if found or this.stop.asked():
            break
    if this.stop.asked() and not found:
        message = f"{this.stop.reason} before a look could tell whether {desired.address} was created"
        raise Ambiguous(message)
    return found


def _look_for(this: Run, desired: Desired, name: str) -> str:
    try:
        return this.tools.find(desired, name, this.known.get(desired.kind.name, ()))
    except Ambiguous:
        raise
    except ApiError as error:
        message = f"it may have been created, and looking failed: {error.message}"
        raise Ambiguous(message) from None


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
    with _on_record(this, op):
        write = _Write(this, op, step, before, tested=_is_tested(this, op, step, before))
        try:
            _send(write)
        except Ambiguous:
            _settle_update(write)
    this.ledger.bind(current, op)


@contextmanager
def _on_record(this: Run, op: str) -> Iterator[None]:
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
    with _on_record(this, op), suppress(Gone):  # what was to be deleted is not there: done
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
    message = f"{', '.join(moved)} of {step.address} was edited in the account meanwhile; nothing of it was written"
    return ConflictError(message)


def _hidden(body: Document, pointer: str) -> bool:
    held = guards.value_at(body, patch.split(pointer))
    return any(isinstance(leaf, Secret | Pinned) for _, leaf in leaves(held))


def _writes_hidden(step: Change) -> bool:
    return any(isinstance(leaf, Secret) for one in step.patch for _, leaf in leaves(one.get("value")))
