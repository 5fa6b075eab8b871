"""Start a crawl, once: a lost answer is settled by a look."""

from __future__ import annotations

from collections.abc import Callable

from tavusctl.core.errors import Ambiguous, Gone, Rejected


def start(ask: Callable[[], None], has_moved: Callable[[], bool]) -> None:
    """Ask for a crawl; when the answer is lost, look, and ask once more only if nothing has moved.

    What is refused then may be refused because the first call was carried out.
    """
    try:
        ask()
    except Ambiguous:
        if has_moved():
            return
        try:
            ask()
        except (Ambiguous, Rejected) as error:
            if isinstance(error, Gone) or not has_moved():
                raise
