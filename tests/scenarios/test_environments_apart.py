"""Two environments in one account: what one has bound is nobody's to take over in the other."""

from __future__ import annotations

from pathlib import Path

from tests.scenarios.everykind import SPECS, each_kind
from tests.scenarios.project import Project

PROJECT = "environments:\n  production: {}\n  staging: {}\n"
Command = tuple[str, ...]


def staged(project: Project, kind: str, environments: str = PROJECT) -> str:
    """An object of one name in both environments, applied in staging; its id."""
    project.write("tavusctl.yaml", environments)
    project.manifest(kind, "it", SPECS[kind])
    project.apply("--env", "staging")
    project.account.forget()
    ids: dict[str, str] = project.run("state", "list", "--env", "staging", "--format", "json").document
    return ids[f"{kind}/it"]


@each_kind
def test_the_plan_names_the_environment_and_advises_another_name(project: Project, kind: str) -> None:
    remote_id = staged(project, kind)

    (refused,) = project.plan("--env", "production")["refused"]

    assert refused["code"] == "E425"
    assert refused["reason"].endswith(f"{remote_id} is `{kind}/it` of the environment `staging`")
    assert "${var:" in refused["hint"]
    assert "--adopt" not in project.run("plan", "--env", "production").out


@each_kind
def test_no_command_binds_it(project: Project, kind: str) -> None:
    remote_id = staged(project, kind)
    commands: list[Command] = [
        ("apply", "--yes", "--adopt"),
        ("plan", "--adopt"),
        ("import", f"{kind}/it", remote_id),
        ("import", "--match-names"),
    ]
    for command in commands:
        result = project.run(*command, "--env", "production")
        assert result.code == 4, result.out + result.err
        assert "of the environment `staging`" in result.out + result.err
    assert project.run("state", "list", "--env", "production").out == ""
    assert project.account.writes == []


def test_a_stranger_of_the_name_can_be_adopted_still(project: Project) -> None:
    project.write("tavusctl.yaml", PROJECT)
    project.account.seed(personas=[SPECS["persona"]])
    project.manifest("persona", "it", SPECS["persona"])

    project.apply("--env", "production", "--adopt")
    assert len(project.account.objects("personas")) == 1


def test_export_refers_to_it_and_does_not_bind_it(project: Project) -> None:
    remote_id = staged(project, "persona")
    project.remove("persona", "it")

    result = project.run("export", "--env", "production")

    assert result.code == 0, result.err
    assert "it is `persona/it` of the environment `staging`" in result.err
    assert remote_id not in project.run("state", "list", "--env", "production").out


def test_drift_does_not_take_it_for_a_lost_object(project: Project) -> None:
    staged(project, "persona")

    result = project.run("drift", "--env", "production")

    assert (result.code, "never applied" in result.out) == (0, True)


def test_a_state_that_cannot_be_read_is_said_to_be_unknown(project: Project) -> None:
    staged(project, "persona")
    (project.root / ".tavusctl/state-staging.json").write_text("not a state")

    plan = project.plan("--env", "production")
    imported = project.run("import", "--match-names", "--dry-run", "--env", "production")

    assert [one["code"] for one in plan["refused"]] == ["E401"]
    assert "TV312" in {one["id"] for one in plan["warnings"]}
    assert "the state of the environment `staging` cannot be read" in imported.err


def test_a_shared_state_is_read_as_well(project: Project, tmp_path: Path) -> None:
    shared = f"environments:\n  production: {{}}\n  staging: {{state: 'file://{tmp_path}/shared.json'}}\n"
    remote_id = staged(project, "persona", shared)

    (refused,) = project.plan("--env", "production")["refused"]
    assert (refused["code"], remote_id in refused["reason"]) == ("E425", True)


def test_names_that_differ_live_side_by_side(project: Project) -> None:
    variables = "environments:\n  production: {vars: {in: P}}\n  staging: {vars: {in: S}}\n"
    project.write("tavusctl.yaml", variables)
    project.manifest("persona", "it", {**SPECS["persona"], "persona_name": "It ${var:in}"})
    project.apply("--env", "staging")
    project.apply("--env", "production")

    assert len(project.account.objects("personas")) == 2


def test_an_object_that_another_environment_has_is_never_said_to_be_in_nobodys_use(project: Project) -> None:
    variables = "environments:\n  production: {vars: {in: P}}\n  staging: {vars: {in: S}}\n"
    project.write("tavusctl.yaml", variables)
    project.manifest("persona", "it", {**SPECS["persona"], "persona_name": "It ${var:in}"})
    project.apply("--env", "staging")
    project.apply("--env", "production")
    project.write("tavusctl.yaml", variables.replace("in: P", "in: S"))
    project.apply("--env", "production")

    (told,) = [one for one in project.plan("--env", "production")["warnings"] if one["id"] == "TV306"]

    assert "`persona/it` of the environment `staging`" in told["message"]
    assert "put a variable into the name" in told["hint"]
    assert "delete" not in told["hint"]


def test_export_gives_no_name_that_an_overlay_of_another_environment_has(project: Project) -> None:
    """The manifest would come to lie below it, and change what that environment is to be."""
    project.write("tavusctl.yaml", "environments:\n  production: {}\n  staging: {overlay: overlays/staging}\n")
    project.manifest("persona", "it", SPECS["persona"])
    extra = "kind: persona\nname: extra\nspec: {persona_name: E, system_prompt: Hi.}\n"
    project.write("overlays/staging/extra.yaml", extra)
    project.account.seed(personas=[{"persona_name": "Extra", "system_prompt": "Hi.", "context": "Sells boots."}])
    (before,) = [one for one in project.plan("--env", "staging")["changes"] if one["address"] == "persona/extra"]

    assert project.run("export", "--env", "production").code == 0

    (bound,) = project.run("state", "list", "--env", "production", "--format", "json").document
    assert bound.startswith("persona/extra-")
    assert before in project.plan("--env", "staging")["changes"]
