"""The Tavus API over HTTP.  It knows paths and responses, but no kinds.

client            ReadClient, which has no method that writes, and Client, which adds them
retry             which calls are retried, when, and how often at most: one budget and one pause for all threads
responses         the value of a response, or the error with which the call ended
refusals          the cause of a refusal (400, 409, 412, 422)
pagination        the pages of a listing as one list, each object once
listing_limits    how many pages, objects, bytes and seconds one listing may take
repeated_answers  responses that repeat those of the previous pass of a listing, which are not parsed again
caching           a reader that sends no request twice
source_client     the sources of documents on the public internet only, and whether they have changed
transport         one HTTP request and its decompressed response, within a deadline and size limits
"""

from __future__ import annotations

import sys

# httpx also imports its command line, and with it rich and pygments where these are installed; no command needs them.
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type] # None makes its import fail

from tavusctl.api.client import DEFAULT_URL, PARALLEL, Client, ReadClient  # noqa: E402 - imports httpx
from tavusctl.api.source_client import Sources  # noqa: E402 - as above

__all__ = ["DEFAULT_URL", "PARALLEL", "Client", "ReadClient", "Sources"]
