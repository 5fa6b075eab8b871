"""What objects of the project will still refer to is not deleted, whoever wrote the id and wherever."""

from __future__ import annotations

import pytest

from tests.scenarios.everykind import SPECS, actions, exists, managed
from tests.scenarios.project import Body, Project

PERSONA = SPECS["persona"]


def field(kind: str, remote_id: str) -> Body:
    """How a persona refers to an object."""
    many = {"document_ids": [remote_id]}
    one = {"replica": "default_replica_id"}.get(kind, f"{kind}_id")
    return many if kind == "document" else {one: remote_id}


def in_use(project: Project, kind: str) -> str:
    """An object that a persona of the project names by its id, applied."""
    remote_id = managed(project, kind)
    project.manifest("persona", "user", {**PERSONA, "persona_name": "User", **field(kind, remote_id)})
    project.apply_and_forget()
    return remote_id


def refusals(project: Project, *args: str) -> dict[str, str]:
    """What a plan refuses, by address."""
    return {one["address"]: one["code"] for one in project.plan(*args)["refused"]}


KINDS = ["guardrails", "objectives", "document", "replica"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_delete_is_refused_in_the_plan(project: Project, kind: str) -> None:
    remote_id = in_use(project, kind)
    project.remove(kind, "it")
    agree = ["--allow-replica-delete", "replica/it"] if kind == "replica" else []

    assert refusals(project, *agree) == {f"{kind}/it": "E405"}
    assert refusals(project, "--target", f"{kind}/it", *agree) == {f"{kind}/it": "E405"}
    assert "still referred to by persona/user" in project.run("plan", *agree).out
    project.expect(4, "apply", "--yes", "--allow-deletes", "0", *agree)
    assert (project.account.writes, exists(project, kind, remote_id)) == ([], True)


@pytest.mark.parametrize("kind", KINDS)
def test_one_that_is_detached_by_the_same_plan_goes(project: Project, kind: str) -> None:
    remote_id = in_use(project, kind)
    project.remove(kind, "it")
    project.manifest("persona", "user", {**PERSONA, "persona_name": "User"})
    agree = ["--allow-replica-delete", "replica/it"] if kind == "replica" else []

    assert actions(project, *agree) == {f"{kind}/it": "delete", "persona/user": "update"}
    project.apply("--allow-deletes", "1", *agree)
    assert not exists(project, kind, remote_id)


def test_one_whose_user_goes_in_the_same_plan_goes(project: Project) -> None:
    remote_id = in_use(project, "guardrails")
    project.remove("guardrails", "it")
    project.remove("persona", "user")

    project.apply("--allow-deletes", "2")
    assert not exists(project, "guardrails", remote_id)


def test_a_target_that_leaves_the_detaching_out_is_refused(project: Project) -> None:
    in_use(project, "guardrails")
    project.remove("guardrails", "it")
    project.manifest("persona", "user", {**PERSONA, "persona_name": "User"})

    assert refusals(project, "--target", "guardrails/it") == {"guardrails/it": "E405"}


def test_a_detaching_that_is_refused_keeps_it(project: Project) -> None:
    in_use(project, "guardrails")
    project.remove("guardrails", "it")
    project.manifest("persona", "user", {**PERSONA, "persona_name": "User", "system_prompt": "Ours."})
    project.edit_in_portal("persona/user", "/system_prompt", "Theirs.")

    assert refusals(project) == {"persona/user": "E301", "guardrails/it": "E405"}


def test_destroy_of_a_part_is_refused(project: Project) -> None:
    in_use(project, "guardrails")

    assert refusals(project, "--destroy", "--target", "guardrails/it") == {"guardrails/it": "E405"}
    assert refusals(project, "--destroy") == {}


def test_a_protected_user_keeps_it(project: Project) -> None:
    remote_id = managed(project, "guardrails")
    user = {**PERSONA, "persona_name": "User", **field("guardrails", remote_id)}
    project.manifest("persona", "user", user, lifecycle={"prevent_destroy": True})
    project.apply()

    assert refusals(project, "--destroy") == {"persona/user": "E403", "guardrails/it": "E405"}


def test_a_user_that_is_only_forgotten_keeps_it(project: Project) -> None:
    remote_id = managed(project, "guardrails")
    user = {**PERSONA, "persona_name": "User", **field("guardrails", remote_id)}
    project.manifest("persona", "user", user, lifecycle={"on_remove": "retain"})
    project.apply()
    project.remove("persona", "user")
    project.remove("guardrails", "it")

    assert refusals(project) == {"guardrails/it": "E405"}


def test_a_new_persona_that_names_it_keeps_it(project: Project) -> None:
    remote_id = managed(project, "guardrails")
    project.remove("guardrails", "it")
    project.manifest("persona", "new", {**PERSONA, "persona_name": "New", **field("guardrails", remote_id)})

    assert refusals(project) == {"guardrails/it": "E405"}


def test_an_id_that_somebody_else_put_there_counts(project: Project) -> None:
    remote_id = managed(project, "guardrails")
    project.manifest("persona", "user", {**PERSONA, "persona_name": "User"})
    project.apply()
    project.edit_in_portal("persona/user", "/guardrails_id", remote_id, op="add")
    project.remove("guardrails", "it")

    assert refusals(project) == {"guardrails/it": "E405"}


def test_a_replacement_is_refused_while_a_manifest_spells_the_old_id(project: Project) -> None:
    in_use(project, "document")
    project.manifest("document", "it", {**SPECS["document"], "document_url": "https://example.com/new.pdf"})

    assert refusals(project) == {"document/it": "E405"}
    assert "write `${ref:document/it}` there" in project.run("plan").out
    project.manifest("persona", "user", {**PERSONA, "persona_name": "User", "document_ids": ["${ref:document/it}"]})
    assert refusals(project) == {}
