"""Lint rules for documents: formats that Tavus can read, and how many crawled documents an account may have."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Final
from urllib.parse import urlsplit

from tavusctl.core.messages import either
from tavusctl.lint.core import Finding, Subject

# Extensions in URLs that are certainly files, and that Tavus cannot read.
_UNREADABLE: Final = frozenset({"7z", "avi", "epub", "exe", "gif", "gz", "mov", "mp3", "mp4", "odt", "ppt", "rar"}) | {
    *("rtf", "svg", "tar", "wav", "webp", "xls", "xml", "zip")
}

_CRAWL_LIMITS: Final = {"depth": 10, "max_pages": 100}


def unsupported_document_format(subject: Subject) -> Iterator[Finding]:
    """Report a file in a format that Tavus cannot read."""
    extension = _extension(subject)
    if extension in _UNREADABLE:
        message = f"Tavus does not read `.{extension}` files"
        yield Finding("/document_url", message, f"use a web page, or a file of the format {either(_formats(subject))}")


def crawl_of_file(subject: Subject) -> Iterator[Finding]:
    """Report a crawl of a file, which has no links to follow."""
    extension = _extension(subject)
    if subject.value_at("crawl") and extension in _formats(subject):
        yield Finding(
            "/crawl", f"a `.{extension}` file has no links to crawl", "remove `crawl`, or use the URL of a web page"
        )


def incomplete_crawl(subject: Subject) -> Iterator[Finding]:
    """Report a crawl without one of its two limits: older versions of the API refuse it."""
    crawl = subject.value_at("crawl")
    if not isinstance(crawl, dict) or not crawl or not crawl.keys() <= _CRAWL_LIMITS.keys():  # a key may be misspelled
        return
    for key, limit in _CRAWL_LIMITS.items():
        if crawl.get(key) is None:
            yield Finding("/crawl", f"`crawl` has no `{key}`, which the API may require", f"add `{key}`, 1 to {limit}")


def crawl_quota_exceeded(subject: Subject) -> Iterator[Finding]:
    """Report the first crawled document above the limit of the account."""
    manifests, limit = subject.project.manifests, subject.project.crawl_limit or subject.kind.crawl_quota
    crawled = [
        manifest for manifest in manifests if manifest.address.kind == subject.kind.name and manifest.spec.get("crawl")
    ]
    if len(crawled) > limit and crawled[limit].address == subject.manifest.address:
        message = f"{len(crawled)} documents are crawled, more than the {limit} that an account may have"
        yield Finding(
            "/crawl", message, "crawl fewer documents, or ask Tavus for a higher limit and set it as `crawl_limit`"
        )


def _formats(subject: Subject) -> tuple[str, ...]:
    return subject.kind.attachment.formats if subject.kind.attachment else ()


def _extension(subject: Subject) -> str:
    url = subject.value_at("document_url")
    if not isinstance(url, str):
        return ""
    try:
        return PurePosixPath(urlsplit(url).path).suffix.removeprefix(".").lower()
    except ValueError:
        return ""
