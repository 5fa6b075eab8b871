"""The kinds of resources, one value each; what all of the program knows of the API's objects is said here."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from tavusctl.core.address import Address
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.kinds.deployment import DEPLOYMENT
from tavusctl.kinds.dictionary import DICTIONARY
from tavusctl.kinds.document import DOCUMENT
from tavusctl.kinds.guardrail import GUARDRAIL
from tavusctl.kinds.guardrails import GUARDRAILS
from tavusctl.kinds.objectives import OBJECTIVES
from tavusctl.kinds.persona import PERSONA
from tavusctl.kinds.replica import REPLICA
from tavusctl.kinds.tool import TOOL
from tavusctl.kinds.voice import VOICE

KINDS: Final[Mapping[str, ResourceKind]] = MappingProxyType(
    {
        kind.name: kind
        for kind in (
            *(DOCUMENT, DICTIONARY, VOICE, TOOL),
            *(GUARDRAIL, GUARDRAILS, OBJECTIVES, REPLICA, PERSONA),
            DEPLOYMENT,
        )
    }
)
_OTHER_WORDS: Final = {other: kind.name for kind in KINDS.values() for other in kind.also}


def name_of(word: str) -> str:
    """The name of a kind, by any word for it; a word for none stays as it is."""
    return _OTHER_WORDS.get(word, word)


def in_our_words(address: str) -> str:
    """An address as people write it, under the name of its kind: `pal/x` is `persona/x`."""
    kind, slash, name = address.partition("/")
    return f"{name_of(kind)}{slash}{name}"


def address_in(text: str) -> Address:
    """The address that people write so; ValueError says what would be right."""
    return Address.parse(in_our_words(text))
