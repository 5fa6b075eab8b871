"""Start a crawl exactly once: after a lost answer, a read of the document shows whether it was started."""

from __future__ import annotations

from collections.abc import Callable

from tavusctl.core.errors import Ambiguous, Gone, Rejected


def start(request: Callable[[], None], has_changed: Callable[[], bool]) -> None:
    """Request a crawl; if the answer is lost, read the document, and request again only if it has not changed.

    If the second request fails, the document is read again: the request may have been refused because the first one
    was carried out.
    """
    try:
        request()
    except Ambiguous:
        if has_changed():
            return
        try:
            request()
        except (Ambiguous, Rejected) as error:
            if isinstance(error, Gone) or not has_changed():
                raise
