"""Detection of secrets by the name of a field or the form of a text.

A name is read as words, whatever its spelling: `X-Api-Key`, `apiKey` and `api_key` are one.  Some names are of secrets
only (`password`), and what stands there is one unless it plainly is none.  Others are of many things (`key`, `token`):
there it takes a look that no word, date, version or name has.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from enum import IntEnum
from typing import Final

from tavusctl.lib.patterns import pattern

_NAMES = pattern(r"auth|token|secret|key|passw|pwd|cookie|credential|signature|session|jwt", re.IGNORECASE)
# Keys whose makers let them begin so that they are recognised, and whole values of an Authorization header.
_KEYS = pattern(
    r"\b(?:sk|rk|pk)[-_](?:live|test|proj|ant|or|svcacct)[-_][\w-]{8,}|\bsk[-_][A-Za-z0-9]{20,}"
    r"|\bgh[pousr]_\w{20,}|\bgithub_pat_\w{20,}|\bglpat-[\w-]{16,}|\bxox[abeprs]-[\w-]{10,}|\bxapp-[\w-]{10,}"
    r"|\b(?:AKIA|ASIA)[0-9A-Z]{16}\b|\bAIza[\w-]{30,}|\bya29\.[\w-]{20,}|\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]+"
    r"|\bhf_[A-Za-z0-9]{30,}|\bgsk_[A-Za-z0-9]{20,}|\bwhsec_[\w+/=]{20,}|\bSG\.[\w-]{16,}\.[\w-]{16,}|\bnpm_\w{30,}"
    r"|\bhooks\.slack\.com/(?:services|workflows)/[\w/-]{16,}|\bdiscord(?:app)?\.com/api/webhooks/\d+/[\w-]{16,}"
    r"|\b\d{8,10}:AA[\w-]{30,}|-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----"
)
# What a text with a key has in it somewhere: sought much faster than the key.
_SIGNS = (
    *(f"{first}{dash}" for first in ("sk", "rk", "pk") for dash in "-_"),
    *(f"gh{one}_" for one in "pousr"),
    *("github_pat_", "glpat-", "xox", "xapp-", "AKIA", "ASIA", "AIza", "ya29.", "eyJ", "PRIVATE KEY"),
    *("hf_", "gsk_", "whsec_", "SG.", "npm_", "hooks.slack.com/", "/api/webhooks/", ":AA"),
)
_CREDENTIALS = pattern(r"(?:bearer|basic|token|apikey|digest)\s+([\w+/=.~:-]{8,})", re.IGNORECASE)


class Weight(IntEnum):
    """How likely a value is a secret, by its name."""

    NONE = 0
    SOME = 1  # a secret, if it looks like one
    SURE = 2  # a secret, unless it plainly is none


_WORDS: Final = pattern(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_a-zA-Z]+")
# Words that say which of several, or how it is written: what comes before them is the name.
_TAILS: Final = frozenset().union(
    {"value", "val", "header", "field", "text", "string", "str", "raw", "plain", "base64", "b64", "hex"},
    {"prod", "production", "staging", "stage", "dev", "development", "test", "live", "primary", "secondary"},
    {"old", "new", "current", "previous", "next", "backup", "default", "json", "v"},
)
_SURE: Final = pattern(
    r"(?:passw(?:or)?d|passwort|kennwort|pwd|passphrase|passcode|secrets?|credentials?|authorization|cookies?|jwt|bearer"
    r"|apikeys?|(?:access|secret|private|auth|signing|encryption|subscription|licen[cs]e|account|service|client|master"
    r"|admin|storage|shared|functions?|webhook|hmac|ssh|app|application|deploy|project)keys?"
    r"|(?:access|auth|api|refresh|bearer|secret|session|csrf|xsrf|security|personal|private|bot|hook|webhook|meeting"
    r"|verification|verify|service|client|user|login|oauth|sas|id|admin|app|bearer)tokens?)$"
)
_SOME: Final = pattern(r"(?:keys?|tokens?|auth|authentication|signatures?|sessions?|hmac|pass)$")
_SHORT: Final = frozenset({"sig", "pin", "otp", "pw", "sas", "code", "creds", "cred"})
# Names that end as those of secrets do, and are of what anybody may know.
_OTHERS: Final = pattern(
    r"(?:public|max|min|eos|bos|pad|stop|mask|unk|sep|cls|total|prompt|completion)(?:key|token)s?$"
)
_PUBLIC_ENDS: Final = frozenset().union(
    {"id", "ids", "uuid", "guid", "hash", "digest", "etag", "checksum", "sha", "version", "model", "name"},
    {"type", "kind", "url"},
)

# Headers that HTTP itself defines, and that give access to nothing.
_STANDARD: Final = frozenset(
    {"accept", "accept-charset", "accept-encoding", "accept-language", "cache-control", "connection"}
    | {"content-encoding", "content-language", "content-type", "user-agent"}
)
_NOTHING: Final = frozenset().union(
    {"true", "false", "none", "null", "nil", "auto", "yes", "no", "on", "off", "any", "all", "required"},
    {"optional", "disabled", "enabled", "default", "anonymous", "unset", "bearer", "basic", "digest"},
    {"oauth", "oauth2", "apikey", "api_key", "api-key", "jwt", "hmac", "header", "query", "cookie", "token"},
    {"password", "secret", "env", "environment", "n/a", "na", "unknown", "string"},
)
_PLACEHOLDER: Final = pattern(r"\{\{.*\}\}|\$?\{.*\}|<.*>|\[.*\]|%\(.*\)s|\$[A-Z_]\w*|%[A-Z_]+%", re.DOTALL)
_SIGNED: Final = pattern(r"[A-Za-z0-9+/=_.~:%@!$&*#^-]+")
_DATED: Final = pattern(r"v?\d{1,4}(?:[-./]\d{1,4}){1,3}(?:[-_][a-z]+)?", re.IGNORECASE)
_PIECES: Final = pattern(r"[A-Za-z0-9]+")
_TURNS: Final = pattern(r"[a-z][A-Z]")
_MIXED, _WORD, _LONG, _NUMBER = 5, 16, 24, 6  # characters


@functools.lru_cache(maxsize=8192)
def weight(name: str) -> Weight:
    """How likely a value is a secret, by its name."""
    words = [one.lower() for one in _WORDS.findall(name)]
    while len(words) > 1 and (words[-1] in _TAILS or words[-1].isdigit()):
        words.pop()
    whole = "".join(words)
    if not words or _OTHERS.search(whole):
        return Weight.NONE
    if _SURE.search(whole):
        return Weight.SURE
    told = _SOME.search(whole) or words[-1] in _SHORT
    return Weight.SOME if told else Weight.NONE


def is_public(name: str) -> bool:
    """Whether a name is of what anybody may know, however it looks: ids, digests, versions."""
    words = _WORDS.findall(name)
    return bool(words) and words[-1].lower() in _PUBLIC_ENDS


def is_name(name: str) -> bool:
    """Whether what stands under the name of a header is a secret, as a rule."""
    return bool(_NAMES.search(name))


@functools.lru_cache(maxsize=8192)  # objects of a kind say much in the same words
def is_key(text: str) -> bool:
    """Whether a text contains an API key, a token or a private key."""
    return _has_sign(text) and bool(_KEYS.search(text))


def keys(text: str) -> Iterator[tuple[int, int]]:
    """The positions of API keys, tokens and private keys in a text."""
    if _has_sign(text):
        yield from (found.span() for found in _KEYS.finditer(text))


def _has_sign(text: str) -> bool:
    for sign in _SIGNS:  # noqa: SIM110 - every text of a project comes by here
        if sign in text:
            return True
    return False


def is_credential(text: str) -> bool:
    """Whether a text has a key in it, or is the whole value of an Authorization header."""
    if is_key(text):
        return True
    given = _CREDENTIALS.fullmatch(text.strip())
    return given is not None and is_opaque(given[1])


def is_nothing(text: str) -> bool:
    """Whether a text plainly is no secret: a word that chooses something, or a place that is filled in later."""
    bare = text.strip()
    return not bare or bare.lower() in _NOTHING or bool(_PLACEHOLDER.fullmatch(bare))


def is_opaque(text: str) -> bool:
    """Whether a text looks as only a machine would write it: no words, no date, no version, no name of a model."""
    bare = text.strip()
    if not _SIGNED.fullmatch(bare) or _DATED.fullmatch(bare) or "://" in bare or is_nothing(bare):
        return False
    return any(_is_odd(piece) for piece in _PIECES.findall(bare))


def is_long(text: str) -> bool:
    """Whether a text is opaque, and so long and so mixed that no place of its own is needed to tell."""
    bare = text.strip()
    return is_opaque(bare) and any(len(one) >= _LONG and not one.isdigit() for one in re.findall(r"[\w-]+", bare))


def _is_odd(piece: str) -> bool:
    """Whether letters and digits stand together as in no word."""
    if piece.isdigit():
        return len(piece) > 2 * _NUMBER
    if piece.isalpha():
        return len(piece) >= _WORD or (len(_TURNS.findall(piece)) > 1 and len(piece) > _NUMBER)
    return (
        len(piece) > _MIXED
        and len(re.findall(r"[A-Za-z]+|\d+", piece)) > 1
        and not re.fullmatch("[a-z]+\\d{1,3}", piece)
    )


def tells(heard: Weight, text: str) -> bool:
    """Whether a text is a secret under a name that says so much; keys are known under any name."""
    if is_credential(text):
        return True
    if heard is Weight.SURE:
        return not is_nothing(text)
    return heard is Weight.SOME and is_opaque(text)


def is_secret(name: str, text: str) -> bool:
    """Whether the text of a header is to be kept from view, by its name or by its looks."""
    whole = is_key(text) or _CREDENTIALS.fullmatch(text.strip())
    return is_name(name) or bool(whole) or (is_long(text) and not is_public(name))


def is_plain_header(name: str, text: str) -> bool:
    """Whether a header surely gives access to nothing: HTTP defines it, it names a version, or it holds a mere word."""
    known = is_public(name) or name.lower() in _STANDARD or text.strip().lower() in _NOTHING
    return known and not is_secret(name, text)
