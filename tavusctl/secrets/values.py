"""Secret values, which cannot be printed; the templates of such values, and fingerprints of secrets."""

from __future__ import annotations

import functools
import hashlib
import hmac
import re
import unicodedata
from collections.abc import Mapping
from typing import Final, NoReturn

from msgspec import Struct

from tavusctl.lib.patterns import pattern
from tavusctl.secrets import redaction

SHOWN: Final = redaction.SHOWN
MASK: Final = "********"  # what the API returns in place of a stored key
# Masks of hidden keys: only mask characters, three of them between the first and last characters of the key, or a word.
_DOTS: Final = "*•●∙\u2217\u204e✱○◦■█▪◼⬛▓▒░"
_MASK_CHARACTERS: Final = pattern(rf"[{_DOTS}·._#xX-]+")
_MASK_SIGN: Final = pattern(rf"[{_DOTS}·#]|\.{{3}}|[xX]{{4}}")
_MASK_INSIDE: Final = pattern(rf"[{_DOTS}]{{3}}")
_MASK_WORD: Final = pattern(
    r"[\w-]{0,12}\.{3}[\w-]{0,12}|[\[(<{](?:sensitive|redacted|masked|hidden|secret)[\])>}]|redacted|masked",
    re.IGNORECASE,
)
# What programs and people write where no value is: a word for nothing, empty quotes, an expression that nobody has
# replaced, an instruction to replace it.
_PLACEHOLDER: Final = pattern(
    r"''|\"\"|``|\$[A-Z_]+|%[A-Z_][A-Z0-9_]*%|<[^<>]*>"
    r"|\$?\{\{.*\}\}|\$\{.*\}|\$\([^)]*\)"
    r"|(?i:change[-_ ]?(?:me|it|this)|replace[-_ ]?(?:me|this)|todo|tbd|fixme|placeholder)"
    r"|(?i:(?:your|insert|enter)[-_ ](?:[a-z]{1,20}[-_ ]){0,3}(?:key|token|secret|password|here))",
    re.DOTALL,
)
_NOTHING: Final = frozenset({"null", "none", "nil", "undefined", "nan", "n/a"})
_BREAKS: Final = pattern(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_UNSEEN: Final = r"[\u00ad\u034f\u061c\u115f\u1160\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0]+"
_INVISIBLE: Final = pattern(_UNSEEN)
_SELECTORS: Final = pattern(r"[\ufe00-\ufe0f]+")  # variation selectors: invisible, but keyboards write them after emoji
_ENDS: Final = pattern(rf"\A{_UNSEEN}|{_UNSEEN}\Z")


def is_mask(text: str) -> bool:
    """Whether a text is a mask that replaces a hidden key, such as `********`."""
    seen = _as_seen(text)
    if _MASK_CHARACTERS.fullmatch(seen) and _MASK_SIGN.search(seen):
        return True
    return bool(_MASK_INSIDE.search(seen) or _MASK_WORD.fullmatch(seen))


def _as_seen(text: str) -> str:
    """A text as a reader sees it: compatible characters are one (NFKC, as U+FF0A and `*`), and none is invisible."""
    return unicodedata.normalize("NFKC", _SELECTORS.sub("", _INVISIBLE.sub("", text))).strip()


def trimmed(text: str) -> str:
    """The value of a secret without what files and shells add around it: white space, newlines, invisible characters.

    A byte order mark is an invisible character.
    """
    while (bare := _ENDS.sub("", text.strip())) != text:
        text = bare
    return text


def why_unusable(value: str | UnreadSecret) -> str:
    """Why a value cannot be used as a secret; empty if it can, or if this run does not read it."""
    if isinstance(value, UnreadSecret):
        return ""
    if not _as_seen(value):
        return "has only blanks as its value" if value else "has no value"
    if _as_seen(value).lower() in _NOTHING or _PLACEHOLDER.fullmatch(_as_seen(value)):
        return "has a placeholder as its value, which would replace the real key"
    if is_mask(value) or _is_sign(_as_seen(value)):
        return "has a mask as its value, which would replace the real key"
    if _BREAKS.search(value):
        return "has a line break or another control character in its value"
    return "has an invisible character in its value" if _INVISIBLE.search(value) else ""


def why_unsendable(value: str | UnreadSecret) -> str:
    """Why a value cannot be sent in a header; empty if it can: RFC 9110, section 5.5, allows only visible ASCII."""
    if isinstance(value, UnreadSecret) or value.isascii():
        return ""
    return "has a character in its value that no header can have, such as a curly quote"


def _is_sign(text: str) -> bool:
    """Whether a text is one sign, or the same sign several times, and no letter or digit: nobody has such a key."""
    return len(set(text)) == 1 and not text.isalnum()


_SLOW: Final = "scrypt:"  # prefix of fingerprints from an algorithm that is slow on purpose
_COST: Final = {"n": 2**14, "r": 8, "p": 1}  # 16 MiB and about 50 ms for each distinct secret


class Fingerprint(Struct, frozen=True):
    """A keyed digest of a secret, which shows whether the secret changed, and nothing else."""

    digest: str  # begins with the name of the algorithm


# The fingerprint of a secret whose value is unknown here; the first value to be compared with it counts as equal.
REDACTED: Final = Fingerprint("")


class TextFingerprint:
    """A keyed digest, in a record, of a text that contains the value of a secret; shows whether a text is equal.

    Without the key, every text counts as equal, as every secret does for a fingerprint.
    """

    __slots__ = ("digest", "key")

    def __init__(self, digest: str, key: bytes = b"") -> None:
        self.digest = digest
        self.key = key

    def matches(self, text: str) -> bool:
        """Whether it is of this text; true if that is unknown, without a digest or key."""
        if not self.digest or not self.key:
            return True
        return hmac.compare_digest(_slow_digest(text, self.key), self.digest)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TextFingerprint) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    def __repr__(self) -> str:
        return SHOWN


class FingerprintKey(Struct, frozen=True):
    """The key of fingerprints.  If it is empty, none can be compared."""

    value: bytes = b""

    def seal(self, value: str, *, public: bool = False, compared_as: str = "") -> Secret:
        """Make a secret of a value, comparable with fingerprints made with this key; for arguments see Secret."""
        return Secret(value, self.value, public=public, compared_as=compared_as)

    def text_fingerprint(self, text: str) -> TextFingerprint:
        """The digest that replaces, in records, a text with the value of a secret."""
        return TextFingerprint(_slow_digest(text, self.value) if self.value else "", self.value)


NO_KEY: Final = FingerprintKey()


class Secret:
    """A secret value.  `str`, `repr`, `format` and JSON never show it; only the request encoder reveals it.

    Two secrets are compared by their values; a fingerprint is only made to compare a secret with a record.
    `compared_as` is compared instead of the value, if given: two signed URLs of a file differ, but mean the same.
    `public` values are known to anybody, and are not redacted elsewhere.
    """

    __slots__ = ("__key", "__means", "__value")

    def __init__(self, value: str, key: bytes, *, public: bool = False, compared_as: str = "") -> None:
        if not public:  # a public value, such as a content type, may occur in other texts too
            redaction.register(value)
        self.__value = value
        self.__means = compared_as or value
        self.__key = key

    @property
    def fingerprint(self) -> Fingerprint:
        """The fingerprint for records; REDACTED without a key."""
        return Fingerprint(_slow_digest(self.__means, self.__key)) if self.__key else REDACTED

    def matches(self, fingerprint: Fingerprint) -> bool:
        """Whether a fingerprint is of this value; true if that is unknown, because the key of the fingerprint is."""
        if fingerprint == REDACTED or not self.__key:
            return True
        return hmac.compare_digest(self.fingerprint.digest, fingerprint.digest)

    def equals_text(self, text: str) -> bool:
        """Whether a text that is not secret equals the value, or `compared_as` if given."""
        return hmac.compare_digest(self.__means.encode(), text.encode("utf-8", "surrogatepass"))

    def reveal(self) -> str:
        """The value itself, for the body of a request."""
        return self.__value

    def __repr__(self) -> str:
        return SHOWN

    __str__ = __repr__

    def __format__(self, _: str) -> str:
        return SHOWN

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self.__means.encode(), other.__means.encode())

    def __hash__(self) -> int:
        return hash(self.__means)

    def __deepcopy__(self, _: object) -> Secret:
        return self

    def __reduce__(self) -> NoReturn:
        message = "a secret is not to be stored"
        raise TypeError(message)


class UnreadSecret(Secret):
    """A secret that this run does not read, so that nothing depends on its value; it is never sent.

    With `differs` it is unequal to every other value, else it counts as equal to any.
    """

    __slots__ = ("__differs",)

    def __init__(self, *, differs: bool) -> None:
        super().__init__("", b"", public=True)
        self.__differs = differs

    @property
    def fingerprint(self) -> Fingerprint:
        """Return REDACTED, as the value is unknown."""
        return REDACTED

    def matches(self, fingerprint: Fingerprint) -> bool:
        """Whether it counts as equal to the secret of a fingerprint."""
        del fingerprint
        return not self.__differs

    def equals_text(self, text: str) -> bool:
        """Whether it counts as equal to a text."""
        del text
        return not self.__differs

    def reveal(self) -> str:
        """Raise TypeError, as the value is unknown."""
        message = "a secret that was not read is not to be sent"
        raise TypeError(message)

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Secret) and not self.__differs)

    def __hash__(self) -> int:
        return hash(UnreadSecret)


Values = Mapping[str, str | UnreadSecret]  # values of secrets by name


def revealed(value: object) -> object:
    """The value of a secret, for a call; any other value unchanged."""
    return value.reveal() if isinstance(value, Secret) else value


class SecretText(Struct, frozen=True):
    """A text that contains `${secret:NAME}`: parts and names alternate, with a part first and last."""

    parts: tuple[str, ...]
    names: tuple[str, ...]

    def fill(self, values: Values, key: FingerprintKey) -> Secret:
        """The text with the values of its secrets, as a secret; KeyError with the name of one that has no value."""
        text = self.text(values)
        return text if isinstance(text, UnreadSecret) else key.seal(text)

    def text(self, values: Values) -> str | UnreadSecret:
        """The text with the values of its secrets, or the first unread one; KeyError with the name of one without."""
        text = self.parts[0]
        for name, part in zip(self.names, self.parts[1:], strict=True):
            value = values[name]
            if isinstance(value, UnreadSecret):
                return value
            text += value + part
        return text

    def __str__(self) -> str:
        marks = (f"${{secret:{name}}}{part}" for name, part in zip(self.names, self.parts[1:], strict=True))
        return "".join([self.parts[0], *marks])


@functools.lru_cache(maxsize=4096)
def _slow_digest(value: str, key: bytes) -> str:
    """The scrypt digest of a value: slow, so that even with state and key, short secrets cannot be found by trial.

    The cache computes it once for equal secrets.
    """
    return _SLOW + hashlib.scrypt(value.encode("utf-8", "surrogatepass"), salt=key, dklen=32, **_COST).hex()
