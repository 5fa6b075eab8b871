"""Lint rules for names by which objects find one another, or are found from outside: meeting names and tags."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tavusctl.core.messages import nearest, shown
from tavusctl.lib.json_types import Json
from tavusctl.lint.core import Finding, Subject, pointer_of

_TAGGED: Final = {"guardrail_tags": "guardrail", "document_tags": "document"}  # field of a persona -> kind with `tags`
_USERNAME: Final = ("layers", "conferencing", "username")


def duplicate_username(subject: Subject) -> Iterator[Finding]:
    """Report two personas with the same name in meetings: the API accepts a name only once, in all accounts."""
    own, name = subject.manifest.address, subject.value_at(*_USERNAME)
    if not isinstance(name, str) or not name:
        return
    personas = (one for one in subject.project.manifests if one.address.kind == own.kind and not one.external_id)
    first = next(one.address for one in personas if _username(one.spec) == name)
    if first != own:
        message = f"`{first}` has the name {shown(name)} in meetings, too"
        yield Finding(pointer_of(*_USERNAME), message, "choose another name for one of them")


def _username(spec: Json) -> Json:
    for key in _USERNAME:
        spec = spec.get(key) if isinstance(spec, dict) else None
    return spec


def misspelled_tag(subject: Subject) -> Iterator[Finding]:
    """Report a tag of a persona that no object of the project has, but that is nearly one that some object has."""
    for field, kind in _TAGGED.items():
        tags = subject.value_at(field)
        if not isinstance(tags, list) or not tags:
            continue
        known = {tag: None for one in subject.project.manifests if one.address.kind == kind for tag in _tags(one.spec)}
        for index, tag in enumerate(tags):
            similar = nearest(tag, known) if isinstance(tag, str) and tag not in known else ""
            if similar:
                message = f"no {kind} of the project has the tag {shown(tag)}"
                yield Finding(pointer_of(field, index), message, f"did you mean `{similar}`?")


def _tags(spec: Json) -> Iterator[str]:
    tags = spec.get("tags") if isinstance(spec, dict) else None
    yield from (tag for tag in (tags if isinstance(tags, list) else ()) if isinstance(tag, str))
