"""The kinds of resources, one value each; what all of the program knows of the API's objects is said here."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Final

from tavusctl.core.address import Address
from tavusctl.core.resource_kind import ResourceKind

# Each is the module of that name, and in it the value of that name in capitals.
_NAMES: Final = (
    *("document", "dictionary", "voice", "tool"),
    *("guardrail", "guardrails", "objectives", "replica", "persona"),
    "deployment",
)


class _Kinds(Mapping[str, ResourceKind]):
    """Kinds by name, each imported when it is looked up: to know which there are, nobody waits for their models."""

    def __getitem__(self, name: str) -> ResourceKind:
        if name not in _NAMES:
            raise KeyError(name)
        found: ResourceKind = getattr(import_module(f"{__name__}.{name}"), name.upper())
        return found

    def __contains__(self, name: object) -> bool:
        return name in _NAMES

    def __iter__(self) -> Iterator[str]:
        return iter(_NAMES)

    def __len__(self) -> int:
        return len(_NAMES)


KINDS: Final[Mapping[str, ResourceKind]] = _Kinds()


def name_of(word: str) -> str:
    """The name of a kind, by any word for it; a word for none stays as it is."""
    return word if word in KINDS else _other_words().get(word, word)


@functools.cache
def _other_words() -> Mapping[str, str]:
    return {other: kind.name for kind in KINDS.values() for other in kind.also}


def in_our_words(address: str) -> str:
    """An address as people write it, under the name of its kind: `pal/x` is `persona/x`."""
    kind, slash, name = address.partition("/")
    return f"{name_of(kind)}{slash}{name}"


def address_in(text: str) -> Address:
    """The address that people write so; ValueError says what would be right."""
    return Address.parse(in_our_words(text))
