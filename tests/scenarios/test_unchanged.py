"""What the last run has found is told again only while all is as it was: every report is the one made afresh."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tavusctl.api import ReadClient
from tavusctl.app.planning.prepare import prepare
from tavusctl.app.session import unchanged
from tavusctl.app.session.local import LocalSession
from tavusctl.app.session.online import Session
from tavusctl.app.session.opening import open_session
from tavusctl.cli.status_line import TerminalProgress
from tests.scenarios.project import Body, Project, Result, environment_of

pytestmark = pytest.mark.usefixtures("quick_scrypt")

Step = Callable[[Project], object]
SPEC: Final[Body] = {"persona_name": "Coach", "pipeline_mode": "full", "system_prompt": "${file:coach.md}"}
OTHER: Final[Body] = {"persona_name": "Other", "pipeline_mode": "full", "system_prompt": "You help."}
FAQ: Final[Body] = {"document_name": "FAQ", "document_url": "https://docs.example.com/"}
TOOL: Final[Body] = {"name": "book", "description": "Books a table."}
LLM: Final = {"model": "own", "base_url": "https://llm.example.com", "api_key": "${secret:LLM_KEY}"}
PROJECTS: Final = (
    "version: 1\nsecrets: [LLM_KEY]\n",
    "version: 1\nsecrets: [LLM_KEY]\nsafety: {max_deletes: 9}\n",
    "version: 1\nsecrets: [LLM_KEY, MORE]\n",
    "version: 1\nsecrets: [LLM_KEY]\nenvironments:\n  default: {account: ours, vars: {a: 1}}\n",
    "version: 1\nsecrets: [LLM_KEY]\nenvironments:\n  default: {overlay: laid}\n",
    "version: 1\nsecret: []\n",
)
COMMANDS: Final[Sequence[Sequence[str]]] = (
    ("plan",),
    ("plan", "--format", "json"),
    ("plan", "--detailed-exitcode"),
    ("plan", "--import-existing"),
    ("plan", "--target", "persona/coach"),
    ("plan", "--destroy"),
    ("drift", "--detailed-exitcode"),
    ("validate", "--format", "json"),
    ("apply", "--yes"),
    ("apply", "--yes", "--allow-deletes", "1"),
)


def live(address: str, **values: str) -> Step:
    """Somebody changes an object in the portal."""

    def step(project: Project) -> None:
        patch = [{"op": "replace", "path": f"/{name}", "value": value} for name, value in values.items()]
        project.account.portal(*there(project, address), *patch)

    return step


def gone(address: str) -> Step:
    """Somebody deletes an object in the portal."""
    return lambda project: project.account.portal_delete(*there(project, address))


def there(project: Project, address: str) -> tuple[str, str]:
    """The kind of an object, and its id; LookupError where the account has none."""
    kind, _, name = address.partition("/")
    shown = {"coach": "Coach", "other": "Other", "faq": "FAQ"}[name]
    found = [one for one, body in project.account.objects(f"{kind}s").items() if shown in body.values()]
    return kind, found[0]


def written(name: str, text: str) -> Step:
    return lambda project: project.write(name, text)


def removed(name: str) -> Step:
    return lambda project: (project.root / name).unlink(missing_ok=True)


def manifest(kind: str, name: str, spec: Body, **more: Any) -> Step:
    return lambda project: project.manifest(kind, name, spec, **more)


def secret(value: str) -> Step:
    return lambda project: project.environment.update(LLM_KEY=value)


def command(*words: str) -> Step:
    return lambda project: project.run(*words)


steps = st.one_of(
    st.sampled_from(
        [
            live("persona/coach", system_prompt="Edited in the portal."),
            live("persona/other", persona_name="Renamed"),
            live("document/faq", document_name="Renamed"),
            gone("persona/other"),
            gone("document/faq"),
            lambda project: project.account.seed(personas=[OTHER]),
            lambda project: project.account.seed(documents=[{**FAQ, "document_name": "Stray"}]),
            manifest("persona", "other", {**OTHER, "layers": {"llm": LLM}}),
            manifest("persona", "other", OTHER),
            manifest("document", "faq", FAQ, recrawl={"every": "7d"}),
            manifest("document", "faq", {**FAQ, "crawl": {"depth": 1, "max_pages": 5}}, recrawl={"every": "7d"}),
            manifest("document", "faq", FAQ, watch=True),
            manifest("document", "faq", FAQ),
            manifest("tool", "book", TOOL),
            removed("manifests/persona-other.yaml"),
            removed("manifests/document-faq.yaml"),
            written("manifests/coach.md", "You coach well.\n"),
            written("manifests/coach.md", "You coach.\n"),
            written("laid/coach.yaml", "kind: persona\nname: coach\nspec: {persona_name: Laid over}\n"),
            removed("laid/coach.yaml"),
            secret("first-secret-of-the-llm"),
            secret("other-secret-of-the-llm"),
            secret(""),
            lambda project: project.account.advance(9 * 86400),
            command("apply", "--yes", "--allow-deletes", "9"),
            command("apply", "--yes", "--no-cache"),
            command("state", "rm", "persona/coach"),
            command("import", "--match-names"),
            command("state", "rekey", "--yes"),
        ]
    ),
    st.builds(written, st.just("tavusctl.yaml"), st.sampled_from(PROJECTS)),
)


def prepared(project: Project) -> None:
    """Nothing to do, and every command knows it."""
    project.account.reset()
    project.environment.clear()
    project.environment["LLM_KEY"] = "first-secret-of-the-llm"
    for path in [*project.root.rglob("*.yaml"), *project.root.glob(".env"), *project.root.glob("plan.json")]:
        path.unlink()
    for path in [*project.root.glob(".tavusctl/state*"), *project.root.glob(".tavusctl/runs/*")]:
        path.unlink()
    project.write("tavusctl.yaml", PROJECTS[0])
    project.write("manifests/coach.md", "You coach.\n")
    project.manifest("persona", "coach", SPEC)
    project.manifest("persona", "other", {**OTHER, "layers": {"llm": LLM}})
    project.manifest("document", "faq", FAQ)
    project.apply()
    project.account.advance(3600)  # the document is read by now


def check_reports(project: Project, words: Sequence[str]) -> None:
    """A report is the same with what the last run has kept, with what this one has kept, and without any of it."""
    if words[0] == "apply":  # writes, as a rule: then the next one has nothing to do
        project.run(*words)
    afresh: Result = project.run(*words, "--no-cache")
    assert project.run(*words) == afresh
    assert project.run(*words) == afresh


# The table below has what single changes do; sweeps look for what several do together.
@settings(settings(), max_examples=max(5, settings().max_examples // 6), suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(steps, st.sampled_from(COMMANDS)), min_size=1, max_size=5))
def test_every_report_is_the_one_that_is_made_afresh(project: Project, done: list[tuple[Step, Sequence[str]]]) -> None:
    prepared(project)
    for command in ("plan", "validate", "drift"):
        check_reports(project, [command])
    for step, words in done:
        with contextlib.suppress(LookupError):  # the account may have no such object by then
            step(project)
        check_reports(project, words)


@pytest.mark.parametrize("words", [("plan",), ("drift",), ("apply", "--yes")])
def test_while_nothing_has_changed_each_page_is_asked_for_once(project: Project, words: Sequence[str]) -> None:
    prepared(project)
    project.account.seed(personas=[{**OTHER, "persona_name": f"Stranger {one}"} for one in range(120)])
    project.run(*words)
    assert len(pages(project, *words)) == 2
    assert len(pages(project, *words, "--no-cache")) == 4


def pages(project: Project, *words: str) -> list[Body]:
    """The pages of personas that a command asks for."""
    project.account.forget()
    project.expect(0, *words)
    return [one["query"] for one in project.account.requests if one["path"] == "/v2/personas"]


def cache_of(project: Project) -> Path:
    return project.root / ".tavusctl" / "cache"


def known(project: Project) -> None:
    """Each command has found nothing to do, and has kept that."""
    prepared(project)
    for name in ("plan", "drift", "validate"):
        project.run(name)
    assert {"default.plan", "default.drift", "default.validate"} <= {one.name for one in cache_of(project).iterdir()}


def lineage(project: Project) -> str:
    """The lineage of the state, as names of records have it."""
    return next((project.root / ".tavusctl/runs").iterdir()).name.partition("-")[0]


# What is different then, each by itself.
CHANGES: Final[dict[str, Step]] = {
    "a manifest": manifest("persona", "other", {**OTHER, "system_prompt": "You help well."}),
    "a new manifest": manifest("tool", "book", TOOL),
    "a manifest goes": removed("manifests/persona-other.yaml"),
    "a text": written("manifests/coach.md", "You coach well.\n"),
    "a text goes": removed("manifests/coach.md"),
    "an object": live("persona/coach", system_prompt="Edited in the portal."),
    "an object goes": gone("persona/other"),
    "a stranger with the name of an object": lambda project: project.account.seed(personas=[OTHER]),
    "a state without an object": command("state", "rm", "persona/coach"),
    "another secret": secret("other-secret-of-the-llm"),
    "no secret": secret(""),
    "a secret in a file": lambda project: (
        secret("")(project),
        project.write(".env", "LLM_KEY=other-secret-of-the-llm\n"),
    ),
    "a higher limit": written("tavusctl.yaml", PROJECTS[1]),
    "a lower limit": written("tavusctl.yaml", PROJECTS[1].replace("9", "0")),
    "one more secret": written("tavusctl.yaml", PROJECTS[2]),
    "no secrets": written("tavusctl.yaml", "version: 1\n"),
    "a label": written("tavusctl.yaml", PROJECTS[3]),
    "an overlay": lambda project: (
        project.write("laid/coach.yaml", "kind: persona\nname: coach\nspec: {persona_name: Laid over}\n"),
        project.write("tavusctl.yaml", PROJECTS[4]),
    ),
    "an output": written("tavusctl.yaml", PROJECTS[0] + "outputs: {COACH: persona/nobody}\n"),
    "a machine of CI": lambda project: project.environment.update(CI="true", TAVUSCTL_LOCAL_STATE=""),
    "another key": lambda project: project.environment.update(TAVUS_API_KEY="key-of-somebody-else-entirely"),
    "a slip in a file of variables": written(".env", "TAVUS_API_KYE=1\n"),
    "a damaged state": lambda project: (project.root / ".tavusctl/state.json").write_text("{"),
    "a damaged journal": lambda project: (project.root / ".tavusctl/state.json.wal").write_text("no record\n"),
    "a record that the state does not know": lambda project: (
        project.root / f".tavusctl/runs/{lineage(project)}-000099-0123456789ab.jsonl"
    ).write_text(""),
    "nothing": lambda _: None,
}


@pytest.mark.sampled(2)
@pytest.mark.parametrize("change", CHANGES)
def test_each_change_is_seen_by_the_very_next_command(project: Project, change: str) -> None:
    known(project)
    CHANGES[change](project)
    for words in COMMANDS:
        if words[0] != "apply":
            assert project.run(*words) == project.run(*words, "--no-cache")
    effects = []
    for more in ([], ["--no-cache"]):
        known(project)
        CHANGES[change](project)
        project.run("plan", *more)
        done = project.run("apply", "--yes", *more)
        state = json.loads((project.root / ".tavusctl/state.json").read_text()) if change != "a damaged state" else {}
        settled = {name: state.get(name) for name in ("safety", "reads", "account")}
        effects.append((done.code, settled, sorted(state.get("bindings", {})), len(project.account.sent)))
        for name in ("plan", "drift", "validate"):
            assert project.run(name) == project.run(name, "--no-cache")
    assert effects[0] == effects[1]


@pytest.mark.sampled(2)
@pytest.mark.parametrize(
    "words",
    [
        ("apply", "--yes", "--allow-deletes", "3"),
        ("apply", "--yes", "--allow-lowered", "2"),
        ("apply", "--yes", "--publish", "persona/nope"),
        ("apply", "--yes", "--discard-drafts", "persona/nope"),
        ("apply", "--yes", "--target", "persona/nope"),
        ("plan", "--target", "persona/nope"),
        ("plan", "--destroy"),
        ("plan", "--out", "plan.json"),
        ("plan", "--report", "json=plan.json"),
        ("validate", "manifests/persona-other.yaml"),
    ],
)
def test_each_option_has_an_answer_of_its_own(project: Project, words: Sequence[str]) -> None:
    known(project)
    assert project.run(*words) == project.run(*words, "--no-cache")


def test_a_secret_that_changes_in_a_file_is_seen(project: Project) -> None:
    prepared(project)
    secret("")(project)
    for value, said in (("first-secret-of-the-llm", "No changes"), ("other-secret-of-the-llm", "1 to update")):
        project.write(".env", f"LLM_KEY={value}\n").chmod(0o600)
        found = project.run("plan")
        assert said in found.out
        assert found == project.run("plan", "--no-cache") == project.run("plan")


def test_what_was_applied_is_looked_at_by_a_check(project: Project) -> None:
    """A prompt is twice as long as before or not, by what the state says."""
    known(project)
    short, state = "You coach a team. " * 15, project.root / ".tavusctl/state.json"
    project.write("manifests/coach.md", short)
    project.apply()
    before = state.read_bytes()
    project.write("manifests/coach.md", short * 3)
    project.apply()
    assert project.run("validate").out == project.run("validate").out == "Valid.\n"
    state.write_bytes(before)
    shutil.rmtree(project.root / ".tavusctl/runs")  # by which a state is known to be an older one
    found = project.run("validate")
    assert "times as long as last applied" in found.out
    assert found == project.run("validate", "--no-cache")


def test_a_folder_that_moves_out_of_the_project_is_told(
    project: Project, tmp_path_factory: pytest.TempPathFactory
) -> None:
    known(project)
    outside = tmp_path_factory.mktemp("outside")
    (project.root / "manifests").rename(outside / "manifests")
    (project.root / "manifests").symlink_to(outside / "manifests")
    assert project.run("plan") == project.run("plan", "--no-cache")


def test_an_overlay_that_nothing_reads_is_told(project: Project) -> None:
    project.write("tavusctl.yaml", "version: 1\nenvironments:\n  default: {overlay: laid/one}\n")
    project.write("laid/one/coach.yaml", "kind: persona\nname: coach\nspec: {persona_name: Laid over}\n")
    project.manifest("persona", "coach", OTHER)
    project.expect(0, "validate")
    project.write("laid/two/coach.yaml", "kind: persona\nname: coach\nspec: {persona_name: Not laid over}\n")
    found = project.run("validate")
    assert "TV133" in found.out
    assert found == project.run("validate", "--no-cache")


def test_the_state_of_another_environment_counts(project: Project) -> None:
    """A warning of an object with the name of ours tells whose it is, so a plan with one is made anew each time."""
    named = "{vars: {NAME: One}}, two: {vars: {NAME: Two}}"
    project.write("tavusctl.yaml", f"version: 1\nenvironments: {{one: {named}}}\n")
    project.manifest("persona", "coach", {**OTHER, "persona_name": "${var:NAME}"})
    for name in ("one", "two"):
        project.apply("--env", name)
    other = next(key for key, body in project.account.objects("personas").items() if "Two" in body.values())
    project.account.portal("persona", other, {"op": "replace", "path": "/persona_name", "value": "One"})
    assert "No changes" in project.run("plan", "--env", "one").out
    project.expect(0, "state", "rm", "persona/coach", "--env", "two")
    found = project.run("plan", "--env", "one")
    assert found == project.run("plan", "--env", "one", "--no-cache")
    assert other in found.out


def test_an_answer_that_was_not_the_same_twice_tells_nothing(project: Project) -> None:
    prepared(project)
    path = f"/v2/personas/{project.bound('persona/coach')}"
    with ReadClient(project.account.url, project.account.key) as api:
        api.get(path)
        assert api.responses_are_unchanged(api.response_digests)
        live("persona/coach", system_prompt="Edited in the portal.")(project)
        assert not api.responses_are_unchanged(api.response_digests)
        api.get(path)
        assert [one.digest for one in api.response_digests] == [""]
    with ReadClient(project.account.url, project.account.key) as api:
        api.takes_digests = False
        api.get(path)
        assert [one.digest for one in api.response_digests] == [""]


def test_a_state_that_changes_while_it_is_read_is_not_the_one_that_was_found_right(project: Project) -> None:
    """A run begins with a state that lacks an object, and reads one that has it; then the first one is back."""
    known(project)
    path = project.root / ".tavusctl/state.json"
    whole = path.read_bytes()
    project.run("state", "rm", "persona/coach")
    lacking = path.read_bytes()
    with environment_of({"TAVUS_API_KEY": project.account.key, **project.environment}):
        found = open_session(None, TerminalProgress(quiet=True), project.root, caches=True)
        fields = {name: getattr(found, name) for name in LocalSession.__struct_fields__}
        session = Session(**fields, base_url=project.account.url)
        about = unchanged.plan_settings_digest(session, {})
        path.write_bytes(whole)
        with session.reader() as api:
            made = prepare(session, api, gates=True)
            unchanged.keep_plan(session, unchanged.PLAN, {}, about, api, made)
        path.write_bytes(lacking)
        with session.reader() as api:
            assert unchanged.cached_plan(session, unchanged.PLAN, about, api) is None


def test_what_a_plan_file_was_refused_for_is_no_plan_of_the_command_line(project: Project) -> None:
    """Its names are not looked up: whoever made it has seen them."""
    known(project)
    project.expect(0, "plan", "--target", "document/faq", "--out", "plan.json")
    project.run("state", "rm", "document/faq")
    removed("manifests/document-faq.yaml")(project)
    project.run("apply", "plan.json")
    words = ("plan", "--target", "document/faq")
    assert project.run(*words) == project.run(*words, "--no-cache")
