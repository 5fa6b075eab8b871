"""Start a crawl exactly once: a read of the document shows whether it was started, whatever was answered."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from tavusctl.core.errors import Ambiguous, ApiError, Gone, Rejected, WithoutEffect


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
