from __future__ import annotations

from typing import Any

import pytest

from tests.emulator.harness import Tavus

PDF = {"document_url": "https://files.example.com/handbook.pdf"}
SITE = {"document_url": "https://docs.example.com/", "crawl": {"depth": 2, "max_pages": 5}}
KEYS = [
    "document_id",
    "document_name",
    "document_url",
    "status",
    "progress",
    "error_message",
    "created_at",
    "updated_at",
    "callback_url",
    "tags",
    "crawl_config",
    "crawled_urls",
    "last_crawled_at",
    "crawl_count",
]


def made(tavus: Tavus, body: Any) -> str:
    return str(tavus.ok("POST", "/v2/documents", body)["document_id"])


def status(tavus: Tavus, ident: str) -> Any:
    return tavus.ok("GET", f"/v2/documents/{ident}")["status"]


def test_a_creation_answers_the_whole_object_unwrapped(tavus: Tavus) -> None:
    created = tavus.ok("POST", "/v2/documents", PDF)
    assert list(created) == KEYS
    assert (created["document_name"], created["status"], created["tags"]) == ("handbook.pdf", "started", [])
    assert tavus.ok("GET", f"/v2/documents/{created['document_id']}") == created


def test_crawl_is_written_and_crawl_config_is_read(tavus: Tavus) -> None:
    created = tavus.ok("POST", "/v2/documents", SITE)
    assert created["crawl_config"] == SITE["crawl"]
    assert (created["crawl_count"], created["last_crawled_at"], created["crawled_urls"]) == (None, None, None)


def test_processing_follows_the_clock(tavus: Tavus) -> None:
    ident = made(tavus, PDF)
    seen = [status(tavus, ident)]
    for seconds in (60, 200, 60):
        tavus.advance(seconds)
        seen.append(status(tavus, ident))
    assert seen == ["started", "processing", "processing", "ready"]


def test_a_finished_crawl_shows_its_pages_its_time_and_its_count(tavus: Tavus) -> None:
    tavus.control("POST", "clock", {"set": "2026-01-01T12:00:00Z", "freeze": True})
    ident = made(tavus, SITE)
    tavus.advance(1000)
    document = tavus.ok("GET", f"/v2/documents/{ident}")
    assert document["updated_at"] == document["last_crawled_at"] == "2026-01-01T12:05:00Z"
    assert document["crawl_count"] == 1
    assert document["crawled_urls"][0] == SITE["document_url"]
    assert len(document["crawled_urls"]) == 5


def test_an_injected_error_ends_the_next_processing(tavus: Tavus) -> None:
    tavus.control("POST", "outcomes", {"kind": "documents", "error": "file_empty"})
    broken, fine = made(tavus, PDF), made(tavus, PDF)
    tavus.advance(300)
    assert tavus.ok("GET", f"/v2/documents/{broken}")["error_message"] == "file_empty"
    assert (status(tavus, broken), status(tavus, fine)) == ("error", "ready")


def test_what_is_no_address_fails_in_processing(tavus: Tavus) -> None:
    ident = made(tavus, {"document_url": "handbook.pdf"})
    tavus.advance(300)
    assert tavus.ok("GET", f"/v2/documents/{ident}")["error_message"] == "invalid_file_url"


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({}, "Invalid request: document_url is required"),
        (PDF | {"document_name": 1}, "Invalid request: document_name must be a string"),
        (PDF | {"tags": "a"}, "Invalid request: tags must be a list of strings"),
        (PDF | {"colour": 1}, "Invalid request: unknown field colour: Unknown field."),
        (PDF | {"crawl": [1]}, "Invalid request: crawl must be an object"),
        (PDF | {"crawl": {"depth": "1", "max_pages": 1}}, "Invalid request: crawl.depth: Not a valid integer."),
        (PDF | {"crawl": {"depth": 1}}, "Invalid request: crawl.max_pages: is required"),
        (
            PDF | {"crawl": {"depth": 11, "max_pages": 1}},
            "Invalid request: crawl.depth: Must be greater than or equal to 1 and less than or equal to 10.",
        ),
    ],
)
def test_a_bad_creation_is_refused(tavus: Tavus, body: Any, error: str) -> None:
    response = tavus.call("POST", "/v2/documents", body)
    assert (response.status_code, response.json()) == (400, {"error": error})


def test_a_patch_is_a_plain_merge_of_name_and_tags(tavus: Tavus) -> None:
    ident = made(tavus, PDF | {"tags": ["a", "b"]})
    patched = tavus.ok("PATCH", f"/v2/documents/{ident}", {"tags": ["c"]})
    assert (patched["tags"], patched["document_name"]) == (["c"], "handbook.pdf")
    assert tavus.ok("PATCH", f"/v2/documents/{ident}", {"document_name": "New"})["tags"] == ["c"]
    refused = tavus.call("PATCH", f"/v2/documents/{ident}", {"document_name": 7})
    assert (refused.status_code, refused.json()) == (400, {"error": "Invalid request: document_name must be a string"})
    assert tavus.call("PATCH", f"/v2/documents/{ident}", [{"op": "remove", "path": "/tags"}]).status_code == 400
    assert tavus.call("PATCH", f"/v2/documents/{ident}", {"callback_url": "x"}).status_code == 400


def test_a_patch_does_not_disturb_the_processing(tavus: Tavus) -> None:
    ident = made(tavus, SITE)
    tavus.ok("PATCH", f"/v2/documents/{ident}", {"tags": ["a"]})
    tavus.advance(301)
    document = tavus.ok("PATCH", f"/v2/documents/{ident}", {"tags": ["b"]})
    assert (document["status"], document["crawl_count"], document["tags"]) == ("ready", 1, ["b"])


@pytest.mark.parametrize(("method", "path"), [("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/recrawl")])
def test_an_unknown_document_is_a_404(tavus: Tavus, method: str, path: str) -> None:
    response = tavus.call(method, f"/v2/documents/d0{path}", {})
    assert (response.status_code, response.json()) == (404, {"message": "Document not found"})


def test_a_deleted_document_is_gone(tavus: Tavus) -> None:
    ident = made(tavus, PDF)
    assert tavus.call("DELETE", f"/v2/documents/{ident}").status_code == 204
    assert tavus.call("GET", f"/v2/documents/{ident}").status_code == 404


def test_a_recrawl_answers_202_and_shows_the_previous_run_until_it_ends(tavus: Tavus) -> None:
    ident = tavus.crawled()
    before = tavus.ok("GET", f"/v2/documents/{ident}")
    response = tavus.call("POST", f"/v2/documents/{ident}/recrawl")
    assert response.status_code == 202
    previous = {key: before[key] for key in ("crawled_urls", "last_crawled_at", "crawl_count")}
    assert response.json().items() >= (previous | {"status": "recrawling"}).items()
    tavus.advance(300)
    after = tavus.ok("GET", f"/v2/documents/{ident}")
    assert (after["status"], after["crawl_count"]) == ("ready", 2)
    assert after["last_crawled_at"] > before["last_crawled_at"]


def test_an_override_holds_for_one_recrawl_and_leaves_the_configuration(tavus: Tavus) -> None:
    ident = tavus.crawled()
    document = tavus.ok("POST", f"/v2/documents/{ident}/recrawl", {"crawl": {"depth": 1, "max_pages": 2}})
    assert document["crawl_config"] == {"depth": 2, "max_pages": 5}
    tavus.advance(300)
    assert len(tavus.ok("GET", f"/v2/documents/{ident}")["crawled_urls"]) == 2


def test_a_document_without_crawl_is_recrawled_only_when_one_is_given(tavus: Tavus) -> None:
    ident = made(tavus, PDF)
    tavus.advance(300)
    refused = tavus.call("POST", f"/v2/documents/{ident}/recrawl")
    assert (refused.status_code, refused.json()) == (
        400,
        {"error": "Document was not created with crawl configuration"},
    )
    assert (
        tavus.call("POST", f"/v2/documents/{ident}/recrawl", {"crawl": {"depth": 1, "max_pages": 2}}).status_code == 202
    )


def test_a_busy_document_is_not_recrawled(tavus: Tavus) -> None:
    ident = made(tavus, SITE)
    tavus.advance(60)
    refused = tavus.call("POST", f"/v2/documents/{ident}/recrawl")
    error = "Document must be in 'ready' or 'error' state to recrawl, current status: processing"
    assert (refused.status_code, refused.json()) == (409, {"error": error})


def test_the_cooldown_counts_from_the_last_crawl_and_says_the_minutes_left(tavus: Tavus) -> None:
    tavus.control("POST", "clock", {"set": "2026-01-01T12:00:00Z", "freeze": True})
    ident = made(tavus, SITE)
    tavus.advance(300 + 15 * 60)
    refused = tavus.call("POST", f"/v2/documents/{ident}/recrawl")
    error = "Recrawl cooldown: please wait 45 minutes before recrawling this document."
    assert (refused.status_code, refused.json()) == (429, {"error": error})
    tavus.advance(45 * 60)
    assert tavus.call("POST", f"/v2/documents/{ident}/recrawl").status_code == 202


def test_a_failed_recrawl_keeps_the_old_result_and_may_be_repeated_after_the_cooldown(tavus: Tavus) -> None:
    ident = tavus.crawled()
    tavus.control("POST", "outcomes", {"kind": "documents", "error": "website_processing_failed"})
    tavus.ok("POST", f"/v2/documents/{ident}/recrawl")
    tavus.advance(300)
    document = tavus.ok("GET", f"/v2/documents/{ident}")
    assert (document["status"], document["crawl_count"]) == ("error", 1)
    assert tavus.call("POST", f"/v2/documents/{ident}/recrawl").status_code == 429
    tavus.advance(3600)
    assert tavus.call("POST", f"/v2/documents/{ident}/recrawl").status_code == 202


def test_five_crawls_run_at_once_and_the_mutations_tell_how_many(tavus: Tavus) -> None:
    for _ in range(5):
        made(tavus, SITE)
    assert tavus.call("POST", "/v2/documents", SITE).status_code == 429
    assert tavus.call("POST", "/v2/documents", PDF).status_code == 200
    running = [m["running_crawls"] for m in tavus.control("GET", "mutations")["mutations"] if "running_crawls" in m]
    assert running == [1, 2, 3, 4, 5]
    tavus.advance(300)
    assert tavus.call("POST", "/v2/documents", SITE).status_code == 200


def test_an_account_has_at_most_a_hundred_crawl_documents(tavus: Tavus) -> None:
    tavus.control("POST", "seed", {"key-of-acme": {"documents": [SITE] * 100}})
    refused = tavus.call("POST", "/v2/documents", SITE)
    error = "Crawl document limit reached (100). Contact support@tavus.io to increase your limit."
    assert (refused.status_code, refused.json()) == (429, {"error": error})


def test_documents_page_from_zero_and_the_envelope_says_page_and_limit(tavus: Tavus) -> None:
    idents = [made(tavus, PDF) for _ in range(3)]
    first = tavus.ok("GET", "/v2/documents?limit=2")
    second = tavus.ok("GET", "/v2/documents?limit=2&page=1&sort=ascending")
    assert [d["document_id"] for d in first["data"] + second["data"]] == idents
    assert (second["total_count"], second["page"], second["limit"]) == (3, 1, 2)
    assert [d["document_id"] for d in tavus.ok("GET", "/v2/documents?sort=descending")["data"]] == idents[::-1]


def test_documents_are_filtered_by_status_name_and_tags(tavus: Tavus) -> None:
    a = made(tavus, PDF | {"document_name": "Alpha", "tags": ["x", "y"]})
    tavus.advance(300)
    b = made(tavus, PDF | {"document_name": "Beta", "tags": ["z"]})
    found = {
        query: [d["document_id"] for d in tavus.ok("GET", f"/v2/documents?{query}")["data"]]
        for query in (
            "status=ready",
            "status=started",
            "name_or_uuid=alph",
            f"name_or_uuid={b}",
            "tags=q,z",
            "tags=x,z",
        )
    }
    assert list(found.values()) == [[a], [b], [a], [b], [b], [a, b]]


@pytest.mark.parametrize("query", ["sort=sideways", "status=lost", "page=-1"])
def test_a_bad_query_is_refused(tavus: Tavus, query: str) -> None:
    response = tavus.call("GET", f"/v2/documents?{query}")
    assert response.status_code == 400
    assert response.json()["error"].startswith("Invalid request: ")


@pytest.mark.parametrize("body", [[1], {"crawl": "deep"}, {"crawl": {"depth": 0, "max_pages": 1}}])
def test_a_bad_override_is_refused(tavus: Tavus, body: Any) -> None:
    assert tavus.call("POST", f"/v2/documents/{tavus.crawled()}/recrawl", body).status_code == 400


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://a.example.com/x/y.pdf", "y.pdf"),
        ("https://a.example.com/", "a.example.com"),
        ("https://[bad", "document"),
    ],
)
def test_a_document_without_a_name_is_given_one(tavus: Tavus, url: str, name: str) -> None:
    assert tavus.ok("POST", "/v2/documents", {"document_url": url})["document_name"] == name


@pytest.mark.parametrize("limit", ["0", "-1", "ten", ""])
def test_a_bad_limit_is_refused(tavus: Tavus, limit: str) -> None:
    response = tavus.call("GET", f"/v2/documents?limit={limit}")
    assert (response.status_code, response.json()) == (
        400,
        {"error": "Invalid request: limit must be a positive integer"},
    )
