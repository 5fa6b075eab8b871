"""Of an address nothing is ever shown but scheme, host and port: all else may be a password."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tavusctl.app.session.base_url import check_base_url
from tavusctl.config.project_file.state_url import state_fault
from tavusctl.core.errors import UsageError
from tavusctl.core.messages import site
from tavusctl.state.object_store.urls import check_endpoints

CANARY = "canary"
ODD = st.text(st.sampled_from("/:@?#%&=.- \\[]!1a"), max_size=4)
PASSWORDS = st.builds(lambda before, after: f"{before}{CANARY}{after}", ODD, ODD)


@given(st.sampled_from(["https", "http", "ftp", ""]), st.sampled_from(["", "user"]), PASSWORDS)
@example("https", "", CANARY)
@example("https", "", f"1/{CANARY}")
@example("https", "user", f"/[{CANARY}")
def test_no_password_is_shown_whatever_is_in_it(scheme: str, user: str, password: str) -> None:
    url = f"{scheme}://{user}:{password}@host.example:8443"

    assert CANARY not in site(url)
    with pytest.raises(UsageError) as refused:
        check_base_url(url)
    assert CANARY not in refused.value.message + refused.value.hint


@given(st.sampled_from(["https://h.example/?{}", "https://h.example/#{}", "http://h.example/{}"]), PASSWORDS)
def test_no_query_fragment_or_path_is_shown(form: str, password: str) -> None:
    with pytest.raises(UsageError) as refused:
        check_base_url(form.format(password))
    assert CANARY not in refused.value.message + refused.value.hint


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://tavusapi.com", "https://tavusapi.com"),
        ("http://127.0.0.1:8042/v2?x", "http://127.0.0.1:8042"),
        ("https://[::1]:1/", "https://[::1]:1"),
        ("sk-live-1234", ""),
        ("https://host:port", ""),
        ("https://h.example\x1b[31m", ""),
    ],
)
def test_what_is_shown_tells_which_host_it_is(url: str, shown: str) -> None:
    assert site(url) == shown


@pytest.mark.parametrize("url", ["s3://user:canary@bucket/a", "ftp://user:canary@h/", "gs://bucket/a?key=canary"])
def test_the_address_of_a_state_is_not_shown_either(url: str) -> None:
    fault = state_fault(url)
    assert fault
    assert CANARY not in fault.message + fault.hint


def test_the_endpoint_of_a_store_is_shown_without_its_password() -> None:
    with pytest.raises(UsageError) as refused:
        check_endpoints("s3", {"AWS_ENDPOINT_URL": "http://user:canary@minio.example:9000"})
    assert CANARY not in refused.value.message
