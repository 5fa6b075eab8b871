"""Reports of real plans, written by the command line: what a colleague sees of a change before it is made."""

from __future__ import annotations

import json
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from jsonschema_rs import Draft202012Validator

from tavusctl.reports.formats import REPORTS
from tests.scenarios.project import Project
from tests.scenarios.refusals import COACH

SCHEMA = Path(__file__).parents[2] / "schemas/plan.schema.json"
RULES = {"name": "Rules", "data": [{"guardrail_name": "no_promises", "guardrail_prompt": "Promises a price."}]}
CANARY = "canary-of-the-reports-77"
OWN_MODEL = {"llm": {"model": "gpt-4o", "base_url": "https://llm.example.com/v1", "api_key": "${secret:LLM_KEY}"}}
PROMPT = "You are a coach.\nYou are kind to everybody who calls.\nYou never promise a discount.\n"


@pytest.fixture
def shared(project: Project) -> Project:
    """Three personas with one set of guardrails, one of them nobody's here, and a model of one's own."""
    project.environment["LLM_KEY"] = CANARY
    project.write("tavusctl.yaml", "version: 1\nsecrets: [LLM_KEY]\n")
    project.manifest("guardrails", "rules", RULES)
    for name in ("coach", "host"):
        spec = {**COACH, "persona_name": name, "guardrails_id": "${ref:guardrails/rules}", "system_prompt": PROMPT}
        project.manifest("persona", name, {**spec, "layers": OWN_MODEL})
    project.apply()
    body = {"persona_name": "Theirs", "system_prompt": "x", "guardrails_id": project.bound("guardrails/rules")}
    project.account.seed(personas=[body])
    return project


def edited(project: Project, prompt: str, url: str = OWN_MODEL["llm"]["base_url"]) -> None:
    layers = {"llm": {**OWN_MODEL["llm"], "base_url": url}}
    spec = {**COACH, "persona_name": "coach", "guardrails_id": "${ref:guardrails/rules}", "system_prompt": prompt}
    project.manifest("persona", "coach", {**spec, "layers": layers})


def test_one_run_writes_every_report(shared: Project) -> None:
    """Each to its file, which nobody else can read; stdout has what was asked for."""
    edited(shared, PROMPT.replace("kind", "strict"))
    asked = [f"--report={name}={name}.out" for name in REPORTS]

    result = shared.run("plan", *asked, "--format", "markdown")

    files = {name: shared.root / f"{name}.out" for name in REPORTS}
    assert result.code == 0, result.err
    assert result.out == files["markdown"].read_text("utf-8") == files["comment"].read_text("utf-8")
    assert {stat.S_IMODE(path.stat().st_mode) for path in files.values()} == {0o600}
    for name, path in files.items():
        assert CANARY not in path.read_text("utf-8")
        # Annotations have counts and places; every other format, one that is new as well, shows what changes.
        assert ("strict" in path.read_text("utf-8")) == (name not in {"github", "sarif"}), name


def test_a_change_of_a_shared_object_says_whom_it_affects(shared: Project) -> None:
    rules = {**RULES, "data": [{**RULES["data"][0], "guardrail_prompt": "Promises anything."}]}  # type: ignore[dict-item]
    shared.manifest("guardrails", "rules", rules)

    (change,) = shared.plan()["changes"]

    assert change["affects"][1:] == ["persona/coach", "persona/host"]
    assert change["affects"][0].endswith("(Theirs)")
    assert "affects 3 objects: persona p" in shared.run("plan").out


def test_a_new_host_is_told_first_and_a_known_one_is_not(shared: Project) -> None:
    shared.remove("persona", "host")
    edited(shared, PROMPT.replace("kind", "strict"), "https://llm.elsewhere.example/v1")

    plan = shared.plan()
    lines = shared.run("plan").out.splitlines()

    risks = {change["address"]: [risk["id"] for risk in change["risks"]] for change in plan["changes"]}
    assert risks == {"persona/coach": ["new-host"], "persona/host": ["delete"]}
    assert "    ! sends data to a new host: llm.elsewhere.example (/layers/llm/base_url)" in lines
    assert list(Draft202012Validator(json.loads(SCHEMA.read_text("utf-8"))).iter_errors(plan)) == []

    edited(shared, PROMPT.replace("kind", "strict"))
    assert all(change["risks"] == [] for change in shared.plan()["changes"] if change["address"] == "persona/coach")


def test_what_the_account_fills_in_is_in_no_report(shared: Project) -> None:
    """Tavus adds defaults to every guardrail that it reads back; only the edit is shown."""
    rules = {**RULES, "data": [{**RULES["data"][0], "guardrail_prompt": "Promises anything."}]}  # type: ignore[dict-item]
    shared.manifest("guardrails", "rules", rules)

    lines = [line.strip() for line in shared.run("plan").out.splitlines()]

    assert lines[2:4] == ["/data:", '/no_promises/guardrail_prompt: "Promises a price." -> "Promises anything."']
    assert lines[4] == ""


def test_drift_and_outcomes_have_every_format(shared: Project) -> None:
    shared.edit_in_portal("persona/coach", "/system_prompt", "Theirs.")
    for name in ("markdown", "html"):
        drift = shared.run("drift", "--format", name)
        assert (drift.code, "Theirs." in drift.out, "persona" in drift.out) == (0, True, True), drift.err
    applied = shared.run("apply", "--yes", "--format", "markdown")
    assert "**Apply: 1 done**" in applied.out
    assert "**Valid.**" in shared.run("validate", "--ignore", "TV243", "--format", "markdown").out


def test_without_jinja2_a_page_is_refused_before_anything_is_done(
    shared: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    edited(shared, PROMPT.replace("kind", "strict"))
    shared.account.forget()
    monkeypatch.setitem(sys.modules, "jinja2", None)

    for asked in (["--format", "html"], ["--report", "html=plan.html"]):
        result = shared.expect(12, "apply", "--yes", *asked)
        assert "the HTML report needs the package `jinja2`, which is not installed" in result.err
        assert "run `pip install 'tavusctl[report]'`" in result.err
    assert shared.account.requests == []
    shared.expect(0, "plan", "--format", "markdown")


def test_no_report_loads_jinja2_before_it_is_asked_for_a_page() -> None:
    program = "import sys; from tavusctl.core.model import Plan; from tavusctl.reports.formats import REPORTS;"
    program += "[one.plan(Plan()) for name, one in REPORTS.items() if name != 'html'];"
    program += "print([name for name in ('jinja2', 'markupsafe') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("file", ["../out.json", "out.json"])
def test_a_report_that_leads_out_of_the_project_is_refused_before_anything_is_changed(
    project: Project, file: str
) -> None:
    project.manifest("persona", "coach", COACH)
    (project.root / "out.json").symlink_to(project.root.parent / "elsewhere.json")

    result = project.run("apply", "--yes", "--report", f"json={file}")

    assert (result.code, project.account.writes) == (12, []), result.out + result.err
    assert "out of the project" in result.err


@pytest.mark.parametrize("format_", ["text", "json"])
def test_a_report_on_a_full_disk_hides_no_outcome_and_no_id_for_undo(project: Project, format_: str) -> None:
    project.manifest("persona", "coach", COACH)

    result = project.expect(0, "apply", "--yes", "--format", format_, "--report", "json=/dev/full")

    assert "persona/coach" in result.out
    assert "undo with: tavusctl undo " in result.err
    assert "cannot write `/dev/full`: No space left on device" in result.err
    assert format_ == "text" or result.document["outcomes"]


def test_an_apply_that_had_nothing_to_do_fails_if_its_report_cannot_be_written(project: Project) -> None:
    project.manifest("persona", "coach", COACH)
    project.apply()

    project.expect(12, "apply", "--yes", "--report", "json=/dev/full")


@pytest.mark.sampled(4)
@pytest.mark.parametrize("format_", ["text", "markdown", "comment", "summary", "html"])
@pytest.mark.parametrize(
    ("settings", "environment", "whose"),
    [
        ("", "default", "account of TAVUS_API_KEY"),
        ("environments: {prod: {api_key_env: PROD_KEY}}", "prod", "account of PROD_KEY"),
        ("environments: {prod: {account: acme, api_key_env: PROD_KEY}}", "prod", "acme"),
        ("environments: {prod: {api_key_env: UNSET_KEY}}", "prod", "account of TAVUS_API_KEY_FILE"),
    ],
    ids=["no-environments", "no-label", "label", "key-in-file"],
)
@pytest.mark.parametrize("command", ["plan", "drift"])
def test_a_plan_names_environment_and_account_also_if_they_have_no_names(
    project: Project, command: str, settings: str, environment: str, whose: str, format_: str
) -> None:
    """With changes, without any, and from the cache."""
    key_file = project.write("key", project.account.key)
    project.environment.update(PROD_KEY=project.account.key, TAVUS_API_KEY_FILE=str(key_file))
    project.write("tavusctl.yaml", f"version: 1\n{settings}\n")
    project.manifest("persona", "coach", COACH)
    reports = [project.run(command, "--format", format_).out]
    project.apply()
    reports += [project.run(command, "--format", format_).out for _ in range(2)]

    for report in reports:
        text = re.sub("<[^>]+>|&#95;", lambda match: "_" if match[0] == "&#95;" else "", report)
        assert re.search(rf"(?i)(environment|{command}:) {environment}\b.*{whose}", text), report


@pytest.mark.sampled(4)
@pytest.mark.parametrize("format_", ["text", "json"])
@pytest.mark.parametrize("command", ["plan", "drift", "validate"])
@pytest.mark.parametrize("key", ["persona_name", "persona_nam"], ids=["good", "wrong"])
def test_a_report_that_cannot_be_written_keeps_no_other_from_being_written(
    project: Project, key: str, command: str, format_: str
) -> None:
    """Stdout and the files around it have the result, or the error, that the command reports without it."""
    project.manifest("persona", "coach", {**COACH, key: "Coach"})
    names = ("json", "sarif", "markdown")
    first, *others = (f"--report={name}={name}.out" for name in names)
    usual = project.run(command, first, *others, "--format", format_)
    expected = {name: (project.root / f"{name}.out").read_text("utf-8") for name in names}

    result = project.run(
        command, first, "--report=json=/dev/full", *others, "--report=text=/dev/full", "--format", format_
    )

    assert result.out == usual.out
    assert {name: (project.root / f"{name}.out").read_text("utf-8") for name in names} == expected
    assert result.err.count("cannot write `/dev/full`: No space left on device") == 2
    assert result.code == (12 if usual.code == 0 or command == "validate" else usual.code)


def test_the_other_reports_of_an_apply_are_written_as_well(project: Project) -> None:
    project.manifest("persona", "coach", COACH)

    result = project.expect(0, "apply", "--yes", "--report=html=/dev/full", "--report=json=out.json")

    assert [one["status"] for one in json.loads((project.root / "out.json").read_text("utf-8"))["outcomes"]] == ["done"]
    assert "cannot write `/dev/full`" in result.err
