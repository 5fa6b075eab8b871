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
    result = project.expect(0, "promote", "persona/coach", "--from", "staging", "--to", target, *args)
    return result.out


def test_a_change_is_tried_in_staging_and_carried_over_by_files_only(staged: Project) -> None:
    environments = ("staging", "europe", "america")
    for name in environments:
        staged.apply("--env", name)
        staged.expect(0, "plan", "--env", name, "--detailed-exitcode")
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
        staged.expect(0, "plan", "--env", name, "--detailed-exitcode")


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
    assert (result.code, "`tavusctl diff staging europe`" in result.err) == (12, True)


@pytest.mark.parametrize("field", ["layers/tts", "layers.tts", "/spec/layers/tts", "/layers/tts/"])
def test_a_field_is_found_however_it_is_typed(staged: Project, field: str) -> None:
    assert promote(staged, "--field", field) == (
        "carried persona/coach /layers/tts/voice_settings/speed into overlays/europe/coach.yaml\n"
    )


@pytest.mark.parametrize("field", ["", "/", "/spec"])
def test_what_names_no_field_carries_nothing(staged: Project, field: str) -> None:
    result = staged.run("promote", "persona/coach", "--from", "staging", "--to", "europe", "--field", field)
    assert (result.code, "stands for all fields" in result.err, changed(staged)) == (12, True, [])


def test_a_newer_name_of_a_field_means_the_same(staged: Project) -> None:
    assert "carried persona/coach /persona_name into" in promote(staged, "--field", "/pal_name")


def test_of_a_field_that_does_not_differ_the_others_are_told(staged: Project) -> None:
    command = ("promote", "persona/coach", "--from", "staging", "--to", "europe", "--field", "/layers/tss")
    result = staged.run(*command)
    assert (result.code, "does not differ at /layers/tss" in result.err) == (12, True)
    named = ("/persona_name", "/system_prompt", "/greeting", "/layers/tts/voice_settings/speed")
    assert (
        f"help: the differences are at {', '.join(f'`{one}`' for one in named)}; run `tavusctl diff staging europe`"
        in result.err
    )


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


def test_an_overlay_gets_a_document_where_it_has_none(staged: Project) -> None:
    (staged.root / "overlays/america/coach.yaml").unlink()
    (staged.root / "overlays/europe/coach.yaml").unlink()
    git(staged, "commit", "-qam", "as the others")
    told = promote(staged, "--dry-run")
    assert "--- /dev/null\n+++ b/overlays/europe/coach.yaml\n" in told
    assert git(staged, "status", "--short") == ""

    assert promote(staged).splitlines() == [
        "carried persona/coach /system_prompt into overlays/europe/coach.yaml",
        "carried persona/coach /layers/tts/voice_settings/speed into overlays/europe/coach.yaml",
    ]

    assert git(staged, "status", "--short", "--untracked-files=all").split() == ["??", "overlays/europe/coach.yaml"]
    assert (staged.root / "overlays/europe/coach.yaml").read_text() == (
        "kind: persona\nname: coach\nspec:\n  system_prompt: |-\n    You coach.\n    You are stern.\n"
        "  layers:\n    tts:\n      voice_settings:\n        speed: 0.7\n"
    )
    found = staged.run("diff", "staging", "europe", "--format", "json").document["differences"]
    assert [[each["path"] for each in one["fields"]] for one in found] == [["/persona_name"], []]
    assert promote(staged) == ""


def test_what_only_moves_down_in_a_file_does_not_change(project: Project) -> None:
    external = "---\nkind: replica\nname: anna\nexternal: true\nid: r4317e64d25a\n"
    moved = "---\nkind: persona\nname: other\nmoved_from: persona/former\nspec: {persona_name: O, system_prompt: O.}\n"
    project.write(
        "tavusctl.yaml", "environments: {staging: {overlay: staging, vars: {in: S}}, live: {vars: {in: L}}}\n"
    )
    coach = project.write("manifests/coach.yaml", COACH.replace("${file:prompts/coach.md}", "Hi.") + external + moved)
    project.write("staging/coach.yaml", "kind: persona\nname: coach\nspec: {pipeline_mode: full}\n")

    promote(project, target="live")

    assert "\n  pipeline_mode: full\n---\n" in coach.read_text()


def test_without_a_folder_of_its_own_it_is_refused(staged: Project) -> None:
    staged.write("tavusctl.yaml", PROJECT.replace("overlay: overlays/europe, ", ""))
    (staged.root / "overlays/america/coach.yaml").unlink()
    result = staged.run("promote", "persona/coach", "--from", "staging", "--to", "europe")
    assert (result.code, "E433" in result.err) == (4, True)
    assert "would change `america`, too; nothing was written" in result.err
    assert "`overlay: overlays/europe` under `europe` in tavusctl.yaml" in result.err
    assert [one for one in changed(staged) if "coach" in one] == ["-name: coach"]


def test_what_is_taken_away_is_taken_away_there(staged: Project) -> None:
    staged.write("overlays/staging/coach.yaml", "kind: persona\nname: coach\nspec: {greeting: null}\n")
    git(staged, "commit", "-qam", "away")
    promote(staged)
    assert changed(staged) == ["-  greeting: Hallo.", "+  greeting: null"]
    assert staged.run("diff", "staging", "europe", "--format", "json").document["summary"]["different"] == 1


TRIAL = """\
# On trial.
kind: persona
name: trial
spec: {persona_name: "Trial of ${var:in}", system_prompt: "${file:./texts/trial.md}"}
"""


def test_an_object_of_one_environment_is_copied_into_the_overlay_of_another(staged: Project) -> None:
    """Out of a file with others in it, with the file beside it; and no third environment has it."""
    staged.write("overlays/staging/more/two.yaml", f"{ONLY_EUROPE}---\n{TRIAL}---\n{ONLY_EUROPE.replace('extra', 'z')}")
    staged.write("overlays/staging/more/texts/trial.md", "You try.\n")
    git(staged, "add", "-A")
    git(staged, "commit", "-qm", "a trial")
    command = ("promote", "persona/trial", "--from", "staging", "--to", "europe")

    result = staged.run(*command)

    assert (result.code, result.out) == (0, "carried persona/trial into overlays/europe/more/two.yaml\n"), result.err
    assert (staged.root / "overlays/europe/more/two.yaml").read_text() == TRIAL
    assert (staged.root / "overlays/europe/more/texts/trial.md").read_text() == "You try.\n"
    assert git(staged, "diff") == ""
    made = {name: staged.plan("--env", name)["changes"] for name in ("europe", "america")}
    assert [one["address"] for one in made["europe"]] == ["persona/coach", "persona/extra", "persona/trial"]
    assert made["europe"][2]["patch"][0]["value"]["persona_name"] == "Trial of E"
    assert [one["address"] for one in made["america"]] == ["persona/coach"]
    staged.expect(0, *command)

    for args, code, words in (
        ((*command[:2], "--from", "staging", "--to", "america", "--field", "/context"), 12, "leave out `--field`"),
        (("promote", "persona/coahc", "--from", "staging", "--to", "europe"), 12, "did you mean `persona/coach`?"),
    ):
        refused = staged.run(*args)
        assert (refused.code, words in refused.err) == (code, True)


def test_no_file_is_written_through_a_folder_that_leads_out_of_the_project(
    project: Project, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("outside")
    project.write("tavusctl.yaml", "environments: {a: {overlay: trials/a}, b: {overlay: live/b}}\n")
    project.write("manifests/coach.yaml", ONLY_EUROPE)
    project.write("trials/a/trial.yaml", TRIAL.replace("./texts", "../texts").replace("${var:in}", "a"))
    project.write("trials/texts/trial.md", "You try.\n")
    (project.root / "live/b").mkdir(parents=True)
    (project.root / "live/texts").symlink_to(outside)

    result = project.run("promote", "persona/trial", "--from", "a", "--to", "b")

    assert (result.code, "out of the project" in result.err) == (12, True), result.out + result.err
    assert list(outside.iterdir()) == list((project.root / "live/b").iterdir()) == []


def test_a_large_file_for_the_api_is_copied(project: Project) -> None:
    project.write("tavusctl.yaml", "environments: {a: {overlay: overlays/a}, b: {overlay: overlays/b}}\n")
    project.manifest("persona", "coach", {"persona_name": "Coach", "system_prompt": "Hi."})
    spec = "{document_name: Book, document_file: ./book.pdf, upload: 's3://bucket/files'}"
    project.write("overlays/a/book.yaml", f"kind: document\nname: book\nspec: {spec}\n")
    file = project.root / "overlays/a/book.pdf"
    (project.root / "overlays/b").mkdir()
    file.write_bytes(b"%PDF-1.7\n\0" + bytes(6 * 1024 * 1024))
    command = ("promote", "document/book", "--from", "a", "--to", "b")

    shown, done = project.run(*command, "--dry-run"), project.run(*command)

    assert (shown.code, done.code) == (0, 0), shown.err + done.err
    assert "Binary files /dev/null and b/overlays/b/book.pdf differ\n" in shown.out
    assert (project.root / "overlays/b/book.pdf").read_bytes() == file.read_bytes()


def test_an_object_comes_to_all_environments_only_where_no_third_one_would_get_it(staged: Project) -> None:
    staged.write("overlays/staging/trial.yaml", TRIAL.replace("${file:./texts/trial.md}", "Hi."))
    staged.write("tavusctl.yaml", PROJECT.replace("overlay: overlays/europe, ", ""))
    command = ("promote", "persona/trial", "--from", "staging", "--to", "europe")
    refused = staged.run(*command)
    assert (refused.code, "would exist in `america`, too; nothing was written" in refused.err) == (4, True)

    two = "".join(one for one in PROJECT.splitlines(keepends=True) if "america" not in one)
    staged.write("tavusctl.yaml", two.replace("overlay: overlays/europe, ", ""))
    assert staged.run(*command).out == "carried persona/trial into manifests/trial.yaml\n"
    assert "persona/trial" in [one["address"] for one in staged.plan("--env", "europe")["changes"]]


def test_what_does_not_fit_into_the_other_environment_is_not_copied(staged: Project) -> None:
    """A reference to what it lacks; a file that is another one there."""
    staged.write("overlays/staging/trial.yaml", TRIAL.replace("Hi", "x"))
    staged.write("overlays/staging/texts/trial.md", "You try.\n")
    staged.write("overlays/europe/texts/trial.md", "Others.\n")
    command = ("promote", "persona/trial", "--from", "staging", "--to", "europe")
    refused = staged.run(*command)
    assert (refused.code, "cannot be copied to overlays/europe/texts/trial.md" in refused.err) == (4, True)

    document = "kind: document\nname: prices\nspec: {document_url: https://acme.example/p.pdf}\n"
    staged.write("overlays/staging/prices.yaml", document)
    refers = 'system_prompt: Hi., document_ids: ["${ref:document/prices}"]'
    staged.write("overlays/staging/trial.yaml", TRIAL.replace('system_prompt: "${file:./texts/trial.md}"', refers))
    refused = staged.run(*command)
    assert (refused.code, "`persona/trial` would be invalid in `europe`" in refused.err) == (4, True)
    assert "document/prices" in refused.err
    assert not (staged.root / "overlays/europe/trial.yaml").exists()


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


def test_a_dry_run_refuses_what_the_command_refuses_and_in_the_same_words(project: Project) -> None:
    """An edit that the source itself would notice, with a field beside it that nobody would; and a reference."""
    project.write("tavusctl.yaml", "environments: {staging: {overlay: overlays/staging}, prod: {}}\n")
    base = "kind: persona\nname: coach\nspec: {persona_name: Coach, system_prompt: Hi., greeting: Hello there}\n"
    project.write("manifests/coach.yaml", base)
    project.write("overlays/staging/coach.yaml", "kind: persona\nname: coach\nspec: {greeting: null, context: New.}\n")
    command = ("promote", "persona/coach", "--from", "staging", "--to", "prod")

    real, tried = project.run(*command), project.run(*command, "--dry-run")

    assert (real.code, real.out) == (4, "")
    assert "persona/coach /greeting of `staging` would change as well; nothing was written [E433]" in real.err
    assert "help: use `--field /context` for the fields that change nothing else; for the others, give" in real.err
    assert (tried.code, tried.out, tried.err) == (real.code, real.out, real.err)
    assert (project.root / "manifests/coach.yaml").read_text() == base
    project.expect(0, *command, "--field", "/context")

    refers = "kind: persona\nname: coach\nspec: {document_ids: ['${ref:document/prices}']}\n"
    project.write("overlays/staging/coach.yaml", refers)
    document = "kind: document\nname: prices\nspec: {document_url: https://acme.example/p.pdf}\n"
    project.write("overlays/staging/prices.yaml", document)
    real, tried = project.run(*command), project.run(*command, "--dry-run")
    assert (tried.code, tried.err) == (real.code, real.err)
    assert (real.code, "`persona/coach` would be invalid in `prod`" in real.err) == (4, True)

    copied = ("promote", "document/prices", "--from", "staging", "--to", "prod")
    tried, real = project.run(*copied, "--dry-run"), project.run(*copied)
    assert (tried.code, "+++ b/manifests/prices.yaml" in tried.out) == (real.code, True)


def test_an_environment_without_an_overlay_has_nothing_of_its_own_to_promote(project: Project) -> None:
    project.write("tavusctl.yaml", "environments: {staging: {}, prod: {}}\n")
    project.manifest("persona", "coach", {"persona_name": "Coach", "system_prompt": "You coach."})
    result = project.run("promote", "persona/coach", "--from", "staging", "--to", "prod")
    assert (result.code, result.err) == (0, "nothing to promote: `staging` has no `overlay:` with values of its own\n")
