"""What a plan says beside what it does.  Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from tavusctl import background
from tavusctl.journal import Intent
from tavusctl.model import Change, Complaint, Drift, Live, Severity
from tavusctl.ports import Others


def failures(live: Sequence[Live], changes: Sequence[Change]) -> Iterator[Complaint]:
    """What the account has of ours and nobody can use; nothing is tried again by itself, because it may cost money."""
    changing = {one.address for one in changes}
    for one in live:
        if one.address and background.failed(one) and one.address not in changing:
            message = f"{one.address} ({one.remote_id}) cannot be used: {background.failure(one)}"
            hint = f"put it right in the manifest, or apply --allow-replace {one.address} to try again as it is"
            yield Complaint("TV302", message, None, hint, one.address, Severity.WARNING)


def otherwise(kept: Drift) -> Complaint:
    """What the server keeps otherwise than it was sent; said with every plan, because nothing will change by itself."""
    paths = ", ".join(one.path for one in kept.fields)
    message = f"{kept.address}: the server keeps {paths} otherwise than the manifest says"
    hint = "write what the account shows, or put it under lifecycle.ignore_changes; it is sent again when it is edited"
    return Complaint("TV331", message, kept.source, hint, kept.address, Severity.WARNING)


def drafts(live: Iterable[Live]) -> Iterator[Complaint]:
    """Objects of ours of which somebody has begun another version."""
    for one in live:
        if one.draft and one.address is not None:
            message = f"{one.address} has a draft that is not published; what is in use may read otherwise"
            yield Complaint("TV332", message, None, "publish or discard it in PAL Maker", one.address, Severity.WARNING)


def doubt(intent: Intent) -> Complaint:
    """A create of an interrupted run that has not shown yet."""
    message = (
        f"an earlier run was interrupted while it created {intent.address}; nothing of it shows in the account yet"
    )
    return Complaint("TV303", message, None, "apply waits until it would show", intent.address, Severity.WARNING)


def unread(others: Others) -> Iterator[Complaint]:
    """States of other environments that cannot be read."""
    for name, why in others.unread:
        message = f"the state of the environment {name} cannot be read, so what it has bound is not known: {why}"
        hint = "see that none of the objects that have names of planned creates is in use there"
        yield Complaint("TV312", message, None, hint, None, Severity.WARNING)
