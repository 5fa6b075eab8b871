"""Detection of secrets by the name of a field or the form of a text.

A name is split into words, so that `X-Api-Key`, `apiKey` and `api_key` are equal.  Some names are only used for secrets
(`password`): their value counts as a secret unless it clearly is not.  Others have many uses (`key`, `token`): their
value counts as a secret only if it does not look like a word, date, version or name.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator
from enum import IntEnum
from typing import Final

from tavusctl.lib.patterns import pattern
from tavusctl.secrets import private_keys

# A word in the name of a header of secrets: `portkey`, `author` and `tokenizer` are none.
_HEADER_WORD: Final = pattern(
    r"\w*(?:token|secret|passwo?r?d|cookie|credential|jwt|sessionid|(?<!port)(?<!mon)(?<!tur)(?<!hot)(?<!public)key)s?"
    r"|\w*auth[2nz]?|authentication|authorization|pwd|signatures?|sessions?",
    re.IGNORECASE,
)
# Formats of keys that have a known prefix, and private keys.  The id of an access key in a signed URL names the signer.
_KEYS = pattern(
    r"\b(?:sk|rk|pk)[-_](?:live|test|proj|ant|or|svcacct)[-_][\w-]{8,}|\bsk[-_][A-Za-z0-9]{20,}"
    r"|\bgh[pousr]_\w{20,}|\bgithub_pat_\w{20,}|\bglpat-[\w-]{16,}|\bxox[abeprs]-[\w-]{10,}|\bxapp-[\w-]{10,}"
    r"|(?<![?&]X-Amz-Credential=)(?<![?&]AWSAccessKeyId=)\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"
    r"|\bAIza[\w-]{30,}|\bya29\.[\w-]{20,}|\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]+"
    r"|\bhf_[A-Za-z0-9]{30,}|\bgsk_[A-Za-z0-9]{20,}|\bwhsec_[\w+/=]{20,}|\bSG\.[\w-]{16,}\.[\w-]{16,}|\bnpm_\w{30,}"
    r"|\bhooks\.slack\.com/(?:services|workflows)/[\w/-]{16,}|\bdiscord(?:app)?\.com/api/webhooks/\d+/[\w-]{16,}"
    r"|\bsk_car_[A-Za-z0-9]{16,}|\bxai-\w{40,}|\bpplx-[A-Za-z0-9]{32,}|\bnvapi-[\w-]{40,}|\br8_[A-Za-z0-9]{30,}"
    r"|\btvly-[\w-]{24,}|\bcal_live_[0-9a-f]{24,}|\bpat-(?:na|eu)\d-[0-9a-f-]{32,}|\bshp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}"
    r"|\b(?:dckr_pat|figd|glsa|lin_api|ntn|sbp)_\w{24,}|\bdo[opr]_v1_[0-9a-f]{40,}|\bhvs\.CAES[\w-]{24,}"
    r"|\bpypi-AgE[\w-]{24,}|\b(?:GOCSPX|PMAK|xkeysib|gl[rd]t)-[\w-]{20,}"
    r"|\b\d{8,10}:AA[\w-]{30,}|\b(?:AGE-SECRET-KEY|age-secret-key)-(?:[A-Za-z0-9]{1,8}-)?1[A-Za-z0-9]{40,}"
    rf"|{private_keys.BEGIN}"
)
_PUBLIC_KEY: Final = pattern(r"pk[-_]")
_NAMED_KEY: Final = pattern(r"[sr]k[-_](?:live|test|proj|ant|or|svcacct)[-_]")
_PREFIXED_NAME: Final = pattern(r"[a-z]+\d*(?:[-_.]+[a-z]+\d?)+")  # words only: `npm_install_all_packages`
_PRIVATE_KEY: Final = pattern(private_keys.BEGIN)
_PRIVATE_KEY_BODY: Final = pattern(private_keys.BODY)
_EXAMPLE: Final = pattern(r"your|example|xxxx|(.)\1{7}\Z", re.IGNORECASE)
_ELLIPSES: Final = ("…", "...")
_CUT: Final = 32  # characters; a shorter key with an ellipsis after it is only the beginning of one
# Every match of `_KEYS` contains one of these texts, which are found much faster.
_MARKERS: Final = (
    *(f"{first}{dash}" for first in ("sk", "rk", "pk") for dash in "-_"),
    *(f"gh{letter}_" for letter in "pousr"),
    *("github_pat_", "glpat-", "xapp-", "AKIA", "ASIA", "AIza", "ya29.", "eyJ", *private_keys.MARKERS),
    *("AGE-SECRET-KEY-", "age-secret-key-", "GOCSPX-", "PMAK-", "pypi-AgE", "xkeysib-", "hvs.CAES"),
    *(f"{name}_" for name in ("dckr_pat", "figd", "glsa", "lin_api", "ntn", "sbp")),
    *(f"do{letter}_v1_" for letter in "opr"),
    *("glrt-", "gldt-"),
    *(f"xox{letter}-" for letter in "abeprs"),
    *("xai-", "pplx-", "nvapi-", "r8_", "tvly-", "cal_live_", "pat-", "shpat_", "shpca_", "shppa_", "shpss_"),
    *("hf_", "gsk_", "whsec_", "SG.", "npm_", "hooks.slack.com/", "com/api/webhooks/", ":AA"),
)
_SHORTEST: Final = 14  # characters of the shortest match of `_KEYS`
_FEW: Final = 4
_SIGNS: Final = "_-/JzK9:S"  # each marker has one of them, and most prose only a few
_BY_SIGN: Final = {
    sign: [marker for marker in _MARKERS if next(one for one in _SIGNS if one in marker) == sign] for sign in _SIGNS
}
# Each sign, its markers and, of signs with many, what is before it in them: where it is after something else, there is
# no marker, which is found out faster than by a search for each.
_KEY_MARKERS: Final = tuple(
    (sign, markers, tuple(marker.partition(sign)[0] for marker in markers) if len(markers) > _FEW else ())
    for sign, markers in _BY_SIGN.items()
)
_CREDENTIALS = pattern(r"(?:bearer|basic|token|apikey|digest)\s+([\w+/=.~:-]{8,})", re.IGNORECASE)


class Weight(IntEnum):
    """How likely the value under a name is a secret, as the name shows."""

    NONE = 0
    POSSIBLE = 1  # a secret if it looks like one
    CERTAIN = 2  # a secret unless it clearly is not


_WORDS: Final = pattern(r"[Bb](?:[Aa][Ss][Ee])?64|[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_a-zA-Z]+")
# Words at the end that distinguish values or name an encoding: what is before them is the name proper.
_SUFFIXES: Final = frozenset().union(
    {"value", "val", "header", "field", "text", "string", "str", "raw", "plain", "base64", "b64", "hex"},
    {"pem", "der", "jwk", "pkcs", "encoded"},
    {"eu", "us", "uk", "de", "fr", "ap", "apac", "emea", "asia", "east", "west"},
    {"prod", "production", "staging", "stage", "dev", "development", "test", "live", "primary", "secondary"},
    {"old", "new", "current", "previous", "next", "backup", "default", "json", "v"},
)
_SURE: Final = pattern(
    r"(?:passw(?:or)?ds?|passwort|kennwort|pwds?|passphrases?|passcodes?|connectionstrings?|secrets?|credentials?"
    r"|authorization|cookies?|jwt|bearer"
    r"|apikeys?|(?:access|secret|private|auth|signing|encryption|subscription|licen[cs]e|account|service|client|master"
    r"|admin|storage|shared|functions?|webhook|hmac|ssh|app|application|deploy|project)keys?"
    r"|(?:access|auth|api|refresh|bearer|secret|session|csrf|xsrf|security|personal|private|bot|hook|webhook|meeting"
    r"|verification|verify|service|client|user|login|oauth|sas|id|admin|app|bearer)tokens?)$"
)
_ENCODINGS: Final = ("base64", "b64")
_SOME: Final = pattern(
    r"(?:keys?|tokens?|auth|authentication|signatures?|sessions?|sessid|(?:j|aspnet)sessionid|hmac|pass)$"
)
_SHORT: Final = frozenset({"sig", "pin", "otp", "pw", "sas", "code", "creds", "cred"})
# Names that end like those of secrets, but are of public values.
_PUBLIC_NAMES: Final = pattern(
    r"(?:public|max|min|eos|bos|pad|stop|mask|unk|sep|cls|total|prompt|completion)(?:key|token)s?$"
)
_PUBLIC_ENDS: Final = frozenset().union(
    {"id", "ids", "uuid", "guid", "hash", "digest", "etag", "checksum", "sha", "version", "model", "name"},
    {"type", "kind", "url"},
)
# Names of headers whose values are ids of these, which may be long.
_OWNER_ENDS: Final = frozenset({"organization", "organisation", "org", "project", "tenant", "workspace"})

# Headers of the HTTP standard that do not contain credentials.
_STANDARD: Final = frozenset(
    {"accept", "accept-charset", "accept-encoding", "accept-language", "cache-control", "connection"}
    | {"content-encoding", "content-language", "content-type", "user-agent"}
)
_KEYWORDS: Final = frozenset().union(
    {"true", "false", "none", "null", "nil", "auto", "yes", "no", "on", "off", "any", "all", "required"},
    {"optional", "disabled", "enabled", "default", "anonymous", "unset", "bearer", "basic", "digest"},
    {"oauth", "oauth2", "apikey", "api_key", "api-key", "jwt", "hmac", "header", "query", "cookie", "token"},
    {"password", "secret", "env", "environment", "n/a", "na", "unknown", "string"},
)
_PLACEHOLDER: Final = pattern(r"\{\{.*\}\}|\$?\{.*\}|<.*>|\[.*\]|%\(.*\)s|\$[A-Z_]\w*|%[A-Z_]+%", re.DOTALL)
_SIGNED: Final = pattern(r"[A-Za-z0-9+/=_.~:%@!$&*#^-]+")
_DATED: Final = pattern(r"v?\d{1,4}(?:[-./]\d{1,4}){1,3}(?:[-_][a-z]+)?", re.IGNORECASE)
_UUID: Final = pattern(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_RUNS: Final = pattern(r"[A-Za-z0-9]+")
_CASE_CHANGES: Final = pattern(r"[a-z][A-Z]")
_MIXED, _WORD, _LONG, _NUMBER = 5, 16, 24, 6  # characters
_REMEMBERED: Final = 200  # characters of a text whose result is remembered, at most


@functools.lru_cache(maxsize=8192)
def weight(name: str) -> Weight:
    """How likely the value under a name is a secret, by the words of the name."""
    words = [word.lower() for word in _WORDS.findall(name)]
    found = _weight_of(words)
    while found is Weight.NONE and len(words) > 1 and (words[-1] in _SUFFIXES or words[-1].isdigit()):
        words.pop()
        found = _weight_of(words)
    return found


def _weight_of(words: list[str]) -> Weight:
    whole = "".join(words)
    if whole.endswith(_ENCODINGS):  # in a name without capitals or separators
        whole = whole.removesuffix("64").removesuffix("base").removesuffix("b")
    if not words or _PUBLIC_NAMES.search(whole):
        return Weight.NONE
    if _SURE.search(whole):
        return Weight.CERTAIN
    is_possible = _SOME.search(whole) or words[-1] in _SHORT
    return Weight.POSSIBLE if is_possible else Weight.NONE


def is_public(name: str) -> bool:
    """Whether a name is of public values, which may look like secrets: ids, digests, versions."""
    return _last_word(name) in _PUBLIC_ENDS


def _last_word(name: str) -> str:
    return next((word.lower() for word in reversed(_WORDS.findall(name))), "")


def is_secret_name(name: str) -> bool:
    """Whether the value of a header with this name usually is a secret."""
    return weight(name) is Weight.CERTAIN or any(map(_HEADER_WORD.fullmatch, _WORDS.findall(name)))


def is_key(text: str) -> bool:
    """Whether a text contains what surely is an API key, a token or a private key."""
    length = len(text)
    return length >= _SHORTEST and (_is_key(text) if length > _REMEMBERED else _short_is_key(text))


def is_any_key(texts: Iterable[str]) -> bool:
    """Whether one of some texts contains a key; most are too short, which is found out first."""
    return any(map(is_key, [text for text in texts if len(text) >= _SHORTEST]))


def _is_key(text: str) -> bool:
    return _has_marker(text) and next(key_spans(text), None) is not None  # most texts have none, and this is faster


_short_is_key = functools.lru_cache(maxsize=8192)(_is_key)  # objects of a kind have many short texts in common


def key_spans(text: str) -> Iterator[tuple[int, int]]:
    """The positions of what surely are API keys, tokens and private keys in a text."""
    return ((start, end) for start, end, weight in weighed_keys(text) if weight is Weight.CERTAIN)


def weighed_keys(text: str) -> Iterator[tuple[int, int, Weight]]:
    """The positions of what looks like a key, and how likely each is a secret: a public key or an example is none."""
    if _has_marker(text):
        yield from ((*match.span(), _weight_of_key(match)) for match in _KEYS.finditer(text))


def _weight_of_key(match: re.Match[str]) -> Weight:
    key, text = match[0], match.string
    if _PUBLIC_KEY.match(key) or _EXAMPLE.search(key):
        return Weight.NONE
    if len(key) < _CUT and text.startswith(_ELLIPSES, match.end()):
        return Weight.NONE
    if _PRIVATE_KEY.match(key):
        return Weight.CERTAIN if _PRIVATE_KEY_BODY.match(text, match.end()) else Weight.POSSIBLE
    named = _NAMED_KEY.match(key)  # what follows may be words, as in `sk-test-onboarding`
    is_name = not is_opaque(key[named.end() :]) if named else bool(_PREFIXED_NAME.fullmatch(key))
    return Weight.POSSIBLE if is_name else Weight.CERTAIN


def _has_marker(text: str) -> bool:
    if len(text) < _SHORTEST:
        return False
    for sign, markers, befores in _KEY_MARKERS:
        if sign in text and (not befores or any(part.endswith(befores) for part in text.split(sign))):
            for marker in markers:
                if marker in text:
                    return True
    return False


def is_credential(text: str) -> bool:
    """Whether a text contains a key, or is the complete value of an Authorization header."""
    if is_key(text):
        return True
    match = _CREDENTIALS.fullmatch(text.strip())
    return match is not None and is_opaque(match[1])


def is_key_as_name(name: str) -> bool:
    """Whether the name of a variable rather is a key: long, with letters and digits, and without underscores."""
    return is_key(name) or ("_" not in name and is_long(name.lower()))


def is_keyword_or_placeholder(text: str) -> bool:
    """Whether a text clearly is not a secret: empty, a keyword such as `true` or `none`, or a placeholder."""
    bare = text.strip()
    return not bare or bare.lower() in _KEYWORDS or bool(_PLACEHOLDER.fullmatch(bare))


def is_opaque(text: str) -> bool:
    """Whether a text looks machine-generated: not words, a date, a version, a URL or the name of a model."""
    bare = text.strip()
    if not _SIGNED.fullmatch(bare) or _DATED.fullmatch(bare) or "://" in bare or is_keyword_or_placeholder(bare):
        return False
    return any(_is_unlike_word(run) for run in _RUNS.findall(bare))


def is_long(text: str) -> bool:
    """Whether a text is opaque and has a run of at least 24 characters, so that it counts as secret under any name.

    A UUID does not: under a name that says nothing, it is an id.
    """
    bare = text.strip()
    return (
        is_opaque(bare)
        and not _UUID.fullmatch(bare)
        and any(len(run) >= _LONG and not run.isdigit() for run in re.findall(r"[\w-]+", bare))
    )


def _is_unlike_word(run: str) -> bool:
    """Whether a run of letters and digits is unlike a word or number."""
    if run.isdigit():
        return len(run) > 2 * _NUMBER
    if run.isalpha():
        return len(run) >= _WORD or (len(_CASE_CHANGES.findall(run)) > 1 and len(run) > _NUMBER)
    return len(run) > _MIXED and len(re.findall(r"[A-Za-z]+|\d+", run)) > 1 and not re.fullmatch("[a-z]+\\d{1,3}", run)


def is_secret_under(name_weight: Weight, text: str) -> bool:
    """Whether a text is a secret, given the weight of its name; keys are recognised under any name."""
    if is_credential(text):
        return True
    if name_weight is Weight.CERTAIN:
        return not is_keyword_or_placeholder(text)
    return name_weight is Weight.POSSIBLE and is_opaque(text)


def is_secret_in_prose(name: str, text: str) -> bool:
    """Whether a text behind a name in a sentence is a secret, unlike `zip code: SW1A1AA` and `order key: A1B2C3D4`."""
    name_weight = weight(name)
    if not name_weight or not is_opaque(text):
        return False
    is_short = not _SHORT.isdisjoint(word.lower() for word in _WORDS.findall(name))
    return name_weight is Weight.CERTAIN or (not is_short and len(text) >= _WORD and any(map(str.isdigit, text)))


def is_secret(name: str, text: str) -> bool:
    """Whether the value of a header is a secret, by the name of the header or by the form of the value."""
    has_secret_form = is_key(text) or _CREDENTIALS.fullmatch(text.strip())
    if is_secret_name(name) or has_secret_form:
        return True
    return is_long(text) and _last_word(name) not in _PUBLIC_ENDS | _OWNER_ENDS


def is_plain_header(name: str, text: str) -> bool:
    """Whether a header surely is not a credential: a standard one, one with a public name, or one with a keyword."""
    is_harmless = is_public(name) or name.lower() in _STANDARD or text.strip().lower() in _KEYWORDS
    return is_harmless and not is_secret(name, text)
