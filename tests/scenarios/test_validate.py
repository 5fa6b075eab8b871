"""`validate` as people use it: in the terminal, in an editor, in CI."""

from __future__ import annotations

import inspect
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.scenarios.project import TAVUSCTL, Body, Project
from tests.scenarios.refusals import COACH

TWICE = "# Tone\nBe kind.\n\n# Tone\nBe kind.\n"


@pytest.fixture
def linted(project: Project) -> Project:
    """A persona with one remark on its prompt and one on its voice."""
    project.write("manifests/prompts/coach.md", TWICE)
    project.write(
        "manifests/coach.yaml",
        """
        kind: persona
        name: coach
        spec:
          persona_name: Coach
          system_prompt: ${file:prompts/coach.md}
          layers:
            tts: {voice_settings: {stability: 0.5}, tts_engine: cartesia}
        """,
    )
    return project


def ids(project: Project, *args: str) -> list[str]:
    return [one["id"] for one in project.run("validate", "--format", "json", *args).document["complaints"]]


def test_remarks_are_warnings_with_places(linted: Project) -> None:
    shown = linted.expect(0, "validate")

    assert (
        "manifests/prompts/coach.md:4:1: warning: the block is a duplicate of line 1: `# Tone` [TV203 duplicate-block]"
        in shown.out
    )
    assert (
        "manifests/coach.yaml:7:39: warning: `cartesia` ignores `stability` [TV225 ignored-voice-setting]" in shown.out
    )
    assert shown.out.endswith("2 warnings\n")


def test_remarks_are_chosen_by_id_and_by_family(linted: Project) -> None:
    assert ids(linted, "--select", "TV203") == ["TV203"]
    assert ids(linted, "--select", "TV2", "--ignore", "TV20,TV21") == ["TV225"]
    assert ids(linted, "--ignore", "TV2") == []


def test_an_id_that_does_not_exist_is_a_slip(linted: Project) -> None:
    ended = linted.expect(12, "validate", "--ignore", "TV999")

    assert "no check has the slug `TV999` or an id that starts with `TV999`" in ended.err


def test_what_cannot_be_read_is_told_whatever_is_selected(linted: Project) -> None:
    linted.write("manifests/bad.yaml", "kind: persona\nname: bad\nspec: {persona_nme: x}\n")

    assert "TV103" in ids(linted, "--select", "TV203", "--ignore", "TV1")


def test_a_remark_is_ignored_where_the_manifest_says_so(linted: Project) -> None:
    linted.write(
        "manifests/coach.yaml",
        """
        kind: persona
        name: coach
        spec:
          persona_name: Coach
          system_prompt: ${file:prompts/coach.md}  # tavusctl: ignore=TV203
          layers:
            # a setting of the next engine; tavusctl: ignore=TV225
            # tavusctl: ignore=TV225, TV261
            tts: {voice_settings: {stability: 0.5}, tts_engine: cartesia}
        """,
    )

    shown = linted.run("validate", "--format", "json").document["complaints"]

    assert [(one["id"], one["line"], one["message"]) for one in shown] == [
        ("TV200", 9, "`ignore=TV261` suppresses nothing on this line")
    ]


def test_a_slug_does_in_a_comment_what_the_id_does(linted: Project) -> None:
    linted.write(
        "manifests/coach.yaml",
        """
        kind: persona
        name: coach
        spec:
          persona_name: Coach
          system_prompt: ${file:prompts/coach.md}  # tavusctl: ignore=duplicate-block, because it is meant so
          layers:
            # tavusctl: ignore=ignored-voice-setting, no-such-check
            tts: {voice_settings: {stability: 0.5}, tts_engine: cartesia}
        """,
    )

    shown = linted.run("validate", "--format", "json").document["complaints"]

    assert [(one["id"], one["slug"], one["message"]) for one in shown] == [
        ("TV200", "unused-suppression", "`ignore=no-such-check` names no check")
    ]


def test_a_slug_selects_and_ignores_what_the_id_does(linted: Project) -> None:
    assert ids(linted, "--select", "duplicate-block") == ids(linted, "--select", "TV203") == ["TV203"]
    assert ids(linted, "--ignore", "duplicate-block") == ids(linted, "--ignore", "TV203")


def test_a_rule_of_code_scanning_is_named_by_its_slug(linted: Project) -> None:
    log = json.loads(linted.run("validate", "--format", "sarif").out)

    names = {one["id"]: one["name"] for one in log["runs"][0]["tool"]["driver"]["rules"]}
    assert names == {"TV203": "duplicate-block", "TV225": "ignored-voice-setting"}


RING: Body = {"objective_name": "ask", "objective_prompt": "Ask.", "next_required_objective": "ask"}


@pytest.mark.parametrize("command", [("plan",), ("apply", "--yes")])
def test_what_an_error_says_cannot_work_is_not_written(project: Project, command: tuple[str, ...]) -> None:
    """One judgement for one file, whichever command reads it."""
    project.manifest("objectives", "goals", {"name": "Goals", "data": [RING]})

    refused = project.run(*command)

    assert (project.run("validate").code, ids(project)) == (10, ["TV233"])
    assert (refused.code, project.account.writes) == (10, [])
    assert "manifests/objectives-goals.yaml:10:32: error: objective cycle: ask -> ask;" in refused.err
    assert "[TV233 objective-cycle]" in refused.err


@pytest.mark.older_api  # today's refuses a ring
def test_an_error_that_is_ignored_by_name_stops_nothing(project: Project) -> None:
    ring = json.dumps([RING])
    head = "kind: objectives\nname: goals\nspec:\n  name: Goals\n  # tavusctl: ignore=TV233\n"
    project.write("manifests/goals.yaml", f"{head}  data: {ring}\n")

    assert (project.run("validate").code, project.apply().code) == (0, 0)


@pytest.mark.older_api  # today's refuses a ring
def test_what_the_account_has_like_that_is_shown_and_does_not_stop(project: Project) -> None:
    """Such objects must stay manageable: what a plan leaves alone is no reason against it."""
    (goals,) = project.account.seed(objectives=[{"name": "Goals", "data": [RING]}])["objectives"]
    project.manifest("objectives", "goals", {"name": "Goals", "data": [RING]})
    project.expect(0, "import", "objectives/goals", goals)
    project.manifest("objectives", "goals", {"name": "More goals", "data": [RING]})

    plan = project.run("plan", "--format", "json")
    text = project.run("plan").out

    assert [(one["id"], one["severity"]) for one in plan.document["warnings"]] == [("TV233", "warning")]
    assert "[TV233 objective-cycle]" in text
    assert (plan.code, project.apply().code) == (0, 0)
    project.expect(0, "plan", "--detailed-exitcode")
    project.expect(0, "drift")
    project.manifest("objectives", "goals", {"name": "More", "data": [{**RING, "objective_prompt": "Ask more."}]})
    project.expect(10, "plan")


def test_text_that_turns_its_direction_stops_a_plan(project: Project) -> None:
    """What a reviewer reads must be what the model reads."""
    project.manifest("persona", "coach", {"persona_name": "Coach", "system_prompt": "Say \u202eno\u202c."})

    project.expect(10, "plan")
    assert "U+202E" in project.run("plan").err


def test_a_plan_does_not_repeat_what_is_merely_unwise(linted: Project) -> None:
    assert linted.plan()["warnings"] == []


def test_growth_is_seen_after_an_apply(project: Project) -> None:
    prompt = "You coach people who sell things to other people. " * 8
    project.manifest("persona", "coach", {"persona_name": "Coach", "system_prompt": prompt})
    assert ids(project) == []
    project.apply()
    project.manifest("persona", "coach", {"persona_name": "Coach", "system_prompt": prompt + "\n\n" + prompt[::-1] * 2})

    assert ids(project) == ["TV204"]


def test_github_gets_annotations_on_lines(linted: Project) -> None:
    linted.write("manifests/bad.yaml", "kind: persona\nname: bad\nspec: {persona_nme: '%0A::error::x'}\n")

    lines = linted.run("validate", "--format", "github").out.splitlines()

    assert (
        "::error file=manifests/bad.yaml,line=3,col=8,title=TV103 unknown-key::unknown key `persona_nme`"
        in "\n".join(lines)
    )
    voice = (
        "::warning file=manifests/coach.yaml,line=7,col=39,title=TV225 ignored-voice-setting::"
        "`cartesia` ignores `stability`%0Aremove it"
    )
    assert any(line.startswith(voice) for line in lines)
    assert all(line.startswith(("::error ", "::warning ")) for line in lines)


def test_no_more_annotations_than_github_shows(project: Project) -> None:
    for number in range(30):
        project.write(f"manifests/{number:02}.yaml", f"kind: persona\nname: p{number}\nspec: {{persona_nme: x}}\n")

    lines = project.run("validate", "--format", "github").out.splitlines()

    assert len(lines) == 10
    assert lines[-1].startswith("::error title=tavusctl::and ")


def test_sarif_names_rules_and_places(linted: Project) -> None:
    log = json.loads(linted.run("validate", "--format", "sarif").out)

    (run,) = log["runs"]
    assert log["version"] == "2.1.0"
    assert [one["id"] for one in run["tool"]["driver"]["rules"]] == ["TV203", "TV225"]
    (voice,) = [one for one in run["results"] if one["ruleId"] == "TV225"]
    place = voice["locations"][0]["physicalLocation"]
    assert place == {
        "artifactLocation": {"uri": "manifests/coach.yaml"},
        "region": {"startLine": 7, "startColumn": 39},
    }
    assert (voice["level"], len(voice["partialFingerprints"]["tavusctl/v1"])) == ("warning", 32)


def test_all_that_is_checked_is_listed(linted: Project) -> None:
    listed = linted.run("validate", "--rules").out.splitlines()

    assert len({line.partition(" ")[0] for line in listed}) == len(listed) > 40
    assert any(line.startswith("TV233") and line.endswith("objective cycle") for line in listed)


def test_the_list_of_checks_is_json_where_that_is_asked_for_and_no_other_report(linted: Project) -> None:
    listed = linted.run("validate", "--rules").out.splitlines()
    rules = linted.run("validate", "--rules", "--format", "json").document["rules"]

    assert [one["id"] for one in rules] == [line.partition(" ")[0] for line in listed]
    (circle,) = [one for one in rules if one["id"] == "TV233"]
    assert circle.pop("title").endswith("objective cycle")
    assert circle == {"id": "TV233", "slug": "objective-cycle", "severity": "error"}
    for more, named in ((("--format", "sarif"), "`--format sarif`"), (("--report", "json=checks.json"), "`--report`")):
        refused = linted.run("validate", "--rules", *more)
        assert (refused.code, refused.out, named in refused.err) == (12, "", True)
    assert '"exit_code": 12' in (linted.root / "checks.json").read_text()  # which tells why there is none


def test_one_file_is_checked_alone(linted: Project) -> None:
    linted.write("manifests/bad.yaml", "kind: persona\nname: bad\nspec: {persona_nme: x}\n")

    assert ids(linted, "manifests/coach.yaml") == ["TV225", "TV203"]


def test_where_no_project_is_that_is_told(project: Project) -> None:
    for command in ("validate", "plan", "output", "fmt"):
        nothing = project.expect(4, command)
        assert "there is no tavusctl.yaml here or above, and no manifest found in manifests" in nothing.err
        assert "tavusctl init" in nothing.err
    elsewhere = project.run("plan", "--env", "prod")
    assert "unknown environment `prod`: there is no tavusctl.yaml here or above" in elsewhere.err
    project.write("tavusctl.yaml", "version: 1\n")
    empty = project.run("validate")
    assert "error: no manifest found in manifests" in empty.err
    assert "`tavusctl export`" in empty.err
    assert "tavusctl init" not in empty.err  # which a project refuses


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("coach.yaml.txt", "# Ours.\nkind: persona\nname: coach\n", True),
        ("coach.json", '{"kind": "pal", "name": "coach"}', True),
        ("coach.json", '{\n  "name": "coach",\n  "kind": "persona"\n}', True),
        ("package.json", '{"name": "web", "kind": "module"}', False),
        ("list.json", '{"data": [{"kind": "persona"}]}', False),
        ("list.json", '{"data": [{\n  "kind": "persona"\n}]}', False),
        ("answer.yaml.txt", "data:\n  kind: persona\n", False),
        ("coach.md", "kind: persona\n", False),
        (".coach.json", '{"kind": "persona"}', False),
    ],
)
def test_a_manifest_whose_suffix_is_not_read_is_told(project: Project, name: str, text: str, told: bool) -> None:
    """To the plan, it is a manifest that was removed."""
    project.run("init")
    project.write(f"manifests/more/{name}", text)

    for _ in range(2):  # the second run may use the cache
        found = project.run("validate", "--format", "json").document["complaints"]
        expected = [("TV134", f"manifests/more/{name}", "rename it to `coach.yaml`, or move it to another folder")]
        assert [(one["id"], one["path"], one["hint"]) for one in found] == (expected if told else [])


def test_a_manifest_beside_the_manifests_folder_is_named(project: Project) -> None:
    project.manifest("persona", "coach", {"persona_name": "Coach", "system_prompt": "You coach."})
    project.write("host.yaml", "kind: persona\nname: host\nspec: {system_prompt: You greet.}\n")
    project.write("compose.yaml", "kind: Deployment\nservices: {}\n")

    for _ in range(2):  # the second run may use the cache
        found = project.run("validate", "--format", "json").document["complaints"]
        assert [(one["id"], one["path"], one["hint"]) for one in found] == [
            ("TV134", "host.yaml", "move it to the folder `manifests`")
        ]
    project.write("tavusctl.yaml", "version: 1\nmanifests: .\n")
    assert "TV134" not in project.run("validate").out


def test_no_manifest_is_overwritten_by_who_follows_the_hint(project: Project) -> None:
    project.manifest("persona", "coach", {"persona_name": "Coach", "system_prompt": "You coach."})
    project.write("manifests/persona-coach.json", '{"kind": "persona"}')
    project.write("manifests/coach.v2.yaml.txt", "kind: persona\n")

    found = project.run("validate", "--format", "json").document["complaints"]

    assert [one["hint"] for one in found] == [
        "rename it to `coach.v2.yaml`, or move it to another folder",
        "move it to another folder",
    ]


def test_a_plan_file_among_the_manifests_is_not_taken_for_one(project: Project) -> None:
    project.write("tavusctl.yaml", "manifests: .\n")
    project.manifest("persona", "coach", {"persona_name": "Coach", "system_prompt": "You coach."})
    project.expect(0, "plan", "--out", "plan.json")

    assert "TV134" not in project.run("validate").out


def test_in_a_folder_that_is_gone_that_is_told(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a switch to a branch without it, in another terminal."""
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    # Not `project.run`, which changes to the folder of the project.
    commands = [["plan"], ["init"], ["init", "--github"]]
    commands += [["plan", "--report", f"json={folder}plan.json"] for folder in ("", f"{project.root}/")]
    for command in commands:
        ended = subprocess.run([*TAVUSCTL, *command], capture_output=True, text=True, check=False)
        assert (ended.returncode, "Traceback" in ended.stderr) == (12, False), ended.stderr
        assert "error: cannot read the current folder: No such file or directory" in ended.stderr
    elsewhere = subprocess.run([*TAVUSCTL, "-C", str(project.root), "version"], capture_output=True, check=False)
    assert elsewhere.returncode == 0


def test_a_second_run_names_the_same_environment(project: Project) -> None:
    """The first one has stored that production has no diagnostics."""
    project.write("tavusctl.yaml", "environments: {staging: {vars: {t: ''}}, production: {vars: {t: Hello.}}}\n")
    project.manifest("persona", "coach", {"persona_name": "Coach", "system_prompt": "${var:t}"})

    first, second = project.run("validate"), project.run("validate")

    assert "in the environment `staging`: `system_prompt`" in first.out, first.out + first.err
    assert second == first


def test_a_file_in_utf_16_has_no_excerpt(project: Project) -> None:
    project.write("manifests/coach.yaml", "").write_bytes("kind: persona\nname: coach\n".encode("utf-16"))

    told = project.run("validate").out

    assert told.splitlines() == [
        "manifests/coach.yaml:1:1: error: the file is in UTF-16 or UTF-32 [TV101 invalid-yaml]",
        "  help: save it as UTF-8",
        "1 error",
    ]


@pytest.mark.parametrize("line_end", ["\r\n", "\r"])
def test_an_excerpt_shows_the_line_of_the_project_without_what_only_bytes_have(project: Project, line_end: str) -> None:
    """A byte order mark and CR; and in a folder of the project that has a file of the same path."""
    project.write("tavusctl.yaml", "version: 1\n")
    text = line_end.join(["\ufeffkin: persona", "name: coach", "spec: {pipeline_mode: loud}", "nam: x", ""])
    project.write("manifests/coach.yaml", "").write_bytes(text.encode())
    project.write("other/manifests/coach.yaml", "another: line\nspec: {other: one}\n# three\n")

    result = project.expect(10, "-C", "other", "validate")

    assert "  | kin: persona\n" in result.out, result.out
    assert "  | nam: x\n" in result.out, result.out
    assert "\\u" not in result.out


@pytest.mark.parametrize("workspace", [True, False])
def test_a_forge_gets_paths_from_the_root_of_the_repository(linted: Project, *, workspace: bool) -> None:
    inner = Project(linted.root / "bots/sales", linted.account)
    inner.write("tavusctl.yaml", "version: 1\n")
    inner.write("manifests/coach.yaml", "kin: persona\n")
    (linted.root / ".git").mkdir()
    around = {"GITHUB_WORKSPACE": str(linted.root) if workspace else None}
    report = inner.root / "report.sarif"

    result = linted.run(
        "-C", "bots/sales", "validate", "--format", "github", "--report", "sarif=report.sarif", **around
    )

    assert result.code == 10
    assert "::error file=bots/sales/manifests/coach.yaml,line=1," in result.out
    assert '"uri": "bots/sales/manifests/coach.yaml"' in report.read_text()
    text = inner.run("validate", **around).out
    assert text.startswith("manifests/coach.yaml:1:")  # what people read begins at the project


URLS_THAT_MAY_BE_RIGHT = """\
kind: voice
name: it
spec: {voice_name: It, train_audio_url: "${secret:K}"}
---
kind: voice
name: two
spec: {voice_name: Two, train_audio_url: "https://${secret:K}:${secret:K}@${secret:K}:${secret:K}/${secret:K}"}
---
kind: document
name: three
spec: {document_url: "http${secret:K}", callback_url: "${secret:K}/hook?key=${secret:K}"}
---
kind: persona
name: four
spec:
  system_prompt: Be brief.
  layers: {llm: {model: own, base_url: "https://${secret:K}.example.com/v1", api_key: "${secret:K}"}}
"""


def test_a_url_may_consist_of_secrets(project: Project) -> None:
    project.write("tavusctl.yaml", "secrets: [K]\n")
    project.write("manifests/m.yaml", URLS_THAT_MAY_BE_RIGHT)

    result = project.run("validate", "--format", "json")

    assert (result.code, result.document["complaints"]) == (0, [])


def test_the_project_file_is_read_once_for_all_environments(project: Project) -> None:
    project.write(
        "tavusctl.yaml", "version: 1\nenvironments: {one: {vars: {TONE: Kind}}, two: {vars: {TONE: Brisk}}}\n"
    )
    project.manifest("persona", "coach", {"persona_name": "Coach", "system_prompt": "${var:TONE}"})
    program = """
        import runpy, sys
        heard = lambda event, given: event == "open" and given[0] == "tavusctl.yaml" and print("read", file=sys.stderr)
        sys.addaudithook(heard)
        runpy.run_module("tavusctl", run_name="__main__")
    """
    command = [sys.executable, "-I", "-c", inspect.cleandoc(program), "validate", "--no-cache"]
    ended = subprocess.run(command, cwd=project.root, capture_output=True, text=True, check=True)
    assert ended.stderr.splitlines().count("read") == 1


def test_in_a_folder_whose_path_is_too_long_that_is_told(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system opens no path of more than 4096 bytes, but a shell can change to such a folder step by step."""
    project.manifest("persona", "coach", COACH)
    monkeypatch.chdir(project.root)
    for _ in range(21):
        os.mkdir("f" * 200)  # noqa: PTH102 - a path of pathlib would be too long
        os.chdir("f" * 200)
    for command in (["validate"], ["plan"], ["apply", "--yes"], ["export", "--out", "exported"], ["init"], ["fmt"]):
        ended = subprocess.run([*TAVUSCTL, *command], capture_output=True, text=True, check=False)
        assert ended.returncode == 12, ended.stderr
        assert "error: cannot read the current folder: File name too long" in ended.stderr
        assert "help: move the project to a folder with a shorter path" in ended.stderr


@pytest.mark.parametrize("folder", ["prompts", "../prompts"])
def test_a_file_whose_name_only_looks_the_same_is_told(project: Project, folder: str) -> None:
    """A Mac may write `é` as two characters; on other systems, that is another name."""
    project.write(f"manifests/{folder}/re\u0301sume\u0301.md", "You listen.")
    path = f"{folder}/r\u00e9sum\u00e9.md"
    project.manifest("persona", "coach", {**COACH, "system_prompt": f"${{file:{path}}}"})
    project.manifest("document", "notes", {"document_name": "N", "document_file": path, "upload": "s3://bucket/notes"})

    refused = project.expect(10, "validate")

    hint = "help: rename the file: its name looks like this one, but has letters such as `é` in another Unicode form"
    assert refused.out.count(hint) == 2
    assert "help: write `" not in refused.out
