"""A changed crawl: a recrawl with the new one where the API takes it, a new document where it does not."""

from __future__ import annotations

from typing import Any

import pytest

from tests.scenarios.project import Body, Project

SITE = {"document_name": "Site", "document_url": "https://example.com/site"}
SMALL, LARGE = {"depth": 1, "max_pages": 3}, {"depth": 3, "max_pages": 9}


@pytest.fixture
def site(project: Project) -> Project:
    """A crawled document that can be crawled again."""
    project.manifest("document", "site", {**SITE, "crawl": SMALL})
    project.apply()
    project.account.advance(2 * 3600)
    project.account.forget()
    return project


def want(project: Project, crawl: Body | None, **more: Any) -> None:
    project.manifest("document", "site", {**SITE, "crawl": crawl, **more})


def pages(project: Project) -> int:
    return len(project.account.objects("documents")[project.bound("document/site")]["crawled_urls"])


def actions(project: Project) -> list[tuple[str, str]]:
    return [(one["action"], one["cause"]) for one in project.plan()["changes"]]


def test_a_changed_crawl_is_a_recrawl_with_it_and_the_id_stays(site: Project) -> None:
    before = site.bound("document/site")
    want(site, LARGE)

    shown = site.run("plan")
    site.apply()
    site.account.advance(600)

    assert "@ document/site: recrawl" in shown.out
    assert "1 to recrawl" in shown.out
    assert site.account.sent == [("POST", f"/v2/documents/{before}/recrawl", {"crawl": LARGE})]
    assert (site.bound("document/site"), pages(site)) == (before, 9)
    assert site.plan()["changes"] == []
    assert site.plan()["drift"] == []


def test_no_other_document_is_crawled_if_a_proxy_confuses_two(site: Project) -> None:
    other = {"document_id": "d0-0123456789ab", **SITE, "crawl": LARGE, "status": "ready"}
    want(site, LARGE)
    site.account.fault(match=f"GET /v2/documents/{site.bound('document/site')}", kind="status", status=200, body=other)

    result = site.run("apply", "--yes")

    assert "returned the object d0-0123456789ab" in result.out, result.out + result.err
    assert site.account.writes == []


def test_every_later_recrawl_sends_the_new_crawl_along(site: Project) -> None:
    """The API takes an override for one time only."""
    want(site, LARGE)
    site.apply()
    site.account.advance(2 * 3600)
    site.account.forget()
    site.run("recrawl", "document/site", "--all")
    site.account.advance(2 * 3600)
    large = pages(site)
    want(site, SMALL)
    back = actions(site)
    site.run("apply", "--yes")
    site.run("recrawl", "document/site", "--all")

    path = f"/v2/documents/{site.bound('document/site')}/recrawl"
    assert site.account.sent[0] == ("POST", path, {"crawl": LARGE})
    assert large == 9
    assert back == [], "the document was made with this crawl, and goes by it without being told"


def test_one_limit_of_a_crawl_keeps_the_other(site: Project) -> None:
    want(site, {"max_pages": 2})
    site.apply()

    assert site.account.sent[0][2] == {"crawl": {"depth": 1, "max_pages": 2}}


@pytest.mark.newer_api
def test_a_crawl_may_have_one_limit(project: Project) -> None:
    want(project, {"depth": 1})
    checked = project.run("validate")
    project.apply()
    project.account.advance(2 * 3600)
    again = project.plan()["changes"]
    want(project, {"depth": 2})
    project.apply()

    assert (checked.code, checked.out) == (0, "Valid.\n")
    assert again == []
    assert [body for _, _, body in project.account.sent][1:] == [{"crawl": {"depth": 2}}]
    assert project.plan()["changes"] == []


def test_a_name_that_changed_with_it_is_patched_and_the_crawl_is_on_its_own(site: Project) -> None:
    want(site, LARGE, document_name="Other", tags=["a"])

    planned = actions(site)
    site.apply()

    path = f"/v2/documents/{site.bound('document/site')}"
    assert planned == [("update", "edited"), ("recrawl", "edited")]
    assert site.account.sent == [
        ("PATCH", path, {"document_name": "Other", "tags": ["a"]}),
        ("POST", f"{path}/recrawl", {"crawl": LARGE}),
    ]
    assert site.plan()["changes"] == []


@pytest.mark.parametrize(
    ("before", "after"), [(None, LARGE), (SMALL, None), (SMALL, {**LARGE, "url": "https://example.com/other"})]
)
def test_where_a_recrawl_cannot_do_it_the_document_is_replaced(
    project: Project, before: Body | None, after: Body | None
) -> None:
    """No crawl before, none after, or another change that needs a new document."""
    want(project, before)
    project.apply()
    project.account.advance(2 * 3600)
    other = {"document_url": after.pop("url")} if after and "url" in after else {}
    want(project, dict(after) if after else None, **other)

    assert actions(project)[0] == ("replace", "edited")
    assert "/crawl" in project.run("plan").out


def test_what_is_too_soon_is_left_to_a_later_run(project: Project) -> None:
    want(project, SMALL)
    project.apply()
    project.account.advance(900)
    project.account.forget()
    want(project, LARGE)

    early = project.apply()
    sent = list(project.account.sent)
    project.account.advance(3600)
    project.apply()

    assert "too soon after its last crawl, until " in early.out
    assert sent == []
    assert len(project.account.sent) == 1
    assert project.plan()["changes"] == []


def test_no_crawl_is_begun_where_people_have_the_last_slots(site: Project) -> None:
    for index in range(4):
        site.account.call("POST", "/v2/documents", {"document_url": f"https://example.com/{index}", "crawl": SMALL})
    site.account.forget()
    want(site, LARGE)

    assert "4 crawls are running" in site.apply().out
    assert site.account.sent == []


@pytest.mark.parametrize("phase", ["before", "after"])
def test_a_lost_answer_leads_to_one_crawl(site: Project, phase: str) -> None:
    want(site, LARGE)
    site.account.fault(match="POST /v2/documents/*/recrawl", kind="status", status=502, phase=phase)

    site.apply()
    site.account.advance(600)
    started = [one for one in site.account.control("GET", "mutations")["mutations"] if one["action"] == "recrawl"]

    assert len(started) == 1
    assert pages(site) == 9
    assert site.plan()["changes"] == []


def test_when_no_answer_comes_at_all_the_next_run_looks(site: Project) -> None:
    want(site, LARGE)
    site.account.fault(match="POST /v2/documents/*/recrawl", kind="status", status=502, phase="after")
    site.account.fault(match="GET /v2/documents/*", kind="status", status=500, skip=1, times=5)
    unknown = site.run("apply", "--yes", TAVUSCTL_MAX_WAIT="0")
    site.account.control("DELETE", "faults")
    site.account.advance(600)

    assert unknown.code == 6, unknown.out + unknown.err
    assert site.plan()["changes"] == []
    site.apply()
    assert len([one for one in site.account.sent if one[0] == "POST"]) == 1


def test_an_undo_says_that_a_crawl_is_not_reversed(site: Project) -> None:
    want(site, LARGE)
    site.apply()
    (run, *_) = (line.split()[0] for line in site.run("undo").out.splitlines())

    undone = site.expect(4, "undo", run, "--yes")

    assert "a crawl cannot be undone" in undone.out


def test_a_crawl_that_found_much_less_is_flagged_and_strict_fails(site: Project) -> None:
    want(site, {"depth": 1, "max_pages": 1})
    site.account.switch(processing_seconds=1)
    lax = site.run("recrawl", "document/site", "--all", "--wait", "60s")
    site.account.advance(2 * 3600)
    want(site, LARGE)
    site.run("recrawl", "document/site", "--all", "--wait", "60s")
    site.account.advance(2 * 3600)
    want(site, {"depth": 1, "max_pages": 1})
    strict = site.run("recrawl", "document/site", "--all", "--wait", "60s", "--strict")

    assert (lax.code, strict.code) == (0, 5)
    assert "the crawl found 1 of the 9 pages" in strict.out
    site.expect(12, "recrawl", "--strict")


@pytest.mark.parametrize("conflict", ["tags", "crawl"])
def test_an_object_with_a_conflict_is_neither_updated_nor_crawled(site: Project, conflict: str) -> None:
    want(site, SMALL, tags=["one"])
    site.apply()
    place, value = {"tags": ("/tags", ["theirs"]), "crawl": ("/crawl_config/max_pages", 5)}[conflict]
    site.edit_in_portal("document/site", place, value)
    want(site, LARGE, tags=["two"])
    site.account.forget()

    refused = site.run("apply", "--yes")

    assert (refused.code, site.account.sent) == (3, [])
    assert [one["code"] for one in site.plan()["refused"]] == ["E301"]
    site.apply("--overwrite", "document/site")
    assert len(site.account.sent) == 2
