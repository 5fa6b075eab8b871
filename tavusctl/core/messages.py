"""Wording shared by all messages: how values are shown, and which name was probably meant."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Container, Iterable, Mapping
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlsplit

from msgspec import Struct

from tavusctl.core.address import NAME, Address
from tavusctl.core.diagnostics import Severity
from tavusctl.lib.json_types import Json
from tavusctl.lib.patterns import pattern
from tavusctl.secrets import detection, redaction, url_credentials
from tavusctl.secrets.redaction import contains_secret, shortened
from tavusctl.secrets.values import SecretText

_MAX_LENGTH = 60  # characters of a value in a message, which is one line
_MAX_LISTED = 12  # no list of names is longer than this


_TYPE_NAMES: Final[dict[type, str]] = {SecretText: "a secret", dict: "a mapping", list: "a list", type(None): "null"}
_VARIABLE: Final = pattern("[A-Za-z_][A-Za-z0-9_]*")
VARIABLE_HINT: Final = "write the name of a variable: letters, digits and `_`, with no digit at the beginning"
_IMPERATIVE_AT_END: Final = pattern(r"(.+); ((?:add|move|remove|set|use|write) .+)", re.DOTALL)
_WORDS: Final = pattern(r"[A-Za-z0-9 _-]+")  # other signs are rare in names, and frequent in passwords
_OTHER_TYPE: Final = pattern(r"true|false|null|[-+.]?[0-9][0-9.]*")


_LIST_FORM: Final = "write each item on a line of its own, after `- `, or all of them as `[A, B]`"
_FORMS: Final[Mapping[str, str]] = {  # how a value of a type is written
    "text": "write a text, in quotes",
    "a whole number": "write a whole number such as `5`, without quotes",
    "a number": "write a number such as `0.5`, without quotes",
    "true or false": "write `true` or `false` without quotes",
    "a list": _LIST_FORM,
    "a list of texts": _LIST_FORM,
    "a mapping": "write each key with its value on a line of its own, as `KEY: VALUE`",
}
_SCHEMES: Final = ("ref", "file", "var", "secret")
_LITERAL: Final = pattern(r"`([^`]*)`")  # a literal in messages of tavusctl


class Fault(Struct, frozen=True):
    """A problem with a value, without its location."""

    id: str
    message: str
    hint: str = ""
    severity: Severity = Severity.ERROR


def moment(time: datetime) -> str:
    """A moment as people read it, such as 2026-12-01 12:00 UTC."""
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def shown(value: Json) -> str:
    """A value in a few printable characters; never a secret."""
    if isinstance(value, str):
        return literal(shortened(url_credentials.without_credentials(value), _MAX_LENGTH))
    if isinstance(value, Address):
        return f"${{ref:{value}}}"
    if isinstance(value, bool):
        return "true" if value else "false"
    return _TYPE_NAMES.get(type(value)) or repr(value)


def variable_fault(name: str) -> str:
    """Why a text is not the name of an environment variable, empty if it is one; a key in its place is not quoted."""
    if detection.is_key_as_name(name) or (detection.is_opaque(name) and not _VARIABLE.fullmatch(name)):
        return "expected the name of an environment variable, found what looks like a key"
    before, equals, _ = name.partition("=")
    if equals:
        return f"expected the name of an environment variable, found {shown(before)} with a value"
    return "" if _VARIABLE.fullmatch(name) else f"{shown(name)} is not a valid name of an environment variable"


def account_name(label: str, key_source: str, quoted: Callable[[str], str] = str) -> str:
    """An account in words: its label, or where its API key comes from; empty if neither is known."""
    if label:
        return f"account {quoted(label)}"
    return f"account of {quoted(key_source)}" if key_source else ""


def sanitized_name(name: str, unfit: str, instead: str, otherwise: str) -> str:
    """A name for a hint, with everything that matches `unfit` replaced by `instead`.

    `otherwise` if nothing is left, or if the name contains the value of a secret: redaction would not find a secret
    whose characters were replaced.
    """
    if contains_secret(name):
        return otherwise
    return re.sub(unfit, instead, name, flags=re.ASCII).strip(instead) or otherwise


def likely_name(text: str) -> str:
    """The name for an address that a text of words probably means; empty if there is none, or if it may be a secret."""
    if not _WORDS.fullmatch(text) or detection.is_opaque(text) or detection.is_any_key([text]):
        return ""
    name = sanitized_name(text, "[^A-Za-z0-9]+", "-", "").lower()
    return name if name != text and NAME.fullmatch(name) else ""


def literal(text: str) -> str:
    """A text in backticks, on one line; in quotes if it contains a backtick or is empty."""
    return repr(text) if "`" in text or not text else f"`{repr(text)[1:-1]}`"


def described(value: Json) -> str:
    """A value for a message about its type, without what a list or a mapping contains.

    A text that looks like a number, a boolean or null is called a text.
    """
    if value in ([], {}):
        return "an empty list" if isinstance(value, list) else "an empty mapping"
    looks_like_other_type = isinstance(value, str) and _OTHER_TYPE.fullmatch(value)
    return f"the text {shown(value)}" if looks_like_other_type else shown(value)


def site(url: str) -> str:
    """The part of a URL that is safe to show: scheme, host and port; empty if it may contain a password."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""  # raises ValueError if it is not a number, or too large
    except ValueError:
        return ""
    if not parts.scheme or not parts.hostname or "@" in url or not (url.isascii() and url.isprintable()):
        return ""
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    start = url.index(parts.netloc)
    # `hostname` is in lower case, and a slash may cut a secret off: redaction would not find the secret afterwards.
    has_secret = redaction.overlaps_secret(url, start, start + len(parts.netloc))
    return f"{parts.scheme}://{redaction.SHOWN if has_secret else host + port}"


def nearest(word: str, names: Iterable[str]) -> str:
    """The most similar name, ignoring case; empty if no name is similar enough.

    Addresses are similar if their names are: their kinds alone say nothing.
    """
    by_lower_case = {name.lower(): name for name in names}
    word = word[:_MAX_LENGTH].lower()
    similar = [name for name in by_lower_case if difflib.get_close_matches(_last(word), [_last(name)], cutoff=0.6)]
    matches = difflib.get_close_matches(word, similar, n=1, cutoff=0)
    return by_lower_case[matches[0]] if matches else ""


def _last(address: str) -> str:
    return address.rpartition("/")[2]


def suggestion(word: str, names: Iterable[str], taken: Container[str] = ()) -> str:
    """A hint: the name that was probably meant, else the available names if they are few, else empty.

    Names in `taken` are not proposed: they are present already, or would be refused as well.
    """
    all_names = sorted(names)
    available = [name for name in all_names if name not in taken]
    meant = nearest(word, available)
    if meant:
        return f"did you mean `{meant}`?"
    return f"known: {listed(available)}" if available and len(all_names) <= _MAX_LISTED else ""


def key_hint(key: str, known: Iterable[str], present: Container[str], refused: Iterable[str] = ()) -> str:
    """A hint for an unknown key: as of `suggestion`, or that it is nearly a key which is present already."""
    names = [*known]
    odd = next((character for character in key if character in "\u200b\ufeff" or _is_odd_space(character)), "")
    if odd:
        code = f"the character U+{ord(odd):04X}"
        return f"remove {code}" if key.replace(odd, "") in names else f"replace {code} by a normal space"
    hint = suggestion(key, names, {*refused, *(name for name in names if name in present)})
    similar = "" if hint.startswith("did") else nearest(key, [name for name in names if name in present])
    return f"remove it or `{similar}`, which is present already" if similar else hint


def _is_odd_space(character: str) -> bool:
    return character.isspace() and not character.isascii()


def mapping_hint(keys: Iterable[str]) -> str:
    """How a mapping of some known keys is written; it names them if they are few."""
    names = [*keys]
    return _FORMS["a mapping"] + (f"; its keys are {listed(names)}" if 0 < len(names) <= _MAX_LISTED else "")


def correction_hint(found: Json, right: str) -> str:
    """A hint: the allowed value that was probably meant, or how a value of the right type is written; else empty.

    It never contains the value found, which may be a secret.
    """
    if isinstance(found, dict) and right.startswith("text"):
        scheme = next(iter(found), "").partition(":")[0]
        return f"write `${{{scheme}:...}}`" if len(found) == 1 and scheme in _SCHEMES else _FORMS["text"]
    if not isinstance(found, str):
        is_scalar = isinstance(found, bool | int | float)
        return "put it in quotes" if right == "text" and is_scalar else _FORMS.get(right, "")
    similar = nearest(found, _LITERAL.findall(right))
    return f"did you mean `{similar}`?" if similar else _FORMS.get(right, "")


def listed(names: Iterable[str]) -> str:
    """Names in a sentence, each as a literal: `a`, `b`."""
    return ", ".join(f"`{name}`" for name in names)


def one_of(kind: str) -> str:
    """An object of a kind in words: `a persona`, `a set of objectives`."""
    return f"a set of {kind}" if kind.endswith("s") else f"a {kind}"


def counted(number: int, noun: str) -> str:
    """A number of things in words: `1 object`, `2 objects`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def parted(message: str) -> tuple[str, str]:
    """A message without the imperative at its end, which follows a semicolon, and that imperative as a hint."""
    match = _IMPERATIVE_AT_END.fullmatch(message)
    return (match[1], match[2]) if match else (message, "")


def either(words: Iterable[str]) -> str:
    """Alternatives in a sentence: `a, b or c`."""
    *most, last = list(words)
    return f"{', '.join(most)} or {last}" if most else last
