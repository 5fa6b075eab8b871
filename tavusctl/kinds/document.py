"""Documents: what personas know.  Name and tags can change; another URL or another crawl needs a new document."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from pydantic import ConfigDict

from tavusctl.core.resource_kind import Attachment, FieldTraits, Listing, Provisioning, ResourceKind, Update
from tavusctl.core.schema.spec_model import Model, Violation, cross_field_validator
from tavusctl.kinds.common import failure_messages, known_mistakes
from tavusctl.kinds.common.field_types import WebAddress, blank, optional
from tavusctl.kinds.common.normalise import COMPUTED, normaliser
from tavusctl.lib.json_types import JsonObject


class Crawl(Model):
    """How far to follow the links of a web page."""

    depth: int | None = optional("How many links away from the first page, 1 to 10.", ge=1, le=10)
    max_pages: int | None = optional("How many pages at most, 1 to 100.", ge=1, le=100)


def _has(key: str) -> dict[str, Any]:
    # Without `type: string`: editors would offer the key twice, the second time without its description.
    return {"required": [key], "not": {"properties": {key: {"type": "null"}}}}


class KnowledgeDocument(Model):
    """A document as it is written."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [_has("document_url"), _has("document_file")]})

    document_url: WebAddress | None = optional("URL of the file or web page; reachable without signing in.")
    document_file: str | None = optional(
        "A file of the project in place of a URL: a path from the manifests folder, or with ./ from here."
    )
    upload: str | None = optional("Folder that the file is uploaded to, such as s3://bucket/prefix, gs:// or az://.")
    document_name: str | None = optional("Name shown in lists; the `name` of the manifest when left out.")
    tags: list[str] | None = optional("Tags by which personas and conversations find it.")
    crawl: Crawl | None = optional("Follow links from the page; without it one page is read.")
    callback_url: str | None = optional("URL that is called when processing ends.")
    participant_tags: list[str] | None = optional(
        "Tags of participants: only conversations with one of them can use the document."
    )
    custom_description: str | None = optional("What is in it, for whoever decides to look it up.")
    is_customer_support_document: bool | None = optional("Whether it answers questions of customers.")
    font_size_aware_extraction: bool | None = optional("Whether headings are recognised by their font size.")
    properties: dict[str, Any] | None = optional("Older free-form notes.")

    @cross_field_validator
    @classmethod
    def is_in_one_place(cls, given: JsonObject) -> Iterator[Violation]:
        """A document has either a URL or a file, and a file can be uploaded but not crawled."""
        url, file = not blank(given.get("document_url")), not blank(given.get("document_file"))
        if not url and not file:
            message = "`document_url` is missing or empty; set `document_url`, or `document_file` for a file"
            yield ("document_url",), "missing_key", message
        if url and file:
            message = "`document_file` and `document_url` are mutually exclusive; remove one"
            yield ("document_file",), "not_together", message
        if file and "crawl" in given:
            message = "`crawl` follows the links of a web page, but `document_file` is a file; remove `crawl`"
            yield ("crawl",), "not_together", message
        if "upload" in given and not file:
            message = "`document_file` is missing, so there is no file to upload; remove `upload`"
            yield ("upload",), "not_together", message


_RENAMED: Final = {"crawl_config": "crawl"}
_DROPPED: Final = COMPUTED | {
    *("document_id", "status", "display_status", "progress", "crawled_urls", "last_crawled_at", "crawl_count"),
    "error_message",
}
_FIXED: Final = FieldTraits(replaces=True)

FIELDS: Final[Mapping[str, FieldTraits]] = {
    "/document_name": FieldTraits(cannot_be_unset=True),
    "/document_url": FieldTraits(replaces=True, must_stay_reachable=True),
    "/document_file": FieldTraits(replaces=True, write_only=True),
    "/callback_url": FieldTraits(replaces=True, receives_data=True),
    "/crawl": _FIXED,
    "/crawl/depth": _FIXED,
    "/crawl/max_pages": _FIXED,
    "/tags": FieldTraits(unordered=True),
    "/participant_tags": FieldTraits(replaces=True, unordered=True),
    "/custom_description": FieldTraits(replaces=True, write_only=True),
    "/is_customer_support_document": FieldTraits(replaces=True, write_only=True, defaults=(False,)),
    "/font_size_aware_extraction": FieldTraits(replaces=True, write_only=True, defaults=(False,)),
    "/properties": FieldTraits(replaces=True, write_only=True, deprecated="the API does not keep it; use `tags`"),
    "/properties/*": FieldTraits(replaces=True, write_only=True),
}


DOCUMENT: Final = ResourceKind(
    name="document",
    collection="/v2/documents",
    id_fields=("document_id", "uuid"),
    name_field="document_name",
    update=Update.MERGE,
    model=KnowledgeDocument,
    fields=FIELDS,
    normalise=normaliser(("document_id", "uuid", "document_url"), _DROPPED, _RENAMED),
    summary="A file or web site that personas know.",
    listing=Listing(first_page=0),
    ready_statuses=frozenset({"ready", "recrawling"}),
    failed_statuses=frozenset({"error", "disabled"}),
    provisioning=Provisioning("processing", (5 * 60, 15 * 60), failure_messages.DOCUMENT),
    can_recrawl=True,
    crawl_key="crawl",
    crawl_quota=100,
    key_aliases={"/crawl_config": "crawl", "/document_tags": "tags", "/url": "document_url", "/name": "document_name"},
    mistakes=known_mistakes.DOCUMENT,
    computed=_DROPPED,
    watched_url_key="document_url",
    attachment=Attachment(
        file="document_file",
        upload="upload",
        link="document_url",
        formats=("pdf", "txt", "docx", "doc", "png", "jpg", "jpeg", "pptx", "csv", "xlsx", "md", "json"),
        limit=50 * 1024 * 1024,
    ),
)
