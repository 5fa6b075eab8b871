"""Redirects of GitHub: followed with every method at the same host, and nowhere else."""

from __future__ import annotations

import httpx
import pytest

from tavusctl.api.transport import Answer
from tavusctl.core.errors import ApiError
from tavusctl.integrations.github.redirects import Place, next_place
from tavusctl.integrations.github.rest import GitHub
from tests.scenarios.hub import BOT, TOKEN, Hub, hub

MARKER = "<!-- tavusctl:plan:default -->"


def kept(github: Hub, text: str) -> str:
    with GitHub(github.url, "acme/agents", TOKEN) as client:
        return client.keep_comment(7, MARKER, lambda _: f"{MARKER}\n{text}")


@pytest.mark.parametrize("status", [301, 302, 307, 308])
@pytest.mark.parametrize("is_relative", [False, True])
def test_the_comment_of_a_repository_that_was_renamed_is_kept(status: int, is_relative: bool) -> None:
    """Reads, with their queries, and writes, with their bodies."""
    with hub() as github:
        for number in range(100):
            github.comment(7, f"of a person {number}", "ann")
        github.comment(7, f"{MARKER}\nbefore")
        github.renamed = status, "" if is_relative else github.url
        done = [kept(github, text) for text in ("one", "one", "two")]
        del github.comments[7]
        done.append(kept(github, "three"))

        assert done == ["updated", "unchanged", "updated", "created"]
        assert [(one["body"], one["user"]["login"]) for one in github.comments[7]] == [(f"{MARKER}\nthree", BOT)]


@pytest.mark.parametrize(
    ("place", "named"),
    [
        ("OTHER", "http://127.0.0.1:"),
        ("https://api.other.example", "https://api.other.example"),
        ("http://user:word@127.0.0.1", "another place"),
        ("//elsewhere.example", "elsewhere.example"),
        ("http://[", "another place"),
    ],
)
def test_the_token_is_sent_to_no_other_place(place: str, named: str) -> None:
    with hub() as github, hub() as other:
        github.renamed = 307, other.url if place == "OTHER" else place
        with pytest.raises(ApiError, match="where the token is not sent") as caught:
            kept(github, "text")

        assert (named in str(caught.value), "GITHUB_API_URL" in caught.value.hint) == (True, True)
        assert "word" not in str(caught.value)
        assert (other.calls, other.tokens, len(github.calls)) == ([], [], 1)


@pytest.mark.parametrize(
    ("base", "location"),
    [
        ("https://ghe.example", "https://ghe.example:443/api/v3/repositories/7?page=2"),
        ("https://ghe.example:443", "https://GHE.example/api/v3/repositories/7?page=2"),
    ],
)
def test_a_host_is_the_same_with_and_without_its_usual_port(base: str, location: str) -> None:
    answer = Answer("GET /api/v3/repos/acme/agents", 301, httpx.Headers({"Location": location}), b"")
    following = next_place(answer, Place("/api/v3/repos/acme/agents", {}), base, 1)
    assert following == Place("/api/v3/repositories/7", {"page": "2"})


def test_redirects_without_end_have_an_end() -> None:
    with hub() as github:
        github.renamed = 302, "/repos/acme/agents?"
        with pytest.raises(ApiError, match="is redirected more than 3 times"):
            kept(github, "text")

        assert len(github.calls) == 4
