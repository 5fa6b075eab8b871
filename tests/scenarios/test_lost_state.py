"""A lost state costs work, never objects."""

from __future__ import annotations

import pytest

from tests.scenarios.project import Project

COACH = {"persona_name": "Coach", "system_prompt": "You coach."}
PRICES = {"document_name": "Prices", "document_url": "https://example.com/prices.pdf"}


@pytest.fixture
def lost(project: Project) -> Project:
    """Two objects whose state is gone, and a manifest that was never applied."""
    project.manifest("persona", "coach", COACH)
    project.manifest("document", "prices", PRICES)
    project.apply()
    (project.root / ".tavusctl/state.json").unlink()
    project.manifest("persona", "fresh", {"persona_name": "Fresh", "system_prompt": "Hi."})
    project.account.forget()
    return project


def test_nothing_is_created_until_somebody_decides(lost: Project) -> None:
    result = lost.run("apply", "--yes")
    refused = {one["address"] for one in lost.plan()["refused"]}

    assert (result.code, lost.account.writes) == (4, [])
    assert refused == {"persona/coach", "document/prices", "persona/fresh"}
    assert (result.out.count("[E401]"), result.out.count("[E422]")) == (2, 1)
    assert "import --match-names" in result.out
    assert result.out.count("if the project was applied before, find its state") == 3


def test_nothing_is_deleted_either(lost: Project) -> None:
    lost.remove("persona", "coach")

    result = lost.run("apply", "--yes", "--allow-deletes", "0")

    assert (result.code, lost.account.writes) == (4, [])


@pytest.mark.parametrize("way", [("import", "--match-names"), ("apply", "--yes", "--adopt")])
def test_either_way_out_leaves_one_object_per_address(lost: Project, way: tuple[str, ...]) -> None:
    before = {*lost.account.objects("personas"), *lost.account.objects("documents")}

    lost.expect(0, *way)
    lost.apply()

    after = {*lost.account.objects("personas"), *lost.account.objects("documents")}
    assert before < after
    assert len(after) == 3
    assert [method for method, _, _ in lost.account.sent] == ["POST"]
    assert lost.plan()["changes"] == []


def test_adopting_leaves_what_is_ambiguous_and_creates_the_rest(lost: Project) -> None:
    lost.account.seed(personas=[{"persona_name": "Coach", "system_prompt": "Hi."}])

    lost.expect(4, "apply", "--yes", "--adopt")
    assert sorted(lost.run("state", "list").out.split()[::2]) == ["document/prices", "persona/fresh"]


def test_a_first_apply_into_an_account_with_other_objects_is_no_lost_state(project: Project) -> None:
    project.account.seed(personas=[{"persona_name": "Somebody else", "system_prompt": "Hi."}])
    project.manifest("persona", "coach", COACH)

    project.apply()


def test_one_known_object_is_state_enough(lost: Project) -> None:
    """Then a stranger of the same name is what it seems, and others are created."""
    (coach,) = lost.account.objects("personas")
    lost.run("import", "persona/coach", coach)

    assert {one["address"] for one in lost.plan()["refused"]} == {"document/prices"}
    assert "applied before" not in lost.run("plan").out
    assert [one["address"] for one in lost.plan()["changes"]] == ["persona/fresh"]


@pytest.mark.parametrize("command", [("destroy", "--yes"), ("plan", "--destroy")])
def test_a_destroy_without_the_state_does_not_say_that_nothing_is_left(lost: Project, command: tuple[str, ...]) -> None:
    result = lost.run(*command)

    assert (result.code, lost.account.writes) == (9, [])
    assert "document/prices (" in result.err
    assert "import --match-names" in result.err


def test_a_destroy_names_what_the_state_does_not_know(lost: Project) -> None:
    (coach,) = lost.account.objects("personas")
    lost.expect(0, "import", "persona/coach", coach)

    result = lost.expect(0, "destroy", "--yes", "--allow-deletes", "1")

    assert "TV310" in result.out + result.err
    assert "document/prices (" in result.out + result.err
    assert [*lost.account.objects("personas")] == []


def test_a_destroy_is_repeated_without_a_complaint(lost: Project) -> None:
    lost.manifest("document", "prices", PRICES, lifecycle={"on_remove": "retain"})
    lost.expect(0, "import", "--match-names")
    lost.apply()
    lost.expect(0, "destroy", "--yes", "--allow-deletes", "2")
    assert len(lost.account.objects("documents")) == 1

    lost.expect(0, "destroy", "--yes")


def test_a_destroy_is_repeated_beside_an_object_of_somebody_else(lost: Project) -> None:
    lost.expect(0, "import", "--match-names")
    lost.apply()
    lost.expect(0, "destroy", "--yes", "--allow-deletes", "3")
    lost.account.seed(personas=[{"persona_name": "Coach", "system_prompt": "Hi."}])

    result = lost.run("destroy", "--yes")

    assert (result.code, "TV310" in result.out + result.err) == (0, True)
    assert len(lost.account.objects("personas")) == 1


@pytest.mark.parametrize("command", ["plan", "apply"])
def test_a_listing_that_lacks_a_managed_object_is_read_again(project: Project, command: str) -> None:
    """It may lack others as well, such as one that has the name of a planned create."""
    project.environment["TAVUSCTL_SETTLE"] = "0.1"
    project.manifest("persona", "ours", {"persona_name": "Ours", "system_prompt": "Hi."})
    project.apply()
    project.account.seed(personas=[{"persona_name": "Theirs", "system_prompt": "Hi."}])
    project.manifest("persona", "theirs", {"persona_name": "Theirs", "system_prompt": "Hello."})
    empty = {"data": [], "total_count": 0}
    project.account.fault(match="GET /v2/personas", kind="status", status=200, body=empty)

    ended = project.run(command, *(["--yes"] if command == "apply" else []))

    assert ("refused [E401]" in ended.out, len(project.account.objects("personas"))) == (True, 2)
