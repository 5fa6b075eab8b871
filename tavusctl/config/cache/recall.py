"""What an earlier run has read from a file, used again: the files that it brings are read, and nothing is parsed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from tavusctl.config.cache.entry import Brought, Entry, packed, unpacked
from tavusctl.config.envelope import ParsedManifest
from tavusctl.config.included_files import Asked, IncludedFiles
from tavusctl.core.address import Address, Source
from tavusctl.core.diagnostics import Diagnostic, Severity
from tavusctl.secrets import redaction


class Used(Struct, frozen=True):
    """What was used up of the limits of a project."""

    values: int
    text: int
    expressions: int

    @classmethod
    def of(cls, library: IncludedFiles) -> Used:
        """As much as it is now."""
        return cls(library.budget.values, library.budget.text, library.budget.expressions)


class FileRead(Struct, frozen=True):
    """A file that was read afresh."""

    content: bytes
    diagnostics: Sequence[Diagnostic]  # of the file as YAML
    manifests: Sequence[ParsedManifest]
    overlays: Mapping[str, str]  # digests of the documents laid over them, by address
    before: Used


def digest(content: bytes) -> str:
    """The digest of a file, or of a text."""
    return hashlib.sha256(content).hexdigest()


def recalled(
    entry: Entry,
    where: Source,
    content: bytes,
    lies_over: Callable[[Address], str],
    files: Mapping[str, Path],
    library: IncludedFiles,
) -> Sequence[ParsedManifest] | None:
    """The manifests of a file that has not changed; None where anything that they depend on has.

    `lies_over` tells the digest of the document that is laid over one, `files` paths by what people call them.
    """
    addresses = [one.parsed.address for one in entry.manifests]
    laid = {str(one): over for one in addresses if one and (over := lies_over(one))}
    if laid != entry.overlays or not library.budget.has_room(entry.values, entry.text, entry.expressions):
        return None
    found = [_brought(one, where, files, library) for one in entry.brought]
    if [digest for _, digest in found] != [one.digest for one in entry.brought]:
        return None
    texts = [text for text, _ in found]
    if entry.remarks and _quotes_secrets(content, texts):
        return None
    library.budget.parsed(entry.values, where)
    library.budget.brought(entry.text, entry.expressions, where)
    return [unpacked(one, texts) for one in entry.manifests]


def entry_of(made: FileRead, library: IncludedFiles) -> Entry | None:
    """What is kept of a file; None where nothing is to be: it has an error, or what is said of it hangs on secrets."""
    said = [*made.diagnostics, *(one for each in made.manifests for one in each.diagnostics)]
    texts = [one.text for one in library.asked]
    if any(one.severity is Severity.ERROR for one in said):
        return None
    if said and (made.overlays or _quotes_secrets(made.content, texts)):
        return None
    after = Used.of(library)
    return Entry(
        digest(made.content),
        {**made.overlays},
        tuple(Brought(library.shown(one.manifest), one.name, one.limit, _digest_of(one)) for one in library.asked),
        after.values - made.before.values,
        after.text - made.before.text,
        after.expressions - made.before.expressions,
        tuple(made.diagnostics),
        tuple(packed(one, texts) for one in made.manifests),
    )


def _digest_of(asked: Asked) -> str:
    return asked.digest if asked.text is None else digest(asked.text.encode())


def _brought(one: Brought, where: Source, files: Mapping[str, Path], library: IncludedFiles) -> tuple[str | None, str]:
    """The text of a file, if it is one, and the digest of its content as it is now; empty where it is not to be had."""
    manifest = files.get(one.manifest)
    if manifest is None:
        return None, ""
    try:
        if one.limit is not None:
            return None, library.measure(one.name, one.limit, manifest, where).digest
        text = library.content(one.name, manifest)
    except ValueError:
        return None, ""
    return text, digest(text.encode())


def _quotes_secrets(content: bytes, texts: Sequence[str | None]) -> bool:
    """Whether what is said of a file may quote a secret: how it is told depends on the secrets that a run knows."""
    parts = [content.decode("utf-8", "replace"), *(one for one in texts if one)]
    return redaction.knows_any() and redaction.stands_in("\n".join(parts))
