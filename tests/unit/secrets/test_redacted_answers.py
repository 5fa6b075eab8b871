"""Texts without secrets: by value, in any common spelling, and no more than that."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
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


KEY = "sk-live-Zq7xK2mP9wLr4TvB"


@pytest.mark.parametrize(
    "echo",
    [
        str(list(KEY.encode())),
        ".".join(KEY),
        ", ".join(KEY),
        KEY.encode().hex(":"),
        KEY.encode().hex("-"),
        base64.b32encode(KEY.encode()).decode(),
        "".join(chr(ord(char) + 0xFEE0) for char in KEY),
        KEY.upper(),
        KEY.lower(),
        f"{KEY[:12]}-{KEY[12:]}",
        f'"{KEY[:12]}" + "{KEY[12:]}"',
    ],
)
def test_a_key_goes_also_in_pieces_in_another_case_and_as_numbers(echo: str) -> None:
    with redaction.isolated_run():
        redaction.register(KEY)
        for shown in (redaction.redacted(f"no: {echo}!"), redaction.redacted_words(f"no: {echo}!")):
            assert "(sensitive)" in shown
            assert sum(char.isalnum() for char in shown.replace("(sensitive)", "")) <= len("no") + 6, shown


@pytest.mark.parametrize("secret", ["Summer2024!", "p\"a's{w}/or#d: 1~x", "correct horse battery staple", "hunter2x"])
@pytest.mark.parametrize(
    "encode",
    [
        lambda text: json.dumps(list(text)),
        lambda text: json.dumps(dict(enumerate(text))),
        lambda text: json.dumps(dict(enumerate(text)), indent=2),
        lambda text: json.dumps(json.dumps(list(text))),
        lambda text: f"{json.dumps(text[:4])} + {json.dumps(text[4:])}",
        lambda text: f"{json.dumps(text[:5])}\n    {json.dumps(text[5:])}",
        lambda text: "".join(f"\\x{{{ord(char):04x}}}" for char in text),
        lambda text: f'"{text.replace(chr(34), chr(34) * 2)}"',
    ],
)
def test_a_short_secret_in_pieces_goes(secret: str, encode: Callable[[str], str]) -> None:
    with redaction.isolated_run():
        redaction.register(secret)
        shown = redaction.redacted(f"no: {encode(secret)}!")
    assert sum(char.isalpha() for char in shown.replace("(sensitive)", "")) == len("no"), shown


@pytest.mark.parametrize("text", ['["final", "ize"]', "'fina' 'lize'", '{"0": "fina", "1": "lize"}'])
def test_a_text_in_pieces_is_not_another_one(text: str) -> None:
    with redaction.isolated_run():
        redaction.register("finale")
        redaction.register("Summer2024!")
        assert redaction.redacted_words(text) == redaction.redacted(text) == text


@pytest.mark.parametrize("secret", ["summer2024-x", "Summer2024!"])
def test_a_secret_with_digits_goes_in_any_case_and_with_any_separators(secret: str) -> None:
    with redaction.isolated_run():
        redaction.register(secret)
        shown = redaction.redacted(f"{secret.upper()}, {secret.lower()}, {'-'.join(secret)}")
    assert not any(map(str.isalnum, shown.replace("(sensitive)", "")))


@pytest.mark.parametrize("echo", [KEY[3:23], KEY[6:20], KEY[5:19].upper(), ".".join(KEY[5:19])])
def test_the_words_of_a_server_lose_halves_of_secrets(echo: str) -> None:
    with redaction.isolated_run():
        redaction.register(KEY)
        assert redaction.redacted_words(f"no: {echo}!") == "no: (sensitive)!"


@pytest.mark.parametrize(
    ("secret", "echo"),
    [
        ("zcU+s9Cig/L9EpzKkCM=", "zcU+s9Cig/"),
        ("zcU+s9Cig/L9EpzKkCM=", "9EpzKkCM="),
        ("S7x@!**m1XR-end", "S7x@!**m1X"),
        ("hudtXbnKjwPOwPZjfrNhejKY", "hudtxbnkjwpowpzjfrnhejky"),
        ("correct horse battery staple", "CORRECT HORSE BATTERY STAPLE"),
        ("correct horse battery staple", "correct horse batte"),
        ("correct horse battery staple", "e battery staple"),
    ],
)
def test_the_words_of_a_server_lose_what_is_cut_at_a_sign_or_in_another_case(secret: str, echo: str) -> None:
    with redaction.isolated_run():
        redaction.register(secret)
        assert redaction.redacted_words(f"no: {echo} there") == "no: (sensitive) there"


def test_ordinary_text_stays_beside_long_secrets() -> None:
    text = "1, 2, 3, 4, 5, 6, 7; 192.168.0.1; live since 2024-01-02; \uff34\uff4f\uff4b; a passphrase of four words"
    with redaction.isolated_run():
        redaction.register(KEY)
        redaction.register("correct horse battery staple")
        assert redaction.redacted_words(text) == redaction.redacted(text) == text


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


def test_a_key_of_a_known_form_in_an_answer_is_hidden_although_nobody_knows_it() -> None:
    key = "sk-live-0f1e2d3c4b5a69788796a5b4"
    shown = redaction.redacted_words(f"the stored key {key} is invalid")
    assert shown == f"the stored key {redaction.SHOWN} is invalid"


@pytest.mark.parametrize(
    ("secret", "echo"),
    [
        (base64.b64encode(b"bob:Zq7xK2mP9wLr").decode(), "no user bob:Zq7xK2mP9wLr here"),
        (base64.b64encode(b"bob:Zq7xK2mP9wLr").decode(), "a wrong password Zq7xK2mP9wLr of bob"),
        (f"Basic {base64.b64encode(b'bob:hunter2').decode()}", "no: Basic bob:hunter2"),
        (b"Summer of 69!".hex(), "no: Summer of 69!"),
        (quote("p/w d&1", safe=""), "no: p/w d&1"),
        ("p&amp;w&#x2f;d1", "no: p&w/d1"),
    ],
)
def test_a_secret_that_is_encoded_goes_also_decoded(secret: str, echo: str) -> None:
    with redaction.isolated_run():
        redaction.register(secret)
        shown = redaction.redacted(echo)
    assert "(sensitive)" in shown
    assert not any(part in shown for part in ("Zq7", "hunter2", "Summer", "w d&", "w/d"))


def test_a_password_that_is_a_word_stays_beside_its_encoding() -> None:
    with redaction.isolated_run():
        redaction.register(base64.b64encode(b"admin:password").decode())
        assert redaction.redacted("the password of admin") == "the password of admin"
