"""Types of fields that several kinds have, with words of their own for what is wrong; and what is blank."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any, Final, Literal

from tavusctl.redaction import shortened
from tavusctl.shape import Worded

_WEB: Final = r"https?://[^\s/]\S*"


def blank(value: object) -> bool:
    """Whether a value says nothing: absent, or a text of white space."""
    return value is None or (isinstance(value, str) and not value.strip())


def matching(pattern: str, words: Callable[[str], str]) -> Worded:
    """A text that matches as a whole; the words are for one that does not."""
    return Worded(words, {"type": "string", "pattern": f"^{pattern}$"})


def _not_text_or_list(value: Any) -> str:
    return f"found {type(value).__name__}; write a text or a list of texts"


def _not_true_or_false(value: Any) -> str:
    return f"found {value!r}; write true or false"


def _no_web_address(value: str) -> str:
    scheme, colon, rest = value.strip().partition("://")
    meant = f"{scheme.lower()}://{rest}" if colon else f"https://{scheme}"
    is_host = colon or re.match(r"www\.|[\w-]+(\.[\w-]+)*\.[a-z]{2,}(:\d+)?/", scheme)
    if is_host and re.fullmatch(_WEB, meant):
        return f"found {shortened(value, 80)!r}; write {shortened(meant, 80)}"
    return f"found {shortened(value, 80)!r}; write an address that begins with https:// or http:// and has no spaces"


TextOrList = Annotated[
    str | list[str],
    Worded(_not_text_or_list, {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]
Truth = Annotated[
    bool | Literal["true", "false"],
    Worded(_not_true_or_false, {"anyOf": [{"type": "boolean"}, {"enum": ["true", "false"]}]}),
]
WebAddress = Annotated[str, matching(_WEB, _no_web_address)]
