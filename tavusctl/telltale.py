"""What gives a secret away: the name it stands under, or the way it begins."""

from __future__ import annotations

import re

_NAMES = re.compile(r"auth|token|secret|key|passw|pwd|cookie|credential|signature|session|jwt", re.IGNORECASE)
# Keys whose makers let them begin so that they are recognised, and whole values of an Authorization header.
_KEYS = re.compile(
    r"\b(?:sk|rk|pk)[-_](?:live|test|proj|ant|or)[-_][\w-]{8,}|\bsk-[A-Za-z0-9]{20,}"
    r"|\bgh[pousr]_\w{20,}|\bgithub_pat_\w{20,}|\bglpat-[\w-]{16,}|\bxox[abeprs]-[\w-]{10,}"
    r"|\bAKIA[0-9A-Z]{16}\b|\bAIza[\w-]{30,}|\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]+"
    r"|-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----"
)
# What a text with a key has in it somewhere: sought much faster than the key.
_SIGNS = (
    *(f"{first}{dash}" for first in ("sk", "rk", "pk") for dash in "-_"),
    *(f"gh{one}_" for one in "pousr"),
    *("github_pat_", "glpat-", "xox", "AKIA", "AIza", "eyJ", "PRIVATE KEY"),
)
_CREDENTIALS = re.compile(r"(?:bearer|basic|token)\s+[\w+/=.~:-]{8,}", re.IGNORECASE)


def is_name(name: str) -> bool:
    """Whether what stands under a name is a secret, as a rule."""
    return bool(_NAMES.search(name))


def is_key(text: str) -> bool:
    """Whether a key, a token or a private key stands somewhere in a text."""
    return any(sign in text for sign in _SIGNS) and bool(_KEYS.search(text))


def is_secret(name: str, text: str) -> bool:
    """Whether a text is to be kept from view, by its name or by its looks."""
    return is_name(name) or is_key(text) or bool(_CREDENTIALS.fullmatch(text.strip()))
