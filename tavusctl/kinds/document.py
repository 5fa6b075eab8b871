"""Documents: what personas have read.  Name and tags can change; a new address or crawl is a new document."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Final

from tavusctl.kinds import failures, mistakes
from tavusctl.kinds.reading import COMPUTED, respell, unwrap
from tavusctl.kinds.shape import WebAddress, blank
from tavusctl.model import Attachment, Document, Field, ResourceKind, Update, Work
from tavusctl.shape import Quarrel, Shape, optional


class Crawl(Shape):
    """How far to follow the links of a web page."""

    depth: int | None = optional("How many links away from the first page, 1 to 10.", ge=1, le=10)
    max_pages: int | None = optional("How many pages at most, 1 to 100.", ge=1, le=100)


def _has(key: str) -> dict[str, Any]:
    # Not `type: string`: editors would offer the key twice, the second time without its meaning.
    return {"required": [key], "not": {"properties": {key: {"type": "null"}}}}


class KnowledgeDocument(Shape):
    """A document as it is written."""

    schema: ClassVar = {"oneOf": [_has("document_url"), _has("document_file")]}

    document_url: WebAddress | None = optional("Address of the file or web page; reachable without signing in.")
    document_file: str | None = optional("A file of the project instead, from the manifests folder or ./ from here.")
    upload: str | None = optional("Folder that the file is uploaded to, such as s3://bucket/prefix, gs:// or az://.")
    document_name: str | None = optional("Name shown in lists; the manifest's own when left out.")
    tags: list[str] | None = optional("Tags by which personas and conversations find it.")
    crawl: Crawl | None = optional("Follow links from the page; without it one page is read.")
    callback_url: str | None = optional("Address that is told when processing ends.")
    properties: dict[str, Any] | None = optional("Older free-form notes.")

    @classmethod
    def quarrels(cls, given: Mapping[str, Any]) -> Iterator[Quarrel]:
        """A document is at an address or in a file, and a file is not crawled."""
        url, file = not blank(given.get("document_url")), not blank(given.get("document_file"))
        if not url and not file:
            message = "document_url is missing; write it, or document_file for a file of the project"
            yield ("document_url",), "missing_key", message
        if url and file:
            yield ("document_file",), "not_together", "document_url is there too; write one of them"
        if file and "crawl" in given:
            yield ("crawl",), "not_together", "it follows the links of a web page, and document_file is a file"
        if "upload" in given and not file:
            yield ("upload",), "not_together", "there is no document_file to upload"


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
    "/document_file": Field(replaces=True, unread=True),
    "/callback_url": Field(replaces=True, called=True),
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
    work=Work("processing", (5 * 60, 15 * 60), failures.DOCUMENT),
    crawls=True,
    crawl="crawl",
    most_crawled=100,
    spellings={"/crawl_config": "crawl", "/document_tags": "tags", "/url": "document_url", "/name": "document_name"},
    mistakes=mistakes.DOCUMENT,
    computed=_DROPPED,
    watches="document_url",
    attachment=Attachment(
        file="document_file",
        upload="upload",
        link="document_url",
        formats=("pdf", "txt", "docx", "doc", "png", "jpg", "pptx", "csv", "xlsx"),
        limit=50 * 1024 * 1024,
    ),
)
