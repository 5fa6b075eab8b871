"""Lint rules for texts that name something in the project, where an expression was probably meant.

Such a text would be sent literally.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Sequence
from typing import Final

from tavusctl.config.spec.file_name_hints import may_be_path
from tavusctl.core.address import Address, Source
from tavusctl.core.diagnostics import written_at
from tavusctl.core.messages import nearest, one_of, shown
from tavusctl.core.model import Manifest
from tavusctl.core.schema.model_fields import fields_at
from tavusctl.fields.places import Declared
from tavusctl.kinds import address_in
from tavusctl.lib.json_types import KeyPath
from tavusctl.lib.patterns import pattern
from tavusctl.lint.core import Finding, Subject
from tavusctl.patch.pointer import join

_SCHEMES: Final = ("file", "ref", "var", "secret")
_OPENS: Final = r"(?:\$\(|\$\[|\$\{\{|\{\{|\{|\(|<|\[)"
_BODY: Final = (
    rf"[$@!]?(?P<scheme>{'|'.join(_SCHEMES)})(?:\s?:|\(|\s)\s?['\"]?"
    r"(?P<rest>[^\s'\"(){}<>\[\]$]{1,300})['\"]?\s?[)}>\]]{0,2}"
)
_WHOLE_TEXT: Final = pattern(rf"(?P<open>{_OPENS})?\s?{_BODY}")
_IN_TEXT: Final = pattern(rf"(?<!\$)(?P<open>{_OPENS})\s?{_BODY}")
_BRACKETS: Final = "{(<["  # the last character of each alternative of `_OPENS`
_LONGEST: Final = 400  # characters; a match of `_WHOLE_TEXT` has fewer
_TEXT_FILE: Final = pattern(r"(?:file://|@|<)?(?P<path>[\w./\\-]{1,200}\.(?:md|markdown|txt))>?")
_VARIABLE: Final = pattern(r"(?:\$\(?|\$?\{\{|\{|%|<|\[\[?)\s?(?P<name>[\w.-]{1,100}?)\s?(?:\)|\}\}?|%|>|\]\]?)?")
# Objects without a fixed schema, and keys whose texts are names rather than long texts.
_FREE: Final = frozenset().union(
    {"extra_body", "parameters", "default_query", "headers", "properties", "transport"},
    {"query_params", "body_template"},  # with `{placeholders}` of a tool
)
_NAMES: Final = pattern(r"name|.*_name|.*_?url|tags|.*_tags|.*_variables|document_file|upload|.*_engine|.*_model")
_PROSE: Final = pattern(r"(?:.*_)?prompt|context|(?:.*_)?greeting|description")
_ID: Final = pattern(r"(?:.*_)?u?u?ids?")
_PREFIXES: Final = {"persona": pattern(r"p[0-9a-f]{9,12}"), "replica": pattern(r"r[0-9a-f]{9,12}")}


def literal_expression(subject: Subject) -> Iterator[Finding]:
    """Report paths, addresses and names of variables where `${file:}`, `${ref:}` or `${var:}` was meant."""
    file_texts = subject.project.origins.get(subject.manifest.address, {})
    for place, value in subject.texts:
        pointer, keys, traits = place.pointer, place.path, place.declared.traits
        if pointer in file_texts or not value.strip() or traits.secret or not _FREE.isdisjoint(keys):
            continue
        expression = (
            _meant_reference(subject, traits.refers_to, value)
            if traits.refers_to
            else _meant_expression(subject, keys, value)
        )
        if expression:
            field = ".".join(key for key in keys if not key.isdecimal())
            message = f"{field}: the text {shown(value)} names something in the project, but is sent literally"
            yield Finding(pointer, message, f"write `{expression}`")
        elif _PROSE.fullmatch(keys[-1]) and (path := _path_of_text(value)):
            message = f"{'.'.join(keys)}: the text {shown(value)} looks like the path of a file, but is sent literally"
            yield Finding(pointer, message, _file_hint(subject, keys, path))


def _file_hint(subject: Subject, keys: KeyPath, path: str) -> str:
    similar = subject.project.similar_file(_source(subject, keys).path, path)
    if similar:
        return f"write `${{file:{similar}}}`"
    return f"write `${{file:{path}}}`, and create that file in the manifests folder"


def invalid_id(subject: Subject) -> Iterator[Finding]:
    """Report ids of another kind of object than the field accepts, and texts that cannot be an id."""
    for place, value in subject.texts:
        pointer, expected_kind, id_ = place.pointer, place.declared.traits.refers_to, value.strip()
        if not expected_kind or (not value and not place.path[-1].isdecimal()):
            continue  # an empty text is no reference, but in a list
        if id_ and _meant_reference(subject, expected_kind, value):
            continue
        owner = subject.project.by_external_id.get(id_)
        kind_by_prefix = next((kind for kind, form in _PREFIXES.items() if form.fullmatch(id_)), "")
        actual_kind = owner.address.kind if owner else kind_by_prefix if expected_kind in _PREFIXES else ""
        if actual_kind and actual_kind != expected_kind:
            message = (
                f"{shown(value)} is the id of {one_of(actual_kind)}; this field takes the id of {one_of(expected_kind)}"
            )
            yield Finding(pointer, message, _reference_hint(subject, expected_kind))
        elif not id_ or re.search(r"\s", id_):
            yield Finding(
                pointer,
                f"{shown(value)} is not a valid id of {one_of(expected_kind)}",
                _reference_hint(subject, expected_kind),
            )


def reference_as_text(subject: Subject) -> Iterator[Finding]:
    """Report references that are the whole of a text: the id of the object would be sent in its place."""
    for place, value in subject.leaves:
        if isinstance(value, Address) and _takes_text(subject, place.declared):
            field, reference = ".".join(key for key in place.path if not key.isdecimal()), f"${{ref:{value}}}"
            message = f"{field}: {shown(reference)} is not a text, so the id of `{value}` is sent as the text"
            yield Finding(place.pointer, message, "write the text itself, or `${file:PATH}`")


def _takes_text(subject: Subject, declared: Declared) -> bool:
    """Whether a place is a field for text, or an item of one, and neither one for ids nor a member of a free object."""
    *above, key = (part for part in declared.pattern if part != "*")
    is_of_ids = declared.traits.refers_to or _ID.fullmatch(key)
    return not is_of_ids and not declared.traits.secret and key in fields_at(subject.kind.model, tuple(above))


def _reference_hint(subject: Subject, kind: str) -> str:
    addresses = [manifest.address for manifest in _other_manifests(subject, kind)]
    return (
        f"write `${{ref:{addresses[0]}}}`"
        if len(addresses) == 1
        else f"write `${{ref:{kind}/NAME}}`, or the id of {one_of(kind)}"
    )


def _other_manifests(subject: Subject, kind: str) -> Sequence[Manifest]:
    manifests = subject.project.manifests
    return [other for other in manifests if other.address.kind == kind and other.address != subject.manifest.address]


def _meant_reference(subject: Subject, expected_kind: str, value: str) -> str:
    """The reference to write for an address or a name in place of an id; empty if the text may be an id."""
    match = _WHOLE_TEXT.fullmatch(value.strip())
    text = match["rest"] if match and match["scheme"] == "ref" else value.strip()
    try:
        address = address_in(text)
    except ValueError:
        address = Address(expected_kind, text)
    candidates = _other_manifests(subject, expected_kind)
    if any(manifest.address == address for manifest in candidates):
        return f"${{ref:{address}}}"
    kind = subject.project.kinds.get(expected_kind)
    same_name = [manifest for manifest in candidates if kind and manifest.spec.get(kind.name_field) == text]
    if len(same_name) == 1:
        return f"${{ref:{same_name[0].address}}}"
    if not match and str(address) != text:  # no name of a resource and no address, so it is an id
        return ""
    suggestion = nearest(address.name, [manifest.address.name for manifest in candidates])
    return f"${{ref:{expected_kind}/{suggestion or 'NAME'}}}"


def _meant_expression(subject: Subject, keys: KeyPath, value: str) -> str:
    """The expression to write for a text that names something or resembles an expression; else empty."""
    if _may_be_expression(value):
        whole = _WHOLE_TEXT.fullmatch(value.strip())
        if whole and (whole["open"] or _exists(subject, keys, whole)):
            return _expression(subject, keys, whole)
        part = next((match for match in _IN_TEXT.finditer(value) if _exists(subject, keys, match)), None)
        if part:
            return _expression(subject, keys, part)
    if _is_of_name(keys) or "\n" in value.strip():
        return ""
    path = _named_file(subject, keys, value)
    if not path and (written := _path_of_text(value)):
        path = _named_file(subject, keys, written)
    if path:
        return f"${{file:{path}}}"
    if not subject.project.variables:
        return ""
    variable = _VARIABLE.fullmatch(value.strip())
    name = variable["name"] if variable else value.strip()
    return f"${{var:{name}}}" if name in subject.project.variables else ""


def _path_of_text(value: str) -> str:
    """The relative path of a text file that a text consists of, with `/` between folders; empty for another text."""
    match = _TEXT_FILE.fullmatch(value.strip())
    return match["path"].replace("\\", "/").lstrip("/") if match else ""


def _may_be_expression(value: str) -> bool:
    """Whether a text can match one of the patterns of expressions; fast, because every text of a project is checked."""
    if len(value.strip()) > _LONGEST:  # in a text that is longer than one expression, a bracket opens each
        for bracket in _BRACKETS:
            if bracket in value:
                break
        else:
            return False
    for scheme in _SCHEMES:  # noqa: SIM110 - faster than any()
        if scheme in value:
            return True
    return False


@functools.lru_cache(maxsize=1024)  # thousands of manifests have the same keys
def _is_of_name(keys: KeyPath) -> bool:
    """Whether a field holds a name, and not a text for people."""
    key = next((segment for segment in reversed(keys) if not segment.isdecimal()), "")
    return bool(_NAMES.fullmatch(key))


def _exists(subject: Subject, keys: Sequence[str], match: re.Match[str]) -> bool:
    """Whether the project has the file, resource, variable or secret that something like an expression names."""
    scheme, rest = match["scheme"], match["rest"]
    if scheme == "file":
        return bool(_named_file(subject, keys, rest))
    if scheme == "ref":
        return any(str(manifest.address) == rest for manifest in subject.project.manifests)
    return rest in (subject.project.variables if scheme == "var" else subject.project.secrets)


def _expression(subject: Subject, keys: Sequence[str], match: re.Match[str]) -> str:
    rest = match["rest"]
    if match["scheme"] == "file":
        rest = _named_file(subject, keys, rest) or rest
    return f"${{{match['scheme']}:{rest}}}"


def _named_file(subject: Subject, keys: Sequence[str], text: str) -> str:
    """The path that `${file:}` would take for a file that the text names; empty if it names none."""
    if not may_be_path(text):
        return ""
    return subject.project.file_named(_source(subject, keys).path, text)


def _source(subject: Subject, keys: Sequence[str]) -> Source:
    return written_at(subject.manifest.sources, join(keys), subject.manifest.source)
