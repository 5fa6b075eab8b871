"""A read that leaves out what a document was made with: nobody can have unset that, so the document is not replaced."""

from __future__ import annotations

import pytest

from tests.scenarios.project import Project

SITE = {
    "document_name": "Site",
    "document_url": "https://example.com",
    "crawl": {"depth": 1, "max_pages": 5},
    "callback_url": "https://hooks.example.com/a",
}


@pytest.mark.parametrize("value", [None, "", "(left out)"])
@pytest.mark.parametrize("key", ["document_url", "crawl_config", "callback_url"])
def test_a_listing_that_leaves_out_a_fixed_field_replaces_nothing(project: Project, key: str, value: object) -> None:
    """A list may show less than a read by id; a manifest that changes the field replaces the document all the same."""
    project.manifest("document", "it", SITE)
    project.apply()
    read = project.account.call("GET", f"/v2/documents/{project.bound('document/it')}").json()
    shown = {name: item for name, item in read.items() if name != key or value != "(left out)"}
    shown |= {key: value} if key in shown else {}
    listed = {"data": [shown], "total_count": 1}
    project.account.fault(match="GET /v2/documents", kind="status", status=200, body=listed, times=100)

    assert project.plan()["changes"] == []
    project.expect(0, "drift", "--detailed-exitcode")

    spec_key = "crawl" if key == "crawl_config" else key
    changed = {"depth": 2, "max_pages": 5} if spec_key == "crawl" else "https://other.example.com"
    project.manifest("document", "it", {**SITE, spec_key: changed})
    assert project.plan()["changes"][0]["action"] == "replace"


def test_what_the_server_did_not_keep_at_creation_replaces_nothing_later(project: Project) -> None:
    """The manifest may give it up: the document is already without it."""
    project.environment["TAVUSCTL_SETTLE"] = "0.2"
    project.account.switch(ignore_fields=["/callback_url"])
    project.manifest("document", "it", SITE)
    created = project.run("apply", "--yes")
    assert (created.code, "not kept by the server: /callback_url" in created.out + created.err) == (5, True)
    assert "No changes" in project.run("plan").out

    project.manifest("document", "it", {key: value for key, value in SITE.items() if key != "callback_url"})

    assert project.plan()["changes"] == []


def test_a_listing_may_leave_out_what_the_server_keeps_in_another_form(project: Project) -> None:
    project.environment["TAVUSCTL_SETTLE"] = "0.2"
    project.account.switch(tidied_fields={"/callback_url": "lower"})
    project.manifest("document", "it", {**SITE, "callback_url": "https://hooks.example.com/Coach"})
    project.run("apply", "--yes")
    read = project.account.call("GET", f"/v2/documents/{project.bound('document/it')}").json()
    listed = {"data": [{**read, "callback_url": ""}], "total_count": 1}
    project.account.fault(match="GET /v2/documents", kind="status", status=200, body=listed, times=100)

    assert read["callback_url"] == "https://hooks.example.com/coach"
    assert "No changes" in project.run("plan").out
