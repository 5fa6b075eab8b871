"""Words shared by all complaints: how a found value is shown, and which name was probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Container, Iterable
from typing import Final
from urllib.parse import urlsplit

from msgspec import Struct

from tavusctl.model import Address, Severity, Value
from tavusctl.redaction import shortened
from tavusctl.secret import SecretText

_SHOWN = 60  # characters of a found value; a complaint is one line
_MANY = 12  # more names than this are not listed


_SORTS: Final[dict[type, str]] = {SecretText: "a secret", dict: "a mapping", list: "a list", type(None): "null"}


class Fault(Struct, frozen=True):
    """What is wrong with a value, for one who knows where it stands to complain about."""

    id: str
    message: str
    hint: str = ""
    severity: Severity = Severity.ERROR


def shown(value: Value) -> str:
    """A found value in a few printable characters; never a secret."""
    if isinstance(value, str):
        return repr(shortened(value, _SHOWN))
    if isinstance(value, Address):
        return f"${{ref:{value}}}"
    if isinstance(value, bool):
        return "true" if value else "false"
    return _SORTS.get(type(value)) or repr(value)


def site(url: str) -> str:
    """An address as it may be shown: scheme, host and port; nothing of one that may have a password in it."""
    try:
        parts = urlsplit(url)
        end = f":{parts.port}" if parts.port else ""  # raises when it is no number, or too large
    except ValueError:
        return ""
    if not parts.scheme or not parts.hostname or "@" in url or not (url.isascii() and url.isprintable()):
        return ""
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}{end}"


def nearest(word: str, names: Iterable[str]) -> str:
    """The name that was probably meant, or an empty string."""
    by_form = {name.lower(): name for name in names}
    found = difflib.get_close_matches(word[:_SHOWN].lower(), list(by_form), n=1, cutoff=0.6)
    return by_form[found[0]] if found else ""


def suggestion(word: str, names: Iterable[str], taken: Container[str] = ()) -> str:
    """A hint: the name that was probably meant, else the names there are when they are few.

    What is `taken`, or would be refused as well for what stands around it, cannot have been meant.
    """
    every = sorted(names)
    known = [name for name in every if name not in taken]
    meant = nearest(word, known)
    if meant:
        return f"did you mean {meant!r}?"
    return f"known: {', '.join(known)}" if known and len(every) <= _MANY else ""


def either(words: Iterable[str]) -> str:
    """Alternatives in a sentence: `a, b or c`."""
    *most, last = list(words)
    return f"{', '.join(most)} or {last}" if most else last
