"""Two environments in one account: what one has bound is nobody's to take over in the other."""

from __future__ import annotations

import re
from pathlib import Path

import click

from tavusctl.app.session import local
from tavusctl.cli import cli
from tests.scenarios.everykind import SPECS, each_kind
from tests.scenarios.project import Project

PROJECT = "environments:\n  production: {}\n  staging: {}\n"
Command = tuple[str, ...]


def staged(project: Project, kind: str, environments: str = PROJECT) -> str:
    """An object of one name in both environments, applied in staging; its id."""
    project.write("tavusctl.yaml", environments)
    project.manifest(kind, "it", SPECS[kind])
    project.apply_and_forget("--env", "staging")
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
        result = project.expect(4, *command, "--env", "production")
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

    result = project.expect(0, "export", "--env", "production")

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


def test_no_command_runs_while_two_environments_have_one_state(project: Project) -> None:
    project.write(
        "tavusctl.yaml", "environments:\n  production: {state: a.json}\n  staging: {state: file://./a.json}\n"
    )
    project.manifest("persona", "it", SPECS["persona"])

    validated = project.run("validate")
    applied = project.run("apply", "--yes", "--env", "production")

    assert (validated.code, applied.code, project.account.requests) == (10, 10, [])
    for told in (validated.out, applied.err):
        assert "tavusctl.yaml:3:20: error: environments.staging.state: `production` has the same state [TV117" in told


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

    project.expect(0, "export", "--env", "production")

    (bound,) = project.run("state", "list", "--env", "production", "--format", "json").document
    assert bound.startswith("persona/extra-")
    assert before in project.plan("--env", "staging")["changes"]


def test_an_export_says_who_else_reads_what_it_wrote_and_moving_it_keeps_it_apart(project: Project) -> None:
    environments = "environments:\n  production: {OVERLAY}\n  staging: {api_key_env: STAGING_KEY}\n"
    project.write("tavusctl.yaml", environments.replace("OVERLAY", ""))
    project.environment["STAGING_KEY"] = f"{project.account.key}-staging"
    project.account.seed(personas=[{"persona_name": "Coach", "system_prompt": f"You coach.\n{'Be kind. ' * 40}"}])

    tried = project.run("export", "--env", "production", "--dry-run").err
    told = project.run("export", "--env", "production").err

    said = (
        "the new manifests also belong to `staging`, where a plan will create their objects; "
        "to use a manifest in `production` only, move it into a folder that is its `overlay:` in tavusctl.yaml\n"
    )
    assert said in tried
    assert said in told
    assert "next: tavusctl plan --env production\n" in told
    assert len(project.plan("--env", "staging")["changes"]) == 1
    project.manifest("persona", "other", SPECS["persona"])
    project.apply("--env", "staging", "--target", "persona/other")
    project.apply("--env", "production")
    assert "staging" not in project.run("export", "--env", "production").err

    project.write("tavusctl.yaml", environments.replace("OVERLAY", "overlay: overlays/production"))
    (project.root / "overlays/production").mkdir(parents=True)
    (project.root / "manifests/personas/coach.yaml").rename(project.root / "overlays/production/coach.yaml")
    for name in ("staging", "production"):
        assert project.plan("--env", name)["changes"] == []


def test_the_next_command_names_the_environment_where_there_are_several(project: Project) -> None:
    project.write("tavusctl.yaml", PROJECT)
    project.manifest("persona", "it", SPECS["persona"])
    applied = project.apply("--env", "staging")
    assert applied.err.rstrip().endswith(" --env staging"), applied.err
    remote_id = project.run("state", "list", "--env", "staging", "--format", "json").document["persona/it"]
    project.run("state", "rm", "persona/it", "--env", "staging")
    told = project.run("import", "persona/it", remote_id, "--env", "staging").err
    assert "run `tavusctl plan --env staging` to see" in told


def test_the_commands_of_a_hint_are_for_the_same_environment(project: Project) -> None:
    project.write("tavusctl.yaml", PROJECT)
    project.account.seed(personas=[SPECS["persona"]])
    project.manifest("persona", "it", SPECS["persona"])

    (refused,) = project.plan("--env", "production")["refused"]
    error = project.run("undo", "nothing", "--env", "production").err

    commands = re.findall(r"`tavusctl ([^`]*)`", refused["hint"] + error)
    assert len(commands) >= 2
    assert all(command.endswith(" --env production") for command in commands)
    project.expect(0, *commands[0].split())
    project.write("tavusctl.yaml", "environments: {production: {}}\n")
    assert "--env" not in project.run("plan", "--target", "persona/nope").err


def test_every_command_has_the_option_or_needs_none() -> None:
    context = click.Context(cli)
    leaves = {name: command for name in cli.list_commands(context) if (command := cli.get_command(context, name))}
    without = {
        name
        for name, command in leaves.items()
        if not isinstance(command, click.Group) and not any("--env" in option.opts for option in command.params)
    }
    assert without <= local._NEED_NO_ENVIRONMENT <= without | {"fmt", "validate"}


def released(project: Project) -> tuple[str, str]:
    """A run in staging that has released a persona, and the id of the persona."""
    project.write("tavusctl.yaml", PROJECT)
    project.manifest("persona", "it", SPECS["persona"], lifecycle={"on_remove": "retain"})
    project.apply("--env", "staging")
    project.manifest("persona", "other", {**SPECS["persona"], "persona_name": "Other"})
    project.remove("persona", "it")
    project.apply("--env", "staging")
    run = project.run("undo", "--env", "staging").out.split()[0]
    (remote_id,) = (key for key, one in project.account.objects("personas").items() if one["persona_name"] != "Other")
    return run, remote_id


def test_an_undo_of_a_release_does_not_bind_it(project: Project) -> None:
    run, remote_id = released(project)
    project.expect(0, "import", "persona/it", remote_id, "--env", "production")

    undone = project.run("undo", run, "--yes", "--allow-deletes", "1", "--env", "staging")

    assert (undone.code, "is `persona/it` of the environment `production` now" in undone.out) == (4, True), undone.out
    assert project.run("state", "list", "--env", "staging").out == ""


def test_an_undo_of_a_release_says_which_states_it_cannot_read(project: Project) -> None:
    run, _ = released(project)
    (project.root / ".tavusctl/state-production.json").write_text("not a state")

    undone = project.run("undo", run, "--yes", "--allow-deletes", "1", "--env", "staging")

    assert "the state of the environment `production` cannot be read" in undone.out + undone.err
    assert "persona/it" in project.run("state", "list", "--env", "staging").out


def test_a_pushed_state_does_not_bind_it(project: Project) -> None:
    staged(project, "persona")
    project.write("state.json", project.run("state", "pull", "--env", "staging").out)

    refused = project.run("state", "push", "state.json", "--env", "production")

    assert (refused.code, "is `persona/it` of the environment `staging`" in refused.err) == (4, True), refused.err
    assert project.run("state", "list", "--env", "production").out == ""
    project.write("tavusctl.yaml", "environments: {production: {}}\n")
    project.expect(0, "state", "push", "state.json", "--env", "production")
    assert "persona/it" in project.run("state", "list", "--env", "production").out


def test_a_backup_of_a_state_that_had_it_already_can_be_pushed(project: Project) -> None:
    staged(project, "persona")
    backup = project.write("state.json", project.run("state", "pull", "--env", "staging").out)
    project.write("tavusctl.yaml", "environments: {production: {}}\n")
    project.expect(0, "state", "push", "state.json", "--env", "production")
    project.write("tavusctl.yaml", PROJECT)

    project.expect(0, "state", "push", backup.name, "--allow-older", "--env", "production")


def test_export_does_not_advise_to_import_it(project: Project) -> None:
    remote_id = staged(project, "persona")

    refused = project.run("export", "--env", "production")

    assert (refused.code, project.account.writes) == (4, []), refused.err
    assert f"{remote_id} is `persona/it` of the environment `staging`" in refused.err
    assert "tavusctl import" not in refused.err


def test_a_replacement_may_read_as_the_object_of_another_environment(project: Project) -> None:
    """That one belongs there: it is no copy that a lost replacement has left, and no name is taken by it."""
    project.write("tavusctl.yaml", "environments:\n  production: {vars: {at: P}}\n  staging: {vars: {at: S}}\n")
    project.manifest("document", "it", {"document_name": "${var:at}", "document_url": "https://example.com/a"})
    for environment in ("staging", "production"):
        project.apply("--env", environment)
    project.manifest("document", "it", {"document_name": "Prices", "document_url": "https://example.com/b"})
    project.apply("--env", "staging")

    plan = project.plan("--env", "production")

    assert ([one["action"] for one in plan["changes"]], plan["refused"]) == (["replace", "retire"], [])
