"""Evaluates GitHub workflow expressions as far as we use them: paths, strings, `! == != && ||`, and functions."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

Names = Mapping[str, Any]
_TOKEN = re.compile(r"\s*('(?:[^']|'')*'|&&|\|\||==|!=|[!(),]|[A-Za-z_][\w.-]*)")
_EXPRESSION = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)


def filled(text: str, names: Names, functions: Mapping[str, Callable[..., Any]]) -> str:
    """A text in which each expression `${{ ... }}` is replaced by its value."""
    return _EXPRESSION.sub(lambda match: _as_text(value(match[1], names, functions)), text)


def value(text: str, names: Names, functions: Mapping[str, Callable[..., Any]]) -> Any:
    """The value of an expression."""
    parser = _Evaluator(_TOKEN.findall(text.strip()), names, functions)
    assert "".join(parser.tokens) == re.sub(r"\s+(?=(?:[^']*'[^']*')*[^']*$)", "", text), text
    result = parser.either()
    assert parser.at == len(parser.tokens), text
    return result


def _as_text(result: Any) -> str:
    return "" if result is None else str(result).lower() if isinstance(result, bool) else str(result)


class _Evaluator:
    """A recursive-descent parser that evaluates: `||`, then `&&`, then comparisons, then operands."""

    def __init__(self, tokens: list[str], names: Names, functions: Mapping[str, Callable[..., Any]]) -> None:
        self.tokens, self.names, self.functions, self.at = tokens, names, functions, 0

    def take(self, *wanted: str) -> str:
        """Consume and return the next token if it is one of these; otherwise an empty text."""
        token = self.tokens[self.at] if self.at < len(self.tokens) else ""
        if token not in wanted:
            return ""
        self.at += 1
        return token

    def either(self) -> Any:
        result = self.both()
        while self.take("||"):
            other = self.both()
            result = result or other
        return result

    def both(self) -> Any:
        result = self.compared()
        while self.take("&&"):
            other = self.compared()
            result = result and other
        return result

    def compared(self) -> Any:
        left = self.one()
        if sign := self.take("==", "!="):
            return (_as_text(left) == _as_text(self.one())) is (sign == "==")
        return left

    def one(self) -> Any:
        if self.take("!"):
            return not self.one()
        if self.take("("):
            result = self.either()
            assert self.take(")")
            return result
        token = self.tokens[self.at]
        self.at += 1
        if token.startswith("'"):
            return token[1:-1].replace("''", "'")
        if not self.take("("):
            return _value_at(self.names, token.split("."))
        arguments = []
        while not self.take(")"):
            arguments.append(self.either())
            self.take(",")
        return self.functions[token](*arguments)


def _value_at(current: Any, path: list[str]) -> Any:
    """The value at a path; None if it does not exist, as on GitHub."""
    for key in path:
        current = current.get(key) if isinstance(current, Mapping) else None
    return current
