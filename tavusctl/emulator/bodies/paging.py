"""Lists: pages of a window, the stock objects before the account's own, filters when asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tavusctl.emulator.account.store import Stored
from tavusctl.emulator.account.world import Call
from tavusctl.emulator.http.messages import Object, Response, answer, refuse
from tavusctl.emulator.resources.resource import Resource

DEFAULT_LIMIT = 10
# Beyond this no list goes on; the product of page and limit must fit into 64 bits.
FAR = 10**9
View = Callable[[Stored], Object]


def number(text: str | None, default: int, least: int) -> int:
    """A query parameter; what is no such number is the default."""
    try:
        value = int(text or "")
    except ValueError:
        return default
    return min(value, FAR) if value >= least else default


def limit_of(call: Call, usual: int = DEFAULT_LIMIT, most: int | None = None) -> int:
    """The page size asked for, within what the behaviours, and this list, allow."""
    limit = number(call.request.query.get("limit"), usual, 1)
    greatest = call.world.behaviors["max_limit"]
    if most is not None:
        greatest = most if greatest is None else min(most, greatest)
    if greatest is not None and limit > greatest:
        if call.world.behaviors["over_limit"] == "refuse":
            text = f"Invalid request: limit must be between 1 and {greatest}"
            raise refuse(text)
        return int(greatest)
    return limit


def newest_first(call: Call, *, usual: bool | None = None) -> bool | None:
    """The order asked for; None is that of the behaviour."""
    return {"asc": False, "ascending": False, "desc": True, "descending": True}.get(
        call.request.query.get("sort", ""), usual
    )


def page_of(call: Call, base: int) -> int:
    """How many pages to skip; `base` is the number of the first."""
    return number(call.request.query.get("page"), base, base) - base


def list_all(
    call: Call,
    resource: Resource,
    view: View,
    *,
    base: int = 1,
    stock: Sequence[Stored] = (),
    own: bool = True,
    keep: Callable[[Stored], bool] | None = None,
    newest_first: bool | None = None,
    limit: int | None = None,
) -> tuple[list[Object], int]:
    """One page of a list, and how many there are in all."""
    limit = limit_of(call) if limit is None else limit
    start = page_of(call, base) * limit
    if newest_first is None:
        newest_first = call.world.behaviors["list_order"] == "descending"
    store, as_of = call.world.store, call.world.as_of()
    if keep is not None or not own:
        everything = [*stock, *(store.every(call.account, resource.name, as_of) if own else ())]
        chosen = [stored for stored in everything if keep is None or keep(stored)]
        if newest_first:
            chosen.reverse()
        return _shown(call, view, chosen[start : start + limit]), len(chosen)
    count = store.count(call.account, resource.name, as_of)

    def window(skip: int, size: int) -> list[Stored]:
        return store.slice(call.account, resource.name, skip, size, as_of, newest_first=newest_first)

    # The stock is older than anything of the account.
    if newest_first:
        found = window(start, limit)
        rest = start - count
        found += list(reversed(stock))[max(rest, 0) : max(rest + limit, 0)]
    else:
        found = list(stock[start : start + limit])
        found += window(max(start - len(stock), 0), limit - len(found))
    return _shown(call, view, found), count + len(stock)


def _shown(call: Call, view: View, found: Sequence[Stored]) -> list[Object]:
    for stored in found:
        call.show(stored)
    return [view(stored) for stored in found]


def listing(call: Call, data: list[Object], total: int, **more: int) -> Response:
    """The envelope of a list."""
    counting = call.world.behaviors["total_count"]
    if counting == "absent":
        return answer({"data": data, **more})
    return answer({"data": data, "total_count": total if counting == "exact" else len(data), **more})
