"""The API takes five crawls at a time: what finds no room is deferred, or waited for, and is no failure."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from tests.scenarios.project import Project

CRAWL = {"depth": 1, "max_pages": 5}


def crawled(name: str, **spec: Any) -> dict[str, Any]:
    return {"document_name": name, "document_url": f"https://example.com/{name}", "crawl": CRAWL, **spec}


def eight(project: Project) -> None:
    for number in range(8):
        project.manifest("document", f"d{number}", crawled(f"D{number}"))


def refused(project: Project) -> list[int]:
    return [one["status"] for one in project.account.requests if one["status"] == 429]


def most_at_once(project: Project) -> int:
    """The greatest number of crawls that ever ran."""
    return max(int(one.get("running_crawls", 0)) for one in project.account.control("GET", "mutations")["mutations"])


def test_fm_129_crawls_without_room_are_deferred_and_the_next_run_goes_on(project: Project) -> None:
    eight(project)
    persona = {
        "persona_name": "Coach",
        "system_prompt": "Hi.",
        "document_ids": [f"${{ref:document/d{n}}}" for n in range(8)],
    }
    project.manifest("persona", "coach", persona)

    first = project.apply()
    project.account.advance(900)
    second = project.apply()

    assert first.out.count("deferred create document/d") == 3
    assert "5 crawls are running, the maximum of the API" in first.out
    assert re.search(r"deferred create persona/coach: waits for document/d\d", first.out)
    assert "next: run `tavusctl apply` when that is ready, or with `--wait 15m` to wait for it" in first.err
    assert "Apply: 4 done" in second.out
    assert (project.plan()["changes"], refused(project), most_at_once(project)) == ([], [], 5)


def test_a_wait_is_for_room_too(project: Project) -> None:
    project.account.switch(processing_seconds=2)
    eight(project)
    project.manifest("persona", "coach", {"persona_name": "Coach", "system_prompt": "Hi."})

    result = project.apply("--wait", "2m", "--parallel", "2")

    assert "Apply: 9 done" in result.out
    assert re.search(r"waiting: .* without a crawl slot", result.err)
    assert (refused(project), most_at_once(project)) == ([], 5)


def test_a_new_version_waits_for_room_and_the_old_one_stays(project: Project) -> None:
    project.manifest("document", "ours", crawled("ours"))
    project.apply()
    project.account.advance(900)
    for number in range(5):
        project.account.call("POST", "/v2/documents", crawled(f"theirs-{number}"))
    old = project.bound("document/ours")
    project.manifest("document", "ours", crawled("ours", document_url="https://example.com/elsewhere"))

    result = project.apply()

    assert "deferred replace document/ours" in result.out
    assert (project.bound("document/ours"), len(project.account.objects("documents"))) == (old, 6)


def test_who_loses_a_race_for_room_is_deferred(project: Project) -> None:
    """Somebody else begins a crawl between our look and our call."""
    for number in range(4):
        project.account.call("POST", "/v2/documents", crawled(f"theirs-{number}"))
    project.manifest("document", "ours", crawled("ours"))
    theirs = {"document_url": "https://example.com/x", "crawl": CRAWL, "status": "processing"}
    edit = {"account": project.account.key, "kind": "documents", "create": theirs}
    project.account.control("POST", "portal", {**edit, "when": {"before": "GET /v2/documents", "skip": 2}})
    body = {"error": "Concurrent crawl limit reached (5). Please wait for a running crawl to finish."}
    project.account.fault(match="POST /v2/documents", kind="status", status=429, body=body)

    result = project.run("apply", "--yes")

    assert (result.code, Counter(refused(project))) == (0, Counter({429: 1}))
    assert "deferred create document/ours" in result.out


def test_what_is_used_until_there_is_room_is_deleted_after_it(project: Project) -> None:
    coach = {"persona_name": "Coach", "system_prompt": "You coach."}
    project.manifest("document", "old", {"document_url": "https://example.com/old.pdf"})
    project.manifest("persona", "coach", {**coach, "document_ids": ["${ref:document/old}"]})
    project.apply()
    for number in range(5):
        project.account.call("POST", "/v2/documents", crawled(f"theirs-{number}"))
    project.remove("document", "old")
    project.manifest("document", "new", crawled("new"))
    project.manifest("persona", "coach", {**coach, "document_ids": ["${ref:document/new}"]})

    full = project.apply("--allow-deletes", "1")
    project.account.advance(900)
    free = project.apply("--allow-deletes", "1")

    assert re.search(
        r"deferred delete document/old .*persona/coach refers to it until its own change is applied", full.out
    )
    assert ("Apply: 3 deferred" in full.out, "Apply: 3 done" in free.out) == (True, True)
    assert project.plan()["changes"] == []


def test_crawls_that_are_begun_again_together_leave_a_slot_for_people(project: Project) -> None:
    for number in range(3):
        project.manifest("document", f"d{number}", crawled(f"D{number}"))
    project.apply()
    project.account.advance(2 * 3600)
    for number in range(3):
        project.account.call("POST", "/v2/documents", crawled(f"theirs-{number}"))
        project.manifest("document", f"d{number}", crawled(f"D{number}", crawl={"depth": 2, "max_pages": 5}))

    result = project.apply("--parallel", "3")

    assert "Apply: 1 done, 2 deferred" in result.out
    assert result.out.count("4 crawls are running, and one slot is left free for others") == 2
    assert (refused(project), most_at_once(project)) == ([], 4)


def test_documents_without_a_crawl_do_not_wait_for_room(project: Project) -> None:
    for number in range(5):
        project.account.call("POST", "/v2/documents", crawled(f"theirs-{number}"))
    project.manifest("document", "a-site", crawled("site"))
    for name in ("b", "c"):
        project.manifest("document", name, {"document_url": f"https://example.com/{name}.pdf"})
    project.account.forget()

    project.apply("--wait", "4s")

    calls = [(one["method"], one["path"]) for one in project.account.requests]
    last_create = len(calls) - 1 - calls[::-1].index(("POST", "/v2/documents"))
    assert calls.count(("POST", "/v2/documents")) == 2
    assert calls[last_create:].count(("GET", "/v2/documents")) > 1, "room was looked for until the documents existed"


def test_a_disabled_document_takes_no_slot(project: Project) -> None:
    """Its crawl is over, however long ago: nothing would ever free the slot."""
    project.account.seed(documents=[{**crawled(f"off-{number}"), "status": "disabled"} for number in range(5)])
    project.manifest("document", "site", crawled("site"), recrawl={"every": "24h"})

    created = project.apply()
    project.account.advance(2 * 86400)
    crawled_again = project.run("recrawl")

    assert "Apply: 1 done" in created.out
    assert (crawled_again.code, "Recrawl: 1 done" in crawled_again.out) == (0, True), crawled_again.out
