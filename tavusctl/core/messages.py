"""Words shared by all complaints: how a found value is shown, and which name was probably meant."""

from __future__ import annotations

import difflib
import re
from collections.abc import Container, Iterable
from typing import Final
from urllib.parse import urlsplit

from msgspec import Struct

from tavusctl.core.address import Address
from tavusctl.core.diagnostics import Severity
from tavusctl.lib.json_types import Json
from tavusctl.secrets import redaction
from tavusctl.secrets.redaction import shortened, stands_in
from tavusctl.secrets.values import SecretText

_SHOWN = 60  # characters of a found value; a complaint is one line
_MANY = 12  # more names than this are not listed


_SORTS: Final[dict[type, str]] = {SecretText: "a secret", dict: "a mapping", list: "a list", type(None): "null"}
_LIKE_ANOTHER: Final = re.compile(r"true|false|null|[-+.]?[0-9][0-9.]*")


class Fault(Struct, frozen=True):
    """A problem with a value, without its location."""

    id: str
    message: str
    hint: str = ""
    severity: Severity = Severity.ERROR


def shown(value: Json) -> str:
    """A found value in a few printable characters; never a secret."""
    if isinstance(value, str):
        return literal(shortened(value, _SHOWN))
    if isinstance(value, Address):
        return f"${{ref:{value}}}"
    if isinstance(value, bool):
        return "true" if value else "false"
    return _SORTS.get(type(value)) or repr(value)


def respelled(name: str, unfit: str, instead: str, otherwise: str) -> str:
    """A name for a hint, what does not fit in it replaced.

    It is another one where the value of a secret stands in the name: in a new spelling, no redaction finds that.
    """
    if stands_in(name):
        return otherwise
    return re.sub(unfit, instead, name, flags=re.ASCII).strip(instead) or otherwise


def literal(text: str) -> str:
    """A text in backticks, in one line; in quotes where it has a backtick itself, or nothing in it."""
    return repr(text) if "`" in text or not text else f"`{repr(text)[1:-1]}`"


def described(value: Json) -> str:
    """A found value where another type is expected: a text that reads like a number is called a text."""
    is_like_another = isinstance(value, str) and _LIKE_ANOTHER.fullmatch(value)
    return f"the text {shown(value)}" if is_like_another else shown(value)


def site(url: str) -> str:
    """The part of a URL that is safe to show: scheme, host and port; empty if it may contain a password."""
    try:
        parts = urlsplit(url)
        end = f":{parts.port}" if parts.port else ""  # raises when it is no number, or too large
    except ValueError:
        return ""
    if not parts.scheme or not parts.hostname or "@" in url or not (url.isascii() and url.isprintable()):
        return ""
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    begin = url.index(parts.netloc)
    # A host is told in small letters: no redaction would find a secret in it, nor a piece of one that a slash ends.
    is_secret = redaction.is_amid(url, begin, begin + len(parts.netloc))
    return f"{parts.scheme}://{redaction.SHOWN if is_secret else host + end}"


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
        return f"did you mean `{meant}`?"
    return f"known: {listed(known)}" if known and len(every) <= _MANY else ""


def listed(names: Iterable[str]) -> str:
    """Names in a sentence, each as a literal: `a`, `b`."""
    return ", ".join(f"`{name}`" for name in names)


def either(words: Iterable[str]) -> str:
    """Alternatives in a sentence: `a, b or c`."""
    *most, last = list(words)
    return f"{', '.join(most)} or {last}" if most else last
