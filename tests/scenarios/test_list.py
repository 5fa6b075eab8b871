"""`list`: what the account has, and what the project calls it."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.scenarios.project import ERA, Project

REPLICA = "kind: replica\nname: anna\nexternal: true\nid: {}\n"


@pytest.fixture
def known(project: Project) -> Project:
    """A persona and a document of the project, an external replica, and two objects that nobody manages."""
    (anna,) = project.account.seed(replicas=[{"replica_name": "Anna"}])["replicas"]
    project.account.seed(personas=[{"persona_name": "Stray", "system_prompt": "Hi."}])
    project.account.seed(guardrails=[{"name": "Old rules", "data": []}])
    project.write("manifests/anna.yaml", REPLICA.format(anna))
    project.manifest("document", "prices", {"document_url": "https://example.com/prices.pdf"})
    project.manifest("persona", "coach", {"persona_name": "Coach", "system_prompt": "You coach."})
    return project.apply_and_forget()


def listed(project: Project, *args: str) -> list[dict[str, Any]]:
    result = project.expect(0, "list", "--format", "json", *args)
    objects: list[dict[str, Any]] = result.document["objects"]
    return objects


def brief(objects: list[dict[str, Any]]) -> set[tuple[str, str | None, str | None]]:
    return {(one["kind"], one["name"], one["address"]) for one in objects}


def test_every_object_of_the_account_is_listed_and_nothing_is_written(known: Project) -> None:
    objects = listed(known)
    assert brief(objects) >= {
        ("persona", "Coach", "persona/coach"),
        ("persona", "Stray", None),
        ("replica", "Anna", "replica/anna"),
        ("guardrails", "Old rules", None),
    }
    relations = {one["address"]: one["relation"] for one in objects}
    assert relations == {
        None: None,
        "persona/coach": "managed",
        "document/prices": "managed",
        "replica/anna": "external",
    }
    assert {one["status"] for one in objects if one["kind"] == "replica"} == {"completed"}
    assert [set(one) for one in objects] == [
        {"kind", "id", "name", "status", "stock", "address", "relation", "version"}
    ] * 5
    assert known.account.writes == []


def test_one_kind_and_what_nobody_manages(known: Project) -> None:
    assert brief(listed(known, "persona")) == {("persona", "Coach", "persona/coach"), ("persona", "Stray", None)}
    assert brief(listed(known, "persona", "--unmanaged")) == {("persona", "Stray", None)}
    assert brief(listed(known, "replica", "--unmanaged")) == {("replica", "Anna", "replica/anna")}


def test_an_account_with_managed_objects_only_has_no_unmanaged_ones(known: Project) -> None:
    assert known.run("list", "document", "--unmanaged").out == "No unmanaged objects.\n"
    assert "document/prices" in known.run("list", "document").out


def test_stock_objects_are_listed_apart(known: Project) -> None:
    stock = listed(known, "--stock")
    newer = set() if ERA == "seed" else {"tool", "voice"}
    assert {one["kind"] for one in stock} == {"persona", "replica"} | newer
    assert {one["stock"] for one in stock} == {True}
    assert "rfe12d8b9597" in {one["id"] for one in stock}
    assert ("end_call" in {one["id"] for one in stock}) == bool(newer)
    assert not {one["id"] for one in stock} & {one["id"] for one in listed(known)}
    known.write("manifests/anna.yaml", REPLICA.format("rfe12d8b9597"))
    (anna,) = [one for one in listed(known, "replica", "--stock") if one["id"] == "rfe12d8b9597"]
    assert (anna["address"], anna["relation"]) == ("replica/anna", "external")


def test_what_another_environment_manages_is_not_unmanaged(known: Project) -> None:
    known.write("tavusctl.yaml", "environments: {default: {}, other: {}}\n")
    (coach,) = [one for one in listed(known, "persona", "--env", "other") if one["name"] == "Coach"]
    assert (coach["relation"], coach["address"]) == ("elsewhere", "persona/coach of the environment default")
    assert brief(listed(known, "persona", "--unmanaged", "--env", "other")) == {("persona", "Stray", None)}


def test_people_see_a_table(known: Project) -> None:
    lines = known.run("list", "persona").out.splitlines()
    assert lines[0].split() == ["NAME", "ID", "STATUS", "ADDRESS"]
    assert re.fullmatch(r"Coach +p\w+ +- +persona/coach", lines[1])
    assert re.fullmatch(r"Stray +p\w+ +- +-", lines[2])
    assert lines[3] == "2 objects"
    assert known.run("list").out.startswith("KIND ")


def test_versions_of_a_replaced_object_are_told_apart(known: Project) -> None:
    old = known.bound("document/prices")
    assert {one["version"] for one in listed(known)} == {None}
    known.manifest("document", "prices", {"document_url": "https://example.com/prices-2.pdf"})
    known.apply()
    (new,) = {one["id"] for one in listed(known, "document")} - {old}
    assert {one["id"]: one["version"] for one in listed(known, "document")} == {old: "in-use", new: "new"}
    table = known.run("list", "document").out
    assert "document/prices (in use)" in table
    assert "document/prices (new version)" in table

    known.account.advance(7200)
    known.manifest("persona", "coach", {"persona_name": "Coach", "system_prompt": "You coach.", "context": "x"})
    known.account.fault(match="DELETE /v2/documents/*", kind="status", status=400, body={}, times=None)
    known.run("apply", "--yes")
    assert {one["id"]: one["version"] for one in listed(known, "document")} == {old: "old", new: "in-use"}
    assert "document/prices (old version)" in known.run("list", "document").out


def test_a_folder_without_a_project_will_do(project: Project) -> None:
    project.account.seed(personas=[{"persona_name": "Stray", "system_prompt": "Hi."}])
    assert brief(listed(project, "persona")) == {("persona", "Stray", None)}
    assert project.run("list", "document").out == "No objects.\n"


def test_a_name_cannot_draw_on_the_terminal(project: Project) -> None:
    project.account.seed(personas=[{"persona_name": "A\x1b[2J\nfake line", "system_prompt": "Hi."}])
    out = project.run("list", "persona").out
    assert "\x1b" not in out
    assert len(out.splitlines()) == 3


def test_a_name_cannot_break_the_json_document(project: Project) -> None:
    project.account.seed(personas=[{"persona_name": "A ##[group]::error::", "system_prompt": "Hi."}])
    result = project.run("list", "persona", "--format", "json")
    assert "##[" not in result.out
    assert [one["name"] for one in result.document["objects"]] == ["A ##[group]::error::"]


def test_a_kind_by_its_newer_name(known: Project) -> None:
    assert listed(known, "pal") == listed(known, "persona")
    assert listed(known, "face", "--stock") == listed(known, "replica", "--stock")


def test_an_unknown_kind_and_a_refused_key(project: Project) -> None:
    wrong = project.run("list", "persna")
    assert (wrong.code, "did you mean `persona`?" in wrong.err) == (12, True)
    project.account.switch(unknown_keys="refuse")
    project.expect(8, "list")


def test_a_new_key_lists_a_kind_whose_only_object_was_deleted(known: Project) -> None:
    """One missing object of two would look like another account; the other kinds show that it is this one."""
    for name in ("a", "b", "c", "d"):
        known.manifest("guardrails", name, {"name": name, "data": [{"guardrail_name": "x", "guardrail_prompt": "X."}]})
    known.apply()
    known.account.portal_delete("document", known.bound("document/prices"))
    known.account.switch(keys={known.account.key: known.account.key, "new-key": known.account.key})

    listed = known.run("list", "document", TAVUS_API_KEY="new-key")
    elsewhere = known.run("list", "document", TAVUS_API_KEY="key-of-another-account")

    assert (listed.code, listed.out) == (0, "No objects.\n"), listed.err
    assert (elsewhere.code, "6 of the 6 managed objects do not exist" in elsewhere.err) == (9, True), elsewhere.err


@pytest.mark.newer_api
def test_one_wrong_404_to_a_listing_does_not_make_an_account_one_of_an_older_api(known: Project) -> None:
    """Otherwise `list` would show no tools, and `export` would write an external one for each that a persona has."""
    known.manifest("tool", "book", {"name": "book", "description": "Books.", "parameters": {"type": "object"}})
    known.manifest(
        "persona", "coach", {"persona_name": "Coach", "system_prompt": "Hi.", "tool_ids": ["${ref:tool/book}"]}
    )
    known.apply()
    missing = {"kind": "status", "status": 404, "body": {"message": "Not found"}}

    known.account.fault(match="GET /v2/tools", **missing)
    tools = listed(known, "tool")
    known.account.fault(match="GET /v2/tools", **missing)
    exported = known.run("export", "--out", "exported")

    assert [one["address"] for one in tools] == ["tool/book"]
    assert exported.code == 0, exported.err
    assert all("external" not in path.read_text("utf-8") for path in (known.root / "exported/tools").iterdir())
