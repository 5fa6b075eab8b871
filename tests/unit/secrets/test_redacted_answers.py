"""Texts without secrets: by value, in any common spelling, and no more than that."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote

import pytest

from tavusctl.secrets import redaction
from tavusctl.secrets.values import Secret

TOKEN = 'sk-4f9a"7b\\21 ä/+c0'


def spelled(secret: str) -> list[str]:
    content = secret.encode()
    return [
        secret,
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        repr(secret)[1:-1],
        quote(secret),
        quote(secret, safe=""),
        base64.b64encode(content).decode(),
        base64.urlsafe_b64encode(content).decode().rstrip("="),
        content.hex(),
        content.hex().upper(),
    ]


@pytest.mark.parametrize("spelling", spelled(TOKEN))
def test_a_secret_goes_however_it_is_spelled(spelling: str) -> None:
    with redaction.isolated_run():
        Secret(TOKEN, b"key")
        assert redaction.redacted(f"<{spelling}>") == "<(sensitive)>"


def test_a_secret_goes_as_a_whole_also_when_another_is_a_part_of_it() -> None:
    with redaction.isolated_run():
        redaction.register("abcdefgh")
        redaction.register("abcdefgh-and-more")
        assert redaction.redacted("x abcdefgh-and-more abcdefgh") == "x (sensitive) (sensitive)"


def test_every_line_of_a_secret_goes() -> None:
    with redaction.isolated_run():
        redaction.register("first line 1\nsecond line 2\n")
        assert redaction.redacted("second line 2, first line 1") == "(sensitive), (sensitive)"


def test_the_words_of_a_server_lose_beginnings_of_secrets_too() -> None:
    with redaction.isolated_run():
        redaction.register("sk-4f9a7b21c0d3e4")
        assert redaction.redacted_words("bad key sk-4f9a7b21...!") == "bad key (sensitive)...!"
        assert redaction.redacted_words("bad key sk-4f9a") == "bad key sk-4f9a"


def test_a_secret_may_be_a_part_of_what_stands_for_it() -> None:
    with redaction.isolated_run():
        redaction.register("sensitive-key-1")
        assert redaction.redacted_words("bad: sensitive-key-1") == "bad: (sensitive)"


def test_addresses_and_short_values_stay_readable() -> None:
    """What many texts begin with is no secret, and a short one may be a part of any word."""
    with redaction.isolated_run():
        redaction.register("https://hook.example.com/4f9a7b21")
        redaction.register("tavus")
        text = "see https://docs.example.com/tavus"
        assert redaction.redacted_words(text) == text


def test_what_one_run_has_met_is_not_the_next_ones() -> None:
    with redaction.isolated_run():
        redaction.register("only-here-1234")
    with redaction.isolated_run():
        assert redaction.redacted("only-here-1234") == "only-here-1234"
