"""The secrets that this run knows, and two kinds of text: views, which leave, and records, which are read back.

A *view* is for people: reports, messages, logs, comments.  It is redacted before anything encodes it, because an
encoder (character references, percent, JSON) spells a secret so that nobody finds it any more.  `redacted` is also the
second net under every stream: it looks at what a text means once it is decoded, not only at how it is spelled.

A *record* is for programs: state, plan files, records of runs, what `output` and `state pull` print.  It is never
redacted, because a program would take the redacted text for the true one; a record that would hold the value of a
secret is refused instead.  `View` and `Record` are types of their own, so that the type checker keeps them apart.

`Secret` and the client of the API remember their values by themselves.
"""

from __future__ import annotations

import base64
import contextlib
import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property, lru_cache, partial
from typing import NamedTuple, NewType
from urllib.parse import quote_plus

from tavusctl.lib.spelling import ALL, IGNORED, SPELLINGS, meant, squeezed, undone

View = NewType("View", str)
Record = NewType("Record", str)

SHOWN = "(sensitive)"
SHORTEST = 6  # what is shorter may well be a part of a word
_PART = 8  # characters of a secret in a row that give it away
_APART, _DEPTH = 2, 4  # encodings inside one another that are undone: one at a time, and all at once
_known: dict[str, str] = {}  # values, and the names of those that have one


def remember(value: str, name: str = "") -> None:
    """Keep a value out of every view from now on; `name` is what a refusal calls it."""
    if len(squeezed(value)) >= SHORTEST:
        _known[value] = name or _known.get(value, "")


def show_in(text: str, values: Iterable[str]) -> None:
    """Show those of some values that stand in a text: whoever could read the text knows them."""
    for value in values:
        if value in _known and any(_wholes(_Text(text), [value])):
            del _known[value]


@contextlib.contextmanager
def of_one_run() -> Iterator[None]:
    """A run of its own: secrets that it learns are forgotten when it ends."""
    global _known  # noqa: PLW0603 - one process has one output, and threads share it
    before, _known = _known, {}
    try:
        yield
    finally:
        _known = before


def redacted(text: str) -> View:
    """A text without any secret that this run knows, however it is spelled."""
    return View(_without(text, _wholes(_Text(text), tuple(_known))))


def redacted_words(text: str) -> View:
    """As `redacted`, for the words of a server: beginnings and ends of secrets, which it may quote, go too."""
    known, read = tuple(_known), _Text(text)
    return View(_without(text, [*_wholes(read, known), *_parts(read, known)]))


def about(source: str) -> Callable[[str], str]:
    """For words about a text, which may quote any piece of it: what takes away the pieces of secrets that stand there.

    A part of a text that looks like an expression or a tag is quoted as such, and a redaction of wholes finds nothing.
    """
    known = tuple(_known)
    return partial(_without_pieces, source, known) if known else str


def _without_pieces(source: str, known: tuple[str, ...], words: str) -> str:
    secrets = _standing_in(source, known)
    if not secrets:
        return words
    read = _Text(words)
    return _without(words, [*_wholes(read, secrets), *_pieces(read, secrets)])


@lru_cache(maxsize=1)
def _standing_in(source: str, known: tuple[str, ...]) -> tuple[str, ...]:
    """The secrets that stand in a text; of which there is mostly nothing to say, so nobody looks for them before."""
    read = _Text(source)
    return tuple(one for one in known if any(_wholes(read, [one])))


def shortened(text: str, most: int) -> View:
    """A text of so many characters at most, redacted before it is cut: nobody would find half a secret."""
    view = redacted(text)
    return view if len(view) <= most else View(f"{view[:most]}…")


def knows_any() -> bool:
    """Whether this run knows a secret at all."""
    return bool(_known)


def names_in(text: str) -> tuple[str, ...]:
    """What the secrets are called whose values stand in a text, in alphabetical order."""
    read = _Text(text)
    return tuple(
        sorted({name or "a key or token" for value, name in dict(_known).items() if any(_wholes(read, [value]))})
    )


def is_written_in(text: str) -> bool:
    """Whether the value of a secret stands in a text as it is; much faster than to look for every spelling."""
    return any(value in text for value in tuple(_known))


def stands_in(text: str) -> bool:
    """Whether the value of a secret stands in a text."""
    return _is_held(text, tuple(_known)) if len(text) >= SHORTEST else False


def is_number(value: object) -> bool:
    """Whether a value is a number in whose digits the value of a secret stands."""
    return isinstance(value, int | float) and not isinstance(value, bool) and stands_in(repr(value))


def is_amid(text: str, start: int, end: int) -> bool:
    """Whether a secret stands in a part of a text, from here to there; one that the text begins with does not count.

    So a host has a secret in it where that is no address by itself.
    """
    found = _wholes(_Text(text), tuple(_known))
    return any(0 < first < end and last > start for first, last in found)


@lru_cache(maxsize=1024)
def _is_held(text: str, secrets: tuple[str, ...]) -> bool:
    return bool(secrets) and next(_wholes(_Text(text), secrets), None) is not None


class _Reading(NamedTuple):
    """A text as it reads once it is decoded, and where each of its characters stands in the text that is shown."""

    text: str
    starts: tuple[int, ...]
    ends: tuple[int, ...]

    def decoded(self, spelling: re.Pattern[str]) -> _Reading:
        """The same with one encoding undone."""
        text, first, last, at = "", list[int](), list[int](), 0
        for found in spelling.finditer(self.text):
            means, plain = meant(found), range(at, found.start())
            text += self.text[at : found.start()] + means
            first += [*plain, *[found.start()] * len(means)]
            last += [*plain, *[found.end() - 1] * len(means)]
            at = found.end()
        rest = range(at, len(self.text))
        return self._of(text + self.text[at:], [*first, *rest], [*last, *rest])

    def squeezed(self) -> _Reading:
        """The same without what is ignored inside a secret."""
        kept = [place for place, one in enumerate(self.text) if not IGNORED.match(one)]
        return self._of("".join(self.text[place] for place in kept), kept, kept)

    def _of(self, text: str, first: Iterable[int], last: Iterable[int]) -> _Reading:
        return _Reading(text, tuple(self.starts[one] for one in first), tuple(self.ends[one] for one in last))


class _Text:
    """A text, and everything that it means once encodings are undone, in any order."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._readings: dict[str, _Reading] = {}

    @cached_property
    def _meanings(self) -> dict[str, tuple[re.Pattern[str], ...]]:
        """What it means, and which encodings were undone for that."""
        found: dict[str, tuple[re.Pattern[str], ...]] = {self._text: ()}
        waiting = [self._text]
        for text in waiting:
            before = found[text]
            # One at a time, because a secret may look as if it were encoded itself; deeper down, all at once.
            for signs, spelling in (*SPELLINGS, ALL) if len(before) < _APART else (ALL,):
                decoded = undone(text, signs, spelling)
                if decoded not in found and len(before) < _DEPTH:
                    found[decoded] = (*before, spelling)
                    waiting.append(decoded)
        return found

    @cached_property
    def _squeezed(self) -> list[tuple[str, str]]:
        return [(squeezed(meaning), meaning) for meaning in self._meanings]

    def _reading(self, meaning: str) -> _Reading:
        """A meaning with the places of its characters, which are needed only where a secret was found."""
        return self._readings.get(meaning) or self._readings.setdefault(meaning, self._read(meaning))

    def _read(self, meaning: str) -> _Reading:
        places = tuple(range(len(self._text)))
        reading = _Reading(self._text, places, tuple(place + 1 for place in places))
        for spelling in self._meanings[meaning]:
            reading = reading.decoded(spelling)
        return reading.squeezed()

    def those_of(self, needles: Sequence[str]) -> set[str]:
        """Those of many needles, the shortest first, that stand in it, whatever it means; mostly none is there."""
        short = needles[: bisect_right(needles, len(self._text), key=len)]  # no text means a longer one
        return {needle for text, _ in self._squeezed for needle in short if needle in text} if short else set()

    def spans(self, needle: str, grown: Callable[[str, int], tuple[int, int]]) -> Iterator[tuple[int, int]]:
        """Where a needle stands, from here to there; `grown` says how far it goes, given a meaning and its start."""
        for text, meaning in self._squeezed:
            if needle in text:
                reading = self._reading(meaning)
                for start in _places(needle, text):
                    first, end = grown(text, start)
                    yield reading.starts[first], reading.ends[end - 1]


def _without(text: str, found: Iterable[tuple[int, int]]) -> str:
    """A text without what was found from here to there; one sign stands for all that overlaps.

    A secret may be a part of another, or begin where that ends: none is replaced before all have been found.
    """
    shown, at = "", 0
    for start, end in sorted(found):
        if start >= at:
            shown += text[at:start] + SHOWN
        at = max(at, end)
    return shown + text[at:]


def _wholes(text: _Text, secrets: Iterable[str]) -> Iterator[tuple[int, int]]:
    """Where secrets stand in a text."""
    for needle in text.those_of(_needles_of(tuple(secrets))):
        yield from text.spans(needle, partial(_as_long_as, needle))


def _parts(text: _Text, secrets: Iterable[str]) -> Iterator[tuple[int, int]]:
    """Where a long enough beginning or end of a secret stands in a text."""
    for secret in map(str.strip, secrets):
        first, last = secret[:_PART], secret[-_PART:]
        if _telling(first):
            yield from text.spans(first, partial(_beginning, squeezed(secret)))
        if _telling(last) and not re.search(r"\s|://", secret):
            yield from text.spans(last, partial(_ending, secret))


def _pieces(text: _Text, secrets: Iterable[str]) -> Iterator[tuple[int, int]]:
    """Where long enough pieces of secrets stand in a text, wherever in the secret they are."""
    for secret in map(squeezed, secrets):
        for start in range(len(secret) - _PART + 1):
            piece = secret[start : start + _PART]
            yield from text.spans(piece, partial(_as_long_as, piece))


def _as_long_as(needle: str, _: str, start: int) -> tuple[int, int]:
    return start, start + len(needle)


def _beginning(secret: str, meaning: str, start: int) -> tuple[int, int]:
    """As much of a secret, from its beginning, as stands in a text from there."""
    return start, start + _alike(secret, meaning[start : start + len(secret)])


def _ending(secret: str, meaning: str, start: int) -> tuple[int, int]:
    """As much of a secret, up to its end, as stands in a text before the end of what was found there."""
    end = start + _PART
    before = meaning[max(0, end - len(secret)) : end]
    return end - _alike(secret[::-1], before[::-1]), end


def _alike(one: str, other: str) -> int:
    """How many characters two texts have in common before they differ."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((place for place, (left, right) in pairs if left != right), min(len(one), len(other)))


def _places(part: str, text: str) -> Iterator[int]:
    """Where a part of a text begins, every time, also within itself."""
    start = text.find(part)
    while start >= 0:
        yield start
        start = text.find(part, start + 1)


def _telling(part: str) -> bool:
    """Whether a part is of the secret itself, not of an address or a scheme in front of it."""
    return len(part) == _PART and all(one.isalnum() or one in "-_." for one in part)


@lru_cache(maxsize=32)
def _needles_of(secrets: tuple[str, ...]) -> tuple[str, ...]:
    """What to look for of all of them, the shortest first."""
    return tuple(sorted((needle for secret in secrets for needle in _needles(secret)), key=len))


@lru_cache(maxsize=256)
def _needles(secret: str) -> tuple[str, ...]:
    """What to look for in a text without white space: the secret, its lines, and what it is when it is packed."""
    content = secret.encode("utf-8", "surrogateescape")
    wide = [secret.encode(one, "surrogatepass").decode("utf-8", "replace") for one in ("utf-16-le", "utf-16-be")]
    packed = [content.hex(), content.hex().upper(), quote_plus(content), *_base64(content), *map(squeezed, wide)]
    spelled = dict.fromkeys([*map(squeezed, [secret, *secret.splitlines(), secret[::-1]]), *packed])
    return tuple(one for one in spelled if len(one) >= SHORTEST)


def _base64(content: bytes) -> Iterator[str]:
    """Base 64 (RFC 4648), as a whole, and as a part of something longer, where it may begin at any of three places."""
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        whole = encode(content).decode()
        yield from (whole, whole.rstrip("="))
        for before, begins in ((0, 0), (1, 2), (2, 3)):
            ends = 8 * (before + len(content)) // 6
            yield encode(bytes(before) + content).decode()[begins:ends]
