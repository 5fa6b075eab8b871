"""Expressions of workflows, as far as ours use them: paths, texts, `!`, `==`, `!=`, `&&`, `||` and a few functions."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

Names = Mapping[str, Any]
_TOKEN = re.compile(r"\s*('(?:[^']|'')*'|&&|\|\||==|!=|[!(),]|[A-Za-z_][\w.-]*)")
_PLACE = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)


def filled(text: str, names: Names, functions: Mapping[str, Callable[..., Any]]) -> str:
    """A text with its expressions replaced by what they mean."""
    return _PLACE.sub(lambda found: _shown(value(found[1], names, functions)), text)


def value(text: str, names: Names, functions: Mapping[str, Callable[..., Any]]) -> Any:
    """What one expression means."""
    reading = _Reading(_TOKEN.findall(text.strip()), names, functions)
    assert "".join(reading.tokens) == re.sub(r"\s+(?=(?:[^']*'[^']*')*[^']*$)", "", text), text
    found = reading.either()
    assert reading.at == len(reading.tokens), text
    return found


def _shown(found: Any) -> str:
    return "" if found is None else str(found).lower() if isinstance(found, bool) else str(found)


class _Reading:
    """Reads tokens by descent: `||`, then `&&`, then comparisons, then what stands alone."""

    def __init__(self, tokens: list[str], names: Names, functions: Mapping[str, Callable[..., Any]]) -> None:
        self.tokens, self.names, self.functions, self.at = tokens, names, functions, 0

    def take(self, *wanted: str) -> str:
        """The next token, if it is one of these."""
        found = self.tokens[self.at] if self.at < len(self.tokens) else ""
        if found not in wanted:
            return ""
        self.at += 1
        return found

    def either(self) -> Any:
        found = self.both()
        while self.take("||"):
            other = self.both()
            found = found or other
        return found

    def both(self) -> Any:
        found = self.compared()
        while self.take("&&"):
            other = self.compared()
            found = found and other
        return found

    def compared(self) -> Any:
        found = self.one()
        if sign := self.take("==", "!="):
            return (_shown(found) == _shown(self.one())) is (sign == "==")
        return found

    def one(self) -> Any:
        if self.take("!"):
            return not self.one()
        if self.take("("):
            found = self.either()
            assert self.take(")")
            return found
        token = self.tokens[self.at]
        self.at += 1
        if token.startswith("'"):
            return token[1:-1].replace("''", "'")
        if not self.take("("):
            return _at(self.names, token.split("."))
        given = []
        while not self.take(")"):
            given.append(self.either())
            self.take(",")
        return self.functions[token](*given)


def _at(found: Any, path: list[str]) -> Any:
    """A value by its path; None where there is none, as GitHub has it."""
    for key in path:
        found = found.get(key) if isinstance(found, Mapping) else None
    return found
