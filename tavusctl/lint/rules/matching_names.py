"""Lint rules for names by which objects find one another, or are found from outside: meeting names and tags."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tavusctl.core.messages import nearest, shown
from tavusctl.lint.core import Finding, Subject, pointer_of

_TAGGED: Final = {"guardrail_tags": "guardrail", "document_tags": "document"}  # field of a persona -> kind with `tags`
_USERNAME: Final = ("layers", "conferencing", "username")


def duplicate_username(subject: Subject) -> Iterator[Finding]:
    """Report two personas with the same name in meetings: the API accepts a name only once, in all accounts."""
    own, name = subject.manifest.address, subject.value_at(*_USERNAME)
    if isinstance(name, str) and name and (first := subject.project.owners(own.kind, _USERNAME)[name]) != own:
        message = f"`{first}` has the name {shown(name)} in meetings, too"
        yield Finding(pointer_of(*_USERNAME), message, "choose another name for one of them")


def misspelled_tag(subject: Subject) -> Iterator[Finding]:
    """Report a tag of a persona that no object of the project has, but that is nearly one that some object has."""
    for field, kind in _TAGGED.items():
        tags = subject.value_at(field)
        for index, tag in enumerate(tags if isinstance(tags, list) else ()):
            known = subject.project.owners(kind, ("tags",))
            similar = nearest(tag, known) if isinstance(tag, str) and tag not in known else ""
            if similar:
                message = f"no {kind} of the project has the tag {shown(tag)}"
                yield Finding(pointer_of(field, index), message, f"did you mean `{similar}`?")
