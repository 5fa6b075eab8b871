"""`tavusctl promote`: what staging says comes to production as an edit of files, as small as the change."""

from __future__ import annotations

import pytest

from tests.scenarios.project import Project
from tests.scenarios.tour import git

PROJECT = """
environments:
  staging: {overlay: overlays/staging, vars: {in: S}}
  europe: {overlay: overlays/europe, vars: {in: E}, api_key_env: LIVE_KEY}
  america: {overlay: overlays/america, vars: {in: A}, api_key_env: LIVE_KEY}
"""
COACH = """\
kind: persona
name: coach
spec:
  persona_name: Coach ${var:in}  # a name for each
  system_prompt: ${file:prompts/coach.md}
  greeting: Hello.
  layers:
    tts: {tts_engine: cartesia, voice_settings: {speed: 0.5}}
"""
STAGING = """\
kind: persona
name: coach
spec:
  persona_name: Trial ${var:in}
  system_prompt: ${file:./coach.md}
  layers:
    tts: {voice_settings: {speed: 0.7}}
"""
EUROPE = """\
kind: persona
name: coach
spec:
  greeting: Hallo.
  # slower here
  layers: {tts: {voice_settings: {speed: 0.4}}}
"""
ONLY_EUROPE = "kind: persona\nname: extra\nspec: {persona_name: Extra, system_prompt: Hi.}\n"
AMERICA = "kind: persona\nname: coach\nspec: {system_prompt: Howdy.}\n"


@pytest.fixture
def staged(project: Project) -> Project:
    """Three environments in two accounts, an overlay each, in git."""
    project.write("tavusctl.yaml", PROJECT)
    project.write("manifests/coach.yaml", COACH)
    project.write("manifests/prompts/coach.md", "You coach.\nYou are kind.\n")
    project.write("overlays/staging/coach.yaml", STAGING)
    project.write("overlays/staging/coach.md", "You coach.\nYou are stern.\n")
    project.write("overlays/europe/coach.yaml", EUROPE)
    project.write("overlays/europe/extra.yaml", ONLY_EUROPE)
    project.write("overlays/america/coach.yaml", AMERICA)
    project.write(".gitignore", ".tavusctl/\n")
    project.environment["LIVE_KEY"] = f"{project.account.key}-live"
    git(project, "init", "-q")
    git(project, "add", "-A")
    git(project, "commit", "-qm", "first")
    return project


def changed(project: Project) -> list[str]:
    """The lines that git says have come and gone."""
    lines = git(project, "diff", "-U0").splitlines()
    return [one for one in lines if one[:1] in "+-" and not one.startswith(("+++", "---"))]


def promote(project: Project, *args: str, target: str = "europe") -> str:
    """Promote the coach, and see it done."""
    result = project.run("promote", "persona/coach", "--from", "staging", "--to", target, *args)
    assert result.code == 0, result.err
    return result.out


def test_a_change_is_tried_in_staging_and_carried_over_by_files_only(staged: Project) -> None:
    environments = ("staging", "europe", "america")
    for name in environments:
        staged.apply("--env", name)
        assert staged.run("plan", "--env", name, "--detailed-exitcode").code == 0
    staged.account.forget()

    told = promote(staged)

    assert changed(staged) == [
        "-You are kind.",
        "+You are stern.",
        "-  layers: {tts: {voice_settings: {speed: 0.4}}}",
        "+  layers: {tts: {voice_settings: {speed: 0.7}}}",
    ]
    assert told.splitlines() == [
        "carried persona/coach /system_prompt into manifests/prompts/coach.md",
        "carried persona/coach /layers/tts/voice_settings/speed into overlays/europe/coach.yaml",
    ]
    assert staged.account.requests == []
    plans = {name: staged.plan("--env", name)["changes"] for name in environments}
    assert [one["address"] for one in plans["europe"]] == ["persona/coach"]
    assert {one["path"] for one in plans["europe"][0]["fields"]} == {
        *("/system_prompt", "/layers/tts/voice_settings/speed"),
    }
    assert (plans["staging"], plans["america"]) == ([], [])
    assert promote(staged) == ""
    for name in environments:
        staged.apply("--env", name)
        assert staged.run("plan", "--env", name, "--detailed-exitcode").code == 0


def test_a_dry_run_shows_the_edit_and_writes_nothing(staged: Project) -> None:
    told = promote(staged, "--dry-run")
    assert "-You are kind.\n+You are stern.\n" in told
    assert "--- a/overlays/europe/coach.yaml" in told
    assert changed(staged) == []


def test_one_field_alone(staged: Project) -> None:
    promote(staged, "--field", "/layers/tts")
    assert changed(staged) == [
        "-  layers: {tts: {voice_settings: {speed: 0.4}}}",
        "+  layers: {tts: {voice_settings: {speed: 0.7}}}",
    ]
    result = staged.run(*("promote", "persona/coach", "--from", "staging", "--to", "europe", "--field", "/layers/llm"))
    assert (result.code, "`tavusctl diff`" in result.err) == (12, True)


def test_where_another_environment_would_change_the_overlay_is_edited(staged: Project) -> None:
    promote(staged, "--field", "/layers", target="america")
    assert (
        changed(staged)
        == [
            "-spec: {system_prompt: Howdy.}",
            "+spec: {system_prompt: Howdy., layers: {tts: {voice_settings: {speed: 0.7}}}}",
        ]
        or (staged.root / "manifests/coach.yaml").read_text() != COACH
    )

    git(staged, "checkout", "-q", ".")
    (staged.root / "overlays/america/coach.yaml").unlink()
    promote(staged, "--field", "/system_prompt")
    assert (staged.root / "manifests/prompts/coach.md").read_text() == "You coach.\nYou are kind.\n"
    assert "    You are stern.\n" in (staged.root / "overlays/europe/coach.yaml").read_text()


def test_without_a_place_of_its_own_it_is_refused(staged: Project) -> None:
    (staged.root / "overlays/america/coach.yaml").unlink()
    (staged.root / "overlays/europe/coach.yaml").unlink()
    result = staged.run("promote", "persona/coach", "--from", "staging", "--to", "europe")
    assert (result.code, "E433" in result.err) == (4, True)
    assert "would change `america`, too; nothing was written" in result.err
    assert "`kind: persona` and `name: coach`" in result.err
    assert changed(staged) == ["-" + one for one in (*AMERICA.splitlines(), *EUROPE.splitlines())]


def test_what_is_taken_away_is_taken_away_there(staged: Project) -> None:
    staged.write("overlays/staging/coach.yaml", "kind: persona\nname: coach\nspec: {greeting: null}\n")
    git(staged, "commit", "-qam", "away")
    promote(staged)
    assert changed(staged) == ["-  greeting: Hallo.", "+  greeting: null"]
    assert staged.run("diff", "staging", "europe", "--format", "json").document["summary"]["different"] == 1


def test_an_object_of_one_environment_is_a_file(staged: Project) -> None:
    command = ("promote", "persona/extra", "--from", "europe", "--to", "america")
    result = staged.run(*command)
    assert result.code == 12
    assert "exists in `europe` only, in overlays/europe/extra.yaml" in result.err
    assert "`overlays/america`" in result.err
    unknown = staged.run("promote", "persona/coahc", "--from", "staging", "--to", "europe")
    assert (unknown.code, "did you mean `persona/coach`?" in unknown.err) == (12, True)


def test_what_protects_or_names_an_object_stays_with_its_environment(staged: Project) -> None:
    staged.write("overlays/europe/coach.yaml", f"{EUROPE}lifecycle: {{prevent_destroy: true}}\n")
    staged.write("overlays/staging/coach.yaml", f"{STAGING}lifecycle: {{prevent_destroy: false}}\n")
    git(staged, "commit", "-qam", "protect")
    promote(staged)
    assert not [one for one in changed(staged) if "prevent_destroy" in one or "persona_name" in one]

    git(staged, "checkout", "-q", ".")
    (staged.root / "overlays/staging/coach.yaml").unlink()
    git(staged, "commit", "-qam", "away")
    promote(staged)
    assert changed(staged) == [
        *("-  greeting: Hallo.", "+  greeting: Hello."),
        "-  layers: {tts: {voice_settings: {speed: 0.4}}}",
        "+  layers: {tts: {voice_settings: {speed: 0.5}}}",
    ]
    promote(staged, "--field", "/lifecycle/prevent_destroy")
    assert "prevent_destroy" not in "".join(one for one in changed(staged) if one.startswith("+"))
