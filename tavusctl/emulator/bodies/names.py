"""How display names are stored: as sent, or normalised as the behaviour `names` says."""

from __future__ import annotations

import html
import unicodedata
from collections.abc import Callable

from tavusctl.emulator.control.behaviors import Behaviors
from tavusctl.emulator.http.messages import Object

NAMES = (
    "persona_name",
    "pal_name",
    "document_name",
    "replica_name",
    "face_name",
    "guardrail_name",
    "voice_name",
    "name",
)
MAX_NAME_LENGTH = 24
NAME_NORMALISERS: dict[str, Callable[[str], str]] = {
    "as sent": lambda name: name,
    "trim": str.strip,
    "collapse": lambda name: " ".join(name.split()),
    "compose": lambda name: unicodedata.normalize("NFC", name),
    "escape": lambda name: html.escape(name, quote=False),
    "lower": str.lower,
    "cut": lambda name: name[:MAX_NAME_LENGTH],
}


def with_normalised_names(behaviors: Behaviors, body: Object) -> Object:
    """A body with its display names as the server stores them."""
    normalise = NAME_NORMALISERS[behaviors["names"]]
    return {key: normalise(value) if key in NAMES and isinstance(value, str) else value for key, value in body.items()}
