"""What programs read: plan documents as their schema says, plan files, reports, and never a secret anywhere."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from jsonschema_rs import Draft202012Validator

from tests.scenarios.project import Body, Project
from tests.scenarios.refusals import COACH

ROOT = Path(__file__).parents[2]
SCHEMA = Draft202012Validator(json.loads((ROOT / "schemas/plan.schema.json").read_text("utf-8")))
CANARIES = {"LLM_KEY": "canary-llm-7f3a", "TTS_KEY": 'canary-"tts"-91bc', "HEADER": "canary-header-55d0"}
RULES = {"name": "Rules", "data": [{"guardrail_name": "no_promises", "guardrail_prompt": "Promises a price."}]}
PRICES = {"document_name": "Prices", "document_url": "https://example.com/prices.pdf"}
LAYERS = {
    "llm": {
        "model": "gpt-4o",
        "base_url": "https://llm.example.com/v1",
        "api_key": "${secret:LLM_KEY}",
        "headers": {"authorization": "Bearer ${secret:HEADER}"},
    },
    "tts": {"tts_engine": "elevenlabs", "api_key": "${secret:TTS_KEY}"},
}


@pytest.fixture
def busy(project: Project) -> Project:
    """An applied project in which every action is due: create, update, replace, delete, conflict, drift."""
    project.manifest("guardrails", "rules", RULES)
    project.manifest("guardrails", "gone", {**RULES, "name": "Gone"})
    project.manifest("document", "prices", PRICES)
    project.manifest("persona", "coach", {**COACH, "document_ids": ["${ref:document/prices}"]})
    project.manifest("persona", "other", {**COACH, "persona_name": "Other"})
    project.apply_and_forget()
    project.account.advance(3600)
    for name in ("coach", "other"):
        project.edit_in_portal(f"persona/{name}", "/system_prompt", "Theirs.")
    project.manifest("persona", "other", {**COACH, "persona_name": "Other", "system_prompt": "Ours."})
    project.manifest("document", "prices", {**PRICES, "document_url": "https://example.com/new.pdf"})
    project.manifest("guardrails", "new", {**RULES, "name": "New"})
    project.remove("guardrails", "gone")
    return project


def errors(document: Body) -> list[str]:
    return [f"{error.instance_path}: {error.message}" for error in SCHEMA.iter_errors(document)]


def test_plan_and_drift_are_documents_of_the_plan_schema(busy: Project) -> None:
    """With every sort of change in them."""
    plan = busy.run("plan", "--format", "json")
    drift = busy.run("drift", "--format", "json", "--detailed-exitcode")

    actions = {(one["address"], one["action"], one["cause"]) for one in plan.document["changes"]}
    assert (errors(plan.document), errors(drift.document)) == ([], [])
    assert actions >= {
        ("guardrails/new", "create", "new"),
        ("persona/coach", "update", "drifted"),
        ("document/prices", "replace", "edited"),
        ("guardrails/gone", "delete", "orphaned"),
    }
    assert [(one["address"], one["cause"]) for one in plan.document["refused"]] == [("persona/other", "both")]
    assert (plan.code, drift.code) == (3, 2)
    assert {one["address"] for one in drift.document["drift"]} == {"persona/coach", "persona/other"}
    assert (drift.document["changes"], drift.document["refused"]) == ([], [])


def test_apply_prints_the_plan_and_what_became_of_it(busy: Project) -> None:
    """One document on stdout, progress on stderr."""
    result = busy.run("apply", "--yes", "--allow-deletes", "1", "--format", "json")

    planned = [(one["address"], one["action"]) for one in result.document["changes"]]
    assert errors(result.document) == []
    assert [(one["address"], one["action"]) for one in result.document["outcomes"]] == planned
    assert (result.code, "guardrails/new" in result.err) == (3, True)


def test_validate_prints_complaints_and_nothing_else(busy: Project) -> None:
    """Right, with a warning, and wrong."""
    options = ("validate", "--format", "json", "--ignore", "older-guardrail-set")
    right = busy.run(*options)
    busy.manifest("persona", "coach", {**COACH, "context": "Old."})
    warned = busy.run(*options)
    busy.manifest("persona", "coach", {"persona_name": 1})
    wrong = busy.run(*options)

    assert (right.code, right.document) == (0, {"format_version": "1.0", "complaints": []})
    assert (warned.code, [one["severity"] for one in warned.document["complaints"]]) == (0, ["warning"])
    assert (wrong.code, [one["id"] for one in wrong.document["complaints"]]) == (10, ["TV106", "TV104"])


def test_a_plan_file_is_private_is_a_plan_and_is_applied_without_asking(busy: Project) -> None:
    """It agrees to the deletes that it shows, too."""
    busy.manifest("persona", "other", {**COACH, "persona_name": "Other", "system_prompt": "Theirs."})
    made = busy.run("plan", "--out", "plan.json", "--report", "json=report.json", "--report", "text=report.txt")
    files = [busy.root / name for name in ("plan.json", "report.json", "report.txt")]
    plan, report = (json.loads(path.read_text("utf-8")) for path in files[:2])

    applied = busy.run("apply", "plan.json", "--report", "json=done.json", "--format", "json")

    assert made.code == 0
    assert [stat.S_IMODE(path.stat().st_mode) for path in files] == [0o600] * 3
    assert (errors(plan), errors(report)) == ([], [])
    assert report["fingerprint"] == plan["fingerprint"] == applied.document["fingerprint"]
    assert files[2].read_text("utf-8") == made.out
    assert applied.code == 0
    assert json.loads((busy.root / "done.json").read_text("utf-8")) == applied.document
    assert "guardrails/gone" not in busy.run("state", "list").out


def test_a_file_that_cannot_be_written_leaves_one_document(busy: Project) -> None:
    """The plan is not printed before it is known that the file is there."""
    result = busy.run("plan", "--format", "json", "--out", "nowhere/plan.json")

    assert (result.code, result.document["error"]["exit_code"]) == (12, 12)


def test_a_target_brings_what_it_needs_and_leaves_the_rest(project: Project) -> None:
    """Only the persona and the guardrails it refers to."""
    project.manifest("guardrails", "rules", RULES)
    project.manifest("guardrails", "others", {**RULES, "name": "Others"})
    project.manifest("persona", "coach", {**COACH, "guardrails_id": "${ref:guardrails/rules}"})

    planned = project.plan("--target", "persona/coach")
    project.apply("--target", "persona/coach")

    assert {one["address"] for one in planned["changes"]} == {"guardrails/rules", "persona/coach"}
    assert len(project.account.objects("guardrails")) == 1
    assert [one["address"] for one in project.plan()["changes"]] == ["guardrails/others"]


def test_a_target_leaves_out_what_is_only_to_be_recorded(project: Project) -> None:
    """Somebody has made the edit of another manifest in the portal already."""
    project.manifest("persona", "coach", COACH)
    project.manifest("persona", "other", {**COACH, "persona_name": "Other"})
    project.apply()
    project.edit_in_portal("persona/other", "/system_prompt", "Be brief.")
    project.manifest("persona", "other", {**COACH, "persona_name": "Other", "system_prompt": "Be brief."})

    planned = project.plan("--target", "persona/coach")
    project.apply("--target", "persona/coach")

    assert (planned["changes"], planned.get("recorded", [])) == ([], [])
    assert [one["address"] for one in project.plan()["recorded"]] == ["persona/other"]


@pytest.mark.newer_api
def test_a_target_that_does_not_change_brings_what_it_refers_to(project: Project) -> None:
    """Also through an object that does not change either."""
    project.manifest("tool", "book", {"name": "book", "description": "Book."})
    project.manifest("persona", "coach", {**COACH, "tool_ids": ["${ref:tool/book}"]})
    project.manifest("persona", "other", {**COACH, "persona_name": "Other"})
    site = {"name": "Site", "persona_id": "${ref:persona/coach}", "channel": "embed"}
    project.manifest("deployment", "site", site)
    project.apply()
    project.manifest("tool", "book", {"name": "book", "description": "Book a table."})
    project.manifest("persona", "other", {**COACH, "persona_name": "Another"})

    planned = project.plan("--target", "deployment/site")

    assert [one["address"] for one in planned["changes"]] == ["tool/book"]


def test_a_plan_of_a_part_says_what_alone_was_planned(project: Project) -> None:
    """Afresh, and when it is told again from the cache; a whole plan says nothing."""
    project.manifest("persona", "coach", COACH)
    project.manifest("persona", "other", {**COACH, "persona_name": "Other"})
    project.apply()
    project.manifest("persona", "other", {**COACH, "persona_name": "Another"})
    said = "Only persona/coach and what it refers to was planned."

    for _ in range(2):
        told = project.run("plan", "--target", "persona/coach").out
        assert told.splitlines()[-2:] == [said, "No changes. 1 object up to date."]
    assert (
        "Only <code>persona&#47;coach</code> and"
        in project.run("plan", "--target", "persona/coach", "--format", "markdown").out
    )
    assert f"<p>{said}</p>" in project.run("plan", "--target", "persona/coach", "--format", "html").out
    assert project.plan("--target", "persona/coach")["targets"] == ["persona/coach"]
    assert "Only replacements that an earlier apply has begun were planned." in project.run("plan", "--finish").out
    assert project.plan("--finish")["finish"] is True
    assert "Only" not in project.run("plan").out
    assert not {"targets", "finish"} & project.plan().keys()


@pytest.fixture
def secretive(project: Project) -> Project:
    """A project with secrets in every place where they may stand."""
    project.write("tavusctl.yaml", f"secrets: {sorted(CANARIES)}")
    project.manifest("persona", "coach", {**COACH, "layers": LAYERS})
    project.environment.update(CANARIES)
    return project


def run_apart(project: Project, *args: str, **environment: str) -> str:
    """Everything that a process of its own prints, every request included."""
    variables = {**os.environ, **project.account.variables, **project.environment, **environment}
    program = "from tavusctl.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program, *args, "-vv"],
        cwd=project.root,
        env={**variables, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert args[0] == "state" or "/v2/personas" in done.stderr
    return done.stdout + done.stderr


def written(project: Project) -> Iterator[str]:
    """Every file that commands have left in the project."""
    for path in project.root.rglob("*"):
        if path.is_file() and "manifests" not in path.parts:
            yield path.read_bytes().decode("utf-8", "replace")


def leaks(project: Project, *texts: str) -> list[str]:
    secrets = [project.account.key, *project.environment.values(), "changed-canary"]
    spellings = {form for secret in secrets for form in (secret, json.dumps(secret)[1:-1])}
    return [form for form in spellings for text in (*texts, *written(project)) if form in text]


@pytest.mark.sweep
def test_a_secret_is_in_no_output_and_in_no_file(secretive: Project) -> None:
    """Created, kept, rotated and drifted, in every format, with every request told; the account has the real ones."""
    said = [run_apart(secretive, "apply", "--yes", "--format", "json", "--report", "text=applied.txt")]
    said += [run_apart(secretive, "plan", "--out", "plan.json"), run_apart(secretive, "state", "show", "persona/coach")]
    unchanged = secretive.plan()
    secretive.environment["LLM_KEY"] = "changed-canary"
    secretive.edit_in_portal("persona/coach", "/layers/llm/headers/authorization", "Bearer canary-theirs")
    said += [
        run_apart(secretive, command, "--format", form) for command in ("plan", "drift") for form in ("text", "json")
    ]
    rotated = secretive.plan()

    (fields,) = (change["fields"] for change in rotated["changes"])
    assert leaks(secretive, *said) == []
    assert not any("canary-theirs" in text for text in (*said, *written(secretive)))
    assert unchanged["changes"] == []
    assert {one["path"] for one in fields} == {"/layers/llm/api_key", "/layers/llm/headers/authorization"}
    assert all(one.keys() == {"path", "cause", "sensitive"} and one["sensitive"] for one in fields)


@pytest.mark.parametrize("status", [400, 401, 422])
def test_a_server_that_repeats_a_secret_does_not_make_it_known(secretive: Project, status: int) -> None:
    """Complaints of servers quote what they were sent, as JSON and as Python write it."""
    sent = {**CANARIES, "key": secretive.account.key}
    body = {"error": f"Bad Request. {sent} " + " ".join(sent.values())}
    secretive.account.fault(match="POST /v2/personas", kind="status", status=status, body=body)

    said = run_apart(secretive, "apply", "--yes", "--format", "json")

    assert leaks(secretive, said) == []
    assert "Bad Request. " in said
