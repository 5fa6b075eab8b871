"""Read the crawls of documents, and start one exactly once: a read shows whether it was started, however answered."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from tavusctl.core.errors import Ambiguous, ApiError, Gone, Rejected, WithoutEffect
from tavusctl.core.ports import Reader
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.crawl import status
from tavusctl.crawl.status import CrawlState


def start(request: Callable[[], None], has_changed: Callable[[], bool], looks: Iterable[object]) -> None:
    """Request a crawl, and read the document until it shows the crawl, with a read at each of `looks`.

    If the answer is lost, the crawl is requested again, unless the document has changed.  WithoutEffect if the crawl
    was confirmed and not started, Ambiguous if no read tells.
    """
    if not _request(request, has_changed):
        _check_started(has_changed, looks)


def _request(request: Callable[[], None], has_changed: Callable[[], bool]) -> bool:
    """Request a crawl, twice if the answer is lost; return whether a read has shown already that it was started.

    If the second request fails, the document is read again: the request may have been refused because the first one
    was carried out.
    """
    try:
        request()
    except Ambiguous:
        if has_changed():
            return True
        try:
            request()
        except (Ambiguous, Rejected) as error:
            if isinstance(error, Gone) or not has_changed():
                raise
            return True
    return False


def _check_started(has_changed: Callable[[], bool], looks: Iterable[object]) -> None:
    reads, problem = 0, ""
    for _ in looks:
        try:
            reads, problem = reads + 1, ""
            if has_changed():
                return
        except Gone:
            raise
        except ApiError as error:
            problem = error.message
    if problem or reads == 1:
        message = f"the API confirmed the crawl, and no read shows whether it was started: {problem or 'stopped'}"
        raise Ambiguous(message)
    message = "the API confirmed the crawl, but has not started it: status, number and time of the crawls are unchanged"
    raise WithoutEffect(message)


def read_document(api: Reader, kind: ResourceKind, remote_id: str) -> CrawlState:
    """Read one document from the account; Gone if it does not exist, ApiError if the API returns another one."""
    body = api.get(f"{kind.collection}/{remote_id}", kind.get_query)
    kind.check_exists(body, remote_id)
    document = status.read(kind, body)
    if document.remote_id != remote_id:
        message = f"GET {kind.collection}/{remote_id} returned the object {document.remote_id or '(no id)'}"
        raise ApiError(message)
    return document


def read_documents(api: Reader, kind: ResourceKind) -> dict[str, CrawlState]:
    """Read all documents from the account, by id."""
    items = api.list(kind.collection, kind.listing, kind.id_fields)
    return {kind.id_of(item): status.read(kind, item) for item in items if not kind.is_deleted(item)}
