"""Values that cannot be printed: secrets, the templates they come from, and their fingerprints."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import Final, NoReturn

from msgspec import Struct

from tavusctl import redaction

SHOWN: Final = redaction.SHOWN
MASK: Final = "********"  # what the API returns in place of a stored key
# What stands for a key that is not shown: nothing but signs, signs amid a beginning and an end, or a word for that.
_MASKED: Final = re.compile(
    r"[*•●∙·.…_#xX-]*(?:[*•●∙·…#]|\.{3}|[xX]{4})[*•●∙·.…_#xX-]*"
    r"|.*[*•●∙]{3}.*|[\w-]{0,12}(?:\.{3}|…)[\w-]{0,12}"
    r"|[\[(<{](?:sensitive|redacted|masked|hidden|secret)[\])>}]|redacted|masked",
    re.IGNORECASE | re.DOTALL,
)
_BREAKS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def is_mask(text: str) -> bool:
    """Whether a text stands in the place of a key that is not shown, and is none itself."""
    return bool(_MASKED.fullmatch(text.strip()))


def outer(text: str) -> str:
    """The value of a secret without what files and shells put around it: white space, line ends, a byte order mark."""
    return text.strip().strip("\ufeff").strip()


def unusable(value: str) -> str:
    """Why a value cannot be a secret; empty when it can."""
    if not value:
        return "has no value"
    if is_mask(value):
        return "has a mask for a value, which would take the place of the true key"
    return "has a line break or another control character in its value" if _BREAKS.search(value) else ""


class Fingerprint(Struct, frozen=True):
    """A keyed digest of a secret: tells whether it changed, and nothing else."""

    digest: str


# Of a secret that the account has and nobody here has seen: it stands for whatever is first said to be there.
UNSEEN: Final = Fingerprint("")


class Secret:
    """A secret value.  `str`, `repr`, `format` and JSON never show it; only the request encoder reveals it."""

    __slots__ = ("__value", "fingerprint")

    def __init__(self, value: str, key: bytes, *, known: bool = False) -> None:
        if not known:  # what anybody may know, such as the type of a content, may stand in other texts as well
            redaction.remember(value)
        self.__value = value
        self.fingerprint = Fingerprint(hmac.new(key, value.encode(), hashlib.sha256).hexdigest())

    def reveal(self) -> str:
        """The value itself, for the body of a request."""
        return self.__value

    def __repr__(self) -> str:
        return SHOWN

    __str__ = __repr__

    def __format__(self, _: str) -> str:
        return SHOWN

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self.__value.encode(), other.__value.encode())

    def __hash__(self) -> int:
        return hash(self.fingerprint)

    def __deepcopy__(self, _: object) -> Secret:
        return self

    def __reduce__(self) -> NoReturn:
        message = "a secret is not to be stored"
        raise TypeError(message)


class SecretText(Struct, frozen=True):
    """Text with `${secret:NAME}` in it: parts and names alternate, parts first and last."""

    parts: tuple[str, ...]
    names: tuple[str, ...]

    def fill(self, values: Mapping[str, str], key: bytes) -> Secret:
        """The secret itself; KeyError names a secret that has no value."""
        text = self.parts[0]
        for name, part in zip(self.names, self.parts[1:], strict=True):
            text += values[name] + part
        return Secret(text, key)


def fingerprint_key(api_key: str, lineage: str) -> bytes:
    """The key of fingerprints: made from the API key, so that a state alone reveals nothing about a weak secret."""
    return hmac.new(api_key.encode(), b"tavusctl fingerprint " + lineage.encode(), hashlib.sha256).digest()
