"""Texts that visibly name something in the project, where an expression is meant: they would be sent as they are."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from tavusctl.core.address import Address
from tavusctl.core.diagnostics import written_at
from tavusctl.core.messages import nearest, shown
from tavusctl.core.model import Manifest
from tavusctl.kinds import address_in
from tavusctl.lib.patterns import pattern
from tavusctl.lint.core import Finding, Subject
from tavusctl.patch.pointer import join, split

_SCHEMES: Final = ("file", "ref", "var", "secret")
_OPENS: Final = r"(?:\$\(|\$\[|\$\{\{|\{\{|\{|\(|<|\[)"
_BODY: Final = (
    rf"[$@!]?(?P<scheme>{'|'.join(_SCHEMES)})(?:\s?:|\(|\s)\s?['\"]?"
    r"(?P<rest>[^\s'\"(){}<>\[\]$]{1,300})['\"]?\s?[)}>\]]{0,2}"
)
_NEAR: Final = pattern(rf"(?P<open>{_OPENS})?\s?{_BODY}")
_AMID: Final = pattern(rf"(?<!\$)(?P<open>{_OPENS})\s?{_BODY}")
_VARIABLE: Final = pattern(r"(?:\$\(?|\$?\{\{|\{|%|<|\[\[?)\s?(?P<name>[\w.-]{1,100}?)\s?(?:\)|\}\}?|%|>|\]\]?)?")
# Objects that are free in form, and keys whose texts are names and not long ones.
_FREE: Final = frozenset({"extra_body", "parameters", "default_query", "headers", "properties", "transport"})
_NAMES: Final = pattern(r"name|.*_name|.*_?url|tags|.*_tags|.*_variables|document_file|upload|.*_engine|.*_model")
_PREFIXES: Final = {"persona": pattern(r"p[0-9a-f]{9,12}"), "replica": pattern(r"r[0-9a-f]{9,12}")}


def unwritten(subject: Subject) -> Iterator[Finding]:
    """Paths, addresses and names of variables where `${file:}`, `${ref:}` or `${var:}` is meant."""
    brought = subject.project.origins.get(subject.manifest.address, {})
    for pointer, declared, value in subject.texts:
        keys = split(pointer)
        if pointer in brought or not value.strip() or declared.secret or _FREE.intersection(keys):
            continue
        right = _reference(subject, declared.refers_to, value) if declared.refers_to else _text(subject, keys, value)
        if right:
            field = ".".join(key for key in keys if not key.isdecimal())
            message = f"{field}: the text {shown(value)} names something in the project, but is sent literally"
            yield Finding(pointer, message, f"write `{right}`")


def misplaced_ids(subject: Subject) -> Iterator[Finding]:
    """Ids of another kind of object than the field takes, and what cannot be an id."""
    for pointer, declared, value in subject.texts:
        wanted, id_ = declared.refers_to, value.strip()
        if not wanted or not id_ or _reference(subject, wanted, value):
            continue
        owner = next((one for one in subject.project.manifests if one.external_id == id_), None)
        by_form = next((kind for kind, form in _PREFIXES.items() if form.fullmatch(id_)), "")
        other = owner.address.kind if owner else by_form if wanted in _PREFIXES else ""
        if other and other != wanted:
            message = f"{shown(value)} is the id of a {other}; this field takes the id of a {wanted}"
            yield Finding(pointer, message, _offer(subject, wanted))
        elif re.search(r"\s", id_):
            yield Finding(pointer, f"{shown(value)} is not a valid id of a {wanted}", _offer(subject, wanted))


def _offer(subject: Subject, wanted: str) -> str:
    known = [one.address for one in _declared(subject, wanted)]
    return (
        f"write `${{ref:{known[0]}}}`"
        if len(known) == 1
        else f"write `${{ref:{wanted}/NAME}}`, or the id of a {wanted}"
    )


def _declared(subject: Subject, kind: str) -> Sequence[Manifest]:
    every = subject.project.manifests
    return [one for one in every if one.address.kind == kind and one.address != subject.manifest.address]


def _reference(subject: Subject, wanted: str, value: str) -> str:
    """The reference that is meant by an address or a name in place of an id."""
    near = _NEAR.fullmatch(value.strip())
    text = near["rest"] if near and near["scheme"] == "ref" else value.strip()
    try:
        address = address_in(text)
    except ValueError:
        address = Address(wanted, text)
    known = _declared(subject, wanted)
    if any(one.address == address for one in known):
        return f"${{ref:{address}}}"
    kind = subject.project.kinds.get(wanted)
    named = [one for one in known if kind and one.spec.get(kind.name_field) == text]
    if len(named) == 1:
        return f"${{ref:{named[0].address}}}"
    if not near and str(address) != text:  # neither the name of anything here nor an address: it is taken for an id
        return ""
    close = nearest(address.name, [one.address.name for one in known])
    return f"${{ref:{wanted}/{close or 'NAME'}}}"


def _text(subject: Subject, keys: Sequence[str], value: str) -> str:
    """The expression that is meant by a text, as a whole or amid others."""
    if any(scheme in value for scheme in _SCHEMES):
        near = _NEAR.fullmatch(value.strip())
        if near and (near["open"] or _is_there(subject, keys, near)):
            return _expression(subject, keys, near)
        found = next((one for one in _AMID.finditer(value) if _is_there(subject, keys, one)), None)
        if found:
            return _expression(subject, keys, found)
    key = next((one for one in reversed(keys) if not one.isdecimal()), "")
    if _NAMES.fullmatch(key) or "\n" in value.strip():
        return ""
    path = _named_file(subject, keys, value)
    if path:
        return f"${{file:{path}}}"
    variable = _VARIABLE.fullmatch(value.strip())
    name = variable["name"] if variable else value.strip()
    return f"${{var:{name}}}" if name in subject.project.variables else ""


def _is_there(subject: Subject, keys: Sequence[str], near: re.Match[str]) -> bool:
    """Whether what stands in something like an expression is known here."""
    scheme, rest = near["scheme"], near["rest"]
    if scheme == "file":
        return bool(_named_file(subject, keys, rest))
    if scheme == "ref":
        return any(str(one.address) == rest for one in subject.project.manifests)
    return rest in (subject.project.variables if scheme == "var" else subject.project.secrets)


def _expression(subject: Subject, keys: Sequence[str], near: re.Match[str]) -> str:
    rest = near["rest"]
    if near["scheme"] == "file":
        rest = _named_file(subject, keys, rest) or rest
    return f"${{{near['scheme']}:{rest}}}"


def _named_file(subject: Subject, keys: Sequence[str], text: str) -> str:
    """The path of a file that a text names, as it is written where the text stands."""
    where = written_at(subject.manifest.sources, join(keys), subject.manifest.source)
    return subject.project.file_named(where.path, text)
