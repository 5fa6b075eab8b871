"""Lists: pages, order, filters; stock objects are older than those of the account."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tavusctl.emulator.account.store import StoredObject
from tavusctl.emulator.account.world import Call
from tavusctl.emulator.http.messages import Object, Response, answer, refuse
from tavusctl.emulator.resources.resource import Resource

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


def limit_of(call: Call, resource: Resource) -> int:
    """The requested page size, at most the greatest; above that, the behaviour `over_limit` may refuse it."""
    limit = number(call.request.query.get("limit"), resource.page_size, 1)
    own_maximum = resource.max_page_size if call.world.is_today else None
    maxima = [one for one in (call.world.behaviors["max_limit"], own_maximum) if one is not None]
    if not maxima or limit <= min(maxima):
        return limit
    if call.world.behaviors["over_limit"] == "refuse":
        raise refuse(f"Invalid request: limit must be between 1 and {min(maxima)}")
    return int(min(maxima))


def newest_first(call: Call, *, default: bool | None = None) -> bool | None:
    """Whether the request sorts the newest first; `default` if it gives no order."""
    return {"asc": False, "ascending": False, "desc": True, "descending": True}.get(
        call.request.query.get("sort", ""), default
    )


def page_of(call: Call, base: int) -> int:
    """The number of pages to skip; `base` is the number of the first page."""
    return number(call.request.query.get("page"), base, base) - base


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list, and the number of objects on all pages."""

    data: list[Object]
    total: int
    base: int  # the number of the first page
    number: int
    limit: int


def list_page(
    call: Call,
    resource: Resource,
    view: View | None = None,
    *,
    base: int = 1,
    stock: Sequence[StoredObject] = (),
    own: bool = True,
    keep: Callable[[StoredObject], bool] | None = None,
    newest_first: bool | None = None,
) -> Page:
    """One page of a list as shown by `view`, by default as a read shows it; `base` is the number of the first page.

    Without `own`: only stock objects.  `keep` filters.  The default order is that of the behaviour `list_order`.
    """
    limit, skipped = limit_of(call, resource), page_of(call, base)
    start = skipped * limit
    if newest_first is None:
        newest_first = call.world.behaviors["list_order"] == "descending"
    store, as_of = call.world.store, call.world.as_of()

    def window(skip: int, size: int) -> list[StoredObject]:
        return store.slice(call.account, resource.name, skip, size, as_of, newest_first=newest_first)

    if keep is not None or not own:
        candidates = [*stock, *(store.live_objects(call.account, resource.name, as_of) if own else ())]
        matches = [stored for stored in candidates if keep is None or keep(stored)]
        page, total = (matches[::-1] if newest_first else matches)[start : start + limit], len(matches)
    else:
        count = store.count(call.account, resource.name, as_of)
        total = count + len(stock)
        if newest_first:
            page = [*window(start, limit), *stock[::-1][max(start - count, 0) : max(start - count + limit, 0)]]
        else:
            page = list(stock[start : start + limit])
            page += window(max(start - len(stock), 0), limit - len(page))
    for stored in page:
        call.record_shown(stored)
    data = [view(stored) if view else resource.view(call.world, stored) for stored in page]
    return Page(data, total, base, base + skipped, limit)


def all_of(*tests: tuple[object, Callable[[StoredObject], bool]]) -> Callable[[StoredObject], bool] | None:
    """A filter for `list_all`: each test belongs to a value of the query, and counts unless that is empty.

    None if no test counts: then a page is read without the pages before it.
    """
    counting = [test for value, test in tests if value]
    return (lambda stored: all(test(stored) for test in counting)) if counting else None


def page_response(call: Call, page: Page) -> Response:
    """The response of a list with a page; if pages are numbered from 0, its envelope has page and limit."""
    style = call.world.behaviors["total_count"]
    total = {} if style == "absent" else {"total_count": page.total if style == "exact" else len(page.data)}
    return answer({"data": page.data, **total, **({} if page.base else {"page": page.number, "limit": page.limit})})
