"""Regular expressions that are compiled when they are first used: there are many, and most runs need few of them."""

from __future__ import annotations

import re
from typing import cast


class _Uncompiled:
    """Stands for a pattern; from its first use on it has what it was asked for, as attributes of its own."""

    def __init__(self, text: str, flags: int) -> None:
        self._text, self._flags = text, flags

    def __getattr__(self, name: str) -> object:
        found: object = getattr(re.compile(self._text, self._flags), name)
        setattr(self, name, found)
        return found


def pattern(text: str, flags: int = 0) -> re.Pattern[str]:
    """A regular expression, for a module to keep; one that is wrong is an error of its first use."""
    return cast("re.Pattern[str]", _Uncompiled(text, flags))
