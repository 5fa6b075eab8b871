"""The law of patterns: a text that is four times as long takes about four times as long, whatever it repeats."""

from __future__ import annotations

import importlib
import pkgutil
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import tavusctl
from tavusctl.lib import patterns

_SHORT, _LONG = 500, 4_000  # characters; of a pattern with a square, the long text takes 64 times as long
_MOST = 24  # times as long
_NOISE = 0.004  # seconds; less says nothing
_DEPTH = 3  # of collections with patterns
# What a text repeats: single characters of every class that patterns use, and pairs that begin something.
UNITS = (
    *"aA0-_=/.:*x#<&%{$'\\([`~@|é•",
    *(" ", "\t", "\n", "a ", "a-", "a.", "a/", "a=", "a:", "a,", "a\n"),
    *("# ", " #", "\n ", "\n-", "{{", "${", "<a", "a://", "://", "sk-", "eyJa", "''", '"', "a0", "A_"),
)
ENDS = ("", "!")
# What a method needs to have read: the whole text from one place, or from every place.
_READS: dict[str, Callable[[re.Pattern[Any], Any], object]] = {
    "match": lambda pattern, text: pattern.match(text),
    "fullmatch": lambda pattern, text: pattern.fullmatch(text),
    "search": lambda pattern, text: pattern.search(text),
    "finditer": lambda pattern, text: sum(1 for _ in pattern.finditer(text)),
}
_SAME = {"sub": "finditer", "subn": "finditer", "findall": "finditer", "split": "finditer"}
_USE = re.compile(r"\b([A-Z_][A-Z0-9_]*)\.(match|fullmatch|search|finditer|sub|subn|findall|split)\b")


def _inside(value: object, depth: int = 0) -> Iterator[tuple[str | bytes, int]]:
    """The texts and flags of the patterns in a value of a module."""
    if isinstance(value, re.Pattern):
        yield value.pattern, value.flags
    elif isinstance(value, patterns._Uncompiled):
        yield value._text, value._flags
    elif depth < _DEPTH and isinstance(value, dict | tuple | list | set | frozenset):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _inside(item, depth + 1)


def collected() -> dict[str, tuple[re.Pattern[Any], tuple[str, ...]]]:
    """Every pattern at the top of a module, by its place, with the methods by which patterns of its name are used."""
    modules = [module.name for module in pkgutil.walk_packages(tavusctl.__path__, "tavusctl.")]
    used: dict[str, set[str]] = {}  # by module and name, and by name alone
    found: dict[tuple[str | bytes, int], str] = {}
    for name in (name for name in modules if not name.endswith("__main__")):
        module = importlib.import_module(name)
        for variable, method in _USE.findall(Path(str(module.__file__)).read_text()):
            for user in (variable, f"{name}.{variable}"):
                used.setdefault(user, set()).add(_SAME.get(method, method))
        for variable, value in vars(module).items():
            for pattern in _inside(value):
                found.setdefault(pattern, f"{name}.{variable}")
    return {
        f"{place} {text!s}": (
            re.compile(text, flags),
            tuple(sorted(used.get(place) or used.get(place.rpartition(".")[2]) or _READS)),
        )
        for (text, flags), place in found.items()
    }


def seconds(read: Callable[[re.Pattern[Any], Any], object], pattern: re.Pattern[Any], text: str) -> float:
    """The time of the processor for one reading."""
    content = text if isinstance(pattern.pattern, str) else text.encode()
    start = time.process_time()
    read(pattern, content)
    return time.process_time() - start


def slow(pattern: re.Pattern[Any], methods: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """The methods and repeated texts with which a pattern takes more than its share for a longer text."""
    for method in methods:
        for unit in UNITS:
            for end in ENDS:
                short, long = (unit * (size // len(unit)) + end for size in (_SHORT, _LONG))
                spent = seconds(_READS[method], pattern, long)
                if spent < _NOISE:
                    continue
                before = min(seconds(_READS[method], pattern, short) for _ in range(3))
                again = min(spent, *(seconds(_READS[method], pattern, long) for _ in range(2)))
                if again > _MOST * max(before, _NOISE / _MOST):
                    yield method, unit + end


@pytest.mark.parametrize("name", PATTERNS := collected())
def test_no_repetition_makes_a_pattern_slow(name: str) -> None:
    assert list(slow(*PATTERNS[name])) == []
