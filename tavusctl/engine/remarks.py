"""Warnings of a plan about the account and the state.  Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from tavusctl.core.address import Address
from tavusctl.core.binding import Binding
from tavusctl.core.diagnostics import Diagnostic, Severity
from tavusctl.core.model import Change, Drift, Live
from tavusctl.core.ports import Others
from tavusctl.engine import provisioning
from tavusctl.engine.compare import not_live as writes
from tavusctl.engine.compare import patch_guards
from tavusctl.state.journal import Intent


def failures(live: Sequence[Live], changes: Sequence[Change]) -> Iterator[Diagnostic]:
    """What the account has of ours and nobody can use; nothing is tried again by itself, because it may cost money."""
    changing = {one.address for one in changes}
    for one in live:
        if one.address and provisioning.failed(one) and one.address not in changing:
            message = f"`{one.address}` ({one.remote_id}) cannot be used: {provisioning.failure(one)}"
            hint = f"correct the manifest, or run `tavusctl apply --allow-replace {one.address}` to try again unchanged"
            yield Diagnostic("TV302", message, None, hint, one.address, Severity.WARNING)


def otherwise(kept: Drift) -> Diagnostic:
    """What the server keeps otherwise than it was sent; said with every plan, because nothing will change by itself."""
    paths = ", ".join(one.path for one in kept.fields)
    message = f"{kept.address}: the server stores {paths} differently from the manifest"
    hint = (
        "write the stored value into the manifest, or add the field to "
        "`lifecycle.ignore_changes`; it is sent again only after an edit"
    )
    return Diagnostic("TV331", message, kept.source, hint, kept.address, Severity.WARNING)


def drafts(live: Iterable[Live]) -> Iterator[Diagnostic]:
    """Managed objects with an unpublished draft."""
    for one in live:
        if one.draft and one.address is not None:
            message = f"`{one.address}` has an unpublished draft; the published version may differ"
            yield Diagnostic(
                "TV332", message, None, "publish or discard the draft in PAL Maker", one.address, Severity.WARNING
            )


def not_live(bindings: Iterable[Binding], live: Iterable[Live], changes: Sequence[Change]) -> Iterator[Diagnostic]:
    """Writes that did not go live, as long as a plan still has them; `bindings` are those that have any."""
    seen = {one.remote_id: one for one in live if one.address}
    planned = {one.address: [field.path for field in one.fields] for one in changes}
    for binding in bindings:
        one = seen.get(binding.remote_id)
        if one is None:
            continue
        paths = [
            path
            for path in writes.lasting(binding.not_live, one.body)
            if patch_guards.touches(path, planned.get(binding.address, ()))
        ]
        if paths:
            message = f"`{binding.address}`: the last write of {', '.join(paths)} did not go live"
            yield Diagnostic("TV333", message, None, _way_out(one, binding), binding.address, Severity.WARNING)


def _way_out(one: Live, binding: Binding) -> str:
    again = "`apply` sends it again"
    if not one.kind.published_at:
        return again
    return f"publish the draft in PAL Maker, or with `apply --publish {binding.address}`; {again}"


def doubt(intent: Intent) -> Diagnostic:
    """A create of an interrupted run that has not shown yet."""
    message = (
        "an earlier run was interrupted while it created "
        f"`{intent.address}`; no such object is visible in the account yet"
    )
    return Diagnostic(
        "TV303",
        message,
        None,
        "run `tavusctl apply`, which waits until the object would be visible",
        intent.address,
        Severity.WARNING,
    )


def discarded(address: Address, sure: bool) -> Diagnostic:  # noqa: FBT001 - mapped over pairs
    """Unpublished edits that an interrupted run has cost, which it could not say."""
    done = "has discarded" if sure else "may have discarded"
    message = f"an earlier run, which was interrupted, {done} unpublished edits of `{address}` in PAL Maker"
    hint = "tell whoever made them; `--discard-drafts` was given for this object"
    return Diagnostic("TV334", message, None, hint, address, Severity.WARNING)


def unread(others: Others) -> Iterator[Diagnostic]:
    """States of other environments that cannot be read."""
    for name, why in others.unread:
        message = f"the state of the environment `{name}` cannot be read, so its objects are unknown: {why}"
        hint = "check that no object with the name of a planned create is managed there"
        yield Diagnostic("TV312", message, None, hint, None, Severity.WARNING)
