"""Whole lists from pages: complete, or an error.

Page bases differ between collections (0 and 1), page sizes may be capped, totals may be missing or wrong, and objects
may come and go between two pages: what follows one that went moves to a page that was read already.  So what needs more
than one page is read until two passes show the same objects.  A list that cannot be shown to be complete is never taken
for one: what is missing from it would be created again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Self

from msgspec import Struct

from tavusctl.api.listing_limits import Meter
from tavusctl.core.errors import ApiError, Rejected, Throttled
from tavusctl.core.json_tree import canonical
from tavusctl.core.resource_kind import Listing
from tavusctl.lib.concurrency import begun
from tavusctl.lib.json_types import JsonObject


class Page(Struct, frozen=True):
    """The objects of one page, and how many there are on all, if the server tells."""

    items: Sequence[JsonObject] = ()
    total: int | None = None


Pages = Callable[[int], Page]
_IDLE_PAGES = 2
_PASSES = 5  # at most, for two that agree


class Prefetcher:
    """Pages in order, prefetched in parallel once the first page has given the total."""

    def __init__(self, page: Pages, at_once: int, meter: Meter) -> None:
        self._page = page
        self._at_once = at_once
        self._meter = meter
        self._known = range(0)  # numbers of pages, as far as the server tells
        self._coming: dict[int, Future[Page]] = {}
        self.asked = 0  # pages so far

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Wait for what is on its way, unless it is Ctrl-C that ends it."""
        if kind is None or issubclass(kind, Exception):
            for one in self._coming.values():
                one.exception()

    def __call__(self, number: int) -> Page:
        """The page of a number."""
        self.asked += 1
        self._meter.ask()
        if not self._known:
            answer = self._page(number)
            self._known = range(number, number + _pages(answer))
            return answer
        if number in self._known:
            for one in range(number, min(number + self._meter.at_once(self._at_once), self._known.stop)):
                if one not in self._coming:
                    self._coming[one] = begun(partial(self._page, one))
        coming = self._coming.pop(number, None)
        return coming.result() if coming else self._page(number)


def agreed(read: Callable[[], tuple[Mapping[str, JsonObject], int]], path: str) -> list[JsonObject]:
    """What two passes in a row show alike, or one that took one page; ApiError when the list does not come to rest.

    `read` makes a pass: the objects by id, and how many pages were asked for.
    """
    last, pages = read()
    for _ in range(_PASSES - 1):
        if pages == 1 or not last:
            return list(last.values())
        before, last = set(last), {}  # two passes at a time would take twice the memory
        last, pages = read()
        if last.keys() == before:
            return list(last.values())
    message = f"the listing of {path} changes while it is read: no two of {_PASSES} passes are equal"
    raise ApiError(message, "run again when no other program changes the account", id="E1107")


def collect(
    page: Pages, path: str, listing: Listing, id_fields: tuple[str, ...], meter: Meter
) -> dict[str, JsonObject]:
    """Every object by its id, each once, in the order of the pages; ApiError when some did not come."""
    found: dict[str, JsonObject] = {}
    number, total, idle = listing.first_page, None, 0
    while idle < _IDLE_PAGES:
        answer = page(number)
        new = _new(answer, found, id_fields, path)
        found.update(new)
        meter.found(len(found))
        total = answer.total
        if total is not None and len(found) == total:
            return found
        if not answer.items:
            break
        # A page that only repeats is the end, or the first page again under its other number.
        idle = 0 if new else idle + 1
        number += 1
    if listing.first_page == 1 and not (total is not None and len(found) >= total):
        # What pages from 1 on do not show may be on page 0.
        found.update(_new(_zeroth(page, total), found, id_fields, path))
    if total is not None and len(found) < total:
        message = f"the listing of {path} is incomplete: it has {len(found)} of {total} objects"
        raise ApiError(message, "run again: an incomplete listing is not used", id="E1106")
    return found


def _pages(first: Page) -> int:
    """How many pages there are, if the others are as long as the first."""
    size = len(first.items)
    return -(-first.total // size) if first.total is not None and size else 1


def _zeroth(page: Pages, total: int | None) -> Page:
    """Page 0, where a server that counts from 1 may say that there is none."""
    try:
        return page(0)
    except Rejected as error:
        if total is not None or isinstance(error, Throttled):
            raise
        return Page()


def _new(page: Page, found: Mapping[str, JsonObject], id_fields: tuple[str, ...], path: str) -> dict[str, JsonObject]:
    fresh = {_id_of(item, id_fields, path): item for item in page.items}
    return {key: item for key, item in fresh.items() if key not in found}


def _id_of(item: JsonObject, id_fields: tuple[str, ...], path: str) -> str:
    for name in id_fields:
        if isinstance(item.get(name), str) and item[name]:
            return str(item[name])
    if any(name in item and item[name] is None for name in id_fields):
        return canonical(item)  # what Tavus has made for its own use; it can be counted, and neither read nor written
    message = f"GET {path} listed an object without {' or '.join(id_fields)}"
    raise ApiError(message)
