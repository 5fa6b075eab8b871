"""A plan that compares only what may have changed is the plan of the whole project."""

from __future__ import annotations

import contextlib
import json
import logging
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tavusctl.api import ReadClient
from tavusctl.app.incremental.prepare import prepare
from tavusctl.app.session.online import Session
from tavusctl.app.session.opening import open_session
from tavusctl.cli.status_line import TerminalProgress
from tavusctl.core.json_tree import value_at
from tavusctl.core.model import Cause
from tavusctl.core.ports import NO_DOCUMENTS
from tavusctl.core.resource_kind import Listing
from tavusctl.kinds import KINDS
from tests.scenarios.project import Body, Project, Result, environment_of

pytestmark = [pytest.mark.usefixtures("quick_scrypt"), pytest.mark.newer_api]

Step = Callable[[Project], object]
PLAIN: Final = tuple(f"plain-{number}" for number in range(8))
LLM: Final = {"model": "own", "base_url": "https://llm.example.com", "api_key": "${secret:LLM_KEY}"}
SAFE: Final[Body] = {"name": "Safe", "data": [{"guardrail_name": "calm", "guardrail_prompt": "Stay calm."}]}
FAQ: Final[Body] = {"document_name": "FAQ", "document_url": "https://docs.example.com/"}
SETTINGS: Final = "version: 1\nsecrets: [LLM_KEY]\n"
COMMANDS: Final[Sequence[Sequence[str]]] = (
    ("plan",),
    ("plan", "--format", "json"),
    ("plan", "--report", "html=plan.html"),
    ("plan", "--target", "persona/plain-1"),
    ("drift", "--format", "json"),
)


def persona(name: str, **more: object) -> Body:
    return {"persona_name": name.title(), "pipeline_mode": "full", "system_prompt": f"You are {name}.", **more}


def written(name: str, **more: object) -> Step:
    """Edit the manifest of a persona."""
    return lambda project: project.manifest("persona", name, persona(name, **more))


def live(kind: str, shown: str, **values: object) -> Step:
    """Edit an object in the portal, by the name that it has there."""

    def step(project: Project) -> None:
        patch = [{"op": "add", "path": f"/{name}", "value": value} for name, value in values.items()]
        project.account.portal(kind, _id(project, kind, shown), *patch)

    return step


def gone(kind: str, shown: str) -> Step:
    """Delete an object in the portal."""
    return lambda project: project.account.portal_delete(kind, _id(project, kind, shown))


def _id(project: Project, kind: str, shown: str) -> str:
    """The id of an object; LookupError if the account has none of that name."""
    collection = kind if kind.endswith("s") else f"{kind}s"
    return next(
        (key for key, body in project.account.objects(collection).items() if shown in body.values()), ""
    ) or _missing(shown)


def _missing(shown: str) -> str:
    raise LookupError(shown)


def file(name: str, text: str) -> Step:
    return lambda project: project.write(name, text)


def refer_by_id(project: Project) -> None:
    """A manifest refers to a managed document by its id."""
    identifier = project.bound("document/faq")
    written("plain-3", document_ids=[identifier])(project)


def swap_ids(project: Project) -> None:
    """A persona in the account refers to another managed document."""
    identifier = project.bound("document/terms")
    live("persona", "Plain-4", document_ids=[identifier])(project)


def command(*words: str) -> Step:
    return lambda project: project.run(*words)


# Each by itself; `True` if the plan after it is made of the changed part alone.
CHANGES: Final[dict[str, tuple[Step, bool | None]]] = {
    "nothing": (lambda _: None, True),
    "a prompt": (written("plain-1", system_prompt="You are new."), True),
    "a comment": (
        lambda project: project.write(
            "manifests/persona-plain-2.yaml",
            f"# why\n{(project.root / 'manifests/persona-plain-2.yaml').read_text()}",
        ),
        True,
    ),
    "a text file": (file("manifests/shared.md", "All of you are new.\n"), True),
    "a text of two": (file("manifests/two.md", "Both are new.\n"), True),
    "a portal edit": (live("persona", "Plain-5", system_prompt="Edited there."), True),
    "both sides": (
        lambda project: (
            live("persona", "Plain-5", system_prompt="Edited there.")(project),
            written("plain-6", context="Edited here.")(project),
        ),
        True,
    ),
    "both sides of one": (
        lambda project: (
            live("persona", "Plain-5", system_prompt="Edited there.")(project),
            written("plain-5", system_prompt="Edited here.")(project),
        ),
        False,
    ),
    "a new reference": (written("plain-3", document_ids=["${ref:document/terms}"]), True),
    "a new reference by id": (refer_by_id, True),
    "a reference in the account": (swap_ids, True),
    "a document that two use": (live("document", "FAQ", document_name="Other"), True),
    "the name of a document": (
        lambda project: project.manifest("document", "faq", {**FAQ, "document_name": "Answers"}),
        False,
    ),
    "another address of a document": (
        lambda project: project.manifest("document", "faq", {**FAQ, "document_url": "https://new.example.com/"}),
        False,
    ),
    "the guardrails of one": (
        lambda project: project.manifest(
            "guardrails", "safe", {"name": "Safe", "data": [{**SAFE["data"][0], "guardrail_prompt": "Be calm."}]}
        ),
        True,
    ),
    "a name": (written("plain-1", persona_name="Renamed"), False),
    "the name of another": (written("plain-1", persona_name="Plain-2"), False),
    "a name in the account": (live("persona", "Plain-1", persona_name="Renamed"), True),
    "a new manifest": (written("plain-99"), False),
    "a manifest goes": (lambda project: project.remove("persona", "plain-7"), False),
    "a manifest moves": (
        lambda project: (project.root / "manifests/persona-plain-7.yaml").rename(project.root / "manifests/moved.yaml"),
        False,
    ),
    "an object goes": (gone("persona", "Plain-2"), False),
    "a stranger": (lambda project: project.account.seed(personas=[persona("stranger")]), True),
    "a stranger of that name": (lambda project: project.account.seed(personas=[persona("plain-2")]), False),
    "a stranger that uses it": (
        lambda project: (
            project.account.seed(personas=[persona("user", document_ids=[project.bound("document/faq")])]),
            live("document", "FAQ", document_name="Other")(project),
        ),
        True,
    ),
    "another secret": (lambda project: project.environment.update(LLM_KEY="other-secret-of-the-llm"), False),
    "a secret in a prompt": (written("plain-1", layers={"llm": LLM}), True),
    "a secret that is not read any more": (written("secretive"), True),
    "a mode that tavusctl does not know": (written("plain-1", pipeline_mode="half"), True),
    "an error": (written("plain-1", system_prompt=5), False),
    "a broken reference": (written("plain-1", document_ids=["${ref:document/nope}"]), False),
    "a reference of another kind": (written("plain-1", document_ids=["${ref:persona/plain-2}"]), False),
    "a text that names a persona": (written("plain-1", system_prompt="Ask ${ref:persona/plain-2 } now."), False),
    "a tool with the name of another": (
        lambda project: project.manifest("tool", "second", {"name": "book", "description": "Books."}),
        False,
    ),
    "an applied edit": (
        lambda project: (written("plain-1", system_prompt="You are new.")(project), project.apply("--no-cache")),
        True,
    ),
    "a state without an object": (command("state", "rm", "persona/plain-2"), False),
    "another key of the state": (command("state", "rekey", "--yes"), True),
    "a schedule": (
        lambda project: project.manifest("document", "faq", FAQ, recrawl={"every": "7d"}),
        False,
    ),
    "protection": (
        lambda project: project.manifest("persona", "plain-1", persona("plain-1"), lifecycle={"prevent_destroy": True}),
        True,
    ),
    "an option": (file("tavusctl.yaml", f"{SETTINGS}safety: {{max_deletes: 9}}\n"), False),
    "another name that may be read": (file("tavusctl.yaml", SETTINGS.replace("LLM_KEY", "LLM_KEY, OTHER")), False),
    "an overlay": (
        lambda project: (
            project.write("laid/a.yaml", "kind: persona\nname: plain-1\nspec: {persona_name: Laid over}\n"),
            project.write(
                "tavusctl.yaml", "version: 1\nsecrets: [LLM_KEY]\nenvironments: {default: {overlay: laid}}\n"
            ),
        ),
        False,
    ),
    "a damaged record": (lambda project: record(project).write_bytes(b"tavusctl cache 3\n" + bytes(99)), False),
}


def prepared(project: Project) -> None:
    """Nothing to do, and a plan has recorded it."""
    project.account.reset()
    project.environment.clear()
    project.environment["LLM_KEY"] = "first-secret-of-the-llm"
    for path in [*project.root.rglob("*.yaml"), *project.root.glob("manifests/*.md")]:
        path.unlink()
    for path in [*project.root.glob(".tavusctl/state*"), *project.root.glob(".tavusctl/runs/*")]:
        path.unlink()
    project.write("tavusctl.yaml", SETTINGS)
    project.write("manifests/shared.md", "You are one of many.\n")
    project.write("manifests/two.md", "You are one of two.\n")
    for name in PLAIN:
        written(name)(project)
    written("texted", system_prompt="${file:shared.md}")(project)
    pair = [
        {"kind": "persona", "name": name, "spec": persona(name, system_prompt="${file:two.md}")}
        for name in ("one", "two")
    ]
    project.write("manifests/pair.yaml", "".join(f"---\n{json.dumps(one)}\n" for one in pair))
    project.manifest("document", "faq", FAQ)
    project.manifest("document", "terms", {"document_name": "Terms", "document_url": "https://docs.example.com/t"})
    project.manifest("guardrails", "safe", SAFE)
    project.manifest("tool", "book", {"name": "book", "description": "Books a table."})
    written("reader", document_ids=["${ref:document/faq}"])(project)
    written("reader-two", document_ids=["${ref:document/faq}", "${ref:document/terms}"])(project)
    written("guarded", guardrails_id="${ref:guardrails/safe}")(project)
    written("secretive", layers={"llm": LLM})(project)
    project.apply()
    project.account.advance(3600)  # the documents are read by now
    project.expect(0, "plan")
    assert record(project).exists()


def record(project: Project) -> Path:
    return project.root / ".tavusctl/cache/default.compared"


def compared(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What incremental plans have logged; a plan of the whole project logs nothing here."""
    return [one.getMessage() for one in caplog.records if one.name == "tavusctl.app.incremental.prepare"]


def report(project: Project, words: Sequence[str]) -> tuple[Result, str]:
    """The result of a command, and the page that it has written."""
    page = project.root / "plan.html"
    page.unlink(missing_ok=True)
    result = project.run(*words)
    return result, page.read_text() if page.exists() else ""


@pytest.mark.sampled(3)
@pytest.mark.parametrize("change", CHANGES)
def test_the_plan_after_one_change_is_that_of_the_whole_project(
    project: Project, change: str, caplog: pytest.LogCaptureFixture
) -> None:
    prepared(project)
    step, incremental = CHANGES[change]
    step(project)
    (project.root / ".tavusctl/cache/default.plan").unlink(missing_ok=True)
    caplog.set_level(logging.INFO, "tavusctl.app.incremental")
    first = report(project, COMMANDS[0])
    assert bool(compared(caplog)) is incremental
    assert first == report(project, (*COMMANDS[0], "--no-cache"))
    for words in (*COMMANDS[1:], COMMANDS[0]):
        assert report(project, words) == report(project, (*words, "--no-cache"))


def test_a_part_without_changes_is_recorded_as_a_whole_plan_is(
    project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    """After an apply, the first plan compares what was applied, and the second one nothing."""
    prepared(project)
    written("plain-1", system_prompt="You are new.")(project)
    project.apply()
    caplog.set_level(logging.INFO, "tavusctl.app.incremental")
    project.account.forget()
    assert "No changes" in project.run("plan").out
    assert len(compared(caplog)) == 1
    written("plain-2", system_prompt="You are new as well.")(project)
    caplog.clear()
    assert "1 to update" in project.run("plan").out
    assert re.fullmatch(r"1\d objects are as they were; compared [5-9]", compared(caplog)[0])  # some of each kind, too
    written("plain-2")(project)
    assert "No changes" in project.run("plan").out
    caplog.clear()
    assert "No changes" in project.run("plan").out
    assert not compared(caplog)  # nothing was different at all


def recorded(project: Project) -> None:
    """A whole plan has recorded what is equal now."""
    for name in ("compared", "plan"):
        (project.root / f".tavusctl/cache/default.{name}").unlink(missing_ok=True)
    project.expect(0, "plan")
    assert record(project).exists()


def same(project: Project, *words: str) -> Result:
    """The result of a plan, which is that of the whole project."""
    (project.root / ".tavusctl/cache/default.plan").unlink(missing_ok=True)
    found = report(project, words or ("plan",))
    assert found == report(project, (*(words or ("plan",)), "--no-cache"))
    return found[0]


def test_a_file_that_declared_nothing_may_declare_something(project: Project) -> None:
    prepared(project)
    project.write("manifests/later.yaml", "# nothing yet\n")
    recorded(project)
    project.manifest("persona", "later", persona("later")).rename(project.root / "manifests/later.yaml")
    assert "1 to create" in same(project).out


def test_two_files_with_one_shown_path_are_not_taken_for_each_other(project: Project) -> None:
    prepared(project)
    project.write("manifests/aa.md", "Old.")
    for path, name, text in (("a\x01.yaml", "aaa", "${file:aa.md}"), ("a\\x01.yaml", "bbb", "You help.")):
        manifest = {"kind": "persona", "name": name, "spec": persona(name, system_prompt=text)}
        (project.root / "manifests" / path).write_text(json.dumps(manifest))
    project.apply()
    project.run("plan")
    project.write("manifests/aa.md", "New.")
    assert "1 to update" in same(project).out


KEY: Final = "kT9vQ2mX7pLr4WzB8nYc"


@pytest.mark.sampled(1)
@pytest.mark.parametrize(
    "layer",
    [
        {"model": "own", "headers": {"x-api-key": KEY}},
        {"model": "own", "extra_body": {"token": KEY}},
        {"model": "own", "base_url": f"https://ann:{KEY}@llm.example.com"},
    ],
)
def test_a_secret_of_an_equal_object_is_hidden_in_others(project: Project, layer: Body) -> None:
    prepared(project)
    live("persona", "Plain-0", layers={"llm": layer})(project)
    recorded(project)
    written("plain-1", system_prompt=f"The key is {KEY}.")(project)
    assert KEY not in same(project).out


VALUE: Final = "tulips-in-the-second-bed"


@pytest.mark.parametrize(
    "reveal",
    [
        live("persona", "Plain-0", layers={"llm": {"model": "own", "headers": {"x-api-key": VALUE}}}),
        lambda project: project.write(".env", f"LLM_KEY={VALUE}\n").chmod(0o600),  # the environment takes precedence
    ],
)
def test_a_text_that_becomes_a_secret_is_recorded_anew(project: Project, reveal: Step) -> None:
    prepared(project)
    written("plain-1", system_prompt=f"Say {VALUE}.")(project)
    project.apply()
    recorded(project)
    reveal(project)
    assert "only to be recorded" in same(project).out


def test_rules_look_at_the_whole_project_again(project: Project) -> None:
    """Files that were the whole project once, without a remark, are now a part of it, with one."""
    prepared(project)
    for path in project.root.glob("manifests/*"):
        path.unlink()
    for name in "abcdefz":
        project.manifest(
            "tool", name, {"name": f"{name}_tool", "description": "One.", "delivery": {"app_message": True}}
        )
    project.apply("--allow-deletes", "19")
    spec = {"name": "z_tool", "description": "One.", "delivery": {"app_message": True}}
    project.manifest("tool", "a", spec, lifecycle={"ignore_changes": ["/name"]})
    project.apply()  # the account keeps the other name
    others = {path: path.read_text() for path in project.root.glob("manifests/tool-[a-f].yaml")}
    for path in others:
        path.unlink()
    project.run("plan")
    for path, text in others.items():
        path.write_text(text)
    for _ in range(3):
        assert "TV214" in same(project, "plan", "--format", "json").out


@pytest.mark.sweep  # the retries take seconds
@pytest.mark.parametrize("paths", [("personas", "documents"), ("documents", "personas"), ("guardrails", "tools")])
def test_of_two_errors_the_same_one_is_reported(project: Project, paths: Sequence[str]) -> None:
    prepared(project)
    written("plain-1", system_prompt="New.")(project)
    for path, status in zip(paths, (500, 503), strict=True):
        project.account.fault(kind="status", status=status, times=1000, match=f"GET /v2/{path}")
    assert same(project).code == 11


def test_steps_are_in_the_same_order(project: Project, caplog: pytest.LogCaptureFixture) -> None:
    prepared(project)
    for name in ("one", "two", "z"):
        project.manifest(
            "tool", name, {"name": f"{name}_tool", "description": "One.", "delivery": {"app_message": True}}
        )
    users = (("aaa", "two"), ("bbb", "one"), ("ccc", "two"))
    for name, tool in users:
        written(name, tool_ids=[f"${{ref:tool/{tool}}}"])(project)
    project.apply()
    recorded(project)
    for name, tool in users[1:]:
        written(name, tool_ids=[f"${{ref:tool/{tool}}}"], system_prompt="New.")(project)
    caplog.set_level(logging.INFO, "tavusctl.app.incremental")
    same(project, "plan", "--format", "json")
    assert compared(caplog)


def test_a_stranger_with_the_live_name_of_an_equal_object_is_reported(project: Project) -> None:
    prepared(project)
    project.manifest("persona", "plain-1", persona("plain-1"), lifecycle={"ignore_changes": ["/persona_name"]})
    project.apply()
    live("persona", "Plain-1", persona_name="Renamed")(project)
    recorded(project)
    project.account.seed(personas=[persona("renamed")])
    assert "TV306" in same(project).out


def test_only_collections_of_managed_objects_are_listed(project: Project) -> None:
    prepared(project)
    body = {"replica_name": "Ann", "train_video_url": "https://a.example.com/v.mp4"}
    [[remote_id]] = project.account.seed(replicas=[body]).values()
    project.write("manifests/ann.yaml", f"kind: replica\nname: ann\nexternal: true\nid: {remote_id}\n")
    recorded(project)
    project.account.fault(kind="status", status=403, times=1000, match="GET /v2/replicas")
    same(project)


def test_an_account_that_lost_a_collection(project: Project) -> None:
    prepared(project)
    project.account.switch(era="seed")
    assert same(project).code == 11


def test_a_place_that_becomes_secret_in_one_manifest_is_secret_in_all(project: Project) -> None:
    prepared(project)
    team = {"team": "blue-team-of-berlin"}
    written("plain-2", layers={"llm": {"model": "tavus-gpt-4o", "extra_body": team}})(project)
    project.apply()
    recorded(project)
    text = "Say blue-team-of-berlin."
    written("plain-1", layers={"llm": {**LLM, "extra_body": {"team": "${secret:LLM_KEY}"}}}, system_prompt=text)(
        project
    )
    assert "1 to update" in same(project).out
    live("persona", "Plain-2", system_prompt="Edited there.")(project)
    same(project, "plan", "--format", "json")


def test_the_state_is_read_before_the_account_also_when_a_part_was_not_enough(project: Project) -> None:
    """Another run ends between the attempt and the plan of the whole project: the plan is of one moment."""
    prepared(project)
    for step, _ in (CHANGES["both sides of one"], CHANGES["a prompt"]):
        step(project)
    applied: list[Result] = []
    with in_session(project, caches=True) as session, session.reader() as api:
        reader = Interrupted(api, lambda: applied.append(project.apply("--target", "persona/plain-1")))
        plan = prepare(session, reader, gates=True).plan
    assert "1 to update" in applied[0].out
    assert [one.address.name for one in plan.drift] == ["plain-5"]
    assert {one.address.name: one.cause for one in plan.steps} == {"plain-1": Cause.EDITED}


@contextlib.contextmanager
def in_session(project: Project, *, caches: bool) -> Iterator[Session]:
    """A session of the project, with its environment variables."""
    variables = {**project.account.variables, "NO_COLOR": "1"}
    with environment_of({**variables, **project.environment}):
        found = open_session(None, TerminalProgress(quiet=True), project.root, caches=caches)
        yield Session.of(found, project.account.url)


def test_what_manifest_state_and_account_have_in_common_is_in_memory_once(project: Project) -> None:
    kind, tools = KINDS["persona"], [{"type": "function", "function": {"name": "open", "description": "Open it."}}]
    layers = {"llm": {"model": "tavus-gpt-4o", "tools": tools}}
    written("plain-1", layers=layers)(project)
    written("plain-2", layers=layers)(project)
    project.apply()
    with in_session(project, caches=False) as session, session.reader() as api:
        plan = prepare(session, api)
        (one, other) = plan.state.bindings.values()
        applied = {binding.remote_id: binding.applied for binding in (one, other)}
        bodies = api.list(kind.collection, kind.listing, kind.id_fields, applied)

    documents = [*(item.spec for item in plan.desired), *applied.values(), *bodies]
    parts = [value_at(document, ("layers", "llm", "tools")) for document in documents]
    assert [part for part in parts if part] == [tools] * 6
    assert len({id(part) for part in parts if part}) == 1


class Interrupted:
    """A reader whose clock is first asked for when another run has just ended."""

    def __init__(self, api: ReadClient, event: Callable[[], object]) -> None:
        self.api, self.event = api, event

    @property
    def response_count(self) -> int:
        return self.api.response_count

    def get(self, path: str, query: Mapping[str, str] | None = None) -> Body:
        return self.api.get(path, query)

    def list(
        self, path: str, listing: Listing, id_fields: tuple[str, ...], known: Mapping[str, Body] = NO_DOCUMENTS
    ) -> list[Body]:
        return self.api.list(path, listing, id_fields, known)

    def server_time(self) -> datetime:
        event, self.event = self.event, lambda: None
        event()
        return self.api.server_time()


steps = st.sampled_from(
    [
        *(step for step, _ in CHANGES.values()),
        command("apply", "--yes", "--allow-deletes", "9"),
        command("apply", "--yes", "--no-cache"),
        command("import", "--match-names"),
        command("plan"),
        command("drift"),
        lambda project: project.account.advance(9 * 86400),
        *(written(name, system_prompt=f"You are {name} anew.") for name in PLAIN),
        *(written(name) for name in PLAIN),
    ]
)


@settings(settings(), max_examples=max(4, settings().max_examples // 12), suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(steps, st.sampled_from(COMMANDS)), min_size=2, max_size=6))
def test_the_plan_after_any_changes_is_that_of_the_whole_project(
    project: Project, done: list[tuple[Step, Sequence[str]]]
) -> None:
    prepared(project)
    for step, words in done:
        with contextlib.suppress(LookupError, FileNotFoundError, AssertionError):  # it may be impossible by now
            step(project)
        assert report(project, words) == report(project, (*words, "--no-cache"))
