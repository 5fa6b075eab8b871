"""A field of the account has another type than the API documents: a plan shows it, and no command ends early."""

from __future__ import annotations

from typing import Any

import pytest

from tests.scenarios.project import Project

pytestmark = pytest.mark.newer_api

SITE = {"document_name": "Site", "document_url": "https://example.com", "crawl": {"depth": 1, "max_pages": 5}}
COACH = {
    "persona_name": "Coach",
    "system_prompt": "You coach.",
    "tool_ids": ["end_call"],
    "skills": {"internet_search": {}, "magic_canvas": {"usage_guidance": "Draw."}},
    "layers": {"llm": {"model": "tavus-gpt-oss"}},
}


@pytest.mark.parametrize(
    ("kind", "key", "value"),
    [
        ("document", "tags", [None]),
        ("persona", "layers", {"llm": "tavus-gpt-oss"}),
        ("persona", "tool_ids", "end_call"),
        ("persona", "tool_ids", [{"tool_id": "end_call"}, None, 3]),
        ("persona", "skills", ["magic_canvas"]),
        ("persona", "skills", {"magic_canvas": "on"}),
    ],
)
def test_a_field_of_another_type_is_a_difference(project: Project, kind: str, key: str, value: Any) -> None:
    project.manifest("document", "it", {**SITE, "tags": ["prices"]})
    project.manifest("persona", "it", COACH)
    project.apply()
    project.edit_in_portal(f"{kind}/it", f"/{key}", value, op="add")

    codes = [project.run(*line.split()).code for line in ("plan", "drift", "verify", "export --out elsewhere")]
    drift = project.plan()["drift"]
    applied = project.run("apply", "--yes")

    assert 1 not in [*codes, applied.code], applied.err
    assert [entry["address"] for entry in drift] == [f"{kind}/it"]
    assert not any("None" in call["path"] for call in project.account.writes)


@pytest.mark.parametrize("form", [{"tool_id": "end_call"}, 3, ""])
def test_a_tool_in_an_unknown_form_does_not_count_as_detached(project: Project, form: Any) -> None:
    """Else a manifest without it would seem to agree with the account, where it stays attached."""
    (book,) = project.account.seed(tools=[{"name": "book", "description": "Books."}])["tools"]
    project.manifest("persona", "it", {**COACH, "tool_ids": [book, "end_call"]})
    project.apply()
    project.edit_in_portal("persona/it", "/tool_ids", [book, form], op="add")
    project.manifest("persona", "it", {**COACH, "tool_ids": [book]})

    plan = project.run("plan")

    assert (plan.code, "/tool_ids was changed both" in plan.out) == (3, True), plan.out


def test_a_skill_that_is_null_is_not_attached(project: Project) -> None:
    project.manifest("persona", "it", COACH)
    project.apply()
    project.edit_in_portal("persona/it", "/skills/internet_search", None, op="add")

    assert project.plan()["drift"][0]["fields"][0]["path"] == "/skills/internet_search"


def test_a_sign_in_of_another_type_is_a_difference(project: Project) -> None:
    api = {"url": "https://acme.example/book", "auth": {"type": "bearer", "token": "${secret:TOKEN}"}}
    project.write("tavusctl.yaml", "version: 1\nsecrets: [TOKEN]\n")
    project.environment["TOKEN"] = "token-0123456789"
    project.manifest("tool", "it", {"name": "book", "description": "Books.", "delivery": {"api": api}})
    project.apply()
    read = project.account.call("GET", f"/v2/tools/{project.bound('tool/it')}").json()
    read["delivery"]["api"]["auth"]["type"] = ["bearer"]
    listed = {"data": [read], "total_count": 1}
    project.account.fault(match="GET /v2/tools", kind="status", status=200, body=listed, times=100)

    project.expect(0, "drift")
    assert project.plan()["drift"][0]["address"] == "tool/it"


@pytest.mark.parametrize("crawl", ["deep", 3, True, [{"depth": 1}]])
def test_crawl_settings_of_another_type_are_a_difference(project: Project, crawl: Any) -> None:
    project.manifest("document", "it", SITE)
    project.apply()
    read = project.account.call("GET", f"/v2/documents/{project.bound('document/it')}").json()
    listed = {"data": [{**read, "crawl_config": crawl}], "total_count": 1}
    project.account.fault(match="GET /v2/documents", kind="status", status=200, body=listed, times=100)

    plan = project.expect(0, "plan")

    assert "@ document/it: recrawl" in plan.out
    assert project.plan()["changes"][0]["patch"][0]["value"] == SITE["crawl"]
