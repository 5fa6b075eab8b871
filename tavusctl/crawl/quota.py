"""How many objects with a crawl an account may have: what can be told of that before anything is sent.

The Tavus API takes 100 documents with a crawl of an account, and more where that was agreed; it does not say how many.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from tavusctl.core.model import Action, Change, Live, Refusal
from tavusctl.lib.json_types import as_object


def taken(live: Iterable[Live]) -> Counter[str]:
    """Objects with a crawl that the account has, ours or not, by kind."""
    return Counter(one.kind.name for one in live if one.body.get(one.kind.crawl_key))


def is_another(change: Change) -> bool:
    """Whether a change makes an object with a crawl; the old half of a replacement keeps its place until the end."""
    makes = change.action in (Action.CREATE, Action.REPLACE) and change.patch
    return bool(makes and change.desired and as_object(change.patch[0]["value"]).get(change.desired.kind.crawl_key))


def exceeded(change: Change, taken: int, agreed: int) -> Refusal | None:
    """The refusal of one crawl too many.

    `agreed` is what the project file says of the account, 0 for nothing.  Then an account that has more than everybody
    may was granted more, and its limit is not known.
    """
    most = agreed or (change.desired.kind.crawl_quota if change.desired else 0)
    if taken < most or (taken > most and not agreed):
        return None
    reason = f"the account would have {taken + 1} {change.address.kind}s with a crawl, more than its limit of {most}"
    hint = (
        "delete one in an earlier run, because deletes come last in "
        "a run; or set `crawl_limit` if Tavus has raised the limit"
    )
    return Refusal(change, "E408", 4, reason, hint)
