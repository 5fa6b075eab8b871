"""Drafts: unpublished versions of an object, which block a write or take it in place of the live object.

There are two cases.  Today, unpublished edits in PAL Maker block every patch of their object (409), and only
`force=true` overwrites them.  In July 2026 a patch went into such a draft and was answered with 200; the response
then says where to publish it.  A draft is discarded or published only if the command line names its address.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from msgspec import Struct
from msgspec.structs import astuple, replace

from tavusctl.core.address import Address
from tavusctl.core.errors import Ambiguous, ApiError, ConflictError, RefusalCause, Rejected
from tavusctl.core.model import Change
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.engine.apply.context import ApplyContext
from tavusctl.engine.compare.not_live import mentions_draft
from tavusctl.lib.json_types import JsonObject

NOT_LIVE: Final = "not_live"
MAKER_CHANGES: Final = RefusalCause.MAKER_CHANGES.value
FORCED: Final = {"force": "true"}


class Blocked(ConflictError):
    """Raised if edits in PAL Maker block an update: nothing was written, and the edits are still there."""

    def __init__(self, address: Address, *, by_part: bool = False) -> None:
        """`by_part`: the edits may be discarded, but the API blocks a call for a part even with `force`."""
        publish_first = "publish or discard them there and run again"
        solution = (
            f"the API does not let this call discard them; {publish_first}"
            if by_part
            else f"{publish_first}, or discard them with `--discard-drafts {address}`"
        )
        super().__init__(f"PAL Maker has unpublished edits of it; {solution}")


class OtherDraft(ConflictError):
    """Raised if an update would overwrite a draft of somebody: nothing was written, and the draft is still there."""

    def __init__(self, address: Address, places: Sequence[str]) -> None:
        super().__init__(
            f"an unpublished draft of {address} has other values of {', '.join(places)};"
            " publish or discard it in PAL Maker and run again"
        )


class ForcedResponseLost(Ambiguous):
    """The response to a forced patch was lost: if the patch was carried out, edits in PAL Maker were discarded."""

    def __init__(self, error: Ambiguous) -> None:
        super().__init__(
            f"{error.message}; unpublished edits in PAL Maker may have been discarded",
            error.hint,
            accepted=error.accepted,
        )


class DraftEffects(Struct, frozen=True):
    """What the responses to an accepted update say about drafts."""

    in_draft: bool = False  # the update went into a draft
    discarded: bool = False  # the update has discarded edits in PAL Maker
    published: bool = False
    publish_error: str = ""  # why the draft could not be published

    def combined_with(self, other: DraftEffects) -> DraftEffects:
        """What the responses to two calls of one update say together."""
        return DraftEffects(*(one or another for one, another in zip(astuple(self), astuple(other), strict=True)))


def resolve_lost_response(lost: Ambiguous, resolve: Callable[[], DraftEffects]) -> DraftEffects:
    """What `resolve` finds out about an update whose response was lost; Ambiguous if it cannot.

    If the lost patch was forced, edits in PAL Maker count as discarded.
    """
    if not isinstance(lost, ForcedResponseLost):
        return resolve()
    try:
        return replace(resolve(), discarded=True)
    except ForcedResponseLost:
        raise
    except Ambiguous as error:
        raise ForcedResponseLost(error) from error


def not_live_message(step: Change, kind: ResourceKind, why: str, effects: DraftEffects) -> str:
    """The message about an update that is not live, with the solution if the kind has drafts."""
    sentences = [why, effects.publish_error, "the change stays in the plan"]
    if kind.publish_collection:
        sentences.append(f"publish the draft in PAL Maker, or with `--publish {step.address}`")
    return "; ".join(filter(None, sentences))


def find_draft(ctx: ApplyContext, kind: ResourceKind, remote_id: str) -> JsonObject | None:
    """The draft of an object; None where the API shows none, or one that was deleted."""
    if not kind.publish_collection:
        return None
    try:
        body = ctx.api.get(f"{kind.collection}/{remote_id}", {**kind.get_query, "source": "draft"})
        kind.check_exists(body, remote_id)
    except ApiError:
        return None
    return body if mentions_draft(body) else None


def describe_effects(draft_effects: DraftEffects) -> str:
    """What a live write has done to drafts; empty if nothing."""
    effects = [
        "unpublished edits in PAL Maker were discarded" if draft_effects.discarded else "",
        "the draft was published, with everything in it" if draft_effects.published else "",
    ]
    return "; ".join(filter(None, effects))


def publish(ctx: ApplyContext, op: str, kind: ResourceKind, remote_id: str) -> str:
    """Publish a draft; why that failed, otherwise empty.

    A lost response is followed by a second, harmless attempt.  If its response is lost too, Ambiguous is raised.
    """
    path = f"{kind.publish_collection}/{remote_id}/publish"
    try:
        with suppress(Ambiguous), ctx.sending(op) as fence:
            ctx.api.post(path, fence=fence)
            return ""
        with ctx.sending(op) as fence:
            ctx.api.post(path, fence=fence)
    except Rejected as error:
        return f"the API did not publish the draft: {error.text}"
    except Ambiguous as error:
        message = f"the draft may have been published: {error.message}"
        raise Ambiguous(message, error.hint) from None
    except ApiError as error:
        return error.message
    return ""
