"""Values that cannot be printed: secrets, the templates they come from, and their fingerprints."""

from __future__ import annotations

import functools
import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import Final, NoReturn

from msgspec import Struct

from tavusctl.lib.patterns import pattern
from tavusctl.secrets import redaction

SHOWN: Final = redaction.SHOWN
MASK: Final = "********"  # what the API returns in place of a stored key
# What stands for a key that is not shown: nothing but signs, signs amid a beginning and an end, or a word for that.
_MASKED: Final = pattern(
    r"[*•●∙·.…_#xX-]*(?:[*•●∙·…#]|\.{3}|[xX]{4})[*•●∙·.…_#xX-]*"
    r"|.*[*•●∙]{3}.*|[\w-]{0,12}(?:\.{3}|…)[\w-]{0,12}"
    r"|[\[(<{](?:sensitive|redacted|masked|hidden|secret)[\])>}]|redacted|masked",
    re.IGNORECASE | re.DOTALL,
)
_BREAKS: Final = pattern(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def is_mask(text: str) -> bool:
    """Whether a text is a mask that replaces a hidden key, such as `********`."""
    return bool(_MASKED.fullmatch(text.strip()))


def outer(text: str) -> str:
    """The value of a secret without what files and shells put around it: white space, line ends, a byte order mark."""
    return text.strip().strip("\ufeff").strip()


def unusable(value: str | Unread) -> str:
    """Why a value cannot be a secret; empty when it can, or is not looked at."""
    if isinstance(value, Unread):
        return ""
    if not value:
        return "has no value"
    if is_mask(value):
        return "has a mask for a value, which would take the place of the true key"
    return "has a line break or another control character in its value" if _BREAKS.search(value) else ""


SLOW: Final = "scrypt:"  # how a fingerprint begins whose way of making is slow on purpose
_COST: Final = {"n": 2**14, "r": 8, "p": 1}  # 16 MiB and about 50 ms for each distinct secret


class Fingerprint(Struct, frozen=True):
    """A keyed digest of a secret: tells whether it changed, and nothing else.

    It begins with the name of the algorithm; one without a name is of an older version, and made with the API key.
    """

    digest: str

    @property
    def is_legacy(self) -> bool:
        """Whether only the API key that it was made with can tell what it is of."""
        return bool(self.digest) and not self.digest.startswith(SLOW)


# Of a secret that the account has and nobody here has seen: it stands for whatever is first said to be there.
REDACTED: Final = Fingerprint("")


class TextPrint:
    """What a record keeps of a text in which the value of a secret stands: whether another text is the same.

    Without the key it may be of any text, as a fingerprint may be of any secret.
    """

    __slots__ = ("digest", "key")

    def __init__(self, digest: str, key: bytes = b"") -> None:
        self.digest = digest
        self.key = key

    def is_of(self, text: str) -> bool:
        """Whether it was made of a text, as far as can be told."""
        if not self.digest or not self.key:
            return True
        return hmac.compare_digest(_slow_digest(text, self.key), self.digest)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TextPrint) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    def __repr__(self) -> str:
        return SHOWN


class FingerprintKey(Struct, frozen=True):
    """What fingerprints are made with; `legacy` recognises those of older versions.  Empty: nothing can be compared."""

    current: bytes = b""
    legacy: bytes = b""

    def seal(self, value: str, *, known: bool = False, means: str = "") -> Secret:
        """A value as a secret that can be compared with fingerprints made with this key."""
        return Secret(value, self.current, known=known, legacy=self.legacy, means=means)

    def text_print(self, text: str) -> TextPrint:
        """What is kept of a text that no record may hold."""
        return TextPrint(_slow_digest(text, self.current) if self.current else "", self.current)


NO_KEY: Final = FingerprintKey()


class Secret:
    """A secret value.  `str`, `repr`, `format` and JSON never show it; only the request encoder reveals it.

    Two secrets are compared by their values; a fingerprint is made only where one is compared with what is on record.
    `means` is what is compared in place of the value: a link that is signed anew leads to the same file.
    """

    __slots__ = ("__key", "__legacy", "__means", "__value")

    def __init__(self, value: str, key: bytes, *, known: bool = False, legacy: bytes = b"", means: str = "") -> None:
        if not known:  # what anybody may know, such as the type of a content, may stand in other texts as well
            redaction.remember(value)
        self.__value = value
        self.__means = means or value
        self.__key = key
        self.__legacy = legacy

    @property
    def fingerprint(self) -> Fingerprint:
        """What a record says of it; UNSEEN without a key."""
        return Fingerprint(_slow_digest(self.__means, self.__key)) if self.__key else REDACTED

    def is_of(self, known: Fingerprint) -> bool:
        """Whether a fingerprint is of this value, as far as can be told: without its key, it may be of any."""
        if known.is_legacy and self.__legacy:
            made = hmac.new(self.__legacy, self.__means.encode(), hashlib.sha256).hexdigest()
            return hmac.compare_digest(made, known.digest)
        if known == REDACTED or known.is_legacy or not self.__key:
            return True
        return hmac.compare_digest(self.fingerprint.digest, known.digest)

    def is_written(self, text: str) -> bool:
        """Whether a text that is not kept secret says the same."""
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


class Unread(Secret):
    """A secret that this run does not look at, so that nothing in it depends on what it is; it is never sent.

    It differs from every other one, or is taken for the same as any.
    """

    __slots__ = ("__differs",)

    def __init__(self, *, differs: bool) -> None:
        super().__init__("", b"", known=True)
        self.__differs = differs

    @property
    def fingerprint(self) -> Fingerprint:
        """Nothing is known of it."""
        return REDACTED

    def is_of(self, known: Fingerprint) -> bool:
        """Whether it counts as the one that a fingerprint is of."""
        del known
        return not self.__differs

    def is_written(self, text: str) -> bool:
        """Whether it counts as what a text says."""
        del text
        return not self.__differs

    def reveal(self) -> str:
        """There is nothing to reveal."""
        message = "a secret that was not read is not to be sent"
        raise TypeError(message)

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Secret) and not self.__differs)

    def __hash__(self) -> int:
        return hash(Unread)


Values = Mapping[str, str | Unread]  # of secrets, by name


def revealed(value: object) -> object:
    """The value itself of a secret, for a call; any other value as it is."""
    return value.reveal() if isinstance(value, Secret) else value


class SecretText(Struct, frozen=True):
    """Text with `${secret:NAME}` in it: parts and names alternate, parts first and last."""

    parts: tuple[str, ...]
    names: tuple[str, ...]

    def fill(self, values: Values, key: FingerprintKey) -> Secret:
        """The secret itself; KeyError names a secret that has no value."""
        text = self.text(values)
        return text if isinstance(text, Unread) else key.seal(text)

    def text(self, values: Values) -> str | Unread:
        """The text with values in it; KeyError names a secret that has none."""
        text = self.parts[0]
        for name, part in zip(self.names, self.parts[1:], strict=True):
            value = values[name]
            if isinstance(value, Unread):
                return value
            text += value + part
        return text

    def __str__(self) -> str:
        marks = (f"${{secret:{name}}}{part}" for name, part in zip(self.names, self.parts[1:], strict=True))
        return "".join([self.parts[0], *marks])


@functools.lru_cache(maxsize=4096)
def _slow_digest(value: str, key: bytes) -> str:
    """Slow, so that who has the state and its key still cannot try out all PINs and words; equal secrets cost once."""
    return SLOW + hashlib.scrypt(value.encode("utf-8", "surrogatepass"), salt=key, dklen=32, **_COST).hex()


def legacy_key(api_key: str, lineage: str) -> bytes:
    """The key of fingerprints that older versions wrote: made from the API key."""
    return hmac.new(api_key.encode(), b"tavusctl fingerprint " + lineage.encode(), hashlib.sha256).digest()
