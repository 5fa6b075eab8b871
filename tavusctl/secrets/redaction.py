"""The known secrets of this run, and two kinds of text: views, which people read, and records, which programs read.

A *view* is for people: reports, messages, logs, comments.  It is redacted before it is encoded, because in encoded text
(character references, percent, JSON) a secret is hard to find.  As a second protection, `redacted` is applied to every
output stream; it also inspects the text with encodings undone, not only the text as written.

A *record* is for programs: state, plan files, records of runs, the output of `output` and `state pull`.  It is never
redacted, because a program would take the redacted text for the true one; a record that would contain the value of a
secret is refused instead.  `View` and `Record` are separate types, so that the type checker keeps them apart.

`Secret` and the API client register their values themselves.

In this module, a *reading* of a text is the text with some encodings undone; a *needle* is a text to search for.
"""

from __future__ import annotations

import contextlib
import heapq
import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property, lru_cache, partial
from itertools import count
from typing import NamedTuple, NewType

from tavusctl.lib.patterns import pattern
from tavusctl.lib.spelling import (
    ALL,
    IGNORED,
    NESTED,
    PACKED,
    decode_all,
    decoded_parts,
    joined,
    longest,
    possible_spellings,
    without_ignored,
)
from tavusctl.lib.texts import common_prefix
from tavusctl.secrets import detection
from tavusctl.secrets.needles import SHORTEST, core_of, cores_of, half_cores_of, needles_of, rare_needles_of

View = NewType("View", str)
Record = NewType("Record", str)

SHOWN = "(sensitive)"
_SYNTAX = pattern(r"[\s\"'`:,?&{}\[\]()<>]|//")  # of URLs, headers, JSON and tags, in which secrets may begin alike
_PART = 8  # consecutive characters of a secret that reveal it
_SEPARATE_DEPTH, _MAX_DEPTH = 2, 4  # levels of nested encodings that are undone: separately, and in total
_USUAL = (ALL[1], NESTED[1], PACKED[1])  # encodings inside which others usually are
_READ_CHARACTERS = 1_000_000  # of all readings of one text; a text of 8 KB has at most 125
_USUAL_READINGS = 40  # of a longer text with encodings
_MOST_CHARACTERS = 8_000_000  # of these readings; a text of 200 KB is the longest that has all of them
_FEWEST_READINGS = 6  # of a text with encodings, however long it is; those with one encoding come before
_READ_FOR_RARE: tuple[tuple[re.Pattern[str], ...], ...] = (
    (),
    (NESTED[1],),
    (ALL[1],),
)  # what is undone for rare needles
_LONG_WORD = 10  # characters
_known: dict[str, str] = {}  # values, and their names, if any


def _is_no_word(_: str) -> bool:
    return False


_is_own_word: Callable[[str], bool] = _is_no_word  # whether a value is a word of the reports themselves


def register(value: str, name: str = "") -> None:
    """Register a value to be redacted from every view; a refusal to write a record shows `name` instead of it.

    A word of the reports themselves is not registered: redacted in them, it would be known to everybody.
    """
    if len(without_ignored(value)) >= SHORTEST and not _is_own_word(value):
        _known[value] = name or _known.get(value, "")


def unregister_shown(text: str, values: Iterable[str]) -> None:
    """Unregister those of `values` that a text contains: anyone who can read the text knows them."""
    for value in values:
        if value in _known and any(_secret_spans(_Readings(text), [value])):
            del _known[value]


@contextlib.contextmanager
def isolated_run(is_own_word: Callable[[str], bool] = _is_no_word) -> Iterator[None]:
    """Start a run with no known secrets; at the end, restore those known before.

    `is_own_word` tells of a value whether it is a word of the reports themselves.
    """
    global _known, _is_own_word
    before = _known, _is_own_word
    _known, _is_own_word = {}, is_own_word
    try:
        yield
    finally:
        _known, _is_own_word = before


def redacted(text: str) -> View:
    """The text without the known secrets, also where they are encoded."""
    secrets, readings = tuple(_known), _Readings(text)
    return View(_replace_spans(text, [*_secret_spans(readings, secrets), *readings.core_spans(cores_of(secrets))]))


def redacted_words(text: str) -> View:
    """As `redacted`, for messages of a server: also without beginnings, ends and halves of secrets, as it may quote.

    It may also quote keys that this run does not know, because somebody else has put them into the account.
    """
    secrets, readings = tuple(_known), _Readings(text)
    spans = [*_secret_spans(readings, secrets), *_end_spans(readings, secrets), *detection.key_spans(text)]
    return View(_replace_spans(text, [*spans, *readings.core_spans(half_cores_of(secrets))]))


def redactor_for(source: str) -> Callable[[str], str]:
    """A function that redacts messages about a source text, also pieces of the secrets and keys that are in the source.

    Such a message may quote any part of the source, for instance what looks like an expression or a tag, and with it a
    piece of a secret, which `redacted` would not find, or a key that nobody has reported yet.
    """
    return partial(_without_pieces, source, tuple(_known))


def _without_pieces(source: str, all_secrets: tuple[str, ...], message: str) -> str:
    secrets = _secrets_in(source, all_secrets)
    if not secrets:
        return message
    readings = _Readings(message)
    return _replace_spans(message, [*_secret_spans(readings, secrets), *_piece_spans(readings, secrets)])


@lru_cache(maxsize=2)  # a manifest and its overlay
def _secrets_in(source: str, secrets: tuple[str, ...]) -> tuple[str, ...]:
    """The known secrets in a source text, and its keys of known forms; computed only for a message, which is rare."""
    readings = _Readings(source)
    known = (secret for secret in secrets if any(_secret_spans(readings, [secret])))
    return (*known, *(source[start:end] for start, end in detection.key_spans(source)))


def shortened(text: str, most: int) -> View:
    """At most `most` characters of a text, with an ellipsis if cut; redacted first, else half a secret might remain."""
    view = redacted(text)
    return view if len(view) <= most else View(f"{view[:most]}…")


def known_values() -> tuple[str, ...]:
    """The values that this run knows to be secrets."""
    return tuple(_known)


def has_known_secrets() -> bool:
    """Whether this run knows any secret."""
    return bool(_known)


def secret_names_in(text: str) -> tuple[str, ...]:
    """The names of the secrets whose values are in a text, in alphabetical order."""
    texts = _Readings(text)
    return tuple(
        sorted({name or "a key or token" for value, name in dict(_known).items() if any(_secret_spans(texts, [value]))})
    )


def contains_unencoded_secret(text: str) -> bool:
    """Whether a text contains the value of a secret unencoded; much faster than `contains_secret`."""
    return any(value in text for value in tuple(_known))


def bytes_contain_secret(content: bytes) -> bool:
    """Whether a content in UTF-8, or in a format that has its texts so, contains the value of a secret unencoded."""
    return any(value.encode("utf-8", "surrogatepass") in content for value in tuple(_known))


def contains_secret(text: str) -> bool:
    """Whether a text contains the value of a secret, also encoded."""
    return _has_any(text, tuple(_known)) if len(text) >= SHORTEST else False


def number_contains_secret(value: object) -> bool:
    """Whether a value is a number whose digits contain the value of a secret."""
    return isinstance(value, int | float) and not isinstance(value, bool) and contains_secret(repr(value))


def overlaps_secret(text: str, start: int, end: int) -> bool:
    """Whether a secret overlaps text[start:end]; one at the very beginning of the text does not count.

    So the host of a URL does not count as secret just because the whole URL is one.
    """
    secret_spans = _secret_spans(_Readings(text), tuple(_known))
    return any(0 < first < end and last > start for first, last in secret_spans)


@lru_cache(maxsize=1024)
def _has_any(text: str, secrets: tuple[str, ...]) -> bool:
    return bool(secrets) and next(_secret_spans(_Readings(text), secrets), None) is not None


class _DecodedText(NamedTuple):
    """A text with encodings undone, and for each character where its source starts and ends in the original text."""

    text: str
    starts: tuple[int, ...]
    ends: tuple[int, ...]

    def decoded(self, spelling: re.Pattern[str]) -> _DecodedText:
        """The reading with one encoding undone."""
        written, read = decoded_parts(spelling, self.text)
        start_indices, end_indices, offset = list[int](), list[int](), 0
        for number, (source, result) in enumerate(zip(written, read, strict=True)):
            end = offset + len(source)
            if number % 2 and result != source:  # encoded
                start_indices += [offset] * len(result)
                end_indices += [end - 1] * len(result)
            else:
                start_indices += range(offset, end)
                end_indices += range(offset, end)
            offset = end
        return self._at_indices("".join(read), start_indices, end_indices)

    def without_ignored(self) -> _DecodedText:
        """The reading without the characters that are ignored inside a secret."""
        indices = [index for index, char in enumerate(self.text) if not IGNORED.match(char)]
        return self._at_indices("".join(self.text[index] for index in indices), indices, indices)

    def _at_indices(self, text: str, first: Iterable[int], last: Iterable[int]) -> _DecodedText:
        return _DecodedText(text, tuple(self.starts[i] for i in first), tuple(self.ends[i] for i in last))


class _Readings:
    """A text with all of its readings: encodings undone in every order."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._readings: dict[str, _DecodedText] = {}
        self._long_words: list[str] = []  # of some readings, once there are `_squeezed`

    @cached_property
    def _encodings_by_text(self) -> dict[str, tuple[re.Pattern[str], ...]]:
        """The texts of all readings, each with the encodings that were undone for it, in order.

        Of a long text with many encodings, these are the readings with one encoding, and then the most usual ones.
        """
        encodings_of: dict[str, tuple[re.Pattern[str], ...]] = {self._text: ()}
        numbers = count()
        pending = sorted(_next_readings(self._text, (), numbers))
        for _ in range(len(pending) + _number_of_readings(len(self._text) + 1)):
            if not pending:
                break
            *_, text, before, spelling = heapq.heappop(pending)
            decoded = decode_all(spelling, text)
            if decoded not in encodings_of and len(decoded) <= longest(len(self._text)):
                encodings_of[decoded] = (*before, spelling)
                for reading in _next_readings(decoded, encodings_of[decoded], numbers):
                    heapq.heappush(pending, reading)
        return encodings_of

    @cached_property
    def _squeezed(self) -> list[tuple[str, str]]:
        squeezed = []
        for reading_text, encodings in self._encodings_by_text.items():
            words = reading_text.split()
            squeezed.append((joined(words), reading_text))
            if encodings in _READ_FOR_RARE:
                self._long_words.append("".join(word for word in words if len(word) >= _LONG_WORD))
        return squeezed

    def _decoded_text(self, reading_text: str) -> _DecodedText:
        """The reading of a decoded text, with source offsets, which are only needed after a secret was found."""
        return self._readings.get(reading_text) or self._readings.setdefault(reading_text, self._decode(reading_text))

    def _decode(self, reading_text: str) -> _DecodedText:
        places = tuple(range(len(self._text)))
        reading = _DecodedText(self._text, places, tuple(place + 1 for place in places))
        for spelling in self._encodings_by_text[reading_text]:
            reading = reading.decoded(spelling)
        return reading.without_ignored()

    def those_of(self, needles: Sequence[str]) -> set[str]:
        """Those of the needles, sorted by length, that are in any reading; usually none."""
        short = self._not_longer(needles)
        return {needle for text, _ in self._squeezed for needle in short if needle in text} if short else set()

    def rare_of(self, needles: Sequence[str]) -> set[str]:
        """Those of the rare needles, sorted by length, that are in long words of a usual reading."""
        short = self._not_longer(needles)
        texts = self._long_words if short and self._squeezed else []
        return {needle for text in texts if text for needle in short if needle in text}

    def _not_longer(self, needles: Sequence[str]) -> Sequence[str]:
        """Those of the needles, sorted by length, that may be in a reading."""
        return needles[: bisect_right(needles, longest(len(self._text)), key=len)]

    def core_spans(self, cores: Sequence[str]) -> Iterator[tuple[int, int]]:
        """The original spans of cores, sorted by length, in any reading: in either case, separated by anything."""
        short = self._not_longer(cores)
        for reading_text in self._encodings_by_text if short else ():
            core = core_of(reading_text)
            for needle in (needle for needle in short if needle in core):
                reading = self._decoded_text(reading_text)
                places = [place for place, char in enumerate(reading.text) if char.isascii() and char.isalnum()]
                for start in _offsets(needle, core):
                    yield reading.starts[places[start]], reading.ends[places[start + len(needle) - 1]]

    def spans(self, needle: str, grown: Callable[[str, int], tuple[int, int]]) -> Iterator[tuple[int, int]]:
        """The original spans (start, end) of a needle; `grown` extends a match, given a reading and its offset."""
        for text, reading_text in self._squeezed:
            if needle in text:
                reading = self._decoded_text(reading_text)
                for start in _offsets(needle, text):
                    first, end = grown(text, start)
                    yield reading.starts[first], reading.ends[end - 1]


def _number_of_readings(length: int) -> int:
    usual = max(_FEWEST_READINGS, min(_USUAL_READINGS, _MOST_CHARACTERS // length))
    return max(usual, _READ_CHARACTERS // length)


def _next_readings(
    text: str, before: tuple[re.Pattern[str], ...], numbers: Iterator[int]
) -> Iterator[tuple[bool, int, int, int, str, tuple[re.Pattern[str], ...], re.Pattern[str]]]:
    """What can be undone next: (below the first level, unusual ones, level, number, text, undone before, encoding)."""
    if len(before) < _MAX_DEPTH:
        # Also separately, as a secret itself may look encoded; at deeper levels, only all at once.
        for spelling in possible_spellings(text) if len(before) < _SEPARATE_DEPTH else (ALL[1],):
            unusual = sum(one not in _USUAL for one in (*before, spelling))
            yield bool(before), unusual, len(before), next(numbers), text, before, spelling


def _replace_spans(text: str, spans: Iterable[tuple[int, int]]) -> str:
    """The text without spans (start, end); SHOWN replaces each group of spans that overlap.

    A secret may contain or overlap another one, so all must be found before any is replaced.
    """
    result, offset = "", 0
    for start, end in sorted(spans):
        if start >= offset:
            result += text[offset:start] + SHOWN
        offset = max(offset, end)
    return result + text[offset:]


def _secret_spans(text: _Readings, secrets: Iterable[str]) -> Iterator[tuple[int, int]]:
    """The spans of complete secrets in a text."""
    known = tuple(secrets)
    for needle in text.those_of(needles_of(known)) | text.rare_of(rare_needles_of(known)):
        yield from text.spans(needle, partial(_exact_span, needle))


def _end_spans(text: _Readings, secrets: Iterable[str]) -> Iterator[tuple[int, int]]:
    """The spans of beginnings and ends of secrets in a text that have at least _PART characters."""
    for secret in map(str.strip, secrets):
        first, last = secret[:_PART], secret[-_PART:]
        if _is_specific(first):
            yield from text.spans(first, partial(_prefix_span, without_ignored(secret)))
        if _is_specific(last) and not re.search(r"\s|://", secret):
            yield from text.spans(last, partial(_suffix_span, secret))


def _piece_spans(text: _Readings, secrets: Iterable[str]) -> Iterator[tuple[int, int]]:
    """The spans of any pieces of secrets in a text that have _PART characters."""
    for secret in map(without_ignored, secrets):
        for start in range(len(secret) - _PART + 1):
            piece = secret[start : start + _PART]
            yield from text.spans(piece, partial(_exact_span, piece))


def _exact_span(needle: str, _: str, start: int) -> tuple[int, int]:
    return start, start + len(needle)


def _prefix_span(secret: str, reading_text: str, start: int) -> tuple[int, int]:
    """The span of the longest beginning of a secret that a reading has at `start`."""
    return start, start + common_prefix(secret, reading_text[start : start + len(secret)])


def _suffix_span(secret: str, reading_text: str, start: int) -> tuple[int, int]:
    """The span of the longest end of a secret that a reading has before the end of the match at `start`."""
    end = start + _PART
    before = reading_text[max(0, end - len(secret)) : end]
    return end - common_prefix(secret[::-1], before[::-1]), end


def _offsets(part: str, text: str) -> Iterator[int]:
    """The offsets of all occurrences of a part in a text, also overlapping ones."""
    start = text.find(part)
    while start >= 0:
        yield start
        start = text.find(part, start + 1)


def _is_specific(part: str) -> bool:
    """Whether a part is specific to the secret, unlike that of a URL or a scheme before it."""
    return len(part) == _PART and not _SYNTAX.search(part)
