from __future__ import annotations

import copy
import json
import pickle
import time
from collections.abc import Iterator

import pytest

from tavusctl.secrets import redaction
from tavusctl.secrets.values import (
    MASK,
    NO_KEY,
    REDACTED,
    SHOWN,
    Fingerprint,
    FingerprintKey,
    Secret,
    SecretText,
    is_mask,
    trimmed,
    why_unsendable,
    why_unusable,
)

KEY = b"key of the lineage, 32 bytes long"
PRINTS = FingerprintKey(KEY)
VALUE = "correct horse battery"


@pytest.fixture(autouse=True)
def run_of_its_own() -> Iterator[None]:
    with redaction.isolated_run():
        yield


def test_a_secret_shows_itself_in_no_way_but_one() -> None:
    secret = Secret(VALUE, KEY)
    assert [str(secret), repr(secret), f"{secret}", f"{secret:>40}"] == [redaction.SHOWN] * 4
    assert secret.reveal() == VALUE


def test_a_secret_is_not_stored() -> None:
    with pytest.raises(TypeError, match="a secret is not to be stored"):
        pickle.dumps(Secret(VALUE, KEY))
    with pytest.raises(TypeError):
        json.dumps(Secret(VALUE, KEY))


def test_a_copy_of_a_secret_is_the_secret() -> None:
    secret = Secret(VALUE, KEY)
    assert copy.deepcopy({"key": [secret]})["key"][0] is secret


def test_secrets_are_equal_by_their_values() -> None:
    one, same, other = Secret(VALUE, KEY), Secret(VALUE, KEY), Secret(VALUE + "!", KEY)
    assert one == same
    assert hash(one) == hash(same)
    assert one != other
    assert one != VALUE


def test_a_secret_is_kept_out_of_texts_unless_anybody_may_know_it() -> None:
    Secret(VALUE, KEY)
    Secret("text/plain", KEY, public=True)
    assert redaction.redacted(f"{VALUE} text/plain") == f"{redaction.SHOWN} text/plain"


def test_fingerprints_stay_the_same_from_version_to_version() -> None:
    """States on disk have them: other ones would show every secret as changed."""
    assert Secret(VALUE, KEY).fingerprint == Fingerprint(
        "scrypt:8ae33fa05977d05f24cee0bf2ee183bf35bcc67124e9285f5a03e03b37626f7b"
    )
    assert (REDACTED.digest, MASK) == ("", "********")


def test_a_fingerprint_without_its_key_tells_nothing() -> None:
    """Neither that a secret has changed, nor that it has not."""
    known = Secret(VALUE, KEY).fingerprint

    assert [NO_KEY.seal(other).matches(known) for other in (VALUE, "another")] == [True, True]
    assert NO_KEY.seal(VALUE).fingerprint == REDACTED
    assert PRINTS.seal(VALUE).matches(REDACTED)


def test_a_fingerprint_is_of_one_lineage() -> None:
    assert Secret(VALUE, KEY).fingerprint != Secret(VALUE, b"another").fingerprint
    assert not Secret(VALUE, KEY).matches(Secret(VALUE, b"another").fingerprint)


def test_a_fingerprint_is_slow_to_make_and_made_once() -> None:
    """Slow for whoever tries out words; not for a thousand objects that have the same secret."""
    begun = time.perf_counter()
    Secret("slow, and never seen before", KEY).fingerprint  # noqa: B018 - made for its time
    one = time.perf_counter() - begun
    for _ in range(1000):
        Secret("slow, and never seen before", KEY).fingerprint  # noqa: B018
    thousand = time.perf_counter() - begun - one

    assert one > 0.005
    assert thousand < 1000 * one / 10


def test_a_text_is_filled_with_its_secrets_in_their_order() -> None:
    text = SecretText(("Bearer ", ":", "."), ("A", "B"))
    assert text.fill({"A": "one", "B": "two"}, PRINTS) == Secret("Bearer one:two.", KEY)
    assert text.fill({"A": "one", "B": "two"}, PRINTS).fingerprint == Secret("Bearer one:two.", KEY).fingerprint


def test_a_text_names_a_secret_without_a_value() -> None:
    with pytest.raises(KeyError, match="B"):
        SecretText(("", "", ""), ("A", "B")).fill({"A": "one"}, PRINTS)


@pytest.mark.parametrize("names", [(), ("A", "B")])
def test_a_text_with_too_many_or_too_few_names_is_filled_by_nothing(names: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="zip"):
        SecretText(("one", "two"), names).fill({"A": "", "B": ""}, PRINTS)


@pytest.mark.parametrize(
    "text",
    ["********", "***", "•••••••", "...", "…", "sk-****cdef", "****cdef", "sk-...cdef", "sk-ab…ef", "(sensitive)",
     "[REDACTED]", "<redacted>", "Masked", "xxxxxxxx", " ******** ", "Bearer *****"],
)  # fmt: skip
def test_a_mask_is_known_for_one(text: str) -> None:
    assert is_mask(text)


@pytest.mark.parametrize(
    "text",
    ["sk-live-abcdef", "a*b", "a**b", "x", "xxx-token-1", "v1.2.3", "hidden", "secret", "Bearer abcdef",
     "correct horse. battery", "1...2 is a range with spaces and more words", "-----BEGIN KEY-----"],
)  # fmt: skip
def test_a_key_is_no_mask(text: str) -> None:
    assert not is_mask(text)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("", "no value"),
        ("********", "mask"),
        ("one\ntwo", "control character"),
        ("bell\x07", "control character"),
        ("sk-live-abcdef", ""),
        ("with spaces and é", ""),
    ],
)
def test_what_cannot_be_a_secret_is_told_before_it_is_sent(value: str, why: str) -> None:
    assert why in why_unusable(value)
    assert bool(why_unusable(value)) == bool(why)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        *[(value, "only blanks") for value in ("\u200b\u200b\u200b", "\u2060\ufeff", "\ufe0f", "\u3164", "\u00a0")],
        *[
            (value, "mask")
            for value in (
                "\uff0a\uff0a\uff0a\uff0a",
                "\u2217\u2217\u2217\u2217\u2217",
                "■■■■",
                "█████",
                "sk-\u2217\u2217\u2217\u2217\u2217cdef",
                "-",
                "—",
                "……",
                "***\u200b***",
            )
        ],
        *[
            (value, "placeholder")
            for value in ("null", "None", "undefined", "''", '""', "$HOOK", "${{ secrets.HOOK }}")
        ],
        *[(value, "placeholder") for value in ("${HOOK}", "{{ hook }}", "<your-key>", "changeme", "CHANGE_ME", "tbd")],
        *[(value, "placeholder") for value in ("your-api-key", "your_api_key_here", "YOUR-KEY", "$(cat key)", "%KEY%")],
        *[(value, "invisible") for value in ("sk-live-\u200babcdef", "sk-live\u00ad-abcdef")],
    ],
)
def test_what_stands_for_a_value_never_replaces_a_key(value: str, why: str) -> None:
    assert why in why_unusable(trimmed(value) or value)


@pytest.mark.parametrize(
    "value",
    ["$2b$12$KIXQ1n", "your mother was a hamster", "nullify", "none-of-it", "<b>not one</b> tag", "my secret garden",
     "$ecret-word", "changeme2024!", "a-b_c.d", "p@ss=w{o}rd", "密码密码密码", "пароль", "!§$%&/()=", "0", "true",
     "$UMMER2024", "my-webhook-secret", "my-secret-token", "\u2764\ufe0fpass", "pass\u2764\ufe0f"],
)  # fmt: skip
def test_an_unusual_key_is_one(value: str) -> None:
    assert (trimmed(value), why_unusable(value)) == (value, "")


def test_a_header_takes_visible_ascii_only() -> None:
    assert why_unsendable("sk-live-abcdef !~") == ""
    for value in ("\u201csk-live-abcdef\u201d", "sk-live\u2026", "clé"):
        assert "no header can have" in why_unsendable(value)


@pytest.mark.parametrize(
    "value",
    ["key\u200b", "\u200b key\u2060\n", "key\u00a0", "key", "key\n", "key\r\n", " key ", "\ufeffkey\n", "\n\ufeff key"],
)
def test_what_files_and_shells_put_around_a_secret_is_taken_off(value: str) -> None:
    assert trimmed(value) == "key"


def test_the_fingerprint_of_a_text_shows_nothing_of_it() -> None:
    fingerprint = PRINTS.text_fingerprint("a text with a secret in it")
    assert (repr(fingerprint), str(fingerprint)) == (SHOWN, SHOWN)
    assert fingerprint.matches("a text with a secret in it")
    assert not fingerprint.matches("another text")
