"""One object per address, whatever becomes of the answer to its create and however the server spells its name.

For every kind, with and without a display name in the manifest, with references to external objects and to objects of
the same run: after one more apply there is exactly one object, and further ones write nothing.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.crash.rig import KILLED, KillableProject, Launcher
from tests.scenarios.project import Account, Project
from tests.scenarios.twenty import QUICK

Body = dict[str, Any]
KINDS = {
    "persona": "personas",
    "document": "documents",
    "guardrails": "guardrails",
    "objectives": "objectives",
    "replica": "replicas",
}
NAMES = {"persona": "persona_name", "document": "document_name", "replica": "replica_name"}
SPECS: dict[str, Body] = {
    "persona": {"system_prompt": "You coach.", "layers": {"llm": {"model": "tavus-gpt-4o"}}},
    "document": {"document_url": "https://example.com/prices", "crawl": {"depth": 2, "max_pages": 25}, "tags": ["b"]},
    "guardrails": {"data": [{"guardrail_name": "no_promises", "guardrail_prompt": "Promises a price."}]},
    "objectives": {"data": [{"objective_name": "greet", "objective_prompt": "Greet."}]},
    "replica": {"train_video_url": "https://example.com/v.mp4", "consent_video_url": "https://example.com/c.mp4"},
}
SPELLINGS = {
    "trim": "Price coach ",
    "collapse": "Price \t coach",
    "compose": "Ka\u0308ufer-Coach",
    "escape": "Q&A <bot>",
    "lower": "Price Coach",
    "cut": "A price coach with a name that is far too long",
}
FAULTS: dict[str, Body] = {
    "answer lost": {"kind": "drop", "phase": "after"},
    "500 after the change": {"kind": "status", "status": 500, "phase": "after"},
    "504 after the change": {"kind": "status", "status": 504, "phase": "after"},
    "429 after the change": {"kind": "status", "status": 429, "phase": "after", "body": {"message": "slow down"}},
    "400 after the change": {"kind": "status", "status": 400, "phase": "after", "body": {"message": "bad request"}},
    "404 after the change": {"kind": "status", "status": 404, "phase": "after", "body": {"message": "no such path"}},
    "200 without a body": {"kind": "empty", "phase": "after"},
    "202 with nothing in it": {"kind": "status", "status": 202, "phase": "after", "body": {}},
    "a page for an answer": {"kind": "html", "status": 200, "phase": "after"},
}
of_each_kind = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture
def crashing(project: Project, runner: Launcher) -> KillableProject:
    return KillableProject(project.root, project.account, {**QUICK}, runner)


def named(kind: str, name: str) -> Body:
    return {**SPECS[kind], NAMES.get(kind, "name"): name}


def check_one(project: Project, kind: str, first: tuple[int, ...] = (0, 5), *, objects: int = 1) -> None:
    """One object per address after one more apply, at most; then nothing is written any more."""
    codes = [project.run("apply", "--yes").code for _ in range(2)]
    project.account.forget()
    last = project.run("apply", "--yes")

    assert len(project.account.objects(KINDS[kind])) == objects
    assert (codes[0] in first, codes[1], last.code) == (True, 0, 0), (codes, last.out + last.err)
    assert project.account.writes == []
    bound = project.run("state", "list", "--format", "json").document
    assert set(project.account.objects(KINDS[kind])) <= set(bound.values())


@of_each_kind
@pytest.mark.parametrize("name", ["", "Price coach"], ids=["nameless", "named"])
@pytest.mark.parametrize("fault", FAULTS)
def test_one_object_whatever_the_answer_to_its_create(project: Project, kind: str, name: str, fault: str) -> None:
    project.environment.update(QUICK)
    project.manifest(kind, "price-list", named(kind, name) if name else SPECS[kind])
    project.account.fault(match=f"POST /v2/{KINDS[kind]}", **FAULTS[fault])

    check_one(project, kind, (0,))


@pytest.mark.parametrize(
    ("status", "text", "prompt", "code"),
    [
        (409, "this name is already taken", SPECS["persona"]["system_prompt"], 4),
        (409, "conflict", SPECS["persona"]["system_prompt"], 5),
        (400, "bad request", "Others.", 5),
    ],
)
def test_an_object_of_somebody_else_is_not_bound_after_a_refusal(
    project: Project, status: int, text: str, prompt: str, code: int
) -> None:
    """One with the name that is taken, or with other content."""
    project.environment.update(QUICK)
    project.manifest("persona", "coach", named("persona", "Coach"))
    theirs = {**named("persona", "Coach"), "system_prompt": prompt}
    create = {"kind": "persona", "account": project.account.key, "create": theirs}
    project.account.control("POST", "portal", {**create, "when": {"before": "GET /v2/personas", "skip": 1}})
    project.account.fault(match="POST /v2/personas", kind="status", status=status, body={"message": text})

    project.expect(code, "apply", "--yes")
    assert project.run("state", "list", "--format", "json").document == {}
    assert [one["code"] for one in project.plan()["refused"]] == ["E401"]


@pytest.mark.parametrize("age", [60, 5])
def test_an_equal_object_that_is_older_than_the_refused_request_is_not_bound(project: Project, age: int) -> None:
    """Another project took the last place that a quota had, for the same object."""
    project.environment.update(QUICK)
    project.manifest("persona", "coach", named("persona", "Coach"))
    created = datetime.now(UTC) - timedelta(seconds=age)
    theirs = {**named("persona", "Coach"), "created_at": created.strftime("%Y-%m-%dT%H:%M:%S.%fZ")}
    create = {"kind": "persona", "account": project.account.key, "create": theirs}
    project.account.control("POST", "portal", {**create, "when": {"before": "GET /v2/personas", "skip": 1}})
    project.account.fault(match="POST /v2/personas", kind="status", status=403, body={"message": "quota exceeded"})

    assert project.run("apply", "--yes").code == 5
    assert project.run("state", "list", "--format", "json").document == {}
    assert [one["code"] for one in project.plan()["refused"]] == ["E401"]


@of_each_kind
@pytest.mark.parametrize("name", ["", "Price coach"], ids=["nameless", "named"])
def test_one_object_after_a_kill(crashing: KillableProject, kind: str, name: str) -> None:
    crashing.manifest(kind, "price-list", named(kind, name) if name else SPECS[kind])
    crashing.account.fault(match=f"POST /v2/{KINDS[kind]}", kind="kill", phase="after")
    assert crashing.run("apply", "--yes").code == KILLED

    check_one(crashing, kind, (0,))


@of_each_kind
@pytest.mark.parametrize("style", SPELLINGS)
@pytest.mark.parametrize("fault", [None, "answer lost", "429 after the change"])
def test_one_object_however_the_server_spells_its_name(
    project: Project, kind: str, style: str, fault: str | None
) -> None:
    project.environment.update(QUICK)
    project.account.switch(names=style)
    project.manifest(kind, "price-list", named(kind, SPELLINGS[style]))
    if fault:
        project.account.fault(match=f"POST /v2/{KINDS[kind]}", **FAULTS[fault])

    check_one(project, kind)


@pytest.mark.parametrize("fault", [*FAULTS, "kill"])
def test_references_are_found_on_both_sides(crashing: KillableProject, fault: str) -> None:
    """An external replica, a document and rules of the same run, and a key that reads show as asterisks."""
    (replica,) = crashing.account.seed(replicas=[{"replica_name": "Stock"}])["replicas"]
    crashing.write("tavusctl.yaml", "secrets: [OPENAI]\n")
    crashing.environment["OPENAI"] = "sk-canary-0001"
    crashing.write("manifests/r.yaml", json.dumps({"kind": "replica", "name": "nora", "external": True, "id": replica}))
    crashing.manifest("document", "price-list", SPECS["document"])
    crashing.manifest("guardrails", "rules", SPECS["guardrails"])
    llm = {"model": "gpt-4o", "base_url": "https://llm.example.com/v1", "api_key": "${secret:OPENAI}"}
    references = {
        "default_replica_id": "${ref:replica/nora}",
        "document_ids": ["${ref:document/price-list}"],
        "guardrails_id": "${ref:guardrails/rules}",
        "layers": {"llm": llm},
    }
    crashing.manifest("persona", "coach", {"system_prompt": "You coach.", **references})
    rule = {"kind": "kill", "phase": "after"} if fault == "kill" else FAULTS[fault]
    crashing.account.fault(match="POST /v2/personas", **rule)
    assert crashing.run("apply", "--yes").code in (0, KILLED)

    check_one(crashing, "persona", (0,))


def test_a_reference_is_found_though_its_manifest_has_moved_on(crashing: KillableProject) -> None:
    """What an address meant when it was sent is on record with the create."""
    replicas = crashing.account.seed(replicas=[{"replica_name": "A"}, {"replica_name": "B"}])["replicas"]
    for replica in replicas:
        outside = {"kind": "replica", "name": "nora", "external": True, "id": replica}
        crashing.write("manifests/r.yaml", json.dumps(outside))
        crashing.manifest("persona", "coach", {**SPECS["persona"], "default_replica_id": "${ref:replica/nora}"})
        if replica == replicas[0]:
            crashing.account.fault(match="POST /v2/personas", kind="kill", phase="after")
            assert crashing.run("apply", "--yes").code == KILLED

    assert crashing.run("apply", "--yes").code == 0
    (persona,) = crashing.account.objects("personas").values()
    assert persona["default_replica_id"] == replicas[1]


@pytest.mark.parametrize("prompts", [("You coach.", "You coach."), ("You coach.", "You listen.")])
@pytest.mark.parametrize("name", ["Coach", ""])
@pytest.mark.parametrize("fault", [*FAULTS, "kill"])
def test_two_addresses_of_one_name_get_one_object_each(
    crashing: KillableProject, prompts: tuple[str, str], name: str, fault: str
) -> None:
    for address, prompt in zip(("one", "two"), prompts, strict=True):
        spec = {"system_prompt": prompt, **({"persona_name": name} if name else {})}
        crashing.manifest("persona", address, spec)
    rule = {"kind": "kill", "phase": "after"} if fault == "kill" else FAULTS[fault]
    crashing.account.fault(match="POST /v2/personas", **rule)

    check_one(crashing, "persona", (0, KILLED), objects=2)
    for address, prompt in zip(("one", "two"), prompts, strict=True):
        assert crashing.account.objects("personas")[crashing.bound(f"persona/{address}")]["system_prompt"] == prompt


@pytest.mark.parametrize("status", [429, 500, 504])
def test_lists_that_lag_are_waited_for(project: Project, status: int) -> None:
    """Also after a refusal, which as a rule is one."""
    project.environment.update(TAVUSCTL_SETTLE="4", TAVUSCTL_MAX_WAIT="0")
    project.account.switch(list_lag=1.5)
    project.manifest("persona", "coach", SPECS["persona"])
    project.account.fault(match="POST /v2/personas", kind="status", status=status, phase="after")

    check_one(project, "persona", (0,))


def test_a_create_that_was_only_refused_is_sent_again(project: Project) -> None:
    project.environment.update(TAVUSCTL_SETTLE="2", TAVUSCTL_MAX_WAIT="0")
    project.manifest("persona", "coach", SPECS["persona"])
    project.account.fault(match="POST /v2/personas", kind="status", status=429, times=2)

    project.apply()

    assert [one["method"] for one in project.account.writes] == ["POST"] * 3
    assert len(project.account.objects("personas")) == 1


def test_what_was_accepted_and_never_made_is_sent_again_by_the_next_run_alone(project: Project) -> None:
    project.environment.update(QUICK)
    project.manifest("persona", "coach", SPECS["persona"])
    project.account.fault(match="POST /v2/personas", kind="status", status=202, body={})

    project.expect(6, "apply", "--yes")
    assert len(project.account.writes) == 1
    check_one(project, "persona", (0,))


def test_an_answer_for_somebody_else_is_never_bound(project: Project) -> None:
    """A new id of an object that agrees in nothing; ours was made as well."""
    project.environment.update(QUICK)
    project.manifest("persona", "coach", SPECS["persona"])
    (other,) = project.account.seed(personas=[{"persona_name": "Other", "system_prompt": "Hm."}])["personas"]
    project.account.fault(match="GET /v2/personas", kind="status", status=200, body={"data": [], "total_count": 0})
    body = {"persona_id": other, "persona_name": "Other"}
    project.account.fault(match="POST /v2/personas", kind="status", status=200, body=body, phase="after")

    project.apply()

    assert project.bound("persona/coach") != other
    assert len(project.account.objects("personas")) == 2


@of_each_kind
def test_a_name_is_sent_that_nobody_manages(project: Project, kind: str) -> None:
    """It is in the plan, and whoever changes it in the account is left alone."""
    key = NAMES.get(kind, "name")
    project.manifest(kind, "price-list", SPECS[kind])
    (change,) = project.plan()["changes"]
    project.apply()
    (remote_id,) = project.account.objects(KINDS[kind])

    name = "price_list" if kind == "guardrails" else "price-list"
    assert change["patch"][0]["value"][key] == name
    assert project.account.objects(KINDS[kind])[remote_id][key] == name
    edit = {"op": "add", "path": f"/{key}", "value": "Renamed in the portal"}
    project.account.portal(KINDS[kind], remote_id, edit)
    assert (project.plan()["changes"], project.plan()["drift"]) == ([], [])


@of_each_kind
def test_a_lost_state_makes_nothing_twice_where_no_name_is_given(project: Project, kind: str) -> None:
    """Also what an older version has made, which the server gave a name of its own."""
    project.manifest(kind, "price-list", SPECS[kind])
    project.apply()
    (remote_id,) = project.account.objects(KINDS[kind])
    if kind != "replica":  # whose reads show nothing but the name
        edit = {"op": "add", "path": f"/{NAMES.get(kind, 'name')}", "value": "made up"}
        project.account.portal(KINDS[kind], remote_id, edit)
    (project.root / ".tavusctl/state.json").unlink()
    project.account.forget()

    project.expect(4, "apply", "--yes")
    assert project.run("import", "--match-names").out == f"bound {kind}/price-list {remote_id}\n"
    project.apply()
    assert (list(project.account.objects(KINDS[kind])), project.account.writes) == ([remote_id], [])


def test_a_replica_says_whose_it_is_while_it_is_made(project: Project, account: Account) -> None:
    """A claim stands before its name until its id is on record; one more call, and the plan says so."""
    project.manifest("replica", "nora", named("replica", "Nora"))
    (change,) = project.plan()["changes"]
    project.apply()

    (create, rename) = account.sent
    (remote_id,) = account.objects("replicas")
    assert create[2]["replica_name"].startswith("tavusctl_")
    assert create[2]["replica_name"].endswith(" Nora")
    assert rename == ("PATCH", f"/v2/replicas/{remote_id}/name", {"replica_name": "Nora"})
    assert "its name begins with `tavusctl_` and 12 digits until its id is recorded" in change["reason"]
    assert project.plan()["changes"] == []


@pytest.mark.parametrize("name", ["", "Nora"], ids=["nameless", "named"])
@pytest.mark.parametrize("phase", ["before", "after"])
def test_a_replica_that_was_not_renamed_is_renamed_later(crashing: KillableProject, name: str, phase: str) -> None:
    """That is no edit of the account's, and no second training."""
    crashing.manifest("replica", "nora", named("replica", name) if name else SPECS["replica"])
    crashing.account.fault(match="PATCH /v2/replicas/*/name", kind="kill", phase=phase)
    assert crashing.run("apply", "--yes").code == KILLED

    assert crashing.run("drift", "--detailed-exitcode").code == 0
    check_one(crashing, "replica", (0,))
    (replica,) = crashing.account.objects("replicas").values()
    assert replica["replica_name"] == (name or "nora")
    assert [one["method"] for one in crashing.account.writes] == []


@pytest.mark.parametrize(("status", "said", "code"), [(400, "failed", 5), (403, "failed", 5), (500, "unknown", 6)])
def test_a_replica_whose_name_is_refused_is_told_as_made(
    project: Project, account: Account, status: int, said: str, code: int
) -> None:
    """`failed` alone would say that there is nothing; the next run only gives the name."""
    project.manifest("replica", "nora", named("replica", "Nora"))
    account.fault(match="PATCH /v2/replicas/*/name", kind="status", status=status, times=None)
    told = project.run("apply", "--yes", "--format", "json")
    account.control("DELETE", "faults")

    (outcome,) = told.document["outcomes"]
    (remote_id,) = account.objects("replicas")
    assert told.code == code, told.err
    assert (outcome["status"], outcome["id"]) == (said, remote_id)
    assert f"created as {remote_id}; the next run finishes it: " in outcome["reason"]
    assert remote_id in project.run("state", "list").out

    account.forget()
    project.apply()
    (replica,) = account.objects("replicas").values()
    assert replica["replica_name"] == "Nora"
    assert [one["method"] for one in account.writes] == ["PATCH"]


def test_a_replica_and_its_name_are_undone_as_one(project: Project) -> None:
    project.manifest("replica", "nora", named("replica", "Nora"))
    project.apply()
    (run,) = (line.split()[0] for line in project.run("undo").out.splitlines())

    assert project.run("undo", run, "--yes", "--allow-replica-delete", "replica/nora").code in (0, 4)
    assert [one["replica_name"] for one in project.account.objects("replicas").values()] in ([], ["Nora"])


@pytest.mark.parametrize(("style", "name"), [("trim", " Coach"), ("escape", "Q&A"), ("collapse", "A  coach")])
def test_a_namesake_is_one_however_it_is_spelled(project: Project, style: str, name: str) -> None:
    """A planned create is refused (E401), one of a managed object is told (TV306), and match-names binds it."""
    project.account.switch(names=style)
    kept = {"trim": "Coach", "escape": "Q&amp;A", "collapse": "A coach"}[style]
    project.account.seed(personas=[{"persona_name": kept, "system_prompt": "Theirs."}])
    project.manifest("persona", "coach", {"persona_name": name, "system_prompt": "Ours."})
    project.manifest("persona", "other", {"persona_name": "Other", "system_prompt": "Ours."})

    refused = project.run("apply", "--yes")
    assert (refused.code, "E422" in refused.out) == (4, True) or "E401" in refused.out
    assert len(project.account.objects("personas")) == 1
    assert "would bind persona/coach" in project.run("import", "--match-names", "--dry-run").out
