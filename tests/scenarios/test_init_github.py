"""`init --github`: workflows that fit the project, also when it changes; what somebody has edited stays."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tavusctl.core.project_settings import Environment
from tavusctl.integrations.github.workflow_files import NO_RELEASE, WorkflowInputs, workflows
from tests.scenarios.actions import functions
from tests.scenarios.expressions import filled
from tests.scenarios.project import Project
from tests.scenarios.test_base import commit, git
from tests.workflows import SHAPES, written

TWO = """
version: 1
secrets: [OPENAI_API_KEY]
environments:
  staging: {api_key_env: KEY_OF_STAGING, state: "s3://acme/staging"}
  prod: {state: "az://acme/prod"}
"""
SHA = "ab" * 20


def files(root: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in sorted((root / ".github/workflows").iterdir())}


def jobs(root: Path, name: str = "tavus-apply.yml") -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(files(root)[name])["jobs"]
    return found


def test_a_new_project_has_workflows_at_once(project: Project) -> None:
    """For every file: a prompt may lie anywhere, and a check that is required has to report."""
    git(project, "init", "-qb", "main")

    made = project.run("init", "--github", TAVUS_API_KEY=None)

    assert (made.code, project.account.requests) == (0, []), made.err
    assert sorted(files(project.root)) == ["tavus-apply.yml", "tavus-plan.yml", "tavus-watch.yml"]
    on = {name: yaml.safe_load(text)[True] for name, text in files(project.root).items()}
    assert on["tavus-plan.yml"] == {"pull_request": None, "merge_group": None}
    assert on["tavus-apply.yml"] == {"push": {"branches": ["main"]}, "workflow_dispatch": None}
    assert "add these secrets to the repository: TAVUS_API_KEY\n" in made.err
    assert "give these environments reviewers on GitHub, or a merge is applied at once: default\n" in made.err
    assert f"replace {NO_RELEASE} by the commit of tavusctl that you trust" in made.err
    assert "default: {state: git}" in (project.root / "tavusctl.yaml").read_text()
    project.write("tavusctl.yaml", "manifests: manifests\n")
    assert "the state of `default` is a local file" in project.run("init", "--github").err
    project.expect(0, "validate")


def test_each_job_has_the_secrets_of_its_environment_and_no_other(project: Project) -> None:
    project.write("tavusctl.yaml", TWO)
    project.expect(0, "init", "--github")
    aws = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION"}
    azure = {"AZURE_STORAGE_ACCOUNT_NAME", "AZURE_STORAGE_ACCOUNT_KEY"}
    wanted = {"staging": {"KEY_OF_STAGING", *aws}, "prod": {"TAVUS_API_KEY", *azure}}
    for name in files(project.root):
        for job, body in jobs(project.root, name).items():
            steps = [one for one in body["steps"] if "command" in one.get("with", {})]
            assert steps
            for step in steps:
                environment = step["with"]["environment"]
                assert job in ("watch", f"plan-{environment}", f"apply-{environment}")
                if step["with"]["command"] == "link":  # it writes on GitHub, and sees no account
                    assert step["env"] == {"TAVUSCTL_ONE_COMMENT": "true"}
                    continue
                secrets = {name: one for name, one in step["env"].items() if name != "TAVUSCTL_ONE_COMMENT"}
                assert set(secrets) == {"OPENAI_API_KEY", *wanted[environment]}
                sources = ("${{ secrets.%s }}", "${{ vars.%s }}")
                assert all(value == sources[key == "AWS_REGION"] % key for key, value in secrets.items())


def test_a_merge_goes_through_the_environments_in_their_order_each_behind_its_approval(project: Project) -> None:
    project.write("tavusctl.yaml", TWO)
    project.run("init", "--github")
    found = jobs(project.root)

    assert list(found) == ["plan-staging", "apply-staging", "plan-prod", "apply-prod"]
    assert [one.get("needs") for one in found.values()] == [None, "plan-staging", "apply-staging", "plan-prod"]
    assert [one.get("environment") for one in found.values()] == [None, "staging", None, "prod"]
    assert "needs.plan-prod.result == 'success'" in found["apply-prod"]["if"]
    assert "!failure()" in found["plan-prod"]["if"]
    whole = yaml.safe_load(files(project.root)["tavus-apply.yml"])
    assert (whole["concurrency"]["cancel-in-progress"], whole["permissions"]) == (False, {})
    (watch,) = jobs(project.root, "tavus-watch.yml").values()
    assert watch["permissions"] == {"contents": "read", "issues": "write"}
    assert watch["if"] == "${{ github.ref == 'refs/heads/main' }}"  # another branch could be dispatched
    commands = [(one["with"]["command"], one["if"]) for one in watch["steps"] if "command" in one["with"]]
    assert commands == [(name, "${{ !cancelled() }}") for name in ("drift", "recrawl", "apply")] * 2
    planned = jobs(project.root, "tavus-plan.yml")
    assert [(name, one.get("needs"), one.get("if")) for name, one in planned.items()] == [
        ("plan-staging", None, None),
        ("plan-prod", "plan-staging", "${{ !cancelled() }}"),
    ]
    assert planned["plan-prod"]["permissions"] == {
        "contents": "read",
        "pull-requests": "write",
    }


def test_jobs_that_keep_the_state_in_the_repository_may_write_there_and_no_others(project: Project) -> None:
    project.write("tavusctl.yaml", TWO.replace("s3://acme/staging", "git"))
    project.run("init", "--github")

    rights = {
        job: body["permissions"]["contents"]
        for name in files(project.root)
        for job, body in jobs(project.root, name).items()
    }
    writing = {job for job, right in rights.items() if right == "write"}
    assert writing == {"apply-staging", "watch"}, rights


def test_a_state_in_another_repository_needs_credentials(project: Project) -> None:
    project.write("tavusctl.yaml", "environments:\n  a: {state: git}\n  b: {state: git+https://h.example/x.git}\n")

    (told,) = [line for line in project.run("init", "--github").err.splitlines() if line.startswith("warning: ")]

    assert told.startswith("warning: the state of `b` is in another repository, where the token of a job has no rights")


def test_run_again_it_follows_the_project_and_keeps_versions(project: Project) -> None:
    """Also those of the action itself, which somebody or a bot has put there."""
    project.run("init", "--github")
    first = files(project.root)
    again = project.run("init", "--github")
    assert (again.code, again.err.count("up to date"), files(project.root)) == (0, 3, first)

    place = project.root / ".github/workflows/tavus-plan.yml"
    bumped = re.sub(r"actions/checkout@\S+ # \S+", f"actions/checkout@{SHA} # v9.0.0", place.read_text())
    place.write_text(bumped.replace(NO_RELEASE, f"{SHA} # v1.2.3"))
    project.write("tavusctl.yaml", TWO)
    later = project.run("init", "--github")

    assert (later.code, later.err.count("updated ")) == (0, 3), later.err
    text = place.read_text()
    assert "plan-prod" in text
    assert text.count(f"actions/checkout@{SHA} # v9.0.0") == 2
    assert text.count(f"tavusctl/tavusctl@{SHA} # v1.2.3") == 4


@pytest.mark.parametrize("edit", ["timeout-minutes: 15", "fetch-depth: 0", "# unedited: "])
def test_what_somebody_has_edited_stays_and_the_difference_is_shown(project: Project, edit: str) -> None:
    project.run("init", "--github")
    place = project.root / ".github/workflows/tavus-plan.yml"
    mine = place.read_text().replace(edit, f"{edit}7", 1)
    place.write_text(mine)
    project.write("tavusctl.yaml", TWO)

    shown = project.expect(0, "init", "--github")

    assert place.read_text() == mine
    assert "\n-  plan-default:\n" in shown.out
    assert "\n+  plan-prod:\n" in shown.out
    assert f"kept    {place.relative_to(project.root)}: edited by hand" in shown.err
    assert "plan-prod" in files(project.root)["tavus-apply.yml"]


def test_line_ends_of_windows_are_no_edit(project: Project) -> None:
    """A clone may have them in every file."""
    project.write("tavusctl.yaml", "version: 1\nenvironments: {prod: {state: git}}\n")
    project.run("init", "--github")
    for path in (project.root / ".github/workflows").iterdir():
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    kept = project.run("init", "--github")
    project.write("tavusctl.yaml", "version: 1\nenvironments: {prod: {state: git}}\nsecrets: [LLM_KEY]\n")

    changed = project.run("init", "--github")

    assert (kept.code, kept.err.count(": up to date"), kept.out) == (0, 3, "")
    assert (changed.code, changed.err.count("updated   "), changed.out) == (0, 3, "")


def test_a_project_in_a_folder_has_workflows_of_its_own(project: Project) -> None:
    """At the root of the repository, for the branch that merges go to."""
    git(project, "init", "-qb", "master")
    project.write("README.md", "x\n")
    commit(project)
    for name in ("bots/sales", "bots-sales"):
        inner = Project(project.root / name, project.account)
        inner.write("tavusctl.yaml", "version: 1\n")
        assert inner.run("init", "--github").code == 0
        assert not (inner.root / ".github").exists()

    found = files(project.root)
    assert len(found) == 6
    folders = {
        step["with"]["working-directory"]
        for name in found
        for job in jobs(project.root, name).values()
        for step in job["steps"]
        if "command" in step.get("with", {})
    }
    assert folders == {"bots/sales", "bots-sales"}
    assert len({yaml.safe_load(text)["concurrency"]["group"] for text in found.values()}) == 6
    assert all('branches: ["master"]' in text for name, text in found.items() if "apply" in name)


@pytest.mark.parametrize("name", ["null", "true", "010", "0x10", "1e3"])
def test_the_name_of_an_environment_is_always_a_text(project: Project, name: str) -> None:
    """GitHub would read another environment, or none, without its reviewers."""
    project.write("tavusctl.yaml", f"version: 1\nenvironments:\n  '{name}': {{state: git}}\n")
    project.expect(0, "init", "--github")

    assert jobs(project.root)[f"apply-{name}"]["environment"] == name
    for file in files(project.root):
        steps = [step["with"] for job in jobs(project.root, file).values() for step in job["steps"]]
        assert {step["environment"] for step in steps if "environment" in step} == {name}


@pytest.mark.parametrize(
    ("folder", "written"),
    [
        ("it's a", "it's a"),
        ("it's ${{ github.actor }}", "${{ 'it''s ${{ github.actor }}' }}"),
        ('"\N{ROCKET}" ä\\\t', '"\N{ROCKET}" ä\\\t'),
    ],
)
def test_the_name_of_a_folder_is_no_expression(folder: str, written: str) -> None:
    texts = workflows(WorkflowInputs([Environment()], [], folder), {}).values()

    steps = [step for text in texts for job in yaml.safe_load(text)["jobs"].values() for step in job["steps"]]

    assert {step["with"]["working-directory"] for step in steps if "command" in step.get("with", {})} == {written}


def test_no_two_folders_share_a_concurrency_group() -> None:
    """GitHub compares the names of groups without regard to case, and a run cancels another that waits in its group."""
    folders = ("", "bots", "Bots", "BOTS", "a/b", "A/b", "a-b", "A-b")
    texts = [text for one in folders for text in workflows(WorkflowInputs([Environment()], [], one), {}).values()]

    groups = [yaml.safe_load(text)["concurrency"]["group"].lower() for text in texts]

    assert len(set(groups)) == len(groups) == 3 * len(folders)


@pytest.mark.parametrize("name", ["main", "trunk"])
def test_a_default_branch_that_was_renamed_is_followed(
    project: Project, tmp_path_factory: pytest.TempPathFactory, name: str
) -> None:
    """After `git fetch --prune`, the clone still says that the default branch is the one that is gone."""
    upstream = Project(tmp_path_factory.mktemp("upstream"), project.account)
    git(upstream, "init", "-qb", "master")
    upstream.write("README.md", "x\n")
    commit(upstream)
    git(project, "clone", "-q", str(upstream.root), ".")
    project.expect(0, "init", "--github")
    assert 'branches: ["master"]' in files(project.root)["tavus-apply.yml"]
    git(upstream, "branch", "-m", "master", name)
    git(project, "fetch", "-q", "--prune")
    git(project, "checkout", "-q", name)

    project.expect(0, "init", "--github")

    assert f'branches: ["{name}"]' in files(project.root)["tavus-apply.yml"]
    assert jobs(project.root, "tavus-watch.yml")["watch"]["if"] == f"${{{{ github.ref == 'refs/heads/{name}' }}}}"


@pytest.mark.parametrize(
    ("branch", "pattern"),
    [("c++", r"c\+\+"), ("!x", r"\!x"), ("release/1.x!", "release/1.x!"), ("\N{ROCKET}", "\N{ROCKET}")],
)
def test_the_filter_of_a_branch_matches_that_branch(project: Project, branch: str, pattern: str) -> None:
    subprocess.run(["git", "init", "--quiet", f"--initial-branch={branch}", project.root], check=True)
    project.expect(0, "init", "--github")

    on = yaml.safe_load(files(project.root)["tavus-apply.yml"])[True]
    assert on["push"]["branches"] == [pattern]
    assert f"== 'refs/heads/{branch}'" in files(project.root)["tavus-apply.yml"]


@pytest.mark.parametrize("action", [f"acme/fork@{SHA}", f"acme/mono/tavusctl@{SHA}", "./", "./tools/tavusctl"])
def test_the_action_may_be_another_and_stays(project: Project, action: str) -> None:
    project.run("init", "--github")
    changed = project.run("init", "--github", "--action", action)
    again = project.run("init", "--github")

    assert (changed.err.count("updated "), again.err.count("up to date")) == (3, 3), changed.err + again.err
    assert NO_RELEASE not in "".join(files(project.root).values())
    assert f"uses: {action}\n" in files(project.root)["tavus-watch.yml"].replace(
        " # zizmor: ignore[self-repository]", ""
    )


@pytest.mark.parametrize("action", ["acme/fork@main", "acme/fork", f"acme@{SHA}", f"a/b@{SHA}\n  x: y", "../elsewhere"])
def test_an_action_without_its_commit_is_refused(project: Project, action: str) -> None:
    refused = project.run("init", "--github", "--action", action)

    assert (refused.code, (project.root / ".github").exists()) == (12, False)


def test_a_project_file_with_errors_makes_no_workflows(project: Project) -> None:
    project.write("tavusctl.yaml", "environments: [\n")

    refused = project.run("init", "--github")

    assert (refused.code, (project.root / ".github").exists()) == (10, False)
    assert "tavusctl.yaml:" in refused.err


def test_workflows_are_not_written_through_a_link_out_of_the_repository(project: Project, tmp_path: Path) -> None:
    inner = Project(tmp_path / "repository", project.account)
    inner.write("tavusctl.yaml", "version: 1\n")
    (tmp_path / "elsewhere").mkdir()
    (inner.root / ".github").symlink_to(tmp_path / "elsewhere")

    refused = inner.run("init", "--github")

    assert refused.code == 12
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_the_arguments_of_the_steps_are_taken(project: Project, tmp_path: Path) -> None:
    """A plan with its page, for a branch with a quote, and an apply of the plan file that was approved."""
    git(project, "init", "-qb", "main")
    project.run("init", "--github")
    commit(project)
    git(project, "branch", "origin/ann's")
    plan, apply = (
        next(step["with"]["args"] for step in body["steps"] if step.get("with", {}).get("command") == command)
        for body, command in (
            (jobs(project.root, "tavus-plan.yml")["plan-default"], "plan"),
            (jobs(project.root)["apply-default"], "apply"),
        )
    )
    (tmp_path / "approved").mkdir()
    names = {"runner": {"temp": str(tmp_path)}, "github": {"event": {}, "base_ref": "ann's"}}
    planned = filled(plan, names, functions(failed=False))

    made = project.run("plan", "--out", str(tmp_path / "approved/plan.json"), *shlex.split(planned))
    done = project.run("apply", *shlex.split(apply.replace("${{ runner.temp }}", str(tmp_path))))

    assert (made.code, done.code) == (0, 0), made.err + done.err
    assert (tmp_path / "plan-default.html").read_text().startswith("<!")
    assert len(project.account.objects("personas")) == 1


def test_linters_have_nothing_to_say(tmp_path: Path) -> None:
    """For one, two and three environments, at the root and in a folder."""
    written(tmp_path)
    zizmor = Path(sys.executable).with_name("zizmor")
    run = subprocess.run(
        [zizmor, "--offline", "--no-progress", "--persona=pedantic", *(tmp_path / name for name in SHAPES)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "No findings to report" in run.stdout
