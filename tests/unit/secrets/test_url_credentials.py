"""Passwords in addresses: what surely is one is registered, so that no message shows it; words never are."""

from __future__ import annotations

import time

import pytest

from tavusctl.config.spec import plain_secrets
from tavusctl.secrets import redaction, url_credentials

NO_PASSWORDS = [
    *("mailto:support@acme.com", "Mailto:support24@acme.com", "sip:line-42@acme.com", "contact:team_1@acme.com"),
    *("to:support@acme.com", "to:first.last@acme.com", "app:1.2.30@sha256:0a1b", "app:1.2.30@sha512:0a1b"),
    *("git:${secret:GIT_1}@host:x", "git:x${var:part_1}@host:x", "git:{password_1}@host:x", "git:********@host:x"),
]


@pytest.mark.parametrize("text", NO_PASSWORDS)
def test_no_word_of_an_ordinary_address_is_registered(text: str) -> None:
    with redaction.isolated_run():
        plain_secrets.register_passwords({"vars": {"contact": text}})

        assert redaction.known_values() == ()


@pytest.mark.parametrize("password", ["hunter22pw", "correct-horse", "s3cr3t.word"])
def test_a_password_before_a_host_is_registered_and_hidden(password: str) -> None:
    with redaction.isolated_run():
        plain_secrets.register_passwords({"state": f"git:{password}@host:x"})

        assert redaction.known_values() == (password,)
    assert url_credentials.without_credentials(f"git:{password}@host:x") == "git:…@host:x"


def test_a_message_hides_also_what_may_be_a_password() -> None:
    assert url_credentials.without_credentials("git:swordfish@host:x") == "git:…@host:x"


def test_a_known_secret_is_redacted_before_a_credential_in_it() -> None:
    with redaction.isolated_run():
        redaction.register("Zq7xK2mP9@w4TvB8nY3cHd")
        text = "see https://me:Zq7xK2mP9@w4TvB8nY3cHd.example/a"
        assert url_credentials.without_credentials(text) == f"see https://me:{redaction.SHOWN}.example/a"


def test_credentials_inside_one_another_are_hidden_as_one() -> None:
    url = "https://u:hunter22pw@host.example/a;token=sk-live-0f1e2d3c4b5a69788796a5b4/b"
    assert url_credentials.without_credentials(url) == "https://u:…@host.example/a;token=…/b"


def test_the_time_for_a_text_with_many_addresses_is_short() -> None:
    text = "https://u:hunter22pw@a.example/ git:swordfish9@b " * 20_000
    start = time.process_time()
    shown = url_credentials.without_credentials(text)
    assert time.process_time() - start < 2.5
    assert shown == "https://u:…@a.example/ git:…@b " * 20_000
