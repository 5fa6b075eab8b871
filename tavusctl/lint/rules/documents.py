"""Documents: formats that Tavus reads, and how many crawls an account has."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Final
from urllib.parse import urlsplit

from tavusctl.core.messages import either
from tavusctl.lint.core import Finding, Subject

_FORMATS: Final = frozenset({"pdf", "txt", "docx", "doc", "png", "jpg", "jpeg", "pptx", "csv", "xlsx"})
# Ends of addresses that are files for sure, and that Tavus does not read.
_UNREAD: Final = frozenset({"7z", "avi", "epub", "exe", "gif", "gz", "json", "md", "mov", "mp3", "mp4", "odt"}) | {
    *("ppt", "rar", "rtf", "svg", "tar", "wav", "webp", "xls", "xml", "zip")
}


def unread_format(subject: Subject) -> Iterator[Finding]:
    """A file in a format that Tavus does not read."""
    ending = _ending(subject)
    if ending in _UNREAD:
        message = f"Tavus does not read `.{ending}` files"
        yield Finding("/document_url", message, f"use a web page, or a file of the format {either(sorted(_FORMATS))}")


def crawled_file(subject: Subject) -> Iterator[Finding]:
    """A crawl from a file, which has no links to follow."""
    ending = _ending(subject)
    if subject.at("crawl") and ending in _FORMATS:
        yield Finding(
            "/crawl", f"a `.{ending}` file has no links to crawl", "remove `crawl`, or use the URL of a web page"
        )


def too_many_crawls(subject: Subject) -> Iterator[Finding]:
    """Report the first crawled document above the limit of an account."""
    every, most = subject.project.manifests, subject.project.crawl_limit or subject.kind.crawl_quota
    crawled = [one for one in every if one.address.kind == subject.kind.name and one.spec.get("crawl")]
    if len(crawled) > most and crawled[most].address == subject.manifest.address:
        message = f"{len(crawled)} documents are crawled, more than the {most} that an account may have"
        yield Finding(
            "/crawl", message, "crawl fewer documents, or ask Tavus for a higher limit and set it as `crawl_limit`"
        )


def _ending(subject: Subject) -> str:
    address = subject.at("document_url")
    if not isinstance(address, str):
        return ""
    try:
        return PurePosixPath(urlsplit(address).path).suffix.removeprefix(".").lower()
    except ValueError:
        return ""
