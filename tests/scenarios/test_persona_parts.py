"""Tools, skills and the meeting name of a persona: calls of their own, and one entry of the plan all the same."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.scenarios.project import Body, Project

pytestmark = pytest.mark.newer_api

TOOL = {"name": "book_table", "description": "Book a table."}
DECK = {"document_name": "Deck", "document_url": "https://example.com/deck.pdf"}
REPLICA = "rf4703150052"  # of Tavus
PROMPT = "You host."


@pytest.fixture
def today(project: Project) -> Project:
    """An empty project on an account of today."""
    project.account.switch(era="today")
    project.environment["TAVUSCTL_SETTLE"] = "0.1"
    return project


def tool(project: Project, name: str) -> str:
    """A tool of the account; its id."""
    answer = project.account.call("POST", "/v2/tools", {**TOOL, "name": name})
    ident: str = answer.json()["tool_id"]
    return ident


def full(tools: list[str], **more: Any) -> Body:
    return {
        "persona_name": "Host",
        "system_prompt": PROMPT,
        "default_replica_id": REPLICA,
        "tool_ids": tools,
        "skills": {
            "presentation": {"document_ids": ["${ref:document/deck}"], "prompt": "Slowly."},
            "internet_search": {},
        },
        "layers": {"conferencing": {"username": "acme-host", "allowlist": ["acme.example"]}},
        **more,
    }


def host(project: Project) -> Body:
    return project.account.objects("personas")[project.bound("persona/host")]


def skills(project: Project) -> Body:
    return {key: one["config"] for key, one in host(project)["skills"].items()}


def calls(project: Project) -> list[str]:
    """Methods and paths of what was sent, with `ID` for the persona."""
    ident = project.bound("persona/host")
    return [f"{method} {path.replace(ident, 'ID')}" for method, path, _ in project.account.sent]


def last(project: Project) -> str:
    """The newest run."""
    return project.run("undo").out.split()[0]


@pytest.fixture
def made(today: Project) -> tuple[Project, list[str]]:
    """A project with a persona that has every part; the ids of three tools, of which it has two."""
    tools = [tool(today, f"tool_{number}") for number in range(3)]
    today.manifest("document", "deck", DECK)
    today.manifest("persona", "host", full([tools[1], "end_call", tools[0]]))
    today.apply()
    return today, tools


def test_the_parts_follow_the_create_and_the_second_plan_is_empty(made: tuple[Project, list[str]]) -> None:
    project, tools = made
    deck = project.bound("document/deck")

    assert calls(project)[4:] == [
        "POST /v2/personas",
        "POST /v2/pals/ID/tools",
        "PUT /v2/pals/ID/skills/presentation",
        "PUT /v2/pals/ID/skills/internet_search",
        "PATCH /v2/personas/ID",
    ]
    assert host(project)["tool_ids"] == [tools[1], "end_call", tools[0]]
    assert skills(project) == {
        "presentation": {"document_ids": [deck], "prompt": "Slowly.", "slides_trigger": "on_demand"},
        "internet_search": {},
    }
    assert host(project)["layers"]["conferencing"]["username"] == "acme-host"
    project.account.forget()
    assert (project.plan()["changes"], project.run("plan").out.count("No changes")) == ([], 1)
    project.apply()
    assert project.account.writes == []


def test_the_plan_is_one_entry_that_shows_every_part(today: Project) -> None:
    deck = "${ref:document/deck}"
    today.manifest("document", "deck", DECK)
    today.manifest("persona", "host", full(["end_call"]))

    text = today.run("plan").out

    assert text.count("persona/host") == 1
    for line in ("/tool_ids:", "/skills/internet_search: {}", f'/skills/presentation: {{"document_ids": ["{deck}"]'):
        assert line in " ".join(text.split())


def test_an_account_whose_personas_have_no_part_costs_no_further_read(today: Project) -> None:
    today.manifest("persona", "host", {"persona_name": "Host", "system_prompt": PROMPT})
    today.apply_and_forget()

    assert today.plan()["changes"] == []

    assert [one["path"] for one in today.account.requests] == ["/v2/personas"]


def test_an_edit_makes_the_calls_of_what_differs_and_no_others(made: tuple[Project, list[str]]) -> None:
    project, tools = made
    edited = full([tools[2], tools[0]], system_prompt="You host kindly.")
    edited["skills"] = {"presentation": {"document_ids": ["${ref:document/deck}"]}, "memory": {}}
    edited["layers"]["conferencing"]["username"] = "acme-hostess"
    project.manifest("persona", "host", edited)
    project.account.forget()

    (change,) = project.plan()["changes"]
    project.apply()

    assert {one["path"] for one in change["fields"]} == {
        "/layers/conferencing/username",
        "/skills/internet_search",
        "/skills/memory",
        "/skills/presentation/prompt",
        "/system_prompt",
        "/tool_ids",
    }
    assert calls(project) == [
        "PATCH /v2/personas/ID",
        f"DELETE /v2/pals/ID/tools/{tools[1]}",
        "DELETE /v2/pals/ID/tools/end_call",
        "POST /v2/pals/ID/tools",
        "DELETE /v2/pals/ID/skills/internet_search",
        "PATCH /v2/pals/ID/skills/presentation",
        "PUT /v2/pals/ID/skills/memory",
        "PATCH /v2/personas/ID",
    ]
    assert project.account.sent[3][2] == {"tool_ids": [tools[2]]}
    assert project.account.sent[5][2] == {"config": {"prompt": None}}
    assert host(project)["tool_ids"] == [tools[0], tools[2]]
    assert project.plan()["changes"] == []


def test_conferencing_beside_a_prompt_is_patched_on_its_own(made: tuple[Project, list[str]]) -> None:
    project, tools = made
    edited = full([tools[1], "end_call", tools[0]], system_prompt="You host kindly.")
    edited["layers"]["conferencing"]["allowlist"] = []
    project.manifest("persona", "host", edited)
    project.account.forget()

    project.apply()

    paths = [[one["path"] for one in body] for _, _, body in project.account.sent]
    assert paths == [["/system_prompt"], ["/layers/conferencing/allowlist/0"]]
    assert (host(project)["system_prompt"], host(project)["layers"]["conferencing"]["allowlist"]) == (
        "You host kindly.",
        [],
    )


def test_a_skill_that_the_manifest_never_had_is_not_managed_and_null_detaches_one(today: Project) -> None:
    spec = {"persona_name": "Host", "system_prompt": PROMPT, "skills": {"internet_search": {}}}
    today.manifest("persona", "host", spec)
    today.apply()
    ident = today.bound("persona/host")
    for skill in ("memory", "magic_canvas"):
        answer = today.account.call("PUT", f"/v2/pals/{ident}/skills/{skill}", {"config": {}})
        assert answer.is_success
    assert today.plan()["changes"] == []
    today.manifest("persona", "host", {**spec, "skills": {"memory": None}})
    today.account.forget()

    today.apply()

    assert [one.partition(" ")[::2] for one in calls(today)] == [
        ("DELETE", "/v2/pals/ID/skills/internet_search"),
        ("DELETE", "/v2/pals/ID/skills/memory"),
    ]
    assert [*skills(today)] == ["magic_canvas"]
    assert today.plan()["changes"] == []
    today.manifest("persona", "host", {key: value for key, value in spec.items() if key != "skills"})
    today.apply()
    assert [*skills(today)] == ["magic_canvas"]


def moved_in_the_portal(project: Project, tools: list[str]) -> None:
    ident = project.bound("persona/host")
    for method, path, body in (
        ("DELETE", f"tools/{tools[1]}", None),
        ("POST", "tools", {"tool_ids": [tools[2]]}),
        ("DELETE", "skills/internet_search", None),
        ("PATCH", "skills/presentation", {"config": {"slides_trigger": "walk_the_deck", "prompt": "Fast."}}),
    ):
        assert project.account.call(method, f"/v2/pals/{ident}/{path}", body).is_success
    edit = {"op": "replace", "path": "/layers/conferencing/username", "value": "acme-other"}
    assert project.account.call("PATCH", f"/v2/personas/{ident}", [edit]).is_success
    project.account.forget()


@pytest.mark.parametrize("left", [{}, {"conferencing": {"allowlist": ["acme.example"]}}], ids=["whole", "in part"])
def test_a_meeting_name_is_removed_before_the_face_that_it_needs(made: tuple[Project, list[str]], left: Body) -> None:
    """The API refuses a meeting name without a face: to remove both, and to undo that, they have an order."""
    project, tools = made
    dropped = full([tools[1], "end_call", tools[0]], layers=left)
    del dropped["default_replica_id"]
    before = host(project)
    project.manifest("persona", "host", dropped)
    project.account.forget()

    project.apply()

    paths = [[one["path"] for one in body] for _, _, body in project.account.sent]
    assert paths[-1] == ["/default_replica_id"]
    assert not host(project)["default_replica_id"]
    assert project.plan()["changes"] == []
    project.expect(0, "undo", project.run("undo").out.split()[0], "--yes")
    assert {**host(project), "updated_at": ""} == {**before, "updated_at": ""}


MOVED = {"/layers/conferencing/username", "/skills/internet_search", "/skills/presentation/prompt", "/tool_ids"}


def test_drift_is_told_and_put_right(made: tuple[Project, list[str]]) -> None:
    project, tools = made
    before = host(project)
    moved_in_the_portal(project, tools)

    drift = project.run("drift", "--detailed-exitcode", "--format", "json")
    result = project.run("apply", "--yes", "--overwrite", "persona/host")

    assert drift.code == 2
    assert {one["path"] for entry in drift.document["drift"] for one in entry["fields"]} == MOVED
    assert result.code == 0, result.out + result.err
    assert {*host(project)["tool_ids"]} == {*before["tool_ids"]}
    assert skills(project)["internet_search"] == {}
    assert host(project)["layers"]["conferencing"]["username"] == "acme-host"
    assert project.plan()["changes"] == []


def test_drift_is_adopted(made: tuple[Project, list[str]]) -> None:
    project, tools = made
    moved_in_the_portal(project, tools)

    adopted = project.run("adopt", "--all")

    assert adopted.code == 0, adopted.out + adopted.err
    assert project.account.writes == []
    assert project.plan()["changes"] == []
    text = (project.root / "manifests/persona-host.yaml").read_text()
    assert "internet_search" not in text
    assert ("Fast." in text, "acme-other" in text, tools[2] in text, tools[1] in text) == (True, True, True, False)


def test_an_undo_takes_every_call_back_in_one_entry(made: tuple[Project, list[str]]) -> None:
    project, tools = made
    before, was = host(project), skills(project)
    edited = full([tools[2], tools[0]], system_prompt="You host kindly.")
    edited["skills"] = {"presentation": {"document_ids": ["${ref:document/deck}"]}, "memory": {}}
    edited["layers"] = {}
    project.manifest("persona", "host", edited)
    project.apply()
    assert "conferencing" not in host(project)["layers"]

    undone = project.run("undo", last(project), "--yes", "--format", "json")

    assert undone.code == 0, undone.out + undone.err
    (change,) = undone.document["outcomes"]
    assert (change["address"], change["status"]) == ("persona/host", "done")
    assert {*host(project)["tool_ids"]} == {*before["tool_ids"]}
    assert skills(project) == was
    assert (host(project)["system_prompt"], host(project)["layers"]) == (PROMPT, before["layers"])


def test_an_undo_again_changes_nothing(made: tuple[Project, list[str]]) -> None:
    project, tools = made
    edited = full([tools[2], tools[0]], system_prompt="You host kindly.")
    edited["skills"] = {"presentation": {"document_ids": ["${ref:document/deck}"]}, "memory": {}}
    edited["layers"] = {}
    project.manifest("persona", "host", edited)
    project.apply()
    run = last(project)
    assert project.run("undo", run, "--yes").code == 0
    project.account.forget()

    again = project.run("undo", run, "--yes")

    assert (again.code, project.account.writes) == (0, []), again.out
    assert "No changes" in again.out


def test_what_somebody_has_reversed_is_recorded_as_reversed(made: tuple[Project, list[str]]) -> None:
    """All of it: the next plan shows the manifest's changes, and no drift."""
    project, tools = made
    edited = full([tools[2], tools[0]], system_prompt="You host kindly.")
    project.manifest("persona", "host", edited)
    project.apply()
    theirs = {"/tool_ids": [tools[1], "end_call", tools[0]], "/system_prompt": PROMPT}
    operations = [{"op": "replace", "path": path, "value": value} for path, value in theirs.items()]
    project.account.portal("persona", project.bound("persona/host"), *operations)

    undone = project.run("undo", last(project), "--yes")

    (change,) = project.plan()["changes"]
    assert undone.code == 0, undone.out
    assert {field["path"]: field["cause"] for field in change["fields"]} == dict.fromkeys(theirs, "edited")


@pytest.mark.sampled(3)
@pytest.mark.parametrize("edited", ["/system_prompt", "/tool_ids", "/layers/conferencing/allowlist"])
def test_an_undo_changes_nothing_of_an_object_of_which_one_call_was_edited_since(
    made: tuple[Project, list[str]], edited: str
) -> None:
    project, tools = made
    changed = full([tools[2], tools[0]], system_prompt="You host kindly.")
    changed["layers"] = {"conferencing": {"username": "acme-host", "allowlist": ["other.example"]}}
    project.manifest("persona", "host", changed)
    project.apply()
    theirs = "Theirs." if edited == "/system_prompt" else [tools[1]] if edited == "/tool_ids" else ["third.example"]
    project.edit_in_portal("persona/host", edited, theirs)
    before = host(project)
    project.account.forget()

    undone = project.run("undo", last(project), "--yes")

    assert (undone.code, project.account.writes, host(project)) == (3, [], before), undone.out
    assert f"{edited} was edited since" in undone.out
    project.apply()
    assert project.plan()["changes"] == []


def test_an_undo_of_the_create_deletes_what_is_still_as_it_was_made(made: tuple[Project, list[str]]) -> None:
    project, tools = made
    moved_in_the_portal(project, tools)

    undone = project.run("undo", last(project), "--yes")

    assert undone.code == 3
    for place in ("/layers/conferencing/username", "/skills/internet_search", "/tool_ids"):
        assert place in undone.out
    assert project.bound("persona/host") in project.account.objects("personas")


def test_an_undone_delete_brings_every_part_back(made: tuple[Project, list[str]]) -> None:
    project, tools = made
    was, layers = skills(project), host(project)["layers"]
    project.remove("persona", "host")
    project.apply("--allow-deletes", "1")

    undone = project.run("undo", last(project), "--yes", "--recreate")

    assert undone.code == 0, undone.out + undone.err
    assert {*host(project)["tool_ids"]} == {"end_call", *tools[:2]}
    assert (skills(project), host(project)["layers"]) == (was, layers)


def test_an_undo_plans_no_change_of_a_set_that_lost_a_deleted_member(today: Project) -> None:
    """Without consent to create the member again, nothing can restore the set; of several calls, any may show that."""
    today.manifest("tool", "old", {**TOOL, "name": "old"})
    today.manifest(
        "persona", "host", {"persona_name": "Host", "system_prompt": PROMPT, "tool_ids": ["${ref:tool/old}"]}
    )
    today.apply()
    today.remove("tool", "old")
    today.manifest("tool", "new", {**TOOL, "name": "new"})
    today.manifest(
        "persona", "host", {"persona_name": "Host", "system_prompt": PROMPT, "tool_ids": ["${ref:tool/new}"]}
    )
    today.apply("--allow-deletes", "1")

    undone = today.expect(4, "undo", last(today), "--yes")

    assert "! persona/host: update refused [E307]\n    it referred to tool/old, which was deleted" in undone.out
    assert "skipped" not in undone.out


def test_an_export_has_every_part_and_the_next_plan_is_empty(made: tuple[Project, list[str]], tmp_path: Any) -> None:
    project, _ = made
    (tmp_path / "other").mkdir()
    other = Project(tmp_path / "other", project.account)

    exported = other.run("export")

    assert exported.code == 0, exported.out + exported.err
    text = "".join(path.read_text() for path in other.root.rglob("*.yaml"))
    for words in ("internet_search: {}", "document_ids:", "username: acme-host", "end_call", "${ref:tool/"):
        assert words in text
    assert other.plan()["changes"] == []


def test_a_document_that_a_skill_shows_is_not_deleted(made: tuple[Project, list[str]]) -> None:
    project, _ = made
    stranger = project.account.call("POST", "/v2/personas", {"persona_name": "S", "system_prompt": PROMPT}).json()
    config = {"config": {"document_ids": [project.bound("document/deck")]}}
    path = f"/v2/pals/{stranger['persona_id']}/skills/presentation"
    assert project.account.call("PUT", path, config).is_success
    project.remove("persona", "host")
    project.remove("document", "deck")
    project.write("manifests/empty.yaml", "")

    result = project.run("apply", "--yes", "--allow-deletes", "2")

    assert result.code in (3, 4)
    assert stranger["persona_id"] in result.out
    assert project.account.objects("documents")


FAULTY: list[tuple[str, int]] = [
    ("POST /v2/personas", 0),
    ("POST /v2/pals/*/tools", 0),
    ("PUT /v2/pals/*/skills/*", 0),
    ("PUT /v2/pals/*/skills/*", 1),
    ("PATCH /v2/personas/*", 0),
    ("PATCH /v2/personas/*", 3),
]


@pytest.mark.parametrize("phase", ["before", "after"])
@pytest.mark.parametrize(("match", "skip"), FAULTY, ids=[f"{match} after {skip}" for match, skip in FAULTY])
def test_a_lost_answer_costs_nothing(today: Project, match: str, skip: int, phase: str) -> None:
    today.manifest("document", "deck", DECK)
    today.manifest("persona", "host", full(["end_call"]))
    today.account.fault(match=match, kind="drop", phase=phase, skip=skip)

    first = today.run("apply", "--yes")
    if first.code:
        assert first.code == 6, first.out + first.err
        today.apply()

    assert len(today.account.objects("personas")) == 1
    assert host(today)["tool_ids"] == ["end_call"]
    assert [*skills(today)] == ["presentation", "internet_search"]
    assert host(today)["layers"]["conferencing"]["username"] == "acme-host"
    assert today.plan()["changes"] == []


@pytest.mark.parametrize(
    ("match", "left"),
    [
        (
            "POST /v2/pals/*/tools",
            {"/layers/conferencing", "/skills/internet_search", "/skills/presentation", "/tool_ids"},
        ),
        ("PUT /v2/pals/*/skills/internet_search", {"/layers/conferencing", "/skills/internet_search"}),
    ],
)
def test_a_create_whose_later_call_is_refused_is_bound_and_finished(today: Project, match: str, left: set[str]) -> None:
    today.manifest("document", "deck", DECK)
    today.manifest("persona", "host", full(["end_call"]))
    today.account.fault(match=match, kind="status", status=422, body={"error": "Not now."})

    result = today.expect(5, "apply", "--yes", "--format", "json")

    (outcome,) = [one for one in result.document["outcomes"] if one["address"] == "persona/host"]
    ident = today.bound("persona/host")
    assert outcome["status"] == "failed"
    assert outcome["reason"].startswith(f"created as {ident}; the next run finishes it: ")
    assert "was refused with 422: Not now." in outcome["reason"]
    (change,) = today.plan()["changes"]
    assert {"/".join(one["path"].split("/")[:3]) for one in change["fields"]} == left
    today.apply()
    assert today.bound("persona/host") == ident
    assert today.plan()["changes"] == []


def test_an_update_whose_later_call_is_refused_says_what_was_written(made: tuple[Project, list[str]]) -> None:
    project, tools = made
    edited = full([tools[2], tools[0]], system_prompt="You host kindly.")
    edited["skills"]["memory"] = {}
    project.manifest("persona", "host", edited)
    project.account.fault(match="POST /v2/pals/*/tools", kind="status", status=422, body={"error": "Not now."})

    result = project.run("apply", "--yes", "--format", "json")

    (outcome,) = result.document["outcomes"]
    assert (result.code, outcome["status"]) == (5, "failed")
    (written,) = re.findall(r"; see manifests/persona-host\.yaml:(\d+):\d+", outcome["reason"])
    line = (project.root / "manifests/persona-host.yaml").read_text("utf-8").splitlines()[int(written) - 1]
    assert line.strip().startswith('"tool_ids"')
    assert re.sub("; see [^;]*", "", outcome["reason"]) == (
        "`/tool_ids` was refused with 422: Not now.; "
        "/system_prompt, /tool_ids of it was written, and the next run does the rest"
    )
    (change,) = project.plan()["changes"]
    assert {one["path"]: one["cause"] for one in change["fields"]} == {
        "/skills/memory": "edited",
        "/tool_ids": "edited",
    }
    project.apply()
    assert {*host(project)["tool_ids"]} == {tools[0], tools[2]}
    undone = project.run("undo", last(project), "--yes")
    assert undone.code == 0, undone.out + undone.err


@pytest.mark.older_api
def test_an_older_account_is_told_plainly(project: Project) -> None:
    spec = {"persona_name": "Host", "system_prompt": PROMPT, "skills": {"internet_search": {}}}
    project.manifest("persona", "host", spec)

    result = project.expect(5, "apply", "--yes")

    assert "the API of this account has no calls for `/skills` of a persona" in result.out
    assert "leave it out of the manifest" in result.out
    del spec["skills"]
    project.manifest("persona", "host", spec)
    project.apply_and_forget()
    project.apply()
    assert [one["path"] for one in project.account.requests if "/pals" in one["path"]] == []


def test_a_skill_that_the_api_does_not_know_is_named(today: Project) -> None:
    spec = {"persona_name": "Host", "system_prompt": PROMPT, "skills": {"teleport": {"to": "here"}}}
    today.manifest("persona", "host", spec)

    result = today.expect(5, "apply", "--yes")

    assert "`/skills/teleport` was refused with 404: Unknown skill 'teleport'" in result.out


def test_what_is_detached_already_is_done(made: tuple[Project, list[str]]) -> None:
    project, tools = made
    project.manifest("persona", "host", full(["end_call", tools[0]]))
    not_attached = {"error": "Bad Request. Tool not attached to this PAL"}
    project.account.fault(
        match="DELETE /v2/pals/*/tools/*", kind="status", status=400, body=not_attached, phase="after"
    )

    assert project.run("apply", "--yes").code == 0
    assert host(project)["tool_ids"] == ["end_call", tools[0]]


def drafted(project: Project) -> None:
    edit = [{"op": "replace", "path": "/system_prompt", "value": "Edited in PAL Maker."}]
    body = {"id": project.bound("persona/host"), "account": project.account.key, "patch": edit}
    project.account.control("POST", "drafts", body)


@pytest.mark.parametrize("guard", ["patch", "everything"])
def test_a_draft_keeps_out_what_it_blocks_and_nothing_else(made: tuple[Project, list[str]], guard: str) -> None:
    project, tools = made
    drafted(project)
    project.account.switch(era="today", drafts_guard=guard)
    edited = full([tools[0]], system_prompt="You host kindly.")
    edited["layers"]["conferencing"]["username"] = "acme-hostess"
    project.manifest("persona", "host", edited)

    result = project.run("apply", "--yes", "--format", "json")

    (outcome,) = result.document["outcomes"]
    assert (result.code, outcome["status"]) == (3, "failed")
    assert outcome["reason"].startswith("maker_changes: ")
    assert host(project)["layers"]["conferencing"]["username"] == "acme-hostess"
    assert (host(project)["tool_ids"] == [tools[0]]) == (guard == "patch")
    assert host(project)["system_prompt"] == PROMPT
    left = {one["path"] for change in project.plan()["changes"] for one in change["fields"]}
    assert left == {"/system_prompt"} | ({"/tool_ids"} if guard == "everything" else set())
    assert project.run("apply", "--yes", "--discard-drafts", "persona/host").code == 0
    assert host(project)["system_prompt"] == "You host kindly."
    assert project.plan()["changes"] == []


def test_an_edit_of_a_part_between_plan_and_call_is_not_written_over(made: tuple[Project, list[str]]) -> None:
    project, tools = made
    project.manifest("persona", "host", full([tools[0]]))
    ident = project.bound("persona/host")
    patch = [{"op": "replace", "path": "/tool_ids", "value": [tools[2]]}]
    edit = {"kind": "personas", "id": ident, "account": project.account.key, "patch": patch}
    project.account.control("POST", "portal", {**edit, "when": {"before": "GET /v2/personas/*"}})

    result = project.run("apply", "--yes")

    assert result.code == 3, result.out
    assert host(project)["tool_ids"] == [tools[2]]


def test_a_meeting_name_that_another_write_costs_is_told_and_written_again(made: tuple[Project, list[str]]) -> None:
    project, tools = made
    project.manifest("persona", "host", full([tools[1], "end_call", tools[0]], system_prompt="You host kindly."))
    patch = [{"op": "replace", "path": "/layers/conferencing/username", "value": None}]
    edit = {"kind": "personas", "id": project.bound("persona/host"), "account": project.account.key, "patch": patch}
    when = {"after": "PATCH /v2/personas/*"}  # tests alone change nothing
    project.account.control("POST", "portal", {**edit, "when": when})

    result = project.run("apply", "--yes")

    assert result.code == 5, result.out
    assert "written, but /layers/conferencing/username was lost during the write" in result.out + result.err
    project.apply("--overwrite", "persona/host")
    assert host(project)["layers"]["conferencing"]["username"] == "acme-host"
    assert project.plan()["changes"] == []


def unpublished(project: Project) -> list[str]:
    """Personas with a draft."""
    return [one["id"] for one in project.account.control("GET", "drafts")["drafts"]]


PART_EDITS: dict[str, Callable[[list[str]], Body]] = {
    "a tool less": lambda tools: full([tools[1], "end_call"]),
    "a tool more": lambda tools: full([*tools, "end_call"]),
    "another deck": lambda tools: edited_skill(tools, slides_trigger="walk_the_deck"),
    "a skill less": lambda tools: {**full([tools[1], "end_call", tools[0]]), "skills": {"internet_search": None}},
    "a skill more": lambda tools: {**full([tools[1], "end_call", tools[0]]), "skills": {"memory": {}}},
}


def edited_skill(tools: list[str], **config: Any) -> Body:
    spec = full([tools[1], "end_call", tools[0]])
    return {**spec, "skills": {**spec["skills"], "presentation": {**spec["skills"]["presentation"], **config}}}


@pytest.mark.parametrize("edit", PART_EDITS)
def test_a_draft_that_blocks_a_part_alone_is_thrown_away_where_the_command_line_says_so(
    made: tuple[Project, list[str]], edit: str
) -> None:
    project, tools = made
    drafted(project)
    project.account.switch(era="today", drafts_guard="everything")
    project.manifest("persona", "host", PART_EDITS[edit](tools))

    blocked = project.run("apply", "--yes")
    kept = unpublished(project)
    done = project.run("apply", "--yes", "--format", "json", "--discard-drafts", "persona/host")

    assert (blocked.code, kept) == (3, [project.bound("persona/host")])
    (outcome,) = done.document["outcomes"]
    assert (done.code, outcome["status"]) == (0, "done")
    assert outcome["reason"] == "unpublished edits in PAL Maker were discarded"
    assert unpublished(project) == []
    assert project.plan()["changes"] == []


def test_a_part_that_is_blocked_whatever_is_given_up_says_so(made: tuple[Project, list[str]]) -> None:
    project, tools = made
    drafted(project)
    project.account.switch(era="today", drafts_guard="unforced")
    project.manifest("persona", "host", full([tools[0]]))

    result = project.run("apply", "--yes", "--discard-drafts", "persona/host")

    assert result.code == 3
    assert "the API does not let this call discard them; publish or discard them there" in result.out + result.err
    assert "--discard-drafts" not in result.out + result.err
    assert len(host(project)["tool_ids"]) == 3
    assert unpublished(project) == [project.bound("persona/host")]
    assert "TV334" not in {one["id"] for one in project.plan()["warnings"]}


@pytest.mark.parametrize("phase", ["before", "after"])
def test_a_forced_call_of_a_part_of_which_nothing_is_heard_says_what_it_may_have_cost(
    made: tuple[Project, list[str]], phase: str
) -> None:
    """An answer that is lost is looked for and the call sent once more; every answer is lost here."""
    project, tools = made
    drafted(project)
    project.account.switch(era="today", drafts_guard="everything")
    project.manifest("persona", "host", full([tools[1], "end_call"]))
    match = f"DELETE /v2/pals/{project.bound('persona/host')}/tools/*"
    project.account.fault(match=match, skip=1, kind="drop", phase=phase, times=None)

    ended = project.run("apply", "--yes", "--format", "json", "--discard-drafts", "persona/host")

    (outcome,) = ended.document["outcomes"]
    if phase == "after":
        assert (ended.code, outcome["reason"]) == (0, "unpublished edits in PAL Maker were discarded")
    else:
        assert (ended.code, outcome["status"]) == (6, "unknown")
        assert "unpublished edits in PAL Maker may have been discarded" in outcome["reason"]
        (warning,) = [one for one in project.plan()["warnings"] if one["id"] == "TV334"]
        assert "may have discarded unpublished edits of `persona/host`" in warning["message"]


def test_a_replaced_document_moves_on_in_the_skills_that_show_it(made: tuple[Project, list[str]]) -> None:
    project, _ = made
    project.account.advance(3600)
    old = project.bound("document/deck")
    project.manifest("document", "deck", {**DECK, "document_url": "https://example.com/new-deck.pdf"})
    project.account.switch(era="today", processing_seconds=0)
    project.account.forget()

    project.apply()

    new = project.bound("document/deck")
    assert new != old
    assert skills(project)["presentation"]["document_ids"] == [new]
    assert [*project.account.objects("documents")] == [new]
    assert [one for one in calls(project) if "skills" in one] == ["PATCH /v2/pals/ID/skills/presentation"]
    assert project.plan()["changes"] == []


def test_parts_that_a_list_leaves_out_are_read_where_they_are_managed(made: tuple[Project, list[str]]) -> None:
    project, tools = made
    project.manifest("persona", "other", {"persona_name": "Other", "system_prompt": PROMPT})
    project.account.switch(era="today", personas_list="short")
    project.apply_and_forget()

    plan = project.plan()

    assert (plan["changes"], plan["drift"]) == ([], [])
    read = [one["path"] for one in project.account.requests if one["path"].startswith("/v2/personas/")]
    assert read == [f"/v2/personas/{project.bound('persona/host')}"]
    moved_in_the_portal(project, tools)
    (drift,) = project.run("drift", "--format", "json").document["drift"]
    assert {one["path"] for one in drift["fields"]} == MOVED


@pytest.mark.newer_api
def test_a_part_of_the_canvas_is_switched_on_again(project: Project) -> None:
    """The service stores only what differs from the default, so no read shows `enabled: true`."""
    off, on = ({"components": {"chart": {"enabled": enabled}}} for enabled in (False, True))
    empty: Body = {"components": {}}
    for canvas in (on, off, on, empty, off, empty):
        project.manifest("persona", "it", {"system_prompt": "You draw.", "skills": {"magic_canvas": canvas}})
        project.apply()
        (read,) = project.account.objects("personas").values()
        shown = read["skills"]["magic_canvas"]["config"]["components"]
        assert shown == ({"chart": {"enabled": False}} if canvas is off else {})
        assert project.plan()["changes"] == []


@pytest.mark.newer_api
@pytest.mark.parametrize("canvas", [{"components": {"chart": {"enabled": True}}}, {"components": {"chart": {}}}, {}])
def test_a_canvas_with_nothing_but_defaults_is_attached(project: Project, canvas: Body) -> None:
    project.manifest("persona", "it", {"system_prompt": "You draw."})
    project.apply()
    project.manifest("persona", "it", {"system_prompt": "You draw.", "skills": {"magic_canvas": canvas}})
    project.apply()
    remote_id = project.bound("persona/it")
    assert "magic_canvas" in project.account.objects("personas")[remote_id]["skills"]

    project.account.call("DELETE", f"/v2/pals/{remote_id}/skills/magic_canvas")
    assert [change["cause"] for change in project.plan()["changes"]] == ["drifted"]
    project.apply()
    assert "magic_canvas" in project.account.objects("personas")[remote_id]["skills"]
