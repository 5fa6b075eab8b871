"""Complete lists from pages, or an error.

Page numbers begin at 0 or at 1, depending on the collection; page sizes may be capped, totals may be missing or wrong,
and objects may come and go between two pages: when an object disappears, the next ones move to a page that was read
already.  So a list of more than one page is read until two passes show the same objects.  A list that cannot be shown
to be complete is an error: objects that are missing from it would be created again.
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
from tavusctl.lib.concurrency import share_heap, start
from tavusctl.lib.json_types import Json, JsonObject


class Page(Struct, frozen=True):
    """The objects of one page, and the number of objects on all pages, if the server returns it."""

    items: Sequence[JsonObject] = ()
    total: int | None = None


class WrongTotal(ApiError):
    """A listing has another number of objects than its total: it changed while it was read, or the total is wrong."""

    id = "E1106"


Pages = Callable[[int], Page]
_IDLE_PAGES = 2
_DIGITS = 18  # of a total in a text: more objects than any listing has
_PASSES = 5  # at most, until two in a row agree


class Prefetcher:
    """Pages in order, prefetched in parallel once the first page has given the total."""

    def __init__(self, page: Pages, at_once: int, meter: Meter) -> None:
        self._page = page
        self._at_once = at_once
        self._meter = meter
        self._numbers = range(0)  # the numbers of all pages, computed from the total on the first page
        self._futures: dict[int, Future[Page]] = {}
        self.requested_pages = 0  # the number of pages requested by the caller so far

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Wait for the requests under way, unless Ctrl-C ends the listing."""
        if kind is None or issubclass(kind, Exception):
            for future in self._futures.values():
                future.exception()

    def __call__(self, number: int) -> Page:
        """The page with a number, requested now or prefetched."""
        self.requested_pages += 1
        self._meter.count_page()
        if not self._numbers:
            answer = self._page(number)
            self._numbers = range(number, number + _page_count(answer))
            share_heap()
            return answer
        if number in self._numbers:
            for ahead in range(number, min(number + self._meter.parallel_pages(self._at_once), self._numbers.stop)):
                if ahead not in self._futures:
                    self._futures[ahead] = start(partial(self._page, ahead))
        future = self._futures.pop(number, None)
        return future.result() if future else self._page(number)


def read_until_stable(read: Callable[[], tuple[Mapping[str, JsonObject], int]], path: str) -> list[JsonObject]:
    """The objects of a pass with the same ids as the pass before, or of the first one if it was one page or empty.

    `read` makes a pass, and returns the objects by id and the number of pages that it requested.  ApiError when no two
    passes in a row agree.
    """
    before: set[str] | None = None
    for passes_left in range(_PASSES - 1, -1, -1):
        try:
            last, pages = read()
        except WrongTotal:
            if not passes_left:
                raise
            continue
        if before is None and (pages == 1 or not last):
            return list(last.values())
        if before is not None and last.keys() == before:
            return list(last.values())
        before, last = set(last), {}  # two passes at a time would take twice the memory
    message = f"the listing of {path} changes while it is read: no two of {_PASSES} passes are equal"
    raise ApiError(message, "run again when no other program changes the account", id="E1107")


def collect(
    page: Pages, size: int, path: str, listing: Listing, id_fields: tuple[str, ...], meter: Meter
) -> dict[str, JsonObject]:
    """Every object by its id, in the order of the pages; WrongTotal when there are fewer or more than the total.

    `size` is the number of objects that was requested for a page.
    """
    objects: dict[str, JsonObject] = {}
    number, total, idle = listing.first_page, None, 0
    while idle < _IDLE_PAGES:
        answer = _page_beyond(page, number) if objects and total == len(objects) else page(number)
        new_objects = _new_objects(answer, objects, id_fields, path)
        objects.update(new_objects)
        meter.check_object_count(len(objects))
        if answer.items or answer.total or not objects:  # beyond the last page, a server may count nothing
            total = answer.total
        # A total of one full page may be the number of objects on the page: the next page shows it.
        if total is not None and len(objects) == total != size:
            return objects
        if not answer.items:
            break
        # A page without new objects is the end, or the first page again where pages 0 and 1 are the same.
        idle = 0 if new_objects else idle + 1
        number += 1
    if listing.first_page == 1 and not (total is not None and len(objects) >= total):
        # Objects that are missing on the pages from 1 on may be on page 0.
        objects.update(_new_objects(_page_zero(page, total), objects, id_fields, path))
    if total is not None and len(objects) < total:
        message = f"the listing of {path} is incomplete: it has {len(objects)} of {total} objects"
        raise WrongTotal(message, "run again: an incomplete listing is not used")
    if total is not None and len(objects) > total:
        message = f"the listing of {path} contradicts itself: it has {len(objects)} objects, and a total of {total}"
        raise WrongTotal(message, "run again: a listing with a wrong total may be incomplete")
    return objects


def count_in(value: Json) -> int | None:
    """The number of objects in a member of a page, which some servers send as a text; None if it is no number."""
    if isinstance(value, str) and value.isascii() and value.isdigit():
        return int(value[:_DIGITS])
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _page_count(first: Page) -> int:
    """The number of pages, if all are as long as the first."""
    size = len(first.items)
    return -(-first.total // size) if first.total is not None and size else 1


def _page_beyond(page: Pages, number: int) -> Page:
    """A page after all objects of a total; empty if the server refuses it because it has no such page."""
    try:
        return page(number)
    except Throttled:
        raise
    except Rejected:
        return Page()


def _page_zero(page: Pages, total: int | None) -> Page:
    """Page 0; empty if the server refuses it because its pages begin at 1, unless it returns a total."""
    try:
        return page(0)
    except Rejected as error:
        if total is not None or isinstance(error, Throttled):
            raise
        return Page()


def _new_objects(
    page: Page, known_objects: Mapping[str, JsonObject], id_fields: tuple[str, ...], path: str
) -> dict[str, JsonObject]:
    objects_of_page = {_id_of(item, id_fields, path): item for item in page.items}
    return {key: item for key, item in objects_of_page.items() if key not in known_objects}


def _id_of(item: JsonObject, id_fields: tuple[str, ...], path: str) -> str:
    for name in id_fields:
        if isinstance(item.get(name), str) and item[name]:
            return str(item[name])
    if any(name in item and item[name] is None for name in id_fields):
        return canonical(item)  # an internal object of Tavus with a null id: counted, but never read or written
    message = f"GET {path} listed an object without {' or '.join(id_fields)}"
    raise ApiError(message)
