"""Names that an account accepts only once: steps in an order that works, and what to do where none does."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.scenarios.project import Body, Project, Result

pytestmark = pytest.mark.newer_api


def tool(name: str) -> Body:
    return {"name": name, "description": "Notes it.", "delivery": {"app_message": True}}


@pytest.fixture
def two(project: Project) -> Project:
    """Two tools: `tool/a` has the name A, `tool/b` the name B."""
    project.environment["TAVUSCTL_SETTLE"] = "0.1"
    name(project, a="A", b="B")
    project.apply()
    return project


def name(project: Project, **names: str | None) -> None:
    """The names of tools in the manifests; None: no manifest."""
    for address, wanted in names.items():
        project.manifest("tool", address, tool(wanted)) if wanted else project.remove("tool", address)


def rename_live(project: Project, **names: str) -> None:
    for address, wanted in names.items():
        project.edit_in_portal(f"tool/{address}", "/name", wanted)


def live_names(project: Project) -> list[str]:
    return sorted(one["name"] for one in project.account.objects("tools").values())


def steps(result: Result) -> list[tuple[str, list[str]]]:
    return [(one["address"], one["waits_for"]) for one in json.loads(result.out)["changes"]]


def refusals(project: Project) -> dict[str, tuple[Any, str, str]]:
    return {one["address"]: (one["code"], one["reason"], one["hint"]) for one in project.plan()["refused"]}


def quiet(project: Project) -> bool:
    return project.run("plan", "--detailed-exitcode").code == 0


@pytest.mark.parametrize("where", ["manifests", "account"])
def test_a_chain_of_renames_is_done_from_its_free_end(two: Project, where: str) -> None:
    name(two, c="C")
    two.apply()
    if where == "manifests":
        name(two, a="B", b="C", c="D")
    else:
        rename_live(two, c="D", b="C", a="B")
    expected = ["c", "b", "a"] if where == "manifests" else ["a", "b", "c"]

    plan = two.run("plan", "--format", "json")

    waits = [[], *([f"tool/{one}"] for one in expected[:-1])]
    assert steps(plan) == list(zip([f"tool/{one}" for one in expected], waits, strict=True))
    two.apply()
    assert quiet(two)


def test_a_new_tool_waits_for_the_name_that_another_gives_up(two: Project) -> None:
    name(two, a="Other", c="A")

    assert steps(two.run("plan", "--format", "json")) == [("tool/a", []), ("tool/c", ["tool/a"])]
    two.apply()
    assert (live_names(two), quiet(two)) == (["A", "B", "Other"], True)


@pytest.mark.parametrize("where", ["manifests", "account"])
def test_an_exchange_of_names_needs_a_third_one(two: Project, where: str) -> None:
    if where == "manifests":
        name(two, a="B", b="A")
    else:
        rename_live(two, a="x", b="A")
        rename_live(two, a="B")
    two.account.forget()

    told = refusals(two)

    assert {address: code for address, (code, _, _) in told.items()} == {"tool/a": "E401", "tool/b": "E401"}
    assert "give tool/a a third name first" in told["tool/a"][2]
    assert (two.run("apply", "--yes").code, two.account.writes) == (4, [])
    if where == "manifests":
        name(two, a="C")
        two.apply()
        name(two, a="B")
    else:
        rename_live(two, a="x")
    two.apply()
    assert (live_names(two), quiet(two)) == (["A", "B"], True)


def test_a_name_that_a_stranger_has_taken_is_refused_before_anything_is_sent(two: Project) -> None:
    rename_live(two, a="renamed")
    (stranger,) = two.account.seed(tools=[tool("A")])["tools"]
    two.account.forget()

    code, reason, hint = refusals(two)["tool/a"]

    assert (code, stranger in reason, "rename or delete that object" in hint) == ("E401", True, True)
    two.expect(2, "drift", "--detailed-exitcode")
    assert (two.run("apply", "--yes").code, two.account.writes) == (4, [])
    two.account.portal_delete("tool", stranger)
    two.apply()
    assert quiet(two)


@pytest.mark.parametrize("taker", ["a", "c"])
def test_a_name_that_a_delete_frees_is_taken_by_the_next_run(two: Project, taker: str) -> None:
    name(two, b=None, **{taker: "B"})

    first = two.run("apply", "--yes", "--allow-deletes", "1")

    assert (first.code, "deleted last" in first.out, "run this command again" in first.out) == (4, True, True)
    two.apply()
    assert quiet(two)


def test_a_rename_outside_of_the_targets_is_named(two: Project) -> None:
    name(two, a="B", b="C")

    refused = two.run("apply", "--yes", "--target", "tool/a")

    assert (refused.code, "tool/b" in refused.out, live_names(two)) == (4, True, ["A", "B"])
    two.apply("--target", "tool/a", "--target", "tool/b")


def test_a_rename_waits_also_beside_other_steps_at_its_address(two: Project) -> None:
    protected = {"lifecycle": {"prevent_destroy": True}}
    two.manifest("tool", "b", tool("B"), **protected)
    two.apply()
    name(two, a="B", b="C")

    two.apply("--allow-lowered", "1")
    assert (live_names(two), quiet(two)) == (["B", "C"], True)


def test_an_undo_of_a_chain_goes_the_other_way(two: Project) -> None:
    name(two, a="B", b="C")
    two.apply()
    run = two.run("undo").out.split()[0]

    two.expect(0, "undo", run, "--yes")
    assert live_names(two) == ["A", "B"]
