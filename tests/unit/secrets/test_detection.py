from __future__ import annotations

import pytest

from tavusctl.secrets.detection import Weight, weight


@pytest.mark.parametrize(
    "name",
    ["api_key_b64", "apiKeyBase64", "API_KEY_BASE64", "apikeybase64", "apikeyb64", "passwords", "pwds",
     "openai_api_key_eu", "secret_eu", "connection_string", "DB_CONNECTION_STRING", "private_key_pem", "client_secret"],
)  # fmt: skip
def test_a_name_of_secrets_is_known_with_what_follows_it(name: str) -> None:
    assert weight(name) is Weight.CERTAIN


@pytest.mark.parametrize("name", ["PHPSESSID", "JSESSIONID", "tokens_eu", "key_2"])
def test_a_name_with_other_uses_says_that_a_value_may_be_secret(name: str) -> None:
    assert weight(name) is Weight.POSSIBLE


@pytest.mark.parametrize(
    "name",
    ["b64", "image_base64", "max_tokens", "public_key_pem", "keyword", "connection", "string", "status", "us", "64"],
)
def test_other_names_say_nothing(name: str) -> None:
    assert weight(name) is Weight.NONE
