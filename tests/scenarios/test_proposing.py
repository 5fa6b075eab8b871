"""The pull request of `github adopt`: what adopt wrote, byte for byte and with its mode, and nothing else."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import pytest

from tests.scenarios.hub import Hub
from tests.scenarios.project import Project, Result
from tests.scenarios.test_base import commit, git
from tests.scenarios.test_git import trapped
from tests.scenarios.test_github import Step, step

__all__ = ["step"]
PROMPT = "manifests/prompts/coach.md"
NEW = "You are a coach.\r\nBe very kind.\r\nBe brief."


@pytest.fixture
def repository(step: Step) -> Step:
    """A project in a repository, applied, with a prompt in a file of its own."""
    project = step.project
    project.manifest("persona", "coach", {"persona_name": "Coach", "system_prompt": "${file:prompts/coach.md}"})
    project.write(PROMPT, "You are a coach.\nBe kind.\nBe brief.\n")
    for name, text in (
        ("package.json", "{}\n"),
        ("manifests/prompts/other.md", "Other.\n"),
        (".gitignore", ".tavusctl/\n"),
    ):
        project.write(name, text)
    (project.root / "logo.png").write_bytes(b"\x89PNG\xff\xfe\n")
    git(project, "init", "-qb", "main")
    git(project, "config", "core.autocrlf", "false")
    commit(project)
    project.apply()
    return step


def edit(step: Step, text: str = NEW, path: str = "/system_prompt") -> None:
    step.project.edit_in_portal("persona/coach", path, text)


def adopt(step: Step, *args: str, **environment: Any) -> Result:
    ended = step.run("adopt", "--all", *args, pull=False, GITHUB_REF_NAME="main", **environment)
    assert ended.code == 0, ended.err
    return ended


def proposed(hub: Hub) -> dict[str, tuple[str, bytes]]:
    assert hub.pulls, "there is no pull request"
    return hub.proposed


TEXTS = {
    "CRLF": NEW,
    "CR in the middle": "You are\ra coach.\nBe very kind.",
    "CRLF at the end": "Be very kind.\r\n",
    "mixed": "You are a coach.\r\nBe very kind.\nBe brief.\r\n\r\n",
    "not ASCII": "Sei sehr freundlich — שלום 🙂",
    "blank lines at the end": "Be very kind.\n\n\n",
    "spaces at the ends": "Be  \t\nvery kind. ",
    "mark at the start": "\ufeffBe very kind.",
}


@pytest.mark.parametrize("name", TEXTS)
def test_merged_the_manifests_say_what_the_account_has(repository: Step, name: str) -> None:
    edit(repository, TEXTS[name])

    adopt(repository)

    (path, (mode, content)) = next(iter(proposed(repository.hub).items()))
    assert (path, mode, len(repository.hub.proposed)) == (PROMPT, "100644", 1)
    git(repository.project, "checkout", "-q", ".")
    (repository.project.root / path).write_bytes(content)
    assert repository.project.plan()["changes"] == []


def a_script(project: Project) -> None:
    (project.root / PROMPT).chmod(0o755)
    commit(project)


def steps_that_change(project: Project) -> None:
    project.write("package.json", '{"changed": true}\n')
    project.write("manifests/prompts/other.md", "Changed.\n")
    project.write("manifests/new.txt", "new\n")
    (project.root / "logo.png").write_bytes(b"\x89PNG\xff\x00changed")
    (project.root / PROMPT).chmod(0o755)  # by an earlier step: git has it otherwise


def steps_that_delete(project: Project) -> None:
    (project.root / "package.json").unlink()
    (project.root / "manifests/prompts/other.md").unlink()


def staged(project: Project) -> None:
    steps_that_change(project)
    git(project, "add", "-A")


def a_link(project: Project) -> None:
    """The prompt is reached by a link to a file elsewhere in the project."""
    (project.root / "texts").mkdir()
    (project.root / PROMPT).rename(project.root / "texts/coach.md")
    (project.root / PROMPT).symlink_to("../../texts/coach.md")
    commit(project)


@pytest.mark.parametrize(
    ("prepare", "path", "mode"),
    [
        (a_script, PROMPT, "100755"),
        (steps_that_change, PROMPT, "100644"),
        (steps_that_delete, PROMPT, "100644"),
        (staged, PROMPT, "100644"),
        (a_link, "texts/coach.md", "100644"),
    ],
)
def test_nothing_else_is_in_it(repository: Step, prepare: Callable[[Project], None], path: str, mode: str) -> None:
    prepare(repository.project)
    edit(repository)

    adopt(repository)

    assert proposed(repository.hub) == {path: (mode, NEW.encode() + b"\n")}


def test_an_edit_of_a_manifest_keeps_the_bytes_around_it(repository: Step) -> None:
    path = repository.project.root / "manifests/persona-coach.yaml"
    text = b"kind: persona\r\nname: coach\r\nspec:\r\n  persona_name: Coach   # the one\r\n"
    text += b"  system_prompt: ${file:prompts/coach.md}\r\n"
    path.write_bytes(text)
    commit(repository.project)
    edit(repository, "Trainer", "/persona_name")

    adopt(repository)

    wanted = text.replace(b"Coach ", b"Trainer ")
    assert proposed(repository.hub) == {"manifests/persona-coach.yaml": ("100644", wanted)}


def test_line_ends_that_only_the_checkout_has_are_not_proposed(repository: Step) -> None:
    """Git writes CRLF here and keeps LF."""
    project = repository.project
    path = project.root / "manifests/persona-coach.yaml"
    kept = path.read_bytes()
    path.write_bytes(kept.replace(b"\n", b"\r\n"))
    edit(repository, "Trainer", "/persona_name")

    adopt(repository)

    wanted = kept.replace(b'"Coach"', b'"Trainer"')
    assert proposed(repository.hub) == {"manifests/persona-coach.yaml": ("100644", wanted)}


def test_a_file_that_an_earlier_step_has_changed_as_well_is_told(repository: Step) -> None:
    repository.project.write(PROMPT, "You are a coach.\nBe kind.\nBe brief.\n\n")
    repository.project.apply()
    edit(repository)

    ended = adopt(repository)

    assert f"an earlier step has changed {PROMPT} as well" in ended.err
    assert proposed(repository.hub)[PROMPT][1].startswith(NEW.encode())


def test_a_file_in_git_lfs_is_not_proposed(repository: Step) -> None:
    project = repository.project
    content = (project.root / PROMPT).read_bytes()
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize {len(content)}\n"
    project.write(PROMPT, pointer)
    commit(project)
    (project.root / PROMPT).write_bytes(content)
    edit(repository)

    ended = repository.run("adopt", "--all", pull=False, GITHUB_REF_NAME="main")

    assert ended.code == 12
    assert f"`{PROMPT}` is in Git LFS" in ended.err
    assert repository.hub.pulls == []


def test_filters_of_the_settings_are_not_run(repository: Step, tmp_path_factory: pytest.TempPathFactory) -> None:
    project = repository.project
    project.write(".gitattributes", "* filter=x diff=x merge=x\n")
    sprung = trapped(project.root / ".git/config", tmp_path_factory.mktemp("traps"))
    edit(repository)

    adopt(repository)

    assert list(proposed(repository.hub)) == [PROMPT]
    assert not sprung.exists(), sprung.read_text()


def test_a_second_run_of_a_job_keeps_the_pull_request(repository: Step) -> None:
    """It finds nothing left to write, and what the first has written is not committed."""
    edit(repository)
    adopt(repository)

    assert adopt(repository).err.endswith("pull request with live edits: unchanged\n")
    repository.project.write(PROMPT, "Somebody else.\n")
    repository.project.apply("--overwrite", "persona/coach")
    assert adopt(repository).err.endswith("pull request with live edits: closed\n")


@pytest.mark.parametrize("ref", ["refs/pull/7/merge", "refs/tags/v1"])
def test_a_run_for_no_branch_proposes_nothing(repository: Step, ref: str) -> None:
    edit(repository, PROMPT)
    name, is_pull = ref.split("/", 2)[2], "pull" in ref

    result = repository.run("adopt", "--all", pull=is_pull, GITHUB_REF=ref, GITHUB_REF_NAME=name)

    assert (result.code, repository.hub.writes) == (12, [])
    assert "help: run it on a schedule or by hand, for a branch" in result.err


def test_each_environment_and_folder_has_its_branch(repository: Step) -> None:
    project = repository.project
    inner = Project(project.root / "bots/sales", project.account)
    inner.write("tavusctl.yaml", "environments: {prod: {}}\n")
    inner.manifest("persona", "clerk", {"persona_name": "Clerk", "system_prompt": "You sell."})
    commit(project)
    inner.apply()
    inner.edit_in_portal("persona/clerk", "/system_prompt", "Sell more.")

    adopt(repository, "-C", "bots/sales")

    digest = hashlib.sha256(b"bots/sales").hexdigest()[:8]
    (pull,) = repository.hub.pulls
    assert pull["head"] == f"tavusctl/adopt-prod-bots-sales-{digest}"
    assert list(repository.hub.proposed) == ["bots/sales/manifests/persona-clerk.yaml"]


def test_a_refused_edit_keeps_no_other_from_the_pull_request(repository: Step) -> None:
    """The step fails, so that somebody looks at the refused one."""
    project = repository.project
    project.manifest("persona", "gone", {"persona_name": "Gone", "system_prompt": "You are gone."})
    commit(project)
    project.apply()
    project.account.portal_delete("personas", project.bound("persona/gone"))
    edit(repository)

    ended = repository.run("adopt", "--all", pull=False, GITHUB_REF_NAME="main")

    assert (ended.code, list(proposed(repository.hub))) == (4, [PROMPT]), ended.err
    git(project, "checkout", "-q", ".")
    edit(repository, "You are a coach.\nBe kind.\nBe brief.")  # only what is refused is left, in another job
    ended = repository.run("adopt", "--all", pull=False, GITHUB_REF_NAME="main", RUNNER_TEMP=None)
    assert (ended.code, len(repository.hub.pulls)) == (4, 1), ended.err
