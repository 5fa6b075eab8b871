"""Drafts: versions of an object that nobody uses yet, and that stand between a write and what is live.

Two ways are known.  Today, edits in PAL Maker that nobody has published block every patch of their object (409), and
only `force=true` writes over them.  In July 2026 a patch went into such a draft and was answered with 200; the answer
then says where to publish it.  Nothing of either happens to an object whose address the command line does not name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from tavusctl.core.address import Address
from tavusctl.core.errors import Ambiguous, ApiError, ConflictError, RefusalCause, Rejected
from tavusctl.core.model import Change
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.engine.apply.context import ApplyContext
from tavusctl.engine.compare.not_live import tells_of_draft
from tavusctl.lib.json_types import JsonObject

NOT_LIVE: Final = "not_live"
MAKER_CHANGES: Final = RefusalCause.MAKER_CHANGES.value
FORCED: Final = {"force": "true"}


class Blocked(ConflictError):
    """The end of an update that edits in PAL Maker block: nothing was written, and they are still there."""

    def __init__(self, address: Address, *, by_part: bool = False) -> None:
        """`by_part`: they may be given up, and the API blocks a call of a part all the same."""
        there = "publish or discard them there and run again"
        way = (
            f"the API does not let this call discard them; {there}"
            if by_part
            else f"{there}, or discard them with `--discard-drafts {address}`"
        )
        super().__init__(f"{MAKER_CHANGES}: PAL Maker has unpublished edits of it; {way}")


class OtherDraft(ConflictError):
    """The end of an update that would write over somebody's draft: nothing was written, and it is still there."""

    def __init__(self, address: Address, places: Sequence[str]) -> None:
        super().__init__(
            f"an unpublished draft of {address} has other values of {', '.join(places)};"
            " publish or discard it in PAL Maker and run again"
        )


class Unheard(Ambiguous):
    """The lost answer to a patch that was forced: if it was carried out, it has cost what PAL Maker held."""

    def __init__(self, error: Ambiguous) -> None:
        super().__init__(
            f"{error.message}; unpublished edits in PAL Maker may have been discarded",
            error.hint,
            accepted=error.accepted,
        )


class Written(Struct, frozen=True):
    """What the answers to an update say beside that it was taken."""

    in_draft: bool = False  # it went into a draft
    discarded: bool = False  # edits in PAL Maker are lost by it
    published: bool = False
    trouble: str = ""  # why it could not be published

    def along(self, other: Written) -> Written:
        """What the answers to two calls of one update say."""
        return Written(
            self.in_draft or other.in_draft,
            self.discarded or other.discarded,
            self.published or other.published,
            self.trouble or other.trouble,
        )


def read(answer: JsonObject, *, forced: bool) -> Written:
    """What an answer to a patch says; one that was forced has cost edits, also where the answer does not tell."""
    return Written(in_draft=tells_of_draft(answer), discarded=forced)


def settled(lost: Ambiguous, settle: Callable[[], Written]) -> Written:
    """What is known of an update whose answer was lost, once that is settled; Ambiguous when it cannot be."""
    if not isinstance(lost, Unheard):
        return settle()
    try:
        return replace(settle(), discarded=True)
    except Unheard:
        raise
    except Ambiguous as error:
        raise Unheard(error) from error


def not_live(step: Change, kind: ResourceKind, why: str, written: Written) -> str:
    """The end of an update that nobody sees, with the way out where the kind has drafts."""
    told = [f"{NOT_LIVE}: {why}", written.trouble, "the change stays in the plan"]
    if kind.published_at:
        told.append(f"publish the draft in PAL Maker, or with `--publish {step.address}`")
    return "; ".join(filter(None, told))


def look(ctx: ApplyContext, kind: ResourceKind, remote_id: str) -> JsonObject | None:
    """The draft of an object, where the API shows one beside what is live."""
    if not kind.published_at:
        return None
    try:
        found = ctx.api.get(f"{kind.collection}/{remote_id}", {**kind.get_query, "source": "draft"})
    except ApiError:
        return None
    return found if tells_of_draft(found) else None


def cost(written: Written) -> str:
    """What a write that is live has done to somebody's draft, if anything."""
    done = [
        "unpublished edits in PAL Maker were discarded" if written.discarded else "",
        "the draft was published, with everything in it" if written.published else "",
    ]
    return "; ".join(filter(None, done))


def publish(ctx: ApplyContext, op: str, kind: ResourceKind, remote_id: str) -> str:
    """Make a draft live; why that cannot be done, if so.  Twice does no harm, so a lost answer costs nothing."""
    path = f"{kind.published_at}/{remote_id}/publish"
    try:
        with suppress(Ambiguous), ctx.sending(op) as fence:
            ctx.api.post(path, fence=fence)
            return ""
        with ctx.sending(op) as fence:
            ctx.api.post(path, fence=fence)
    except Rejected as error:
        return f"the API did not publish the draft: {error.text}"
    except ApiError as error:
        return error.message
    return ""
