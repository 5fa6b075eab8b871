from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tavusctl.fields.free_objects import names_secret
from tavusctl.secrets import detection
from tavusctl.secrets.detection import Weight, is_key, is_secret, is_secret_name, weight


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


@pytest.mark.parametrize(
    "name",
    ["Authorization", "X-Api-Key", "xi-api-key", "x-goog-api-key", "Cookie", "Set-Cookie", "X-Auth", "X-AuthToken",
     "x-session-id", "X-Hub-Signature-256", "X-Amz-Security-Token", "X-Access-Key", "x-portkey-virtual-key", "apikey",
     "x-portkey-api-key", "authkey", "X-JWT", "X-Oauth", "x-mysecret", "X-Pwd", "Ocp-Apim-Subscription-Key",
     "consumerkey", "x-integrationkey", "mashapekey", "x-basicauth", "proxyauth"],
)  # fmt: skip
def test_a_header_of_secrets_is_known_by_its_name(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize(
    ("name", "text"),
    [("x-portkey-provider", "openai"), ("x-portkey-config", "pc-acme-a1b2c3"), ("X-Author", "Team A"), ("Keynote", "a"),
     ("X-Monkey", "1"), ("X-Keyboard-Layout", "de"), ("X-Tokenizer", "cl100k"), ("X-Authority", "acme"),
     ("OpenAI-Organization", "org-abcdefghijklmnopqrstuvwx"), ("OpenAI-Project", "proj_ABCdef1234567890ABCdef12"),
     ("X-Trace", "550e8400-e29b-41d4-a716-446655440000")],
)  # fmt: skip
def test_a_header_whose_name_only_contains_such_a_word_is_no_secret(name: str, text: str) -> None:
    assert not is_secret(name, text)


BODY = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"


@pytest.mark.parametrize(
    "key",
    [f"sk_car_{BODY[:22]}", f"xai-{BODY * 3}", f"pplx-{BODY}{BODY[:16]}", f"nvapi-{BODY * 2}", f"r8_{BODY}ABCDE",
     f"tvly-{BODY}", f"tvly-dev-{BODY}", f"cal_live_{BODY}", "pat-na1-0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0",
     *(f"{name}_{BODY}" for name in ("dckr_pat", "figd", "glsa", "lin_api", "ntn", "sbp")),
     *(f"{name}-{BODY}" for name in ("GOCSPX", "PMAK", "xkeysib", "glrt", "gldt")),
     f"pypi-AgEIcHlwaS5vcmc{BODY}", f"dop_v1_{BODY * 2}", f"hvs.CAES{BODY}",
     f"shpat_{BODY}", f"sk_{BODY}{BODY[:16]}", f"gsk_{BODY}", f"hf_{BODY}"],
)  # fmt: skip
def test_a_key_of_a_service_is_known_by_its_form(key: str) -> None:
    assert is_key(f"Use {key}.")


@pytest.mark.parametrize(
    "text",
    ["Server=tcp:db,1433;User=sa;Password=P4ssw0rdX9;", f"AccountName=acme;AccountKey={BODY}==;EndpointSuffix=x",
     "jdbc:sqlserver://db;user=sa;password=P4ssw0rdX9;encrypt=true"],
)  # fmt: skip
def test_a_secret_in_a_connection_string_is_found(text: str) -> None:
    assert names_secret(text)


@settings(max_examples=400)  # the pattern has about a hundred alternatives
@given(st.from_regex(detection._KEYS.pattern))
def test_a_text_that_the_quick_search_rules_out_has_no_key(text: str) -> None:
    assert detection._has_marker(text)
