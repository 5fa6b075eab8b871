"""What the last run has found is told again only while all is as it was: every report is the one made afresh."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.scenarios.project import Body, Project, Result

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
        remote_id = bound(project, address)
        if remote_id in project.account.objects(address.partition("/")[0]):
            patch = [{"op": "replace", "path": f"/{name}", "value": value} for name, value in values.items()]
            project.account.portal(address.partition("/")[0], remote_id, *patch)

    return step


def gone(address: str) -> Step:
    def step(project: Project) -> None:
        remote_id = bound(project, address)
        if remote_id in project.account.objects(address.partition("/")[0]):
            project.account.portal_delete(address.partition("/")[0], remote_id)

    return step


def bound(project: Project, address: str) -> str:
    listed = project.run("state", "list", "--format", "json")
    return project.bound(address) if listed.code == 0 and address in listed.out else ""


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
    project.environment["LLM_KEY"] = "first-secret-of-the-llm"
    for path in [*project.root.rglob("*.yaml"), *project.root.rglob(".tavusctl/state*"), *project.root.glob(".env")]:
        path.unlink()
    project.write("tavusctl.yaml", PROJECTS[0])
    project.write("manifests/coach.md", "You coach.\n")
    project.manifest("persona", "coach", SPEC)
    project.manifest("persona", "other", {**OTHER, "layers": {"llm": LLM}})
    project.manifest("document", "faq", FAQ)
    project.apply()
    project.account.advance(3600)  # the document is read by now


def told(project: Project, words: Sequence[str]) -> None:
    """A report is the same with what the last run has kept, with what this one has kept, and without any of it."""
    if words[0] == "apply":  # writes, as a rule: then the next one has nothing to do
        project.run(*words)
    afresh: Result = project.run(*words, "--no-cache")
    assert project.run(*words) == afresh
    assert project.run(*words) == afresh


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.tuples(steps, st.sampled_from(COMMANDS)), min_size=1, max_size=5))
def test_every_report_is_the_one_that_is_made_afresh(project: Project, done: list[tuple[Step, Sequence[str]]]) -> None:
    prepared(project)
    for command in ("plan", "validate", "drift"):
        told(project, [command])
    for step, words in done:
        step(project)
        told(project, words)


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
    assert project.run(*words).code == 0
    return [one["query"] for one in project.account.requests if one["path"] == "/v2/personas"]
