"""Reads the crawl status of documents from the account."""

from __future__ import annotations

from tavusctl.core.errors import ApiError
from tavusctl.core.ports import Reader
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.crawl import status
from tavusctl.crawl.status import CrawlState


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
