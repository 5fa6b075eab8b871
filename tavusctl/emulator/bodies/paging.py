"""Lists: pages, order, filters; stock objects are older than those of the account."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tavusctl.emulator.account.store import StoredObject
from tavusctl.emulator.account.world import Call
from tavusctl.emulator.http.messages import Object, Response, answer, refuse
from tavusctl.emulator.resources.resource import Resource

DEFAULT_LIMIT = 10
# The greatest page number and page size: no list is longer, and SQLite needs their product in 64 bits.
MAX_NUMBER = 10**9
View = Callable[[StoredObject], Object]


def number(text: str | None, default: int, minimum: int) -> int:
    """An integer query parameter, at most MAX_NUMBER; the default if missing, not an integer or below `minimum`."""
    try:
        value = int(text or "")
    except ValueError:
        return default
    return min(value, MAX_NUMBER) if value >= minimum else default


def limit_of(call: Call, default: int = DEFAULT_LIMIT, maximum: int | None = None) -> int:
    """The requested page size, at most that of the behaviour `max_limit` and `maximum`; `over_limit` may refuse it."""
    limit = number(call.request.query.get("limit"), default, 1)
    greatest = call.world.behaviors["max_limit"]
    if maximum is not None:
        greatest = maximum if greatest is None else min(maximum, greatest)
    if greatest is not None and limit > greatest:
        if call.world.behaviors["over_limit"] == "refuse":
            raise refuse(f"Invalid request: limit must be between 1 and {greatest}")
        return int(greatest)
    return limit


def newest_first(call: Call, *, default: bool | None = None) -> bool | None:
    """Whether the request sorts the newest first; `default` if it gives no order."""
    return {"asc": False, "ascending": False, "desc": True, "descending": True}.get(
        call.request.query.get("sort", ""), default
    )


def page_of(call: Call, base: int) -> int:
    """The number of pages to skip; `base` is the number of the first page."""
    return number(call.request.query.get("page"), base, base) - base


def list_all(
    call: Call,
    resource: Resource,
    view: View,
    *,
    base: int = 1,
    stock: Sequence[StoredObject] = (),
    own: bool = True,
    keep: Callable[[StoredObject], bool] | None = None,
    newest_first: bool | None = None,
    limit: int | None = None,
) -> tuple[list[Object], int]:
    """One page of a list as shown by `view`, and the number of objects on all pages.

    Without `own`: only stock objects.  `keep` filters.  Defaults: order as the behaviour `list_order`, limit of `call`.
    """
    limit = limit_of(call) if limit is None else limit
    start = page_of(call, base) * limit
    if newest_first is None:
        newest_first = call.world.behaviors["list_order"] == "descending"
    store, as_of = call.world.store, call.world.as_of()
    if keep is not None or not own:
        candidates = [*stock, *(store.live_objects(call.account, resource.name, as_of) if own else ())]
        matches = [stored for stored in candidates if keep is None or keep(stored)]
        if newest_first:
            matches.reverse()
        return _shown(call, view, matches[start : start + limit]), len(matches)
    count = store.count(call.account, resource.name, as_of)

    def window(skip: int, size: int) -> list[StoredObject]:
        return store.slice(call.account, resource.name, skip, size, as_of, newest_first=newest_first)

    if newest_first:
        page = window(start, limit)
        stock_start = start - count
        page += list(reversed(stock))[max(stock_start, 0) : max(stock_start + limit, 0)]
    else:
        page = list(stock[start : start + limit])
        page += window(max(start - len(stock), 0), limit - len(page))
    return _shown(call, view, page), count + len(stock)


def _shown(call: Call, view: View, page: Sequence[StoredObject]) -> list[Object]:
    for stored in page:
        call.record_shown(stored)
    return [view(stored) for stored in page]


def all_of(*tests: tuple[object, Callable[[StoredObject], bool]]) -> Callable[[StoredObject], bool] | None:
    """A filter for `list_all`: each test belongs to a value of the query, and counts unless that is empty.

    None if no test counts: then a page is read without the pages before it.
    """
    counting = [test for value, test in tests if value]
    return (lambda stored: all(test(stored) for test in counting)) if counting else None


def list_response(call: Call, data: list[Object], total: int, **more: int) -> Response:
    """The response of a list: data, total and `more` members of its envelope."""
    style = call.world.behaviors["total_count"]
    if style == "absent":
        return answer({"data": data, **more})
    return answer({"data": data, "total_count": total if style == "exact" else len(data), **more})
