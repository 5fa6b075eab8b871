"""Keys and passwords that a file has in plain text: they are reported, and no message shows them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from tavusctl.config.collector import DiagnosticCollector, dotted
from tavusctl.core.address import Source
from tavusctl.core.diagnostics import Diagnostic, Passage, included_at
from tavusctl.core.json_tree import pattern_of, texts_and_keys
from tavusctl.core.messages import shown
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.fields import secret_fields
from tavusctl.kinds import KINDS, name_of
from tavusctl.lib.json_types import Json, JsonObject
from tavusctl.lib.patterns import pattern
from tavusctl.patch.pointer import escape, join
from tavusctl.secrets import detection, redaction, url_credentials

_HINT: Final = 'write "${secret:NAME}" and list `NAME` under `secrets:` in tavusctl.yaml'
_IN_URL: Final = "write `${secret:NAME}` instead, and list `NAME` under `secrets:` in tavusctl.yaml"
_REMOVE: Final = "remove it, and revoke the key, which git has recorded"
_NO_WORD: Final = pattern(r"[\s:${}]+")  # what stands between words of a text with expressions
_RENAME: Final = "rename it, and revoke the key, which git has recorded"


def check_spec(spec: JsonObject, kind: ResourceKind, collector: DiagnosticCollector, failed: Collection[str]) -> None:
    """Report values of a spec that may only be secrets; of a URL, the message names the part that is the secret."""
    for spot in secret_fields.secret_places(kind, spec):
        pointer = f"/spec{join(spot.path)}"
        if spot.is_writable:
            continue
        if pointer in failed:  # the message about an expression shows its words, and may show all but keys
            for word in _NO_WORD.split(spot.text):
                if detection.is_opaque(word):
                    redaction.register(word)
            continue
        secret_fields.register(spot)  # other diagnostics may be about the same line
        message = f"{dotted(pointer[5:])}: the manifest contains a plaintext secret"
        if spot.spans:
            message += f" (in {shown(spot.spans[0].name)} of the URL)"
        hint = _IN_URL if spot.spans else _HINT
        if not secret_fields.allows_secret_reference(kind, pattern_of(spot.path)):
            hint = _REMOVE
        collector.error("TV113", message, collector.value_at(pointer), hint)


def check_document(
    document: Json, collector: DiagnosticCollector, passages: Mapping[str, Sequence[Passage]] = MappingProxyType({})
) -> None:
    """Report keys with a known form in any text or name of a document, unless one is reported at the same place.

    A key in an included file is reported there; `passages` has what is included, by JSON Pointer.  Public keys,
    examples and words that begin like a key are not reported.
    """
    if not detection.is_any_key(texts_and_keys(document)):  # places are needed only for a key
        return
    reported = {diagnostic.source for diagnostic in collector.diagnostics if diagnostic.id == "TV113"}
    for pointer, text, is_name in _texts(document, ""):
        found = list(detection.key_spans(text))
        written = collector.key_at(pointer) if is_name else collector.value_at(pointer)
        included = () if is_name or written in reported else passages.get(pointer, ())
        for start, end in found:
            redaction.register(text[start:end])  # other messages may name the place
        for source in dict.fromkeys(included_at(text, start, included) or written for start, _ in found):
            if source not in reported:
                reported.add(source)
                what = "this name" if is_name else "this text"
                collector.error("TV113", f"{what} contains a plaintext secret", source, _REMOVE)


def check_path(source: Source) -> list[Diagnostic]:
    """Report a key with a known form in the path of a file, which every message about the file would show."""
    found = [source.path[start:end] for start, end in detection.key_spans(source.path)]
    for key in found:
        redaction.register(key)
    message = "the path of this file contains a plaintext secret"
    return [Diagnostic("TV113", message, source, _RENAME)] if found else []


def register_secrets(document: Json) -> None:
    """Register the secrets that a document has in plain text, so that no difference of its file shows them."""
    for text in texts_and_keys(document):
        for start, end in detection.key_spans(text):
            redaction.register(text[start:end])
    manifest = document if isinstance(document, dict) else {}
    kind, spec = KINDS.get(name_of(str(manifest.get("kind")))), manifest.get("spec")
    for spot in secret_fields.secret_places(kind, spec) if kind and isinstance(spec, dict) else ():
        if "${" not in spot.text:
            secret_fields.register(spot)


def register_passwords(document: Json) -> None:
    """Register the passwords in the addresses of a document, so that no message shows them."""
    for text in texts_and_keys(document):
        for span in url_credentials.address_spans(text):
            redaction.register(text[span.start : span.end])


def _texts(value: Json, pointer: str) -> Iterator[tuple[str, str, bool]]:
    """Every text and every name of a document, with its pointer, and whether it is a name."""
    if isinstance(value, str):
        yield pointer, value, False
    elif isinstance(value, dict):
        for key, item in value.items():
            place = f"{pointer}/{escape(key)}"
            yield place, key, True
            yield from _texts(item, place)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _texts(item, f"{pointer}/{index}")
