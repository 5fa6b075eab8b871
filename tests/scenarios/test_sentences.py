"""What a plan says beside its changes is true of this plan, and what apply would write is called a change."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.scenarios.project import PLACE, Body, Project

COACH: Body = {"persona_name": "Coach", "system_prompt": "Be kind."}
PRICES: Body = {"document_name": "Prices", "document_url": "https://example.com/prices.pdf"}


@pytest.fixture
def agreed(project: Project) -> Project:
    """An applied persona that was renamed in the account, and alike in its manifest."""
    project.manifest("persona", "coach", COACH)
    project.apply()
    project.edit_in_portal("persona/coach", "/persona_name", "Theirs")
    project.manifest("persona", "coach", {**COACH, "persona_name": "Theirs"})
    return project


def reports(project: Project) -> dict[str, str]:
    """A plan in every format."""
    names = ("text", "markdown", "comment", "html", "json")
    project.expect(0, "plan", *(f"--report={name}=report-{name}" for name in names))
    return {name: (project.root / f"report-{name}").read_text() for name in names}


def test_an_edit_that_both_sides_made_alike_is_not_brought_back(agreed: Project) -> None:
    agreed.manifest("persona", "coach", {**COACH, "persona_name": "Theirs", "system_prompt": "Be brief."})

    found = reports(agreed)

    assert not [name for name, report in found.items() if "brought back" in report]
    assert agreed.plan()["drift"] == []
    agreed.expect(0, "drift", "--detailed-exitcode")


def test_an_edit_that_is_written_over_is_brought_back(agreed: Project) -> None:
    """Only the field that the plan writes is told."""
    greeting = {"op": "add", "path": "/greeting", "value": "Theirs."}
    agreed.manifest("persona", "coach", {**COACH, "persona_name": "Theirs", "greeting": "Ours."})
    agreed.apply()
    agreed.account.portal("persona", agreed.bound("persona/coach"), {**greeting, "op": "replace"})

    told = [line for line in agreed.run("plan").out.splitlines() if line.startswith("    persona/coach: ")]

    assert told == ["    persona/coach: /greeting"]


def test_what_only_the_state_learns_is_no_absence_of_changes(agreed: Project) -> None:
    plan = agreed.run("plan", "--detailed-exitcode")
    document = agreed.plan()

    assert plan.code == 2
    assert "No changes" not in plan.out
    assert "= persona/coach: up to date already; only to be recorded in the state" in plan.out
    assert (document["summary"]["record"], document["changes"]) == (1, [])
    assert document["recorded"] == [{"address": "persona/coach", "id": agreed.bound("persona/coach")}]
    agreed.account.forget()
    agreed.apply()
    assert agreed.account.writes == []
    assert agreed.run("plan", "--detailed-exitcode").out == PLACE + "No changes. 1 object up to date.\n"


def test_an_apply_of_nothing_makes_no_state(project: Project) -> None:
    (theirs,) = project.account.seed(persona=[COACH])["persona"]
    document = f"kind: persona\nname: theirs\nexternal: true\nid: {theirs}\n"
    project.write("manifests/persona-theirs.yaml", document)

    assert "No changes." in project.run("apply", "--yes").out
    assert not (project.root / ".tavusctl" / "state.json").exists()


@pytest.mark.parametrize("move", [False, True])
def test_the_outputs_of_a_step_say_that_an_apply_would_write(agreed: Project, tmp_path: Path, move: bool) -> None:
    if move:
        agreed.apply()
        agreed.remove("persona", "coach")
        agreed.manifest("persona", "host", {**COACH, "persona_name": "Theirs"}, moved_from=["persona/coach"])
    output = tmp_path / "output"
    run = ("github", "--comment", "never", "plan")

    outputs = []
    for _ in range(2):
        output.write_text("")
        agreed.expect(0, *run, GITHUB_OUTPUT=str(output), GITHUB_REPOSITORY="acme/bots")
        outputs.append(dict(re.findall(r"(?m)^(changes|drift)=(\w+)$", output.read_text())))
        agreed.apply()

    assert outputs == [{"changes": "true", "drift": "false"}, {"changes": "false", "drift": "false"}]


def test_a_document_that_got_ready_is_a_change_until_it_is_recorded(project: Project) -> None:
    project.manifest("document", "prices", PRICES)
    project.apply()
    project.account.advance(3600)
    project.manifest("document", "prices", {**PRICES, "document_url": "https://example.com/new.pdf"})
    project.apply()
    project.account.advance(3600)

    plan = project.expect(2, "plan", "--detailed-exitcode")

    assert re.search(r"[1-9] to (retire|record)", plan.out)
    project.apply()
    project.expect(0, "plan", "--detailed-exitcode")


def test_the_old_half_of_a_replacement_is_counted(project: Project) -> None:
    project.manifest("document", "prices", PRICES)
    project.apply()
    project.account.advance(3600)
    project.manifest("document", "prices", {**PRICES, "document_url": "https://example.com/new.pdf"})

    plan = project.plan()

    assert {one["action"]: one["cause"] for one in plan["changes"]} == {"replace": "edited", "retire": "edited"}
    assert (plan["summary"]["retire"], plan["summary"]["delete"]) == (1, 0)
    assert project.run("plan").out.splitlines()[-1].endswith("1 to replace, 0 to delete, 1 to retire")


@pytest.mark.parametrize("command", [("plan", "--destroy"), ("destroy", "--yes", "--allow-deletes", "1")])
def test_what_is_destroyed_is_said_to_go_because_somebody_asked(agreed: Project, command: tuple[str, ...]) -> None:
    result = agreed.expect(0, *command)

    assert "(asked) destroy was requested" in result.out
    assert "manifest removed" not in result.out + result.err


def test_text_that_is_an_address_sends_nothing_anywhere(project: Project) -> None:
    site = "https://acme.example"
    project.manifest(
        "document",
        "prices",
        {**PRICES, "document_name": f"{site}/prices", "tags": [site], "properties": {"source": site}},
    )
    goal = {"objective_name": "close", "objective_prompt": site, "callback_url": "https://hooks.example/sale"}
    project.manifest("objectives", "sale", {"name": site, "data": [goal]})
    schema = {"type": "object", "properties": {"site": {"type": "string", "description": site, "default": site}}}
    tool = {"type": "function", "function": {"name": "f", "description": site, "parameters": schema}}
    llm = {"model": "tavus-gpt-oss", "tools": [tool], "extra_body": {"url": site}}
    layers = {"stt": {"hotwords": site}, "llm": llm}
    extra = {"newer_webhook": "https://newer.example"}
    project.manifest("persona", "coach", {**COACH, "greeting": site, "layers": layers, "extra": extra})

    changes = project.plan()["changes"]

    hosts = {(risk["path"], risk["host"]) for one in changes for risk in one["risks"]}
    assert hosts == {("/data/0/callback_url", "hooks.example"), ("/newer_webhook", "newer.example")}


def test_each_outcome_is_told_once(project: Project) -> None:
    """Where both streams go to one place, nobody counts two objects where one is."""
    project.manifest("document", "prices", PRICES)
    project.manifest("persona", "coach", {**COACH, "document_ids": ["${ref:document/prices}"]})
    project.apply()
    project.account.advance(3600)
    project.manifest("document", "prices", {**PRICES, "document_url": "https://example.com/new.pdf"})

    result = project.apply()
    lines = [
        line for line in (result.out + result.err).splitlines() if re.match(r"(deferred|done|failed|skipped) ", line)
    ]

    assert lines
    assert len(lines) == len(set(lines))
