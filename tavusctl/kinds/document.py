"""Documents: what personas have read.  Name and tags can change; a new address or crawl is a new document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tavusctl.kinds.reading import COMPUTED, respell, unwrap
from tavusctl.kinds.shape import Shape, WebAddress, optional, required
from tavusctl.model import Document, Field, ResourceKind, Update


class Crawl(Shape):
    """How far to follow the links of a web page."""

    depth: int | None = optional("How many links away from the first page, 1 to 10.", ge=1, le=10)
    max_pages: int | None = optional("How many pages at most, 1 to 100.", ge=1, le=100)


class KnowledgeDocument(Shape):
    """A document as it is written."""

    document_url: WebAddress = required("Address of the file or web page; must be reachable without signing in.")
    document_name: str | None = optional("Name shown in lists; made up by Tavus when left out.")
    tags: list[str] | None = optional("Tags by which personas and conversations find it.")
    crawl: Crawl | None = optional("Follow links from the page; without it one page is read.")
    callback_url: str | None = optional("Address that is told when processing ends.")
    properties: dict[str, Any] | None = optional("Older free-form notes.")


_RENAMED: Final = {"crawl_config": "crawl"}
_DROPPED: Final = COMPUTED | {
    "document_id",
    "status",
    "progress",
    "crawled_urls",
    "last_crawled_at",
    "crawl_count",
    "error_message",
}
_FIXED: Final = Field(replaces=True)

FIELDS: Final[Mapping[str, Field]] = {
    "/document_url": Field(replaces=True, fetched=True),
    "/callback_url": _FIXED,
    "/crawl": _FIXED,
    "/crawl/depth": _FIXED,
    "/crawl/max_pages": _FIXED,
    "/tags": Field(unordered=True),
    "/properties": Field(replaces=True, unread=True, deprecated="it is not kept; write tags"),
    "/properties/*": Field(replaces=True, unread=True),
}


def normalise(body: Document) -> Document:
    """A document as read, in the spelling of `spec`: the crawl is written as `crawl` and read as `crawl_config`."""
    return respell(unwrap(body, ("document_id", "uuid", "document_url")), _RENAMED, _DROPPED)


DOCUMENT: Final = ResourceKind(
    name="document",
    collection="/v2/documents",
    id_fields=("document_id", "uuid"),
    name_field="document_name",
    update=Update.MERGE,
    model=KnowledgeDocument,
    fields=FIELDS,
    normalise=normalise,
    summary="A file or web site that personas know.",
    first_page=0,
    usable=frozenset({"ready", "recrawling"}),
    failed=frozenset({"error"}),
    crawls=True,
)
