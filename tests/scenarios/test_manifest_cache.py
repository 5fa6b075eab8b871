"""What is kept between runs makes them shorter, and nothing else: no report, no write and no file depends on it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from tavusctl.app.planning.prepare import prepare, read_afresh
from tavusctl.app.session.local import LocalSession
from tavusctl.app.session.online import Session
from tavusctl.app.session.opening import open_session
from tavusctl.cli.status_line import TerminalProgress
from tavusctl.config.cache.entry import Entry
from tavusctl.config.cache.manifest_cache import ManifestCache
from tavusctl.engine.prepared_plan import PreparedPlan
from tests.scenarios.project import Project, environment_of
from tests.scenarios.terminals import in_a_pipe

SPEC = {"persona_name": "Coach", "pipeline_mode": "full", "system_prompt": "You coach."}
PROMPT = "Nobody but the coach knows what stands in this prompt.\n"


def kept(project: Project) -> Path:
    return project.root / ".tavusctl" / "cache" / "default"


def online(project: Project, *, caches: bool) -> Session:
    found = open_session(None, TerminalProgress(quiet=True), project.root, caches=caches)
    known = {name: getattr(found, name) for name in LocalSession.__struct_fields__}
    return Session(**known, base_url=project.account.url)


def planned(session: Session) -> PreparedPlan:
    with session.reader() as api:
        return prepare(session, api)


def opened(project: Project) -> ManifestCache:
    session = open_session(None, TerminalProgress(quiet=True), project.root, caches=True)
    assert session.cache
    return session.cache.load_manifests()


@pytest.fixture
def forged(project: Project) -> Project:
    """An applied persona, and a cache that says something else of its manifest, signed as by the user."""
    project.manifest("persona", "coach", SPEC)
    project.apply()
    project.manifest("persona", "coach", SPEC | {"system_prompt": "You coach well."})
    project.expect(0, "plan")
    known = opened(project)
    shape, raw = known._known["manifests/persona-coach.yaml"]
    entry = msgspec.msgpack.decode(raw, type=Entry)
    parsed = entry.manifests[0].parsed
    assert parsed.manifest
    parsed.manifest.spec["system_prompt"] = "You lie."
    known.keep("manifests/persona-coach.yaml", entry, shape, is_new=True)
    known.save()
    return project


def test_a_plan_takes_it_and_an_apply_reads_what_it_writes(forged: Project) -> None:
    assert "You lie." in forged.run("plan").out
    assert "You lie." not in forged.run("plan", "--no-cache").out
    forged.account.forget()
    forged.apply()
    patches = [body for _, _, body in forged.account.sent]
    assert "You coach well." in str(patches)
    assert "You lie." not in str(patches)


def test_one_that_another_user_has_made_is_not_taken(forged: Project, tmp_path: Path) -> None:
    with environment_of({"XDG_CACHE_HOME": str(tmp_path / "other")}):
        assert "You lie." not in forged.run("plan").out


def test_a_file_that_changes_meanwhile_is_read_again(forged: Project) -> None:
    plans: list[PreparedPlan] = []

    def plan(session: Session) -> PreparedPlan:
        plans.append(planned(session))
        forged.manifest("persona", "coach", SPEC | {"system_prompt": "You coach best."})
        return plans[-1]

    with environment_of(forged.account.variables):
        session = online(forged, caches=True)
        assert "You lie." in str(planned(session).plan.steps)
        assert "You coach best." in str(read_afresh(session, plan).plan.steps)
    assert len(plans) == 2


@pytest.mark.parametrize("command", ["plan", "drift"])
def test_a_run_that_had_nothing_to_do_loads_neither_models_nor_yaml(project: Project, command: str) -> None:
    """To load them would take as long as all the rest of a small plan."""
    project.manifest("persona", "coach", SPEC)
    project.apply()
    in_a_pipe(project, command, PYTHONPROFILEIMPORTTIME="1")

    run = in_a_pipe(project, command, PYTHONPROFILEIMPORTTIME="1")

    modules = {line.rpartition("|")[2].strip() for line in run.stderr.splitlines() if line.startswith("import time")}
    assert (run.returncode, "httpx" in modules) == (0, True), run.stdout
    assert modules.isdisjoint({"pydantic", "yaml"})


def test_files_that_no_run_has_cached_are_not_read_again(project: Project) -> None:
    project.manifest("persona", "coach", SPEC)
    plans: list[PreparedPlan] = []

    def plan(session: Session) -> PreparedPlan:
        plans.append(planned(session))
        project.manifest("persona", "coach", SPEC | {"system_prompt": "You coach best."})
        return plans[-1]

    with environment_of(project.account.variables):
        read_afresh(online(project, caches=True), plan)
        assert len(plans) == 1
        project.manifest("persona", "coach", SPEC)
        read_afresh(online(project, caches=True), plan)
        assert len(plans) == 3


@pytest.fixture
def around(forged: Project) -> Iterator[Path]:
    """The folder around the project as a repository; the projects of other tests are in it as well, later on."""
    marker, other = forged.root.parent / ".git", forged.root.parent / "other"
    marker.mkdir()
    other.mkdir()
    yield forged.root.parent
    marker.rmdir()
    shutil.rmtree(other)


def test_an_empty_text_that_is_deleted_is_missing(project: Project) -> None:
    project.manifest("persona", "coach", SPEC | {"context": "${file:prompts/context.md}"})
    text = project.write("manifests/prompts/context.md", "")
    project.expect(0, "plan")
    text.unlink()

    for command in ("plan", "validate"):
        result = project.run(command)
        assert (result.code, "prompts/context.md" in result.out + result.err) == (10, True), result.err


@pytest.mark.usefixtures("around")
@pytest.mark.parametrize("home", [".cache", "{root}/.cache", "{root}/../other/.cache"])
def test_a_key_that_a_branch_can_bring_is_none(forged: Project, home: str) -> None:
    key = Path(os.environ["XDG_CACHE_HOME"], "tavusctl", "key")
    where = Path(forged.root, home.format(root=forged.root), "tavusctl", "key")
    where.parent.mkdir(parents=True)
    where.write_bytes(key.read_bytes())
    where.chmod(0o600)
    assert "You lie." in forged.run("plan").out
    assert "You lie." not in forged.run("plan", XDG_CACHE_HOME=home.format(root=forged.root)).out


@pytest.mark.parametrize("name", ["../../evil", "{root}-evil/file", "other"])
def test_an_environment_that_is_not_there_has_none(project: Project, name: str) -> None:
    project.manifest("persona", "coach", SPEC)
    project.write("tavusctl.yaml", "version: 1\nvar: {}\n")
    (project.root / ".tavusctl" / "cache").mkdir(parents=True)
    before = set(project.root.rglob("*"))
    project.expect(10, "validate", "--env", name.format(root=project.root))
    assert set(project.root.rglob("*")) == before
    assert not Path(name.format(root=project.root)).exists()


def test_it_holds_no_text_of_a_file_and_no_secret(project: Project) -> None:
    project.write("tavusctl.yaml", "version: 1\nsecrets: [LLM_KEY]\n")
    project.write("manifests/prompt.md", PROMPT)
    llm = {"model": "own", "base_url": "https://a.example.com", "api_key": "${secret:LLM_KEY}"}
    project.manifest("persona", "coach", SPEC | {"system_prompt": "${file:prompt.md}", "layers": {"llm": llm}})
    for command in ("validate", "plan", "plan"):
        project.expect(0, command, LLM_KEY="a-key-of-three-words")
    content = kept(project).read_bytes()
    assert b"persona/coach" in content or b"coach" in content
    assert PROMPT.strip().encode() not in content
    assert b"a-key-of-three-words" not in content


def test_a_manifest_in_which_a_secret_stands_is_not_kept(project: Project) -> None:
    project.write("tavusctl.yaml", "version: 1\nsecrets: [WORDS]\n")
    project.manifest("persona", "coach", SPEC | {"system_prompt": "Say: a key of three words."})
    project.manifest("persona", "other", SPEC)
    for words in ("", "a key of three words", "a key of three words", ""):
        assert project.run("plan", WORDS=words) == project.run("plan", "--no-cache", WORDS=words)
        assert (b"three words" in kept(project).read_bytes()) == (not words)


@pytest.mark.parametrize("command", ["validate", "plan", "apply", "drift"])
def test_without_it_nothing_is_kept(project: Project, command: str) -> None:
    project.manifest("persona", "coach", SPEC)
    project.apply("--no-cache")
    project.expect(0, command, "--no-cache")
    assert not kept(project).parent.exists()
    project.expect(0, command)
    assert kept(project).exists()


def test_git_does_not_see_it(project: Project) -> None:
    project.manifest("persona", "coach", SPEC)
    subprocess.run(["git", "init", "--quiet"], cwd=project.root, check=True)
    project.run("validate")
    status = subprocess.run(
        ["git", "status", "--porcelain", "--untracked-files=all"], cwd=project.root, check=True, capture_output=True
    )
    assert kept(project).exists()
    assert b"cache" not in status.stdout


def test_a_folder_that_leads_elsewhere_is_left_alone(
    project: Project, tmp_path_factory: pytest.TempPathFactory
) -> None:
    project.manifest("persona", "coach", SPEC)
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (project.root / ".tavusctl").symlink_to(elsewhere)
    project.expect(0, "validate")
    assert not list(elsewhere.iterdir())


@pytest.mark.parametrize("trouble", ["a folder", "a pipe", "a link", "no home", "a key cut short"])
def test_where_it_cannot_be_kept_all_is_read(project: Project, tmp_path: Path, trouble: str) -> None:
    project.manifest("persona", "coach", SPEC)
    project.apply()
    expected = project.run("plan", "--no-cache")
    kept(project).unlink()
    home = {"XDG_CACHE_HOME": str(tmp_path / "home")}
    if trouble == "a folder":
        kept(project).mkdir()
    elif trouble == "a pipe":
        os.mkfifo(kept(project))
    elif trouble == "a link":
        kept(project).symlink_to("/proc/kmsg")
    elif trouble == "no home":
        (tmp_path / "home").write_text("a file")
    else:
        (tmp_path / "home" / "tavusctl").mkdir(parents=True)
        (tmp_path / "home" / "tavusctl" / "key").write_bytes(b"short")
    assert project.run("plan", **home) == expected
    assert project.run("plan", **home) == expected


def test_what_the_clock_and_the_account_say_is_asked_every_time(project: Project) -> None:
    spec = {"document_name": "FAQ", "document_url": "https://docs.example.com/", "crawl": {"depth": 1, "max_pages": 5}}
    project.manifest("document", "faq", spec, recrawl={"every": "7d"})
    project.manifest("persona", "coach", SPEC)
    project.apply()
    project.account.advance(3600)
    for change in (
        lambda: project.account.advance(8 * 86400),
        lambda: project.account.portal(
            "persona", project.bound("persona/coach"), {"op": "replace", "path": "/system_prompt", "value": "Live."}
        ),
        lambda: project.account.portal_delete("document", project.bound("document/faq")),
        lambda: project.run("state", "rm", "persona/coach"),
    ):
        project.run("plan")
        change()
        for command in (["plan"], ["plan", "--format", "json"], ["drift"], ["validate"]):
            assert project.run(*command) == project.run(*command, "--no-cache")
