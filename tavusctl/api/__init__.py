"""The Tavus API over HTTP.  Knows paths and answers, no kinds.

api       ReadClient, which has no way to write, and Client, which adds it
patience  what is repeated, when, and how often at most: one budget and one pause for all threads
answers   what an answer says: a value, or one of the ways in which a call ends
sources   what the sources of documents look like, from far outside
paging    pages to a collection, each object once
meter     how much one listing may take
wire      one request, one answer, within a deadline and within limits
body      what came, unpacked
"""

from __future__ import annotations

import sys

# httpx loads its command line with itself, and rich and pygments for that, where somebody has installed these.
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type] # what cannot be imported

from tavusctl.api.client import DEFAULT_URL, PARALLEL, Client, ReadClient  # noqa: E402 - imports httpx
from tavusctl.api.source_client import Sources  # noqa: E402 - as above

__all__ = ["DEFAULT_URL", "PARALLEL", "Client", "ReadClient", "Sources"]
