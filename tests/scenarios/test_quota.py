"""The 101st crawled document is refused at plan, before anything is sent, unless the account may have more."""

from __future__ import annotations

from typing import Any

from tests.scenarios.project import Project

CRAWL = {"depth": 1, "max_pages": 5}
REASON = "the account would have 101 documents with a crawl, more than its limit of 100"


def crawled(name: str, **spec: Any) -> dict[str, Any]:
    return {"document_name": name, "document_url": f"https://example.com/{name}", "crawl": CRAWL, **spec}


def strangers(project: Project, count: int) -> list[str]:
    """Crawled documents that are not ours; they take places all the same."""
    return project.account.seed(documents=[crawled(f"stranger-{number}") for number in range(count)])["documents"]


def refusals(plan: dict[str, Any]) -> list[tuple[str, str, int, str]]:
    return [(one["address"], one["code"], one["exit_code"], one["reason"]) for one in plan["refused"]]


def test_fm_128_the_101st_crawl_is_refused_at_plan_and_what_needs_it_is_left_out(project: Project) -> None:
    old, *_ = strangers(project, 99)
    project.account.call("POST", "/v2/documents", {"document_url": "https://example.com/page"})
    for name in ("first", "second"):
        project.manifest("document", name, crawled(name))
    project.manifest("document", "plain", {"document_url": "https://example.com/plain.pdf"})
    project.manifest(
        "persona",
        "coach",
        {"persona_name": "Coach", "system_prompt": "You coach.", "document_ids": ["${ref:document/second}"]},
    )
    plan = project.plan()
    project.account.forget()

    full = project.run("apply", "--yes")
    made = [body.get("document_name", body["document_url"]) for _, _, body in project.account.sent]
    project.account.call("DELETE", f"/v2/documents/{old}")
    project.account.forget()
    freed = project.apply()

    assert [(one["action"], one["address"]) for one in plan["changes"]] == [
        ("create", "document/first"),
        ("create", "document/plain"),
        ("create", "persona/coach"),
    ]
    assert refusals(plan) == [("document/second", "E408", 4, REASON)]
    assert (full.code, sorted(made)) == (4, ["first", "plain"])
    assert "skipped  create persona/coach: waits for document/second, which did not succeed" in full.out
    assert "help: delete one in an earlier run, because deletes come last in a run; or set `crawl_limit`" in full.out
    assert [path for _, path, _ in project.account.sent] == ["/v2/documents", "/v2/personas"]
    assert "Apply: 2 done" in freed.out


def test_a_replacement_needs_a_place_until_the_old_version_is_gone(project: Project) -> None:
    project.manifest("document", "ours", crawled("ours"))
    project.apply()
    strangers(project, 99)
    project.account.advance(900)
    project.manifest("document", "ours", crawled("ours", document_url="https://example.com/elsewhere"))
    project.manifest("document", "plain", {"document_url": "https://example.com/plain.pdf"})
    project.account.forget()

    plan, result = project.plan(), project.run("apply", "--yes")

    assert refusals(plan) == [("document/ours", "E408", 4, REASON)]
    assert result.code == 4
    assert [body["document_url"] for _, _, body in project.account.sent] == ["https://example.com/plain.pdf"]


def test_deletes_of_the_same_run_come_too_late(project: Project) -> None:
    strangers(project, 99)
    project.manifest("document", "old", crawled("old"))
    project.apply()
    project.remove("document", "old")
    project.manifest("document", "new", crawled("new"))

    first = project.run("apply", "--yes", "--allow-deletes", "1")
    second = project.apply()

    assert (first.code, refused_ids(first.out)) == (4, ["[E408]"])
    assert "done     create document/new" in second.out


def refused_ids(text: str) -> list[str]:
    return [line.split()[-1] for line in text.splitlines() if line.startswith("! ")]


def test_more_that_was_agreed_to_stands_in_the_project_file(project: Project) -> None:
    project.account.switch(crawl_documents=101)
    strangers(project, 100)
    for name in ("first", "second"):
        project.manifest("document", name, crawled(name))
    project.write("tavusctl.yaml", "crawl_limit: 500\nenvironments: {production: {crawl_limit: 101}}\n")

    plan = project.plan()
    refused = project.run("apply", "--yes")

    assert refusals(plan) == [("document/second", "E408", 4, REASON.replace("101", "102").replace("100", "101"))]
    assert refused.code == 4
    assert len(project.account.objects("documents")) == 101


def test_an_account_that_has_more_than_everybody_may_was_granted_more(project: Project) -> None:
    project.account.switch(crawl_documents=None)
    strangers(project, 103)
    project.manifest("document", "ours", crawled("ours"))

    assert project.plan()["refused"] == []
    assert "done     create document/ours" in project.apply().out


def test_what_a_target_leaves_out_takes_no_place(project: Project) -> None:
    strangers(project, 99)
    for name in ("first", "second"):
        project.manifest("document", name, crawled(name))

    plan = project.plan("--target", "document/second")

    assert ([one["address"] for one in plan["changes"]], plan["refused"]) == (["document/second"], [])
