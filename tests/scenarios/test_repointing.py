"""Objects that refer to what is replaced in the same run, and are changed themselves."""

from __future__ import annotations

from typing import Any

import pytest

from tests.scenarios.project import Project

Body = dict[str, Any]


def write(project: Project, version: int, *documents: str, prompt: str = "You help.") -> None:
    """The manifests: two documents at an address with a version, and a persona that refers to some of them."""
    for name in ("faq", "prices"):
        project.manifest("document", name, {"document_url": f"https://acme.example/{name}-{version}.pdf"})
    references = [f"${{ref:document/{name}}}" for name in documents]
    project.manifest("persona", "coach", {"persona_name": "Coach", "system_prompt": prompt, "document_ids": references})


@pytest.mark.sampled(4)
@pytest.mark.parametrize("guarded", [True, False])
@pytest.mark.parametrize(
    ("before", "after"),
    [
        (["prices"], ["faq", "prices"]),
        (["faq"], ["faq", "prices"]),
        ([], ["prices"]),
        (["faq", "prices"], ["prices"]),
        (["prices"], ["prices"]),
        (["prices"], []),
    ],
)
def test_references_are_new_ids_after_one_run(
    project: Project, before: list[str], after: list[str], *, guarded: bool
) -> None:
    project.account.switch(processing_seconds=0, ignore_test=not guarded)
    write(project, 1, *before)
    project.apply("--wait", "15m")
    write(project, 2, *after, prompt="You help us.")
    project.apply("--wait", "15m")
    (persona,) = project.account.objects("personas").values()
    documents = {one["document_url"]: remote_id for remote_id, one in project.account.objects("documents").items()}
    expected = {documents[f"https://acme.example/{name}-2.pdf"] for name in after}
    assert set(persona.get("document_ids", [])) == expected
    assert persona["system_prompt"] == "You help us."
    assert len(documents) == 2
    project.expect(0, "plan", "--detailed-exitcode")


def test_a_refused_reference_says_nothing_of_the_earlier_change_of_the_object(project: Project) -> None:
    project.account.switch(processing_seconds=0)
    write(project, 1, "prices")
    project.apply("--wait", "15m")
    write(project, 2, "prices", prompt="You help us.")
    probes, own = 3, 1
    project.account.fault(match="PATCH /v2/personas/*", skip=probes + own, kind="status", status=422, times=None)

    ended = project.expect(5, "apply", "--yes", "--wait", "15m", "--format", "json")

    coach = [one for one in ended.document["outcomes"] if one["address"] == "persona/coach"]
    assert [one["status"] for one in coach] == ["done", "failed"]
    assert "was written" not in coach[1]["reason"]
