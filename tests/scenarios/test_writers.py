"""One writer for each path: an output never takes the place of another one, or of what the command reads."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.scenarios.project import Project, Result

SAFE = {"name": "safe", "data": [{"guardrail_name": "calm", "guardrail_prompt": "You stay calm."}]}


@pytest.fixture
def written(project: Project) -> Project:
    """An applied persona with a prompt of its own, a project file, and a plan file."""
    project.write("tavusctl.yaml", "{version: 1}")
    project.write("manifests/prompts/coach.md", "Be kind.\n")
    project.write("texts/greeting.txt", "Hi.\n")
    texts = "system_prompt: '${file:prompts/coach.md}', greeting: 'Oh. ${file:../../texts/greeting.txt}'"
    spec = f"{{persona_name: Coach, {texts}}}"
    project.write("manifests/all/coach.yaml", f"kind: persona\nname: coach\nspec: {spec}\n")
    project.apply()
    project.expect(0, "plan", "--out", "plan.json")
    (project.root / "link").symlink_to("report")
    (project.root / "folder").symlink_to(".")
    project.account.forget()
    return project


def contents(project: Project) -> dict[str, bytes]:
    found = [path for path in project.root.rglob("*") if path.is_file() and not path.is_symlink()]
    return {str(path): path.read_bytes() for path in found if not path.name.endswith(".lock")}


def is_refused(project: Project, *args: str) -> str:
    """It is a mistake of usage; nothing was written, and nobody was asked."""
    before = contents(project)
    result = project.run(*args)
    assert (result.code, contents(project), project.account.requests) == (12, before, []), result.out + result.err
    return result.err


@pytest.mark.parametrize(
    "args",
    [
        ("plan", "--report", "json=report", "--report", "html=report"),
        ("plan", "--report", "json=report", "--report", "html=./report"),
        ("plan", "--report", "json=report", "--report", "html=link"),
        ("plan", "--report", "json=report", "--report", "html=folder/report"),
        ("plan", "--out", "report", "--report", "json=texts/../report"),
        ("plan", "--report", "json=tavusctl.yaml", "--report", "text=tavusctl.yaml"),
        ("apply", "--yes", "--report", "json=report", "--report", "text=report"),
        ("drift", "--report", "json=report", "--report", "markdown=report"),
        ("validate", "--report", "json=report", "--report", "sarif=report"),
    ],
)
def test_two_outputs_for_one_path_are_refused(written: Project, args: tuple[str, ...]) -> None:
    assert "name the same file" in is_refused(written, *args)


def test_two_names_of_one_file_are_one_path(written: Project) -> None:
    (written.root / "report").write_text("older")
    os.link(written.root / "report", written.root / "other")

    is_refused(written, "plan", "--report", "json=report", "--report", "html=other")


READ = {
    "tavusctl.yaml": "the project file",
    "manifests/all/coach.yaml": "a manifest",
    "folder/manifests/all/coach.yaml": "a manifest",
    "manifests/new.yml": "a manifest",
    "manifests/prompts/coach.md": "a file that a manifest refers to",
    "texts/greeting.txt": "a file that a manifest refers to",
    ".tavusctl/state.json": "the state",
    ".tavusctl/state.json.wal": "the state",
}


@pytest.mark.parametrize("path", READ)
@pytest.mark.parametrize(
    "args",
    [("plan", "--out", "{}"), ("plan", "--report", "text={}"), ("graph", "--out", "{}"), ("output", "--write", "{}")],
)
def test_an_output_over_what_is_read_is_refused(written: Project, path: str, args: tuple[str, ...]) -> None:
    told = is_refused(written, *(one.format(path) for one in args))

    assert f"would overwrite {READ[path]}" in told


def test_a_report_over_the_plan_file_is_refused(written: Project) -> None:
    assert "would overwrite a file that the command reads" in is_refused(
        written, "apply", "plan.json", "--report", "json=plan.json"
    )


def test_a_report_of_a_failure_spares_what_is_read(written: Project) -> None:
    """A command line that cannot be understood is told in its reports, too, though never in place of a manifest."""
    before = contents(written)
    for path in ("tavusctl.yaml", "manifests/all/coach.yaml", "manifests/prompts/coach.md", "texts/greeting.txt"):
        written.expect(12, "plan", "--what", "--format", "json", "--report", f"json={path}")
    assert contents(written) == before
    written.write("tavusctl.yaml", "{version: 2}")
    written.expect(12, "plan", "--report", "json=tavusctl.yaml")
    assert (written.root / "tavusctl.yaml").read_text() == "{version: 2}"


def test_a_failure_is_reported_wherever_a_success_is(written: Project) -> None:
    args = ("validate", "--report", "json=manifests/report.json")
    written.expect(0, *args)
    written.write("manifests/broken.yaml", "kind: [\n")
    written.expect(10, *args)
    assert "manifests/broken.yaml" in (written.root / "manifests/report.json").read_text()
    written.expect(12, "validate", "--what", "--report", "json=manifests/report.json")
    assert "--what" in (written.root / "manifests/report.json").read_text()


def test_a_file_that_an_unreadable_manifest_names_is_not_written_over(written: Project) -> None:
    broken = (written.root / "manifests/all/coach.yaml").read_text() + "more: [\n"
    written.write("manifests/all/coach.yaml", broken)
    for path in ("manifests/prompts/coach.md", "texts/greeting.txt"):
        for command in ("validate", "plan"):
            assert f"would overwrite {READ[path]}" in is_refused(written, command, "--report", f"text={path}")
        is_refused(written, "plan", "--what", "--report", f"text={path}")
    for _ in range(2):  # the manifest has this word, but does not name a file by it
        written.expect(10, "validate", "--report", "text=persona")


def test_what_another_environment_reads_is_not_written_over(written: Project) -> None:
    """Its prompts, and the file of its state; neither by the command, nor by the report of a failure."""
    environments = "{staging: {overlay: overlays/staging, state: records/staging.json}, prod: {}}"
    written.write("tavusctl.yaml", f"{{version: 1, environments: {environments}}}")
    spec = "{system_prompt: '${file:./trial.md}'}"
    written.write("overlays/staging/coach.yaml", f"kind: persona\nname: coach\nspec: {spec}\n")
    written.write("overlays/staging/trial.md", "Be stern.\n")
    written.write("records/staging.json", "{}")
    written.run("validate", "--env", "prod")  # what it keeps of the project file is no output
    for path, what in (
        ("overlays/staging/trial.md", "a file that a manifest refers to"),
        ("overlays/staging/coach.yaml", "a manifest"),
        ("records/staging.json", "the state"),
    ):
        for output in (("--out", path), ("--report", f"text={path}")):
            assert f"would overwrite {what}" in is_refused(written, "plan", "--env", "prod", *output)
        is_refused(written, "plan", "--env", "none", "--report", f"text={path}")


def test_schemas_are_not_written_through_a_link(written: Project) -> None:
    (written.root / "schemas").mkdir()
    (written.root / "schemas/persona.schema.json").symlink_to("../manifests/all/coach.yaml")

    assert "is a symbolic link" in is_refused(written, "schema", "--out", "schemas")


def test_what_is_apart_is_written(written: Project) -> None:
    args = ("--report", "json=a", "--report", "html=b", "--report", "text=/dev/null", "--report", "markdown=/dev/null")

    written.expect(0, "plan", "--out", ".tavusctl/plan.json", *args)
    assert (written.root / "a").read_text().startswith("{")
    assert (written.root / "b").read_text().startswith("<!doctype html>")
    written.expect(0, "apply", ".tavusctl/plan.json", "--report", "json=a")


def limited(project: Project, limit: str, size: int, *args: str) -> Result:
    """A command in a process of its own, with a limit of the operating system."""
    script = (
        f"import resource; resource.setrlimit(resource.{limit}, ({size},) * 2); from tavusctl.cli import main; main()"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script, *args],
        cwd=project.root,
        env={**os.environ, **project.account.variables, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    return Result(ended.returncode, ended.stdout, ended.stderr)


@pytest.mark.parametrize(
    ("code", "args"),
    [
        (12, ("plan", "--out", "plan.new")),
        (12, ("plan", "--report", "html=page.html")),
        (12, ("schema", "--out", "schemas")),
        (12, ("init", "another")),
        (4, ("adopt", "persona/coach")),
        (9, ("apply", "--yes")),
        (9, ("export", "--out", "exported")),
    ],
)
def test_a_file_that_has_no_room_is_told_with_what_to_do_and_leaves_all_files_as_they_were(
    written: Project, code: int, args: tuple[str, ...]
) -> None:
    written.edit_in_portal("persona/coach", "/system_prompt", "Be kind, and be brief.\n")
    before = contents(written)

    ended = limited(written, "RLIMIT_FSIZE", 8, *args)

    assert (ended.code, contents(written)) == (code, before), ended.err
    assert "File too large" in ended.err
    assert "help: raise the limit of the size of files (`ulimit -f`), and run the command again" in ended.err
