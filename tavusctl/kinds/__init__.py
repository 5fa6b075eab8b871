"""The kinds of resources, one value each; what all of the program knows of the API's objects is said here."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from tavusctl.kinds.document import DOCUMENT
from tavusctl.kinds.guardrails import GUARDRAILS
from tavusctl.kinds.objectives import OBJECTIVES
from tavusctl.kinds.persona import PERSONA
from tavusctl.kinds.replica import REPLICA
from tavusctl.model import ResourceKind

KINDS: Final[Mapping[str, ResourceKind]] = MappingProxyType(
    {kind.name: kind for kind in (DOCUMENT, GUARDRAILS, OBJECTIVES, REPLICA, PERSONA)}
)
