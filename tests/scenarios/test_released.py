"""`external: true` gives an object up: the plan says so, and nothing that follows deletes it."""

from __future__ import annotations

import json

import pytest

from tests.scenarios.everykind import SPECS, actions, each_kind, exists, managed
from tests.scenarios.project import Project


def hand_over(project: Project, kind: str, remote_id: str, name: str = "it") -> None:
    """Make the manifest of an object say that others have it."""
    project.remove(kind, "it")
    document = {"kind": kind, "name": name, "external": True, "id": remote_id}
    project.write(f"manifests/{kind}-{name}.yaml", json.dumps(document))


@each_kind
def test_what_becomes_external_is_forgotten_and_never_deleted(project: Project, kind: str) -> None:
    remote_id = managed(project, kind)
    hand_over(project, kind, remote_id)

    assert actions(project) == {f"{kind}/it": "forget"}
    project.expect(2, "plan", "--detailed-exitcode")
    assert "released: declared external" in project.run("plan").out
    project.account.forget()
    assert "released" in project.apply().out
    assert project.account.writes == []
    assert f"{kind}/it" not in project.run("state", "list").out

    project.remove(kind, "it")
    assert actions(project) == {}
    project.expect(4, "apply", "--yes", "--allow-deletes", "1")
    assert exists(project, kind, remote_id)


@each_kind
def test_a_plan_file_releases_and_does_not_delete(project: Project, kind: str) -> None:
    remote_id = managed(project, kind)
    hand_over(project, kind, remote_id)
    project.expect(0, "plan", "--out", "plan.json")
    project.expect(0, "apply", "plan.json")

    project.remove(kind, "it")
    project.expect(0, "plan", "--out", "plan.json")
    project.expect(0, "apply", "plan.json")
    assert exists(project, kind, remote_id)


@each_kind
def test_under_another_name_it_is_released_as_well(project: Project, kind: str) -> None:
    remote_id = managed(project, kind)
    hand_over(project, kind, remote_id, "theirs")

    assert actions(project) == {f"{kind}/it": "forget"}
    project.apply()
    project.remove(kind, "theirs")
    assert (actions(project), exists(project, kind, remote_id)) == ({}, True)


def test_one_that_is_targeted_is_released_alone(project: Project) -> None:
    remote_id = managed(project, "persona")
    hand_over(project, "persona", remote_id)
    project.manifest("guardrails", "other", {**SPECS["guardrails"], "name": "Edited"})

    assert actions(project, "--target", "persona/it") == {"persona/it": "forget"}
    project.apply("--target", "persona/it")
    assert actions(project) == {"guardrails/other": "update"}


def test_destroy_releases_it(project: Project) -> None:
    remote_id = managed(project, "persona")
    hand_over(project, "persona", remote_id)

    project.expect(0, "destroy", "--yes", "--allow-deletes", "1")
    assert exists(project, "persona", remote_id)
    assert project.run("state", "list").out == ""


def test_another_object_at_the_address_is_what_references_mean_from_then_on(project: Project) -> None:
    old = managed(project, "guardrails")
    persona = {**SPECS["persona"], "guardrails_id": "${ref:guardrails/it}"}
    project.manifest("persona", "it", persona)
    project.apply()
    (theirs,) = project.account.seed(guardrails=[{**SPECS["guardrails"], "name": "Theirs"}])["guardrails"]
    hand_over(project, "guardrails", theirs)

    planned = project.plan()
    assert actions(project) == {"guardrails/it": "forget", "persona/it": "update"}
    assert [one["cause"] for one in planned["changes"]] == ["edited", "edited"]
    assert planned["drift"] == []
    project.apply()
    (found,) = project.account.objects("personas").values()
    assert found["guardrails_id"] == theirs
    assert exists(project, "guardrails", old)
    assert actions(project) == {}


def test_a_reference_to_what_is_released_goes_on(project: Project) -> None:
    remote_id = managed(project, "guardrails")
    project.manifest("persona", "it", {**SPECS["persona"], "guardrails_id": "${ref:guardrails/it}"})
    project.apply()
    hand_over(project, "guardrails", remote_id)
    project.manifest(
        "persona", "it", {**SPECS["persona"], "system_prompt": "Anew.", "guardrails_id": "${ref:guardrails/it}"}
    )

    outcome = project.apply()
    assert "not kept" not in outcome.out
    assert actions(project) == {}


@each_kind
def test_the_way_back_is_taken_knowingly(project: Project, kind: str) -> None:
    remote_id = managed(project, kind)
    hand_over(project, kind, remote_id)
    project.apply()
    project.manifest(kind, "it", SPECS[kind])

    refused = project.plan()["refused"]
    assert [(one["address"], one["code"]) for one in refused] == [(f"{kind}/it", "E401")]
    project.expect(0, "import", f"{kind}/it", remote_id)
    project.apply()
    assert project.bound(f"{kind}/it") == remote_id
    assert actions(project) == {}


def test_undo_of_a_release_binds_it_again(project: Project) -> None:
    remote_id = managed(project, "persona")
    hand_over(project, "persona", remote_id)
    project.apply()
    run = project.run("undo").out.split()[0]

    project.expect(0, "undo", run, "--yes")
    assert project.bound("persona/it") == remote_id


def test_the_old_version_of_a_replaced_document_stays_when_others_have_it(project: Project) -> None:
    remote_id = managed(project, "document")
    project.manifest("document", "it", {**SPECS["document"], "document_url": "https://example.com/new.pdf"})
    project.apply()
    document = {"kind": "document", "name": "old", "external": True, "id": remote_id}
    project.write("manifests/document-old.yaml", json.dumps(document))
    project.account.advance(3600)

    project.apply()
    project.apply()
    assert exists(project, "document", remote_id)
    (project.root / "manifests/document-old.yaml").unlink()
    project.apply()
    assert exists(project, "document", remote_id)
    assert project.bound("document/it") != remote_id


@each_kind
@pytest.mark.parametrize("name", ["it", "theirs"])
def test_an_undo_does_not_delete_it(project: Project, kind: str, name: str) -> None:
    remote_id = managed(project, kind)
    run = project.run("undo").out.split()[0]
    hand_over(project, kind, remote_id, name)

    deletes = ("--allow-replica-delete", "replica/it") if kind == "replica" else ()
    result = project.run("undo", run, "--yes", "--allow-deletes", "1", *deletes)

    assert (result.code, exists(project, kind, remote_id)) == (3, True), result.out + result.err
    assert f"`{kind}/{name}` is declared external now" in result.out


def test_an_undo_does_not_change_it(project: Project) -> None:
    remote_id = managed(project, "persona")
    project.manifest("persona", "it", {**SPECS["persona"], "system_prompt": "Edited."})
    project.apply()
    run = project.run("undo").out.split()[0]
    hand_over(project, "persona", remote_id)
    project.account.forget()

    result = project.run("undo", run, "--yes")

    assert (result.code, project.account.writes) == (3, []), result.out + result.err
