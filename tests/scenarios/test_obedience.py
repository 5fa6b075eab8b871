"""An edit in the portal while we write: it stays where tests are obeyed, and is seen where they are not."""

from __future__ import annotations

from typing import Any

import pytest

from tests.scenarios.project import Body, Project, Result

SETS = {
    "guardrails": ("guardrails", "guardrail_name", "guardrail_prompt"),
    "objectives": ("objectives", "objective_name", "objective_prompt"),
}
kinds = pytest.mark.parametrize("kind", SETS)


def describe(project: Project, kind: str, text: str) -> None:
    _, name, prompt = SETS[kind]
    project.manifest(kind, "x", {"name": "x", "data": [{name: "first", prompt: text}]})


def edit_before_patch(project: Project, kind: str, text: str, *, skip: int = 0) -> None:
    """Somebody edits it just before a PATCH of its kind is carried out."""
    collection, _, prompt = SETS[kind]
    project.edit_in_portal(f"{kind}/x", f"/data/0/{prompt}", text, before=f"PATCH /v2/{collection}/*", skip=skip)


def text_of(project: Project, kind: str) -> Any:
    collection, _, prompt = SETS[kind]
    return project.account.objects(collection)[project.bound(f"{kind}/x")]["data"][0][prompt]


@pytest.fixture
def obeyed(project: Project) -> Project:
    """A project that has shown, by a persona, that the API obeys tests."""
    for kind in SETS:
        describe(project, kind, "one")
    for prompt in ("first", "second"):
        project.manifest("persona", "p", {"persona_name": "P", "system_prompt": prompt})
        project.apply()
    project.account.forget()
    return project


def changed(project: Project, kind: str) -> Result:
    describe(project, kind, "two")
    return project.run("apply", "--yes")


@kinds
@pytest.mark.parametrize(("ignore", "skip"), [(True, 0), (False, 0), (False, 1), (False, 2), (False, 3)])
def test_an_edit_while_we_write_stays_whether_the_kind_obeys_tests_or_not(
    obeyed: Project, kind: str, ignore: bool, skip: int, caplog: pytest.LogCaptureFixture
) -> None:
    """Where they are obeyed, up to the very write, which is the fourth patch after three questions."""
    obeyed.account.switch(ignore_test=ignore)
    edit_before_patch(obeyed, kind, "edited in the portal", skip=skip)

    done = changed(obeyed, kind)

    assert (done.code, text_of(obeyed, kind)) == (3, "edited in the portal")
    assert (f"ignores `test` operations for the kind {kind}:" in caplog.text) == ignore


@kinds
def test_a_kind_that_does_not_obey_is_written_all_the_same_and_that_is_said(
    obeyed: Project, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    obeyed.account.switch(ignore_test=True)

    done = changed(obeyed, kind)

    assert (done.code, text_of(obeyed, kind)) == (0, "two")
    assert f"ignores `test` operations for the kind {kind}:" in caplog.text
    (write,) = obeyed.account.writes
    assert {one["op"] for one in write["body"]} == {"replace"}


@kinds
@pytest.mark.parametrize(
    ("status", "body"),
    [
        (409, {"error": "unpublished edits", "conflict": "maker_changes"}),
        (409, {"error": "a name that is taken"}),
        (400, {"error": "unknown field"}),
    ],
)
def test_an_answer_about_something_else_is_no_promise(obeyed: Project, kind: str, status: int, body: Body) -> None:
    """It comes to the first question only, and the kind ignores tests: the edit between is seen all the same."""
    obeyed.account.switch(ignore_test=True)
    match = f"PATCH /v2/{SETS[kind][0]}/*"
    obeyed.account.fault(match=match, kind="status", status=status, body=body)
    edit_before_patch(obeyed, kind, "edited in the portal")

    done = changed(obeyed, kind)

    assert (done.code, text_of(obeyed, kind)) == (3, "edited in the portal")


MEANINGS: list[tuple[int, Body]] = [
    (409, {"error": "unpublished edits", "conflict": "maker_changes"}),
    (409, {"error": "the name is taken"}),
    (409, {"error": "the object already exists"}),
    (409, {"error": "no"}),
    (412, {"error": "Precondition Failed"}),
    (422, {"message": "Invalid JSON patch format"}),
    (422, {"error": "Unknown field"}),
]


@pytest.mark.parametrize("times", [1, 2, 3, 4])
@pytest.mark.parametrize(("status", "body"), MEANINGS, ids=lambda one: str(one) if isinstance(one, int) else "")
def test_no_refusal_makes_an_api_that_ignores_tests_look_as_if_it_obeyed_them(
    obeyed: Project, status: int, body: Body, times: int, caplog: pytest.LogCaptureFixture
) -> None:
    """However many of the first patches are answered so: what is written is compared, and that is said."""
    obeyed.account.switch(ignore_test=True)
    obeyed.account.fault(match="PATCH /v2/guardrails/*", kind="status", status=status, body=body, times=times)
    done = changed(obeyed, "guardrails")
    if done.code == 0:
        assert text_of(obeyed, "guardrails") == "two"
        assert "`test` operations for the kind guardrails:" in caplog.text
        (write,) = obeyed.account.writes[-1:]
        assert {one["op"] for one in write["body"]} == {"replace"}
    else:
        assert (done.code in (3, 4, 5), text_of(obeyed, "guardrails")) == (True, "one")


@pytest.mark.parametrize(("status", "body"), MEANINGS[:3], ids=["maker", "taken", "exists"])
@pytest.mark.parametrize("skip", [0, 1, 2, 3])
def test_a_refusal_about_something_else_costs_no_edit_where_tests_are_obeyed(
    obeyed: Project, status: int, body: Body, skip: int
) -> None:
    """It comes to the first question; the edit between the questions, or right before the write."""
    obeyed.account.fault(match="PATCH /v2/guardrails/*", kind="status", status=status, body=body)
    edit_before_patch(obeyed, "guardrails", "edited in the portal", skip=skip)
    done = changed(obeyed, "guardrails")
    assert (done.code, text_of(obeyed, "guardrails")) == (3, "edited in the portal")


@kinds
def test_tests_stand_before_all_operations(obeyed: Project, kind: str) -> None:
    _, name, prompt = SETS[kind]
    leads = {"next_required_objective": "first"} if kind == "objectives" else {}
    items = [{name: "zeroth", prompt: "zero", **leads}, {name: "first", prompt: "two"}]
    obeyed.manifest(kind, "x", {"name": "y", "data": items})
    obeyed.apply()

    (write,) = obeyed.account.writes
    ops = [one["op"] for one in write["body"]]
    assert ops == sorted(ops, key=lambda op: op != "test")
    assert len(set(ops)) > 1
