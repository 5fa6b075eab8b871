"""Regular expressions that are compiled at their first use, because most runs need few of the many."""

from __future__ import annotations

import re
from typing import AnyStr, Generic, cast


class _Uncompiled(Generic[AnyStr]):
    """A proxy for a pattern, which compiles it for each new attribute, and then stores that attribute itself."""

    def __init__(self, text: AnyStr, flags: int) -> None:
        self._text: AnyStr = text
        self._flags = flags

    def __getattr__(self, name: str) -> object:
        attribute: object = getattr(re.compile(self._text, self._flags), name)
        setattr(self, name, attribute)
        return attribute


def pattern(text: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """A regular expression for a module constant; if it is invalid, its first use raises the error."""
    return cast("re.Pattern[AnyStr]", _Uncompiled(text, flags))
