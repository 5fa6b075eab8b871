"""Drafts of personas: what PAL Maker keeps out, and what went into a draft in July, is told until it is decided."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.crash.rig import KILLED, KillableProject, Launcher
from tests.scenarios.project import Body, Project

OLD, NEW, THEIRS = "You coach.", "Never give medical advice.", "Edited in PAL Maker."
NAMES = ("a", "b", "c", "d", "e")
EDIT = [{"op": "replace", "path": "/system_prompt", "value": THEIRS}]


@pytest.fixture
def five(project: Project) -> Project:
    """A project of five personas, all of which are edited."""
    project.environment["TAVUSCTL_SETTLE"] = "0.1"
    describe(project, OLD)
    project.apply()
    describe(project, NEW)
    project.account.forget()
    return project


def describe(project: Project, prompt: str, *names: str) -> None:
    for name in names or NAMES:
        project.manifest("persona", name, {"persona_name": name.upper(), "system_prompt": prompt})


def drafted(project: Project, name: str, *edit: Body, **more: Any) -> None:
    """Somebody edits a persona in PAL Maker, and publishes nothing."""
    body = {"id": project.bound(f"persona/{name}"), "account": project.account.key, **more}
    project.account.control("POST", "drafts", {**body, **({"patch": [*edit]} if edit else {})})


def decided(project: Project, name: str, *, publish: bool) -> None:
    """Somebody publishes a draft in PAL Maker, or throws it away."""
    ident, key = project.bound(f"persona/{name}"), project.account.key
    if publish:
        project.account.control("POST", "drafts/publish", {"id": ident, "account": key})
    else:
        project.account.control("DELETE", f"drafts?id={ident}&account={key}")


def drafts(project: Project) -> set[str]:
    """Names of the personas with a draft that is not published, which says what its author has made it say."""
    names = {project.bound(f"persona/{name}"): name for name in NAMES}
    return {names[one["id"]] for one in project.account.control("GET", "drafts")["drafts"] if one["unpublished"]}


def prompts(project: Project) -> dict[str, str]:
    live = project.account.objects("personas")
    return {name: live[project.bound(f"persona/{name}")]["system_prompt"] for name in NAMES}


def applied(project: Project, *args: str) -> tuple[int, dict[str, tuple[str, str]]]:
    """Apply; its exit code, and how every step has ended, by the name of its persona."""
    result = project.run("apply", "--yes", "--format", "json", *args)
    ended = {one["address"].partition("/")[2]: (one["status"], one["reason"]) for one in result.document["outcomes"]}
    return result.code, ended


def warnings_of(plan: Body) -> dict[str, str]:
    """What a plan warns of, by id."""
    return {one["id"]: f"{one['message']}; {one['hint']}" for one in plan["warnings"]}


def forced(project: Project) -> list[str]:
    """Paths of requests that throw drafts away."""
    return [one["path"] for one in project.account.requests if "force" in json.dumps(one["query"])]


@pytest.mark.parametrize("blocked", ["a", "b", "e", "ace", "abcde"])
def test_a_draft_keeps_one_object_out_and_the_others_are_done(five: Project, blocked: str) -> None:
    for name in blocked:
        drafted(five, name, *EDIT)

    for run in ("first", "second"):
        code, ended = applied(five)

        assert code == 3
        assert {*ended} == {*NAMES} if run == "first" else {*blocked}
        for name, (status, reason) in ended.items():
            if name not in blocked:
                assert (status, reason) == ("done", "")
                continue
            assert (status, reason.partition(":")[0]) == ("failed", "maker_changes")
            assert "publish or discard them there" in reason
            assert f"--discard-drafts persona/{name}`" in reason
        assert prompts(five) == {name: OLD if name in blocked else NEW for name in NAMES}
        assert (drafts(five), forced(five)) == ({*blocked}, [])
        assert {one["address"] for one in five.plan()["changes"]} == {f"persona/{name}" for name in blocked}


@pytest.mark.parametrize("ignore", [False, True], ids=["tests are obeyed", "tests are ignored"])
@pytest.mark.parametrize("named", ["a", "c", "ae"])
def test_only_the_drafts_that_are_named_are_thrown_away(five: Project, named: str, *, ignore: bool) -> None:
    five.account.switch(ignore_test=ignore)
    for name in "ace":
        drafted(five, name, *EDIT)
    left = {*"ace"} - {*named}

    code, ended = applied(five, *(f"--discard-drafts=persona/{name}" for name in named))

    assert code == 3
    for name in NAMES:
        assert ended[name][0] == ("failed" if name in left else "done")
        assert ("discarded" in ended[name][1]) == (name in named)
    assert drafts(five) == left
    assert prompts(five) == {name: OLD if name in left else NEW for name in NAMES}
    assert sorted(forced(five)) == sorted(f"/v2/personas/{five.bound(f'persona/{name}')}" for name in named)


LOST: dict[str, Body] = {
    "answer lost": {"kind": "drop", "phase": "after"},
    "500 after the change": {"kind": "status", "status": 500, "phase": "after"},
    "429": {"kind": "status", "status": 429},
    "a page for an answer": {"kind": "html", "status": 200, "phase": "after"},
}


@pytest.fixture
def forcing(five: Project) -> tuple[str, int]:
    """A draft keeps one object out, the only one that is left: its path, and the patches before one that is forced."""
    drafted(five, "c", *EDIT)
    applied(five)
    five.account.forget()
    assert applied(five)[0] == 3
    plain = [one for one in five.account.requests if one["method"] == "PATCH"]
    five.account.forget()
    return f"/v2/personas/{five.bound('persona/c')}", len(plain)


@pytest.mark.parametrize("fault", LOST)
def test_a_forced_write_says_what_it_cost_whatever_the_answer(
    five: Project, forcing: tuple[str, int], fault: str
) -> None:
    path, plain = forcing
    five.account.fault(match=f"PATCH {path}", skip=plain, **LOST[fault])

    code, ended = applied(five, "--discard-drafts", "persona/c")

    (struck,) = [one for one in five.account.requests if one["fault"]]
    assert (struck["path"], struck["query"]) == (path, {"force": "true"})
    assert (code, ended) == (0, {"c": ("done", "unpublished edits in PAL Maker were discarded")})
    assert {*forced(five)} == {path}
    assert (drafts(five), prompts(five)) == (set(), dict.fromkeys(NAMES, NEW))
    assert five.plan()["changes"] == []


def test_a_forced_write_of_which_nothing_is_known_says_what_it_may_have_cost(
    five: Project, forcing: tuple[str, int]
) -> None:
    """The request was lost, and may come late; the next run settles it."""
    path, plain = forcing
    five.account.fault(match=f"PATCH {path}", skip=plain, kind="drop", phase="before")

    code, ended = applied(five, "--discard-drafts", "persona/c")

    assert (code, ended["c"][0]) == (6, "unknown")
    assert "unpublished edits in PAL Maker may have been discarded" in ended["c"][1]
    assert (drafts(five), prompts(five)["c"]) == ({"c"}, OLD)
    assert applied(five)[0] == 3
    assert applied(five, "--discard-drafts", "persona/c")[0] == 0
    assert (drafts(five), prompts(five)["c"]) == (set(), NEW)


@pytest.mark.parametrize("phase", ["before", "after"])
def test_a_run_that_was_killed_after_a_forced_write_leaves_word_of_what_it_has_cost(
    five: Project, runner: Launcher, phase: str
) -> None:
    """The first write is on record, the second one was under way; every plan says so until an apply has seen to it."""
    applied(five, "--target", "persona/b", "--target", "persona/d", "--target", "persona/e")
    drafted(five, "a", *EDIT)
    drafted(five, "c", *EDIT)
    crashing = KillableProject(five.root, five.account, five.environment, runner)
    five.account.fault(match=f"PATCH /v2/personas/{five.bound('persona/c')}", kind="kill", phase=phase, skip=3)
    choice = ("--discard-drafts", "persona/a", "--discard-drafts", "persona/c")

    assert crashing.run("apply", "--yes", "--parallel", "1", *choice).code == KILLED
    plans = [five.plan(), five.run("drift", "--format", "json").document]

    assert drafts(five) == ({"c"} if phase == "before" else set())
    surely = {"persona/a": "has discarded", "persona/c": "may have discarded" if phase == "before" else "has discarded"}
    for plan in plans:
        said = {one["address"]: one["message"] for one in plan["warnings"] if one["id"] == "TV334"}
        assert said == {
            address: f"an earlier run, which was interrupted, {cost} unpublished edits of `{address}` in PAL Maker"
            for address, cost in surely.items()
        }
    last = five.expect(0, "apply", "--yes", *choice)
    assert "TV334" in last.err + last.out
    assert (drafts(five), prompts(five)) == (set(), dict.fromkeys(NAMES, NEW))
    assert five.plan()["warnings"] == []


def test_what_a_killed_run_has_cost_is_told_by_whoever_writes_the_state_next(
    five: Project, runner: Launcher, forcing: tuple[str, int]
) -> None:
    path, plain = forcing
    crashing = KillableProject(five.root, five.account, five.environment, runner)
    five.account.fault(match=f"PATCH {path}", kind="kill", phase="after", skip=plain)
    assert crashing.run("apply", "--yes", "--parallel", "1", "--discard-drafts", "persona/c").code == KILLED
    (other,) = five.account.seed(personas=[{"persona_name": "Other", "system_prompt": "x"}])["personas"]
    told = "warning: an earlier run, which was interrupted, has discarded unpublished edits of `persona/c` in PAL Maker"

    surveyed, bound = five.run("export", "--dry-run"), five.run("import", "persona/other", other)

    assert (surveyed.code, bound.code) == (0, 0)
    assert (told in surveyed.err, told in bound.err) == (True, True)
    assert "TV334" not in {one["id"] for one in five.plan()["warnings"]}, "the import has made the state durable"


def test_an_object_without_a_draft_is_never_forced(five: Project) -> None:
    code, ended = applied(five, "--discard-drafts", "persona/a")
    assert (code, ended["a"], forced(five)) == (0, ("done", ""), [])


def test_a_draft_of_what_is_not_written_stays(five: Project) -> None:
    five.apply()
    drafted(five, "a", *EDIT)
    result = five.run("apply", "--yes", "--discard-drafts", "persona/a")
    assert (result.code, drafts(five)) == (0, {"a"})
    assert "persona/a is not written by this plan" in result.err


@pytest.mark.parametrize("publish", [True, False])
def test_a_person_lets_the_write_pass(five: Project, *, publish: bool) -> None:
    drafted(five, "a", *EDIT)
    assert applied(five)[0] == 3
    decided(five, "a", publish=publish)
    if publish:  # what the person has published is an edit in the account like any other
        five.expect(3, "apply", "--yes")
        five.apply("--overwrite", "persona/a")
    else:
        assert applied(five) == (0, {"a": ("done", "")})
    assert prompts(five) == dict.fromkeys(NAMES, NEW)


@pytest.mark.parametrize("skip", range(5))
def test_a_draft_that_begins_while_a_run_writes(five: Project, skip: int) -> None:
    """Before the first question, between the questions about tests, and right before the write."""
    describe(five, OLD, *NAMES[1:])
    before = f"PATCH /v2/personas/{five.bound('persona/a')}"
    drafted(five, "a", *EDIT, when={"before": before, "skip": skip})
    code, ended = applied(five)
    if skip < 4:
        assert (code, ended["a"][1].partition(":")[0], drafts(five)) == (3, "maker_changes", {"a"})
    else:
        assert (code, drafts(five)) == (0, set())


def test_no_plan_file_brings_the_choice_along(five: Project) -> None:
    drafted(five, "a", *EDIT)
    five.expect(12, "plan", "--out", "p.json", "--discard-drafts", "persona/a")
    five.expect(0, "plan", "--out", "p.json")
    assert "discard" not in (five.root / "p.json").read_text(encoding="utf-8")
    five.expect(0, "apply", "p.json", "--discard-drafts", "persona/a")
    assert (drafts(five), prompts(five)["a"]) == (set(), NEW)


WRONG = [
    (["--discard-drafts", "persona/z"], "`persona/z` is neither in the manifests nor in the state"),
    (["--publish", "persona/z"], "`persona/z` is neither in the manifests nor in the state"),
    (["--publish", "guardrails/x"], "expected an address of a persona, found `guardrails/x`"),
    (["--discard-drafts", "tool/x"], "expected an address of a persona, found `tool/x`"),
    (["--discard-drafts", "persona/a", "--publish", "persona/a"], "both name persona/a"),
    (["--discard-drafts", "a"], "is not an address"),
]


@pytest.mark.parametrize(("args", "words"), WRONG, ids=lambda one: "".join(one) if isinstance(one, list) else "")
def test_a_choice_that_makes_no_sense_stops_the_run(five: Project, args: list[str], words: str) -> None:
    result = five.run("apply", "--yes", *args)
    assert (result.code, five.account.writes) == (12, [])
    assert words in result.err


def test_every_report_names_the_draft_and_the_ways_out(five: Project) -> None:
    drafted(five, "a", *EDIT)
    reports = {name: five.root / name for name in ("json", "markdown", "comment", "summary")}
    result = five.run("apply", "--yes", *(f"--report={name}={path}" for name, path in reports.items()))
    texts = {name: path.read_text(encoding="utf-8") for name, path in reports.items()} | {"text": result.out}
    for name, shown in texts.items():
        plain = shown.replace("&#45;", "-").replace("&#95;", "_")
        for words in ("PAL Maker", "publish or discard", "--discard-drafts"):
            assert words in plain, shown
        assert ("maker_changes" in plain) == (name == "json"), shown  # a word for programs
    assert "decide about the draft of persona/a" in result.err


def test_an_undo_meets_drafts_as_an_apply_does(five: Project) -> None:
    five.apply()
    run = five.run("undo", "--format", "json").document["runs"][0]["run"]
    drafted(five, "a", *EDIT)
    undone = five.run("undo", run, "--yes")
    assert (undone.code, prompts(five)) == (3, {name: NEW if name == "a" else OLD for name in NAMES})
    assert "--discard-drafts persona/a" in undone.out
    assert drafts(five) == {"a"}
    five.expect(0, "undo", run, "--yes", "--discard-drafts", "persona/a")
    assert (prompts(five)["a"], drafts(five)) == (OLD, set())


# July: a write is answered with 200 and goes into the draft.


def july(project: Project, *names: str) -> None:
    """Somebody opens personas in the builder, and edits nothing."""
    for name in names:
        drafted(project, name, model="july")


@pytest.mark.parametrize("marks", ["draft", "every read"])
def test_a_write_that_went_into_a_draft_is_told_until_it_is_live(five: Project, marks: str) -> None:
    five.account.switch(draft_marks=marks)
    july(five, "a")
    for run in ("first", "second", "third"):
        code, ended = applied(five)
        assert code == 5
        assert {*ended} == {*NAMES} if run == "first" else {"a"}
        status, reason = ended["a"]
        assert (status, reason.partition(":")[0]) == ("failed", "not_live")
        assert "--publish persona/a" in reason
        plan = five.plan()
        assert {one["address"]: one["cause"] for one in plan["changes"]} == {"persona/a": "edited"}
        assert "`persona/a`: the last write of /system_prompt did not go live" in warnings_of(plan)["TV333"]
        assert "--publish persona/a" in warnings_of(plan)["TV333"]
        assert "TV333" in warnings_of(five.run("drift", "--format", "json").document)
        assert "the last write of /system_prompt did not go live" in five.run("verify").out
        assert prompts(five) == {name: OLD if name == "a" else NEW for name in NAMES}

    decided(five, "a", publish=True)
    assert (warnings_of(five.plan()), "did not go live" in five.run("verify").out) == ({}, False)
    five.apply()
    five.expect(0, "plan", "--detailed-exitcode")
    # What is said of it later is a matter of later writes.
    five.account.portal("persona", five.bound("persona/a"), *EDIT)
    assert "TV333" not in warnings_of(five.plan())


def test_what_is_not_live_is_recorded_without_the_secret_in_it_and_told_until_it_is_live(five: Project) -> None:
    five.environment["LLM_KEY"] = secret = "canary-of-a-draft"
    five.write("tavusctl.yaml", "version: 1\nsecrets: [LLM_KEY]\n")
    key = {"llm": {"model": "gpt", "base_url": "https://llm.example.com", "api_key": "${secret:LLM_KEY}"}}
    five.manifest("persona", "b", {"persona_name": "B", "system_prompt": NEW, "layers": key})
    describe(five, f"Say {secret}.", "a")
    july(five, "a")
    assert applied(five)[1]["a"][1].startswith("not_live")
    assert secret not in (five.root / ".tavusctl/state.json").read_text(encoding="utf-8")
    assert "the last write of /system_prompt did not go live" in warnings_of(five.plan())["TV333"]
    assert "the last write of /system_prompt did not go live" in five.run("verify").out
    decided(five, "a", publish=True)
    assert (warnings_of(five.plan()), "did not go live" in five.run("verify").out) == ({}, False)


def test_a_plan_reports_what_is_not_live_wherever_it_is_read(five: Project) -> None:
    july(five, "a")
    applied(five)
    reports = {name: five.root / name for name in ("json", "markdown", "comment", "html")}
    result = five.run("plan", *(f"--report={name}={path}" for name, path in reports.items()))
    for shown in (result.out, *(path.read_text(encoding="utf-8") for path in reports.values())):
        assert "TV333" in shown


@pytest.mark.parametrize("first", [True, False], ids=["at once", "in a later run"])
def test_only_what_is_named_is_published(five: Project, *, first: bool) -> None:
    july(five, "a", "b")
    if not first:
        assert applied(five)[0] == 5
    code, ended = applied(five, "--publish", "persona/b")
    assert code == 5
    assert (ended["b"][0], "published" in ended["b"][1]) == ("done", True)
    assert (ended["a"][0], ended["a"][1].partition(":")[0]) == ("failed", "not_live")
    assert prompts(five) == {name: OLD if name == "a" else NEW for name in NAMES}
    assert [one["path"] for one in five.account.requests if one["path"].endswith("/publish")] == [
        f"/v2/pals/{five.bound('persona/b')}/publish"
    ]
    assert applied(five, "--publish", "persona/a")[0] == 0
    five.expect(0, "plan", "--detailed-exitcode")


@pytest.mark.newer_api
@pytest.mark.parametrize("prompt", [NEW, OLD], ids=["beside the object", "alone"])
def test_a_part_that_went_into_a_draft_is_published_too(five: Project, prompt: str) -> None:
    """No page says whether calls for tools and skills go into drafts; what a read does not show is not live."""
    five.account.switch(draft_parts="draft")
    describe(five, OLD)
    tool = {"name": "book_table", "description": "Book a table.", "delivery": {"app_message": True}}
    five.manifest("tool", "book", tool)
    spec = {"persona_name": "A", "system_prompt": prompt, "tool_ids": ["${ref:tool/book}"], "skills": {"memory": {}}}
    five.manifest("persona", "a", spec)
    july(five, "a")

    first, told_first = applied(five)
    second, told_second = applied(five, "--publish", "persona/a")

    assert (first, told_first["a"][1].partition(":")[0]) == (5, "not_live")
    assert (second, "published" in told_second["a"][1]) == (0, True)
    live = five.account.objects("personas")[five.bound("persona/a")]
    assert (live["system_prompt"], live["tool_ids"], [*live["skills"]]) == (
        prompt,
        [five.bound("tool/book")],
        ["memory"],
    )
    assert sum(one["path"].endswith("/publish") for one in five.account.requests) == 1
    five.expect(0, "plan", "--detailed-exitcode")


def test_what_is_live_needs_nobody_to_publish_it(five: Project) -> None:
    code, ended = applied(five, "--publish", "persona/a")
    assert (code, ended["a"]) == (0, ("done", ""))
    assert not [one for one in five.account.requests if one["path"].endswith("/publish")]


@pytest.mark.sampled(2)
@pytest.mark.parametrize("phase", ["before", "after"])
def test_a_publication_of_which_nothing_is_heard_is_unknown_until_the_next_plan(five: Project, phase: str) -> None:
    july(five, "a")
    five.account.fault(match="POST /v2/pals/*", kind="drop", phase=phase, times=2)

    code, ended = applied(five, "--publish", "persona/a")

    assert (code, ended["a"][0]) == (6, "unknown")
    assert "the draft may have been published" in ended["a"][1]
    changes = [one["address"] for one in five.plan()["changes"]]
    assert changes == (["persona/a"] if phase == "before" else [])
    assert applied(five, "--publish", "persona/a")[0] == 0
    assert prompts(five)["a"] == NEW
    five.expect(0, "plan", "--detailed-exitcode")


def test_an_api_that_publishes_nothing_says_so(five: Project) -> None:
    july(five, "a")
    five.account.fault(match="POST /v2/pals/*", kind="status", status=404, body={"error": "Not found"})
    code, ended = applied(five, "--publish", "persona/a")
    assert (code, ended["a"][0]) == (5, "failed")
    assert "the API did not publish the draft" in ended["a"][1]
    assert applied(five, "--publish", "persona/a")[0] == 0


def test_somebody_elses_draft_of_the_same_field_is_never_written_over(five: Project) -> None:
    drafted(five, "a", *EDIT, model="july")
    for _ in range(2):
        code, ended = applied(five)
        assert (code, ended["a"][0]) == (3, "failed")
        assert "an unpublished draft of persona/a has other values of /system_prompt" in ended["a"][1]
        (draft,) = five.account.control("GET", "drafts")["drafts"]
        assert (draft["document"]["system_prompt"], prompts(five)["a"]) == (THEIRS, OLD)


def test_a_draft_that_is_marked_as_deleted_is_none(five: Project) -> None:
    drafted(five, "a", *EDIT, model="july")
    persona = five.bound("persona/a")
    deleted = {"persona_id": persona, "is_deleted": True, "is_draft": True, "publish_url": "https://example.com/p"}
    five.account.fault(match=f"GET /v2/personas/{persona}", kind="status", status=200, body=deleted, skip=1)

    code, ended = applied(five)

    assert (code, ended["a"][0], "draft" in ended["a"][1]) == (5, "failed", False), ended


def test_a_change_that_the_manifest_takes_back_is_not_told_of(five: Project) -> None:
    july(five, "a")
    applied(five)
    describe(five, OLD, "a")
    assert warnings_of(five.plan()) == {}
    assert "did not go live" not in five.run("verify").out


@pytest.mark.parametrize("publish_url", [True, False])
def test_an_answer_that_says_draft_is_believed_where_a_part_reads_as_sent(five: Project, *, publish_url: bool) -> None:
    """One field of two reads as it was sent: kept otherwise by a server that wrote it, or not live at all."""
    describe(five, OLD, *NAMES[1:])
    five.manifest("persona", "a", {"persona_name": "New", "system_prompt": NEW})
    five.account.switch(ignore_fields=["/persona_name"])
    body: Body = {"publish_url": "https://maker.example/p"} if publish_url else {}
    path = f"PATCH /v2/personas/{five.bound('persona/a')}"
    five.account.fault(match=path, kind="status", status=200, body=body, phase="after", skip=3)
    code, ended = applied(five)
    assert (code, ended["a"][0]) == (5, "failed" if publish_url else "done")
    assert ended["a"][1].startswith("not_live" if publish_url else "not kept by the server")


# The other meanings of 409.


def test_a_name_that_is_taken_meanwhile_ends_as_one_that_a_plan_sees(five: Project) -> None:
    five.manifest("guardrails", "g", {"name": "g", "data": [{"guardrail_name": "x", "guardrail_prompt": "y"}]})
    body = {"error": "A set named g already exists"}
    five.account.fault(match="POST /v2/guardrails", kind="status", status=409, body=body)
    result = five.run("apply", "--yes", "--target", "guardrails/g")
    assert (result.code, five.account.objects("guardrails")) == (4, {})
    assert "the account has this name already" in result.out
    five.apply("--target", "guardrails/g")


def test_what_the_account_still_uses_is_not_deleted(five: Project) -> None:
    five.apply()
    five.remove("persona", "a")
    body = {"error": "it cannot go", "used_by": {"deployments": 1}}
    five.account.fault(match="DELETE /v2/personas/*", kind="status", status=409, body=body)
    result = five.run("apply", "--yes", "--allow-deletes", "1")
    assert (result.code, "it stays until nothing in the account uses it" in result.out) == (3, True)
    five.apply("--allow-deletes", "1")
