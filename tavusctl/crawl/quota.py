"""How many objects with a crawl an account may have, as far as that is known before anything is sent.

The Tavus API accepts 100 documents with a crawl per account, and more where that was agreed; it does not report the
limit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from tavusctl.core.model import Action, Change, Live, Refusal
from tavusctl.lib.json_types import as_object


def count_crawls(live: Iterable[Live]) -> Counter[str]:
    """How many objects with a crawl the account has, managed or not, by kind."""
    return Counter(obj.kind.name for obj in live if obj.body.get(obj.kind.crawl_key))


def adds_crawl(change: Change) -> bool:
    """Whether a change creates an object with a crawl; the old version of a replacement counts until it is deleted."""
    creates = change.action in (Action.CREATE, Action.REPLACE) and change.patch
    return bool(creates and change.desired and as_object(change.patch[0]["value"]).get(change.desired.kind.crawl_key))


def refuse_over_limit(change: Change, crawl_count: int, agreed_limit: int) -> Refusal | None:
    """A refusal if a new crawl would exceed the limit of the account; None if it would not.

    `agreed_limit` is the limit in the project file, 0 if there is none.  Without it, an account that has more crawls
    than the standard limit was granted more, and its limit is not known.
    """
    limit = agreed_limit or (change.desired.kind.crawl_quota if change.desired else 0)
    if crawl_count < limit or (crawl_count > limit and not agreed_limit):
        return None
    reason = (
        f"the account would have {crawl_count + 1} {change.address.kind}s with a crawl, more than its limit of {limit}"
    )
    hint = (
        "delete one in an earlier run, because deletes come last in "
        "a run; or set `crawl_limit` if Tavus has raised the limit"
    )
    return Refusal(change, "E408", 4, reason, hint)
