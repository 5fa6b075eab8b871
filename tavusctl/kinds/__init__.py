"""The kinds of resources, one `ResourceKind` each: everything that tavusctl knows about the objects of the API."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Final

from tavusctl.core.address import Address
from tavusctl.core.resource_kind import ResourceKind

# Each is the name of a module, which defines the kind under that name in capitals: `voice.VOICE`.
_NAMES: Final = (
    *("document", "dictionary", "voice", "tool"),
    *("guardrail", "guardrails", "objectives", "replica", "persona"),
    "deployment",
)


class _Kinds(Mapping[str, ResourceKind]):
    """Kinds by name; a kind is imported when it is looked up, so the names are known without importing the models."""

    def __getitem__(self, name: str) -> ResourceKind:
        return _imported(name)

    def __contains__(self, name: object) -> bool:
        return name in _NAMES

    def __iter__(self) -> Iterator[str]:
        return iter(_NAMES)

    def __len__(self) -> int:
        return len(_NAMES)


@functools.cache
def _imported(name: str) -> ResourceKind:
    if name not in _NAMES:
        raise KeyError(name)
    kind: ResourceKind = getattr(import_module(f"{__name__}.{name}"), name.upper())
    return kind


KINDS: Final[Mapping[str, ResourceKind]] = _Kinds()


def name_of(word: str) -> str:
    """The name of the kind that a word stands for: `persona` for `pal`; any other word is returned unchanged."""
    return word if word in KINDS else _names_by_other_words().get(word, word)


@functools.cache
def _names_by_other_words() -> Mapping[str, str]:
    return {word: kind.name for kind in KINDS.values() for word in kind.aliases}


def canonical_address(address: str) -> str:
    """An address with the kind under its own name: `persona/x` for `pal/x`."""
    kind, slash, name = address.partition("/")
    return f"{name_of(kind)}{slash}{name}"


def address_in(text: str) -> Address:
    """The address that a text means, `persona/x` for `pal/x`; ValueError with what would be right."""
    return Address.parse(canonical_address(text))
