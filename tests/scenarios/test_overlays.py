"""Overlays: what one environment says otherwise, takes away, or has alone."""

from __future__ import annotations

import json
import os
import shutil

import pytest

from tests.scenarios.everykind import actions
from tests.scenarios.project import Account, Body, Project

COACH = """
kind: persona
name: coach
spec:
  persona_name: Coach ${var:in}
  system_prompt: ${file:prompts/coach.md}
  context: Sells shoes.
  document_tags: [a, b]
  layers:
    tts: {tts_engine: cartesia, voice_settings: {speed: 0.5}}
"""
OVER = """
kind: persona
name: coach
spec:
  system_prompt: ${file:./trial.md}
  context: null
  document_tags: [c]
  layers:
    tts: {voice_settings: {speed: 0.7}}
"""
PROJECT = """
environments:
  staging: {overlay: overlays/staging, vars: {in: S}}
  production: {vars: {in: P}}
"""


@pytest.fixture
def staged(project: Project) -> Project:
    """A persona that staging has otherwise."""
    project.write("tavusctl.yaml", PROJECT)
    project.write("manifests/coach.yaml", COACH)
    project.write("manifests/prompts/coach.md", "You coach.\n")
    project.write("overlays/staging/deep/coach.yaml", OVER)
    project.write("overlays/staging/deep/trial.md", "You coach, on trial.\n")
    return project


def personas(account: Account) -> dict[str, Body]:
    """Personas by their names."""
    return {one["persona_name"]: one for one in account.objects("personas").values()}


def complaints(project: Project, *args: str) -> dict[str, list[str]]:
    """Messages and hints of errors by place, and the exit code seen to be right."""
    result = project.run("validate", "--format", "json", *(args or ("--env", "staging")))
    found: dict[str, list[str]] = {}
    for one in result.document["complaints"]:
        if one["severity"] == "error":
            place = f"{one['path']}:{one['line']}:{one['column']}"
            found.setdefault(place, []).append(f"{one['message']} {one['hint']}")
    assert (result.code == 10) == bool(found)
    return found


def test_each_environment_has_what_its_files_say(staged: Project) -> None:
    for name in ("staging", "production"):
        staged.apply("--env", name)
        staged.expect(0, "plan", "--env", name, "--detailed-exitcode")

    made = personas(staged.account)
    assert made["Coach P"]["system_prompt"] == "You coach."
    assert made["Coach S"]["system_prompt"] == "You coach, on trial."
    assert (made["Coach P"]["context"], made["Coach S"]["context"]) == ("Sells shoes.", "")
    assert (made["Coach P"]["document_tags"], made["Coach S"]["document_tags"]) == (["a", "b"], ["c"])
    speeds = [made[f"Coach {one}"]["layers"]["tts"] for one in "PS"]
    assert [one["voice_settings"]["speed"] for one in speeds] == [0.5, 0.7]
    assert {one["tts_engine"] for one in speeds} == {"cartesia"}


MERGED = """
kind: persona
name: coach
spec:
  persona_name: Coach ${var:in}
  system_prompt: You coach, on trial.
  document_tags: [c]
  layers:
    tts: {tts_engine: cartesia, voice_settings: {speed: 0.7}}
"""


def test_the_plan_is_that_of_the_merged_manifest(staged: Project) -> None:
    laid = [staged.plan("--env", "staging")]
    staged.apply("--env", "production")
    staged.write("tavusctl.yaml", PROJECT.replace("{vars: {in: P}}", "{overlay: overlays/staging, vars: {in: P}}"))
    laid.append(staged.plan("--env", "production"))

    staged.write("tavusctl.yaml", PROJECT.replace("overlay: overlays/staging, ", ""))
    staged.write("manifests/coach.yaml", MERGED)
    merged = [staged.plan("--env", name) for name in ("staging", "production")]

    assert [one["fingerprint"] for one in laid] == [one["fingerprint"] for one in merged]
    for one, other in zip(laid, merged, strict=True):
        assert [each["patch"] for each in one["changes"]] == [each["patch"] for each in other["changes"]]
        assert one["summary"] == other["summary"]


def test_settings_around_the_spec_differ_too(staged: Project) -> None:
    staged.write("overlays/staging/deep/coach.yaml", f"{OVER}lifecycle: {{prevent_destroy: true}}\n")
    staged.apply("--env", "staging")
    staged.apply("--env", "production")
    refused = {name: staged.plan("--destroy", "--env", name)["refused"] for name in ("staging", "production")}
    assert [len(one) for one in refused.values()] == [1, 0]
    assert refused["staging"][0]["code"] == "E403"


def test_what_only_an_overlay_has_exists_only_there(staged: Project) -> None:
    staged.write(
        "overlays/staging/trial.yaml",
        "kind: persona\nname: trial\nspec: {persona_name: Trial, system_prompt: '${file:prompts/coach.md}'}\n",
    )
    assert actions(staged, "--env", "staging") == {"persona/coach": "create", "persona/trial": "create"}
    assert actions(staged, "--env", "production") == {"persona/coach": "create"}
    assert "persona/trial" in staged.run("graph", "--env", "staging").out
    assert "persona/trial" not in staged.run("graph", "--env", "production").out

    staged.apply("--env", "staging")
    (staged.root / "overlays/staging/trial.yaml").unlink()
    (change,) = staged.plan("--env", "staging")["changes"]
    assert (change["address"], change["action"], change["cause"]) == ("persona/trial", "delete", "orphaned")
    staged.apply("--env", "staging", "--allow-deletes", "1")
    assert set(personas(staged.account)) == {"Coach S"}


def test_a_removed_overlay_gives_back_what_the_base_says(staged: Project) -> None:
    staged.apply("--env", "staging")
    (staged.root / "overlays/staging/deep/coach.yaml").unlink()

    staged.apply("--env", "staging")

    made = personas(staged.account)["Coach S"]
    assert (made["system_prompt"], made["context"]) == ("You coach.", "Sells shoes.")
    assert made["layers"]["tts"]["voice_settings"]["speed"] == 0.5


def test_an_object_is_somebody_elses_in_one_environment(staged: Project) -> None:
    (id_,) = staged.account.seed(personas=[{"persona_name": "Theirs", "system_prompt": "Hi."}])["personas"]
    staged.write("overlays/staging/deep/coach.yaml", f"kind: persona\nname: coach\nexternal: true\nid: {id_}\n")
    assert actions(staged, "--env", "staging") == {}
    assert actions(staged, "--env", "production") == {"persona/coach": "create"}
    staged.expect(0, "verify", "--env", "staging")


def test_an_id_that_is_not_there_is_told_where_the_overlay_says_it(staged: Project) -> None:
    staged.write("overlays/staging/deep/coach.yaml", "kind: persona\nname: coach\nexternal: true\nid: p123\n")
    result = staged.expect(10, "plan", "--env", "staging")
    assert "overlays/staging/deep/coach.yaml:4:5: error: `persona/coach` is external" in result.out + result.err


def test_two_names_of_one_object_are_told_where_the_overlay_says_it(staged: Project) -> None:
    other = "kind: persona\nname: also\nexternal: true\nid: p123\n"
    staged.write("manifests/also.yaml", other)
    staged.write("overlays/staging/deep/coach.yaml", other.replace("also", "coach"))
    told = staged.run("validate", "--env", "staging").out
    assert "overlays/staging/deep/coach.yaml:4:5: warning: `persona/coach` and `persona/also` have the same id" in told


def test_a_move_of_several_objects_is_told_where_the_overlay_says_it(staged: Project) -> None:
    staged.write("manifests/old.yaml", COACH.replace("coach\nspec", "old\nspec").replace("Coach", "Old"))
    staged.apply("--env", "staging")
    staged.write("overlays/staging/deep/coach.yaml", f"{OVER}moved_from: persona/old\n")
    declared = staged.run("plan", "--env", "staging")
    assert "overlays/staging/deep/coach.yaml:9:13: error: moved_from: `persona/old` is still declared" in declared.err
    (staged.root / "manifests/old.yaml").unlink()
    merged = staged.run("plan", "--env", "staging")
    assert (merged.code, "E905" in merged.err) == (9, True)
    assert "overlays/staging/deep/coach.yaml:9:13: `moved_from` merges several objects" in merged.err


def test_plans_name_the_file_that_says_a_value(staged: Project) -> None:
    staged.apply("--env", "production")
    staged.write("tavusctl.yaml", PROJECT.replace("{vars: {in: P}}", "{overlay: overlays/staging, vars: {in: P}}"))

    (change,) = staged.plan("--env", "production")["changes"]

    places = {one["path"]: (one["source"]["path"], one["source"]["line"]) for one in change["fields"]}
    over = "overlays/staging/deep/coach.yaml"
    assert places == {
        "/context": (over, 5),
        "/document_tags": (over, 6),
        "/layers/tts/voice_settings/speed": (over, 8),
        "/system_prompt": ("overlays/staging/deep/trial.md", 1),
    }


def test_explain_says_of_each_value_which_file_says_it(staged: Project) -> None:
    """As they are written: no secret, no text of a file; and no account is asked."""
    staged.write("overlays/staging/deep/coach.yaml", f"{OVER}lifecycle: {{prevent_destroy: true}}\n")
    over, base = "overlays/staging/deep/coach.yaml", "manifests/coach.yaml"
    found = staged.run("explain", "persona/coach", "--env", "staging", "--format", "json").document
    values = {one["path"]: one for one in found["values"]}
    assert {path: (one["source"]["path"], one["source"]["line"]) for path, one in values.items()} == {
        "/persona_name": (base, 4),
        "/system_prompt": (over, 4),
        "/document_tags": (over, 6),
        "/layers/tts/tts_engine": (base, 9),
        "/layers/tts/voice_settings/speed": (over, 8),
        "/lifecycle/prevent_destroy": (over, 9),
        "/context": (over, 5),
    }
    assert (values["/context"]["removed"], values["/context"]["covers"]["line"]) == (True, 6)
    prompt = values["/system_prompt"]
    assert (prompt["value"], prompt["file"]) == ("${file:./trial.md}", "overlays/staging/deep/trial.md")
    assert prompt["covers"] == {"path": base, "line": 5, "column": 18}

    told = staged.run("explain", "persona/coach", "--env", "staging").out
    assert told.startswith(f"persona/coach in staging: {base}:1:1, with the overlay {over}:1:1\n")
    lines = told.splitlines()
    speed = next(number for number, line in enumerate(lines) if line.endswith("speed  0.7"))
    assert lines[speed + 1].split() == f"at {over}:8:35, in place of {base}:9:57".split()
    assert len(lines[speed]) < 80
    assert over not in staged.run("explain", "persona/coach", "--env", "production").out
    staged.expect(12, "explain", "persona/coach")
    assert "did you mean `persona/coach`?" in staged.run("explain", "pal/coahc", "--env", "staging").err
    assert staged.account.requests == []


LIST_HINT = "write each item on a line of its own, after `- `, or all of them as `[A, B]`"


def test_complaints_name_the_file_that_says_a_value(staged: Project) -> None:
    staged.write("overlays/staging/deep/coach.yaml", OVER.replace("[c]", "5").replace("system_prompt", "system_promt"))
    assert complaints(staged) == {
        "overlays/staging/deep/coach.yaml:6:18": [f"document_tags: expected a list, found 5 {LIST_HINT}"],
        "overlays/staging/deep/coach.yaml:4:3": ["unknown key `system_promt` in persona did you mean `system_prompt`?"],
    }
    told = staged.run("validate", "--format", "github", "--env", "staging").out
    assert "file=overlays/staging/deep/coach.yaml,line=6" in told
    assert complaints(staged, "--env", "production") == {}


WRONG = {
    "an address twice": (
        {"overlays/staging/a.yaml": "kind: persona\nname: coach\nspec: {context: x}\n"},
        "overlays/staging/deep/coach.yaml:2:7",
        ["`persona/coach` is declared here and at overlays/staging/a.yaml:2:7", "merge the two into one"],
    ),
    "another kind": (
        {"overlays/staging/deep/coach.yaml": "kind: replica\nname: coach\nspec: {persona_name: x}\n"},
        "overlays/staging/deep/coach.yaml:1:7",
        ["no manifest `replica/coach`", "is `persona/coach` at manifests/coach.yaml:2:7", "write `kind: persona`"],
    ),
    "another name": (
        {"overlays/staging/deep/coach.yaml": "kind: persona\nname: coahc\nspec: {context: x}\n"},
        "overlays/staging/deep/coach.yaml:2:7",
        ["no manifest `persona/coahc`", "write `name: coach`"],
    ),
    "a list where a mapping is": (
        {"overlays/staging/deep/coach.yaml": "kind: persona\nname: coach\nspec:\n  layers:\n  - tts\n"},
        "overlays/staging/deep/coach.yaml:5:3",
        ["spec.layers: the overlay has a list", "write a mapping, as at manifests/coach.yaml:9:5"],
    ),
    "a move that both have": (
        {
            "manifests/coach.yaml": f"{COACH}moved_from: persona/old\n",
            "overlays/staging/deep/coach.yaml": "kind: persona\nname: coach\nmoved_from: persona/older\n",
        },
        "overlays/staging/deep/coach.yaml:3:1",
        ["moved_from: `persona/coach` has this key here and at manifests/coach.yaml:10:1", "list all former addresses"],
    ),
    "a folder that is not there": (
        {"tavusctl.yaml": PROJECT.replace("overlays/staging", "overlays/stagign")},
        "tavusctl.yaml:2:22",
        ["environments.staging.overlay: the folder `overlays/stagign` does not exist", "`overlays/staging`?"],
    ),
    "a folder outside": (
        {"tavusctl.yaml": PROJECT.replace("overlays/staging", "../overlays")},
        "tavusctl.yaml:2:22",
        ["the folder `../overlays` is outside the project", "overlays/prod"],
    ),
    "a folder around the manifests": (
        {"tavusctl.yaml": PROJECT.replace("overlays/staging", ".")},
        "tavusctl.yaml:2:22",
        ["holds the manifests of every environment", "use a folder of its own"],
    ),
    "a file in place of a folder": (
        {"tavusctl.yaml": PROJECT.replace("overlays/staging", "manifests/coach.yaml")},
        "tavusctl.yaml:2:22",
        ["the folder `manifests/coach.yaml` is not a folder", "remove the key `overlay`"],
    ),
    "a file of the overlay that is not there": (
        {"overlays/staging/deep/coach.yaml": OVER.replace("./trial.md", "trial.md")},
        "overlays/staging/deep/coach.yaml:4:18",
        ["file `trial.md` does not exist", "write `${file:./trial.md}`"],
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_bad_input_is_told_with_its_place_and_what_is_right(staged: Project, case: str) -> None:
    files, place, words = WRONG[case]
    for name, text in files.items():
        staged.write(name, text)
    found = complaints(staged)
    assert place in found, found
    assert all(any(word in one for one in found[place]) for word in words), found[place]
    staged.expect(10, "plan", "--env", "staging")


def test_a_folder_that_no_environment_names_is_told(staged: Project) -> None:
    shutil.copytree(staged.root / "overlays/staging", staged.root / "overlays/prod")
    result = staged.run("validate", "--env", "staging", "--format", "json")
    (told,) = [one for one in result.document["complaints"] if one["id"] == "TV133"]
    assert (result.code, told["severity"]) == (0, "warning")
    assert (told["path"], told["line"]) == ("tavusctl.yaml", 2)
    assert "`overlays/prod`" in told["message"]
    assert "`overlay: overlays/prod`" in told["hint"]
    assert "production" in told["hint"]


def test_a_folder_that_a_used_link_leads_to_is_in_use(staged: Project) -> None:
    (staged.root / "overlays/staging").rename(staged.root / "overlays/trial")
    (staged.root / "overlays/staging").symlink_to("trial")

    result = staged.run("validate", "--env", "staging", "--format", "json")

    assert (result.code, [one for one in result.document["complaints"] if one["id"] == "TV133"]) == (0, [])


def test_files_are_checked_with_what_they_lie_over(staged: Project) -> None:
    over = "overlays/staging/deep/coach.yaml"
    staged.write("manifests/other.yaml", "kind: persona\nname: other\nspec: {persona_nam: x}\n")
    assert complaints(staged, over, "--env", "staging") == {}
    staged.write(over, OVER.replace("[c]", "5"))
    assert list(complaints(staged, over, "--env", "staging")) == [f"{over}:6:18"]
    assert list(complaints(staged, "manifests/coach.yaml", "--env", "staging")) == [f"{over}:6:18"]
    assert complaints(staged, "manifests/coach.yaml", "--env", "production") == {}
    assert list(complaints(staged, "overlays", "--env", "staging")) == [f"{over}:6:18"]
    found = complaints(staged, "manifests/other.yaml", "--env", "staging")
    assert {place.rpartition(":")[0] for place in found} == {"manifests/other.yaml:3"}


def test_without_a_name_all_environments_are_judged_and_formatted(staged: Project) -> None:
    """What they have in common is told once: hooks know no environment."""
    base = staged.root / "manifests/coach.yaml"
    base.write_text(base.read_text().replace("[a, b]", "4"))
    staged.write("overlays/staging/deep/coach.yaml", OVER.replace("[c]", "5") + "  \n")
    result = staged.run("validate", "--format", "json")
    found = [(one["path"], one["line"]) for one in result.document["complaints"] if one["severity"] == "error"]
    assert (result.code, found) == (10, [("manifests/coach.yaml", 7), ("overlays/staging/deep/coach.yaml", 6)])

    base.write_text(base.read_text().replace("tags: 4", "tags: 4\n  tool_ids: 4"))
    result = staged.run("validate", "--format", "json")
    found = [(one["path"], one["line"]) for one in result.document["complaints"] if one["severity"] == "error"]
    assert found == [*(("manifests/coach.yaml", line) for line in (7, 8)), ("overlays/staging/deep/coach.yaml", 6)]
    assert staged.run("fmt", "--check").out == "overlays/staging/deep/coach.yaml\n"


def test_a_misspelt_key_of_an_overlay_may_be_right_in_the_manifest(staged: Project) -> None:
    over = "overlays/staging/deep/coach.yaml"
    staged.write(over, "kind: persona\nname: coach\nsepc: {context: x}\n")
    assert complaints(staged) == {f"{over}:3:1": ["unknown key `sepc` did you mean `spec`?"]}


def test_a_manifest_that_cannot_be_read_is_not_called_missing(staged: Project) -> None:
    over = "overlays/staging/deep/coach.yaml"
    staged.write("manifests/coach.yaml", COACH.replace("spec:", "x: [\nspec:"))
    staged.write(over, "kind: persona\nname: coach\nspec: {context: x}\n")
    staged.write("manifests/other.yaml", COACH.replace("name: coach", "name: coaches"))
    for asked in ((), (over, "--env", "staging")):
        assert {place.partition(":")[0] for place in complaints(staged, *asked)} == {"manifests/coach.yaml"}

    staged.write(over, "kind: persona\nname: coahces\nspec: {context: x}\n")
    found = complaints(staged)
    assert "write `name: coaches`" in found[f"{over}:2:7"][0], "it is in no file that cannot be read"


def test_a_manifest_with_another_name_now_is_known_by_the_one_that_it_had(staged: Project) -> None:
    over = "overlays/staging/deep/coach.yaml"
    staged.write("manifests/coach.yaml", COACH.replace("name: coach", "name: trainer") + "moved_from: persona/coach\n")
    staged.write("manifests/other.yaml", COACH.replace("name: coach", "name: coaches"))
    whole = OVER.replace("${file:./trial.md}", "You coach, and this is a manifest of its own.")
    for text in (OVER.replace("  system_prompt: ${file:./trial.md}\n", ""), whole):
        staged.write(over, text)
        for asked in ((), (over, "--env", "staging")):
            found = complaints(staged, *asked)
            assert list(found) == [f"{over}:2:7"], found
            assert "its address is `persona/trainer` now" in found[f"{over}:2:7"][0]
            assert "write `name: trainer`" in found[f"{over}:2:7"][0]


def test_what_is_wrong_in_some_environments_only_names_them(project: Project) -> None:
    settings = "environments: {a: {vars: {t: ''}}, b: {vars: {t: '', u: x}}, c: {vars: {t: Hello., u: x}}}\n"
    project.write("tavusctl.yaml", settings)
    spec = '{system_prompt: "${var:t}", greeting: "${var:u}", greting: x}'
    project.write("manifests/coach.yaml", f"kind: persona\nname: coach\nspec: {spec}\n")

    found = project.run("validate", "--format", "json").document["complaints"]

    assert {(one["id"], one["message"].partition(": `")[0]) for one in found} == {
        ("TV103", "unknown key `greting` in persona"),
        ("TV106", "in the environments `a` and `b`"),
        ("TV111", "undefined variable `u` in the environment `a`"),
    }
    assert "`u` in the environment `a`" in project.run("plan", "--env", "a").err


def test_an_overlay_may_lie_among_the_manifests(project: Project) -> None:
    project.write("tavusctl.yaml", PROJECT.replace("overlays/staging", "manifests/overlays/staging"))
    project.write("manifests/a.yaml", "kind: persona\nname: a\nspec: {persona_name: A, system_prompt: Hi.}\n")
    project.write("manifests/overlays/staging/a.yaml", "kind: pal\nname: a\nspec: {pal_name: B}\n")
    for name, called in (("staging", "B"), ("production", "A")):
        (change,) = project.plan("--env", name)["changes"]
        assert change["patch"][0]["value"]["persona_name"] == called


class TestAdopt:
    """Live edits go into the file that says the value."""

    def test_each_value_into_its_file(self, staged: Project) -> None:
        staged.apply("--env", "staging")
        (id_,) = staged.account.objects("personas")
        edits: list[Body] = [
            {"op": "replace", "path": "/system_prompt", "value": "You coach, and they like it."},
            {"op": "replace", "path": "/layers/tts/voice_settings/speed", "value": 0.9},
            {"op": "replace", "path": "/layers/tts/tts_engine", "value": "elevenlabs"},
        ]
        staged.account.portal("personas", id_, *edits)
        base, over = (staged.root / one for one in ("manifests/coach.yaml", "overlays/staging/deep/coach.yaml"))
        old = base.read_text(), over.read_text()

        result = staged.expect(0, "adopt", "--all", "--env", "staging")

        assert "note: the same files are read by `production`; plan there, too, before you merge\n" in result.err
        assert base.read_text() == old[0].replace("cartesia", "elevenlabs")
        assert over.read_text() == old[1].replace("0.7", "0.9")
        assert (staged.root / "overlays/staging/deep/trial.md").read_text() == "You coach, and they like it.\n"
        assert (staged.root / "manifests/prompts/coach.md").read_text() == "You coach.\n"
        assert actions(staged, "--env", "staging") == {}

    def test_what_is_gone_does_not_come_back_from_the_base(self, staged: Project) -> None:
        staged.write("overlays/staging/deep/coach.yaml", OVER.replace("context: null", "context: Sells boots."))
        staged.apply("--env", "staging")
        (id_,) = staged.account.objects("personas")
        staged.account.portal("personas", id_, {"op": "remove", "path": "/context"})

        result = staged.run("adopt", "--all", "--env", "staging")
        assert (result.code, "note:" in result.err) == (0, False)  # production reads no overlay of staging

        assert (staged.root / "overlays/staging/deep/coach.yaml").read_text() == OVER.lstrip("\n")
        assert actions(staged, "--env", "staging") == {}

    def test_a_value_below_what_the_overlay_takes_away_goes_into_the_overlay(self, staged: Project) -> None:
        staged.apply("--env", "staging")
        without = OVER.replace("    tts: {voice_settings: {speed: 0.7}}", "    tts: null")
        staged.write("overlays/staging/deep/coach.yaml", without)
        (id_,) = staged.account.objects("personas")
        edit = {"op": "replace", "path": "/layers/tts/tts_engine", "value": "elevenlabs"}
        staged.account.portal("personas", id_, edit)

        staged.expect(0, "adopt", "persona/coach", "--env", "staging")
        assert (staged.root / "manifests/coach.yaml").read_text() == COACH.lstrip("\n")
        (change,) = staged.plan("--env", "staging")["changes"]
        assert [one["path"] for one in change["fields"]] == ["/layers/tts/voice_settings/speed"]  # as `null` wants it


def test_export_never_writes_an_overlay(staged: Project) -> None:
    staged.account.seed(personas=[{"persona_name": "New", "system_prompt": "Hi."}])
    before = sorted(os.walk(staged.root / "overlays"))

    result = staged.run("export", "--env", "staging", "--out", "overlays/staging")
    assert (result.code, "`overlays/staging`" in result.err) == (12, True)
    staged.expect(0, "export", "--env", "staging", "--dry-run")
    staged.expect(0, "export", "--env", "staging")

    assert sorted(os.walk(staged.root / "overlays")) == before
    assert "new" in staged.run("state", "list", "--env", "staging").out


def test_fmt_knows_overlays_and_their_schemas(staged: Project) -> None:
    staged.expect(0, "schema", "--out", "schemas")
    over = staged.root / "overlays/staging/deep/coach.yaml"
    over.write_text("# yaml-language-server: $schema=x.json\n" + OVER.lstrip("\n") + "  \n")

    staged.expect(0, "fmt", "--env", "production")

    first = over.read_text().splitlines()[0]
    assert first == "# yaml-language-server: $schema=../../../schemas/persona.overlay.schema.json"
    assert json.loads((over.parent / first.partition("=")[2]).read_text())["additionalProperties"] is False


def test_an_output_file_does_not_overwrite_an_overlay(staged: Project) -> None:
    result = staged.run("graph", "--env", "staging", "--out", "overlays/staging/deep/coach.yaml", "--format", "dot")
    assert (result.code, "would overwrite a manifest" in result.err) == (12, True)


def test_fixes_go_into_the_file_that_has_the_fault(staged: Project) -> None:
    flow = "conversational_flow: {turn_taking_patience: high, active_listening: true}\n    tts: {"
    path = staged.write("overlays/staging/deep/coach.yaml", OVER.replace("tts: {", flow, 1))
    before, base = path.read_text(), (staged.root / "manifests/coach.yaml").read_text()

    staged.run("validate", "--env", "staging", "--fix")

    assert path.read_text() == before.replace(", active_listening: true", "")
    assert (staged.root / "manifests/coach.yaml").read_text() == base
