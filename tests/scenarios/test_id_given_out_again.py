"""An id that stands for somebody else's object now is not ours, whatever our state remembers."""

from __future__ import annotations

import json

import pytest

from tests.scenarios.everykind import COLLECTIONS, SPECS, actions, each_kind, exists, managed
from tests.scenarios.project import Body, Project

NAMES = {
    "persona": "persona_name",
    "document": "document_name",
    "replica": "replica_name",
    "guardrail": "guardrail_name",
    "voice": "voice_name",
}


def give_out_again(project: Project, kind: str, remote_id: str, spec: Body | None = None) -> Body:
    """Delete an object, and give its id to a stranger's, later; its name is Theirs, unless `spec` has another."""
    project.account.portal_delete(COLLECTIONS[kind], remote_id)
    project.account.advance(5)
    theirs = {**SPECS[kind], NAMES.get(kind, "name"): "Theirs", **(spec or {}), "id": remote_id}
    project.account.seed(**{COLLECTIONS[kind]: [theirs]})
    project.account.forget()
    return project.account.objects(COLLECTIONS[kind])[remote_id]


@each_kind
def test_it_is_neither_patched_nor_deleted(project: Project, kind: str) -> None:
    remote_id = managed(project, kind)
    theirs = give_out_again(project, kind, remote_id)

    assert [one["code"] for one in project.plan()["refused"]] == ["E310"]
    project.expect(3, "apply", "--yes")
    assert [one["cause"] for one in project.run("drift", "--format", "json").document["drift"]] == ["missing"]

    project.remove(kind, "it")
    args = ["--allow-replica-delete", "replica/it"] if kind == "replica" else []
    project.expect(3, "apply", "--yes", "--allow-deletes", "0", *args)
    assert project.account.writes == []
    assert project.account.objects(COLLECTIONS[kind])[remote_id] == theirs


def test_both_ways_out(project: Project) -> None:
    remote_id = managed(project, "persona")
    give_out_again(project, "persona", remote_id)

    project.expect(0, "state", "rm", "persona/it")
    assert actions(project) == {"persona/it": "create"}
    project.expect(0, "import", "persona/it", remote_id)
    assert actions(project) == {"persona/it": "update"}


def test_the_document_of_somebody_else_is_not_crawled(project: Project) -> None:
    site = {**SPECS["document"], "document_url": "https://example.com/site", "crawl": {"depth": 1, "max_pages": 2}}
    project.manifest("document", "site", site, recrawl={"every": "1h"})
    project.apply()
    remote_id = project.bound("document/site")
    project.account.portal_delete("document", remote_id)
    project.account.advance(172800)
    project.account.seed(documents=[{**site, "document_name": "Theirs", "id": remote_id}])
    project.account.forget()

    project.expect(3, "recrawl")
    assert project.account.writes == []


def test_import_says_that_it_is_the_right_one(project: Project) -> None:
    remote_id = managed(project, "persona")
    give_out_again(project, "persona", remote_id)

    project.expect(0, "import", "persona/it", remote_id)
    assert project.plan()["refused"] == []


@pytest.mark.parametrize("spelling", ["{}+00:00", "{}Z", "{}"])
def test_another_spelling_of_the_moment_is_the_same_object(project: Project, spelling: str) -> None:
    remote_id = managed(project, "persona")
    made = project.account.objects("personas")[remote_id]["created_at"].removesuffix("Z")
    project.account.portal("persona", remote_id, {"op": "add", "path": "/created_at", "value": spelling.format(made)})

    assert project.account.objects("personas")[remote_id]["created_at"] == spelling.format(made)
    assert project.plan()["refused"] == []
    assert actions(project) == {}


def test_the_date_is_learned_by_an_apply_of_a_state_without_one(project: Project) -> None:
    remote_id = managed(project, "persona")
    path = project.root / ".tavusctl/state.json"
    state = json.loads(path.read_text())
    assert state["resources"]["persona/it"]["created_at"]

    project.expect(0, "state", "rm", "persona/it")
    project.expect(0, "import", "--match-names")
    assert json.loads(path.read_text())["resources"]["persona/it"]["created_at"]
    assert exists(project, "persona", remote_id)
    project.account.forget()
    project.apply()
    assert project.account.writes == []


def test_a_replacement_is_remembered_with_its_own_date(project: Project) -> None:
    managed(project, "document")
    project.account.advance(60)
    project.manifest("document", "it", {**SPECS["document"], "document_url": "https://example.com/new.pdf"})
    project.apply()
    project.account.advance(3600)
    project.apply()
    project.apply()

    assert (project.plan()["refused"], actions(project)) == ([], {})


@each_kind
def test_verify_says_that_it_is_another_object(project: Project, kind: str) -> None:
    remote_id = managed(project, kind)
    give_out_again(project, kind, remote_id)

    checked = project.run("verify", "--format", "json")

    reasons = [one["reason"] for one in checked.document["checks"] if one["address"] == f"{kind}/it"]
    assert checked.code == 5
    assert reasons[0].startswith(f"{remote_id} is another object now: the bound one was created at "), reasons


def test_talk_begins_no_conversation_with_another_object(project: Project) -> None:
    remote_id = managed(project, "persona")
    give_out_again(project, "persona", remote_id)
    said = project.run("talk", "persona/it", "--yes")
    assert (said.code, project.account.objects("conversations")) == (4, {})
    assert f"`persona/it`: {remote_id} is another object now" in said.err


@each_kind
@pytest.mark.parametrize("undone", ["update", "create"])
def test_an_undo_neither_patches_nor_deletes_it(project: Project, kind: str, undone: str) -> None:
    """Also where it reads as the run has left its predecessor."""
    remote_id = managed(project, kind)
    name = NAMES.get(kind, "name")
    if undone == "update":
        project.manifest(kind, "it", {**SPECS[kind], name: "Theirs"})
        project.apply()
    run = project.run("undo", "--format", "json").document["runs"][0]["run"]
    theirs = give_out_again(project, kind, remote_id, SPECS[kind] if undone == "create" else {})

    args = ["--yes", "--allow-deletes", "1", *(["--allow-replica-delete", "replica/it"] if kind == "replica" else [])]
    ended = project.run("undo", run, *args)

    assert (ended.code, "E310" in ended.out) in {(3, True), (4, True)}, ended.out + ended.err
    assert remote_id not in " ".join(one["path"] for one in project.account.writes)
    assert project.account.objects(COLLECTIONS[kind])[remote_id] == theirs
