from __future__ import annotations

import time

import httpx
import pytest

from tavusctl.api.listing_limits import Meter
from tavusctl.api.repeated_answers import ParsedResponses
from tavusctl.api.transport import Answer
from tavusctl.core.errors import TavusctlError


def answer(payload: bytes, status: int = 200, type_: str = "application/json") -> Answer:
    return Answer("GET /v2/personas", status, httpx.Headers({"Content-Type": type_}), payload)


def parsed_responses() -> ParsedResponses:
    return ParsedResponses(Meter("/v2/personas", time))


def test_what_the_next_pass_brings_once_more_is_the_same_value() -> None:
    repeats = parsed_responses()
    repeats.start()
    first = repeats.parse(answer(b'{"data": [1]}'))
    repeats.start()
    assert repeats.parse(answer(b'{"data": [1]}')) is first
    assert repeats.parse(answer(b'{"data": [2]}')) == {"data": [2]}


def test_of_earlier_passes_only_the_last_is_kept() -> None:
    repeats = parsed_responses()
    repeats.start()
    first = repeats.parse(answer(b'{"data": [1]}'))
    repeats.start()
    repeats.parse(answer(b'{"data": [2]}'))
    repeats.start()
    again = repeats.parse(answer(b'{"data": [1]}'))
    assert again == first
    assert again is not first


def test_a_refusal_is_raised_each_time() -> None:
    repeats = parsed_responses()
    for _ in range(2):
        repeats.start()
        with pytest.raises(TavusctlError):
            repeats.parse(answer(b'{"data": [1]}', 503))


def test_the_memory_of_a_repeated_response_is_counted_in_each_pass() -> None:
    repeats = parsed_responses()
    counted = []
    for _ in range(2):
        repeats.start()
        repeats.parse(answer(b'{"data": [1, 2]}'))
        counted.append(repeats.meter.memory)
    assert counted[0] == counted[1] > 100


def test_the_digest_of_a_repeated_response_is_not_computed_again() -> None:
    repeats = parsed_responses()
    first, again = answer(b'{"data": [1]}'), answer(b'{"data": [1]}')
    assert repeats.digest_of(first) == repeats.digest_of(again) == answer(b'{"data": [1]}').digest
    assert "digest" in vars(first)
    assert "digest" not in vars(again)


@pytest.mark.parametrize("other", [answer(b'{"data": [2]}'), answer(b"", 204), answer(b"1", type_="text/plain")])
def test_the_digest_of_another_response_is_its_own(other: Answer) -> None:
    repeats = parsed_responses()
    assert repeats.digest_of(answer(b"1")) != repeats.digest_of(other) == other.digest
