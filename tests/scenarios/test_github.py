"""`tavusctl github`: the steps of a workflow, against a stand-in for GitHub."""

from __future__ import annotations

import html
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from tavusctl.reports.github.environment_sections import sections
from tests.scenarios.hub import BOT, TOKEN, Hub, Limit, hub
from tests.scenarios.project import Project, Result
from tests.scenarios.test_base import commit, git

ROOT = Path(__file__).parents[2]
COACH = {"persona_name": "Coach", "system_prompt": "You coach."}
MARKER = "<!-- tavusctl:plan:default -->"
SHARED = "<!-- tavusctl:plans -->"
MARKER_OF = "<!-- tavusctl:plan:"
SECTION = "<!-- tavusctl-section:"


@dataclass(frozen=True)
class Step:
    """A step of a workflow run in acme/agents."""

    project: Project
    hub: Hub

    def run(self, *args: str, fork: bool = False, pull: bool = True, **environment: str | None) -> Result:
        temp = self.project.root.parent / "runner"
        temp.mkdir(exist_ok=True)
        (temp / "event.json").write_text(json.dumps(_event(fork=fork) if pull else {}))
        for name in ("output", "summary"):
            (temp / name).write_text("")
        known: dict[str, str | None] = {
            "GITHUB_ACTIONS": "true",
            "GITHUB_ACTOR": "alice",
            "GITHUB_BASE_REF": None,
            "GITHUB_REPOSITORY": "acme/agents",
            "GITHUB_API_URL": self.hub.url,
            "GITHUB_TOKEN": TOKEN,
            "GITHUB_EVENT_NAME": "pull_request" if pull else "push",
            "GITHUB_EVENT_PATH": str(temp / "event.json"),
            "GITHUB_OUTPUT": str(temp / "output"),
            "GITHUB_STEP_SUMMARY": str(temp / "summary"),
            "GITHUB_SERVER_URL": "https://github.com",
            "GITHUB_RUN_ID": "77",
            "RUNNER_TEMP": str(temp),
            **environment,
        }
        return self.project.run("github", *args, **known)

    @property
    def outputs(self) -> dict[str, str]:
        lines = (self.project.root.parent / "runner/output").read_text().splitlines()
        return dict(line.split("=", 1) for line in lines)

    @property
    def summary(self) -> str:
        return html.unescape((self.project.root.parent / "runner/summary").read_text())

    @property
    def comments(self) -> list[str]:
        return [html.unescape(one["body"]) for one in self.hub.comments.get(7, [])]


def _event(*, fork: bool) -> dict[str, Any]:
    head = {"repo": {"full_name": "mallory/agents" if fork else "acme/agents"}}
    return {"pull_request": {"number": 7, "head": head}}


@pytest.fixture
def step(project: Project) -> Iterator[Step]:
    inner = Project(project.root / "work", project.account)
    inner.manifest("persona", "coach", COACH)
    with hub() as made:
        yield Step(inner, made)


def test_a_plan_becomes_one_comment_that_is_kept_up_to_date(step: Step) -> None:
    assert step.run("plan").code == 0
    step.project.manifest("persona", "nurse", {"persona_name": "Nurse", "system_prompt": "You care."})
    again = step.run("plan")

    assert again.code == 0, again.err
    (comment,) = step.comments
    assert comment.startswith(MARKER)
    assert "persona/nurse" in comment
    assert "https://github.com/acme/agents/actions/runs/77" in comment
    assert "persona/nurse" in step.summary
    assert again.err.endswith("comment on #7: updated\n")


def test_outputs_tell_later_steps(step: Step) -> None:
    step.run("plan")

    plan = json.loads(Path(step.outputs["plan-file"]).read_text())
    assert step.outputs == {
        "changes": "true",
        "drift": "false",
        "fingerprint": plan["fingerprint"],
        "plan-file": step.outputs["plan-file"],
        "exit-code": "0",
    }


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("account", "environments: {default: {account: acme}}"),
        ("safety", "safety: {max_deletes: 1}"),
        ("reads", "secrets: [LLM_KEY]"),
    ],
)
def test_a_setting_that_only_the_state_has_to_learn_is_a_change_until_an_apply(
    step: Step, name: str, text: str
) -> None:
    step.project.apply()
    step.run("plan", pull=False)
    before = step.outputs["changes"]
    step.project.write("tavusctl.yaml", f"{text}\n")
    step.project.account.forget()

    step.run("plan", pull=False)
    plan = json.loads(Path(step.outputs["plan-file"]).read_text())
    shown = step.project.run("plan", "--detailed-exitcode")
    assert (before, step.outputs["changes"], plan["settings"]) == ("false", "true", [name])
    assert (shown.code, "1 setting to record" in shown.out, "No changes" in shown.out) == (2, True, False)
    assert (step.run("apply", step.outputs["plan-file"], pull=False).code, step.project.account.writes) == (0, [])

    step.run("plan", pull=False)
    again = step.project.run("plan", "--detailed-exitcode")
    assert (step.outputs["changes"], again.code, "No changes" in again.out) == ("false", 0, True)


def test_a_name_that_is_not_read_any_more_is_a_change_until_an_apply(step: Step) -> None:
    step.project.write("tavusctl.yaml", "secrets: [LLM_KEY]\n")
    step.project.apply()
    step.project.write("tavusctl.yaml", "secrets: []\n")

    step.run("plan", pull=False)
    before = step.outputs["changes"]
    step.project.apply()
    step.run("plan", pull=False)

    assert (before, step.outputs["changes"]) == ("true", "false")


def test_secrets_that_a_pull_request_may_not_read_are_no_change(step: Step) -> None:
    step.project.write("tavusctl.yaml", "secrets: [LLM_KEY]\n")
    step.project.apply()

    step.run("plan")

    assert step.outputs["changes"] == "false"


def test_the_log_names_no_path_that_is_gone_with_the_machine(step: Step) -> None:
    assert "plan.json" not in step.run("plan").err


def test_the_plan_file_is_what_apply_takes(step: Step) -> None:
    step.run("plan")

    applied = step.run("apply", step.outputs["plan-file"], pull=False)

    assert applied.code == 0, applied.err
    assert len(step.project.account.objects("personas")) == 1
    assert step.outputs["changes"] == "true"


def test_the_same_plan_again_writes_nothing(step: Step) -> None:
    step.run("plan")
    step.hub.writes.clear()

    assert step.run("plan").err.endswith("comment on #7: unchanged\n")
    assert step.hub.writes == []


def test_without_changes_there_is_no_comment_unless_there_was_one(step: Step) -> None:
    step.project.apply()
    assert step.run("plan").err.endswith("comment on #7: none\n")
    assert step.comments == []
    step.hub.comment(7, f"{MARKER}\nbefore")

    step.run("plan")

    assert "No changes" in step.comments[0]
    assert "before" not in step.comments[0]


def test_always_and_never(step: Step) -> None:
    step.project.apply()
    step.run("--comment", "always", "plan")
    assert len(step.comments) == 1
    step.hub.comments.clear()
    step.project.manifest("persona", "coach", {**COACH, "persona_name": "Other"})

    step.run("plan", TAVUSCTL_COMMENT="never")

    assert step.comments == []


MERGED = "5" * 40


def test_what_became_of_a_plan_takes_its_place_on_the_pull_request_that_was_merged(step: Step) -> None:
    step.run("plan")
    step.hub.merged[MERGED] = [7]
    step.run("plan", pull=False, GITHUB_SHA=MERGED)
    assert "Plan: 1 to create" in step.comments[0]  # the apply tells it

    ended = step.run("apply", step.outputs["plan-file"], pull=False, GITHUB_SHA=MERGED)

    assert (ended.code, ended.err.splitlines()[-1]) == (0, "comment on #7: updated")
    (comment,) = step.comments
    assert comment.startswith(f"{MARKER}\n")
    assert "**Apply: 1 done**" in comment
    assert comment.endswith(f"commit {MERGED[:7]}\n")


def test_an_apply_that_failed_is_told_and_so_is_a_plan_after_the_merge(step: Step) -> None:
    step.hub.merged[MERGED] = [7]
    step.project.account.fault(match="POST /v2/personas", kind="status", status=422)
    failed = step.run("apply", "--yes", pull=False, GITHUB_SHA=MERGED)
    assert failed.code not in (0, 2)
    assert "**failed**" in step.comments[0]

    step.project.write("manifests/bad.yaml", "kind: persona\nname: bad\nspec:\n  persona_nme: Bad\n")
    step.run("plan", pull=False, GITHUB_SHA=MERGED)

    (comment,) = step.comments
    assert "persona_nme" in comment


def test_every_pull_request_of_a_push_is_told_once(step: Step) -> None:
    """A merge queue pushes several at once."""
    second, third = "6" * 40, "7" * 40
    step.hub.merged |= {MERGED: [7], second: [8], third: [8]}
    event = step.project.root.parent / "push.json"
    event.write_text(json.dumps({"commits": [{"id": one} for one in (third, second, MERGED)]}))

    step.run("apply", "--yes", pull=False, GITHUB_SHA=MERGED, GITHUB_EVENT_PATH=str(event))

    assert sorted(step.hub.comments) == [7, 8]
    assert [len(one) for one in step.hub.comments.values()] == [1, 1]


def test_only_what_the_commit_of_an_apply_contains_is_told_of_it(step: Step) -> None:
    """The run of a later merge, which waits behind this one, reports about that merge itself."""
    step.run("plan")
    planned, other = step.comments, "8" * 40
    merge = {"number": 7, "state": "closed", "merged_at": "now", "merge_commit_sha": other, "base": {"ref": "main"}}
    step.hub.pulls.append({**merge, "head": {"sha": "f"}})

    def applied() -> Result:
        return step.run("apply", "--yes", pull=False, GITHUB_SHA=MERGED, GITHUB_REF="refs/heads/main")

    step.project.account.fault(match="POST /v2/personas", kind="status", status=422, times=2)
    later = applied()
    assert (later.code, step.comments) == (5, planned)
    step.hub.history = lambda commit: [commit, other]
    failed, told = applied(), step.comments
    again = applied()

    assert [one.err.splitlines()[-1] for one in (failed, again)] == ["comment on #7: updated"] * 2
    assert "**failed**" in told[0]
    assert "**Apply: 1 done**" in step.comments[0]
    assert f"commit {MERGED[:7]}, which contains this merge\n" in step.comments[0]


def test_a_merge_that_a_forced_push_removed_does_not_keep_others_from_being_told(step: Step) -> None:
    step.run("plan")
    (planned,), lost, other = step.comments, "9" * 40, "8" * 40
    step.hub.comment(8, planned)
    for number, sha in ((7, other), (8, lost)):
        merge = {"number": number, "state": "closed", "merged_at": "now", "merge_commit_sha": sha}
        step.hub.pulls.append({**merge, "base": {"ref": "main"}, "head": {"sha": "f"}})
    step.hub.unrelated = {lost}
    step.hub.history = lambda commit: [commit, other]

    applied = step.run("apply", "--yes", pull=False, GITHUB_SHA=MERGED, GITHUB_REF="refs/heads/main")

    assert (applied.code, applied.err.splitlines()[-1]) == (0, "comment on #7: updated")
    assert [one["body"] for one in step.hub.comments[8]] == [planned]


def merge(step: Step, number: int, branch: str = "main") -> str:
    """Merge a pull request whose plan is in its comment; return the commit, which contains those of lower numbers."""
    head, commit = f"a{number:02}".ljust(40, "0"), f"{number:02}".ljust(40, "0")
    others = step.hub.comments.pop(7, [])
    step.run("--comment", "always", "plan", GITHUB_SHA=head)
    step.hub.comments[number] = step.hub.comments.pop(7)
    if others:
        step.hub.comments[7] = others
    pull = {"number": number, "state": "closed", "merged_at": f"2026-01-{number:02}", "merge_commit_sha": commit}
    step.hub.pulls.append({**pull, "base": {"ref": branch}, "head": {"sha": head}})
    step.hub.history = lambda newest: [sha for one in step.hub.pulls if (sha := one["merge_commit_sha"]) <= newest]
    return commit


def applied(step: Step, sha: str, branch: str = "main", name: str = "apply") -> Result:
    words = ["--yes"] if name == "apply" else []
    step.hub.calls.clear()
    return step.run(name, *words, pull=False, GITHUB_SHA=sha, GITHUB_REF=f"refs/heads/{branch}")


def test_no_comment_is_read_that_is_older_than_a_report(step: Step) -> None:
    """What a run reports about, it reports about from the oldest on: one that was cut short is continued."""
    for number in range(2, 5):
        assert applied(step, merge(step, number)).code == 0
    step.hub.limits.append(Limit(403, "Resource not accessible by integration", method="PATCH"))
    ended = applied(step, merge(step, 9))
    read = [path for method, path in step.hub.calls if method == "GET" and path.endswith("/comments")]

    assert (ended.code, "Apply" in step.hub.comments[4][0]["body"]) == (0, True)
    assert {path.split("/")[-2] for path in read} == {"4", "9"}
    assert "tavusctl plan" in step.hub.comments[9][0]["body"]
    ended = applied(step, merge(step, 10))
    assert ended.err.splitlines()[-2:] == ["comment on #9: updated", "comment on #10: updated"]


def test_a_prompt_is_not_taken_for_the_end_of_a_report(step: Step) -> None:
    step.project.manifest("persona", "coach", {**COACH, "system_prompt": "A release, which contains this merge"})
    merge(step, 7)

    applied(step, merge(step, 8))

    assert "**Apply: 1 done**" in step.comments[0]
    assert step.comments[0].endswith(", which contains this merge\n")


def test_a_merge_into_a_branch_that_is_not_the_default_one_is_told(step: Step) -> None:
    """For its commits, GitHub lists no merged pull request."""
    sha = merge(step, 7, "release/1.x")

    ended = applied(step, sha, "release/1.x")

    assert (ended.code, ended.err.splitlines()[-1]) == (0, "comment on #7: updated")
    assert "**Apply: 1 done**" in step.comments[0]


def test_a_locked_pull_request_keeps_no_other_from_being_told(step: Step) -> None:
    merge(step, 7)
    step.hub.limits.append(Limit(403, "Unable to create comment because issue is locked.", method="PATCH"))

    ended = applied(step, merge(step, 8))

    refused, done = ended.err.splitlines()[-2:]
    assert (ended.code, done) == (0, "comment on #8: updated")
    assert refused.startswith("comment on #7: not updated: ")
    assert refused.endswith("issue is locked.")


@pytest.mark.parametrize("ends", ["without changes", "with an error"])
def test_a_plan_after_the_merge_is_the_last_report_unless_it_has_failed(step: Step, ends: str) -> None:
    sha = merge(step, 7)
    step.project.apply()
    bad = step.project.root / "manifests/bad.yaml"
    if ends == "with an error":
        bad.write_text("kind: persona\nname: bad\nspec: {persona_nme: Bad}\n")
    first, told = applied(step, sha, name="plan"), list(step.comments)
    bad.unlink(missing_ok=True)
    later = applied(step, merge(step, 8), name="plan")

    assert (first.err.splitlines()[-1], later.code) == ("comment on #7: updated", 0)
    assert (step.comments == told) == (ends == "without changes")


def test_a_run_for_a_tag_looks_at_no_earlier_merges(step: Step) -> None:
    tag: dict[str, str | None] = {
        "GITHUB_EVENT_NAME": "workflow_dispatch",
        "GITHUB_REF": "refs/tags/v1",
        "GITHUB_SHA": MERGED,
    }

    step.run("apply", "--yes", fork=False, pull=False, **tag)

    assert step.hub.calls == [("GET", f"/repos/acme/agents/commits/{MERGED}/pulls")]


@pytest.mark.parametrize("event", ["schedule", "merge_group"])
def test_a_run_that_is_about_no_merge_tells_nobody(step: Step, event: str) -> None:
    step.hub.merged[MERGED] = [7]
    step.run("apply", "--yes", pull=False, GITHUB_SHA=MERGED, GITHUB_EVENT_NAME=event)

    assert step.comments == []


def test_an_apply_that_cannot_be_told_is_good_all_the_same(step: Step) -> None:
    step.hub.merged[MERGED] = [7]
    step.hub.denies = True
    ended = step.run("apply", "--yes", pull=False, GITHUB_SHA=MERGED)

    assert ended.code == 0
    (told,) = [line for line in (ended.out + ended.err).splitlines() if "not accessible" in line]
    assert told.startswith("::warning title=the comment could not be updated and may show an older plan::")
    assert "%0A  help: the token needs `pull-requests: write`" in told


PAGE = "https://github.com/acme/agents/actions/runs/77/artifacts/5"


def test_the_page_of_a_plan_is_linked_in_its_comment_once(step: Step) -> None:
    step.run("plan")
    first, again = step.run("link", PAGE), step.run("link", PAGE)

    assert (first.code, again.code) == (0, 0), first.err
    assert step.comments[0].endswith(f"actions/runs/77) · [The plan as a page]({PAGE})\n")
    assert first.err.endswith("link in the comment on #7: updated\n")
    assert again.err.endswith("link in the comment on #7: unchanged\n")


def test_without_a_comment_there_is_nothing_to_link(step: Step) -> None:
    step.hub.comment(7, f"{MARKER}\nforged", author="mallory")
    ended = step.run("link", PAGE, TAVUS_API_KEY=None)

    assert (ended.code, step.comments) == (0, [f"{MARKER}\nforged"])
    assert ended.err.endswith("link in the comment on #7: none\n")


def test_a_page_is_not_linked_in_the_plan_of_another_commit(step: Step) -> None:
    """The comment still shows an older plan if the newer one could not be written."""
    step.run("plan", GITHUB_SHA="1" * 40)
    older = step.comments

    ended = step.run("link", PAGE, GITHUB_SHA="2" * 40)

    assert (ended.code, step.comments) == (0, older)


@pytest.mark.parametrize("url", ["", "javascript:alert(1)", "https://x/) [evil](https://y", "https://x"])
def test_what_is_no_address_of_a_page_is_refused(step: Step, url: str) -> None:
    step.run("plan")
    before = step.comments
    ended = step.run("link", url)

    assert (ended.code, step.comments) == (12, before)
    assert "`link` needs the address of a page" in ended.err


def test_a_comment_of_somebody_else_with_our_marker_is_left_alone(step: Step) -> None:
    forged = f"{MARKER}\nApproved by everybody."
    step.hub.comment(7, forged, author="mallory")

    step.run("plan")

    first, second = step.comments
    assert first == forged
    assert second.startswith(MARKER)


def test_two_comments_of_ours_become_one(step: Step) -> None:
    """Two runs at once may both have found none."""
    step.hub.comment(7, f"{MARKER}\none")
    step.hub.comment(7, f"{MARKER}\ntwo")

    step.run("plan")

    assert len(step.comments) == 1


def test_our_comment_is_found_behind_a_hundred_others(step: Step) -> None:
    for number in range(130):
        step.hub.comment(7, f"remark {number}", author="reviewer")
    step.hub.comment(7, f"{MARKER}\nold")

    assert step.run("plan").err.endswith("comment on #7: updated\n")
    assert len(step.comments) == 131


def test_a_lost_answer_makes_no_second_comment(step: Step) -> None:
    step.hub.lose = 1

    assert step.run("plan").code == 0
    assert len(step.comments) == 1


def test_a_fork_is_only_validated(step: Step) -> None:
    """No request to the account: it has no key, and its code is a stranger's."""
    step.project.account.forget()

    ended = step.run("plan", fork=True, TAVUS_API_KEY=None)

    assert ended.code == 0, ended.err
    assert "the event `pull_request` of this run may come from outside the repository" in ended.err
    assert step.project.account.requests == []


def test_what_is_wrong_with_manifests_is_in_the_comment_and_on_its_line(step: Step) -> None:
    step.project.write("manifests/bad.yaml", "kind: persona\nname: bad\nspec:\n  persona_nme: Bad\n")

    ended = step.run("plan")

    assert ended.code == 10
    assert step.outputs["exit-code"] == "10"
    assert "persona_nme" in step.comments[0]
    assert "::error file=manifests/bad.yaml,line=4" in ended.out


def test_a_project_in_a_folder_of_the_repository_has_its_own_comment_and_paths(step: Step) -> None:
    step.project.write("manifests/bad.yaml", "kind: persona\nname: bad\nspec:\n  persona_nme: Bad\n")

    ended = step.run("validate", GITHUB_WORKSPACE=str(step.project.root.parent))

    assert "::error file=work/manifests/bad.yaml,line=4" in ended.out
    assert step.comments[0].startswith("<!-- tavusctl:validate:default:work -->")


def test_the_name_of_a_folder_forges_no_annotation(step: Step, tmp_path: Path) -> None:
    odd = tmp_path / "a,title=forged::b%0A\\1"
    odd.mkdir()
    project = Project(odd, step.project.account)
    project.write("manifests/bad.yaml", "kind: persona\nname: bad\nspec: {}\nbad: 1\n")

    ended = Step(project, step.hub).run("validate", GITHUB_WORKSPACE=str(tmp_path))

    assert "::error file=a%2Ctitle=forged%3A%3Ab%250A\\1/manifests/bad.yaml,line=" in ended.out
    assert [line for line in ended.out.splitlines() if line.startswith("::") and "forged::" in line] == []


@pytest.mark.parametrize("why", ["may not write", "is wrong", "is over its limit"])
def test_a_good_plan_does_not_fail_for_its_comment(step: Step, why: str) -> None:
    """It is in the log and the summary; that the comment may be old is told, and no token is shown."""
    step.hub.denies = why == "may not write"
    step.hub.limits += [Limit(403, headers={"Retry-After": "3600"})] * (why == "is over its limit")

    ended = step.run("plan", GITHUB_TOKEN="ghs_wrong_and_secret" if why == "is wrong" else TOKEN)

    assert (ended.code, step.outputs["exit-code"], step.comments) == (0, "0", [])
    assert "persona/coach" in step.summary
    assert "could not be" not in ended.err
    assert "::warning title=the comment could not be updated and".replace(",", "%2C") in ended.out
    assert "ghs_wrong" not in ended.out + ended.err


NOT_PERMITTED = "GitHub Actions is not permitted to create or approve pull requests."


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    ("command", "limit", "told"),
    [
        ("plan", Limit(403, "Resource not accessible by integration"), "`pull-requests: write`"),
        ("plan", Limit(404, "Not Found"), "`pull-requests: write`"),
        ("plan", Limit(403, "Unable to create comment because issue is locked.", method="POST"), ""),
        ("drift", Limit(403, "Resource not accessible by integration"), "`issues: write`"),
        ("adopt", Limit(403, "Resource not accessible by integration"), "`contents: write` and `pull-requests: write`"),
        ("adopt", Limit(403, NOT_PERMITTED), "allow GitHub Actions to create pull requests"),
        ("drift", Limit(410, "Issues are disabled for this repo"), "enable issues under Settings"),
        ("drift", Limit(503, "Unavailable"), ""),
    ],
)
def test_what_would_allow_a_refused_call_is_told(step: Step, command: str, limit: Limit, told: str) -> None:
    git(step.project, "init", "-qb", "main")
    step.project.write(".gitignore", ".tavusctl/\n")
    if command != "plan":
        step.project.apply()
        step.project.edit_in_portal("persona/coach", "/system_prompt", "Edited.")
    commit(step.project)
    step.hub.limits += [limit] * 9

    ended = step.run(
        command, *(["--all"] if command == "adopt" else []), pull=command == "plan", GITHUB_REF_NAME="main"
    )

    log = ended.out if command == "plan" else ended.err  # an annotation, if the step does not fail for it
    assert log.count(limit.message) == 1
    assert (told in log, "help: " in log) == (True, bool(told)), log


@pytest.mark.parametrize(("name", "code"), [("plan", 0), ("drift", 11)])
def test_an_address_of_github_that_leads_elsewhere_is_told(step: Step, name: str, code: int) -> None:
    step.project.apply()
    bound = step.project.bound("persona/coach")
    step.project.account.portal("personas", bound, {"op": "replace", "path": "/system_prompt", "value": "Edited."})
    step.hub.renamed = 301, "https://github.example.com"

    ended = step.run(name, pull=name == "plan")

    log = ended.out if name == "plan" else ended.err
    assert (ended.code, "to https://github.example.com, where the token is not sent" in log) == (code, True)
    assert "help: if GitHub is there now, set GITHUB_API_URL" in log


@pytest.mark.parametrize(("name", "code"), [("plan", 0), ("drift", 8), ("adopt", 8)])
def test_without_a_token_it_is_told_that_nothing_is_written(step: Step, name: str, code: int) -> None:
    """As with `github-token:` of a secret that nobody has set."""
    step.project.apply()
    words = ["--all"] if name == "adopt" else []

    told = step.run(name, *words, pull=name == "plan", GITHUB_TOKEN="")
    never = step.run("--comment", "never", name, *words, pull=name == "plan", GITHUB_TOKEN="")

    assert (told.code, never.code, step.hub.calls) == (code, 0, [])
    assert "set `github-token:` of the action, or GITHUB_TOKEN" in told.out + told.err
    assert "github-token" not in never.out + never.err


def test_an_issue_about_drift_that_cannot_be_written_fails_the_step(step: Step) -> None:
    """Nobody looks at the log of a run by the clock."""
    step.project.apply()
    step.project.edit_in_portal("persona/coach", "/system_prompt", "Edited.")
    step.hub.denies = True

    ended = step.run("drift", pull=False)

    assert ended.code == 11
    assert "Resource not accessible by integration" in ended.err


def test_the_token_goes_to_no_unprotected_host(step: Step) -> None:
    ended = step.run("plan", GITHUB_API_URL="http://api.example.com")
    broken = step.run("plan", GITHUB_API_URL="api.example.com")

    assert ended.code == 12
    assert "GITHUB_API_URL http://api.example.com would send the token unencrypted" in ended.err
    assert "write it like `https://api.github.com`" in broken.err


def test_dry_run_prints_and_writes_nothing(step: Step) -> None:
    ended = step.run("--dry-run", "plan")

    assert ended.code == 0, ended.err
    assert "would send POST /repos/acme/agents/issues/7/comments" in ended.out
    assert ended.err.endswith("comment on #7: would be created\n")
    assert step.hub.writes == []


def test_dry_run_of_an_apply_is_refused(step: Step) -> None:
    step.project.account.forget()

    ended = step.run("--dry-run", "apply", "--yes", pull=False)

    assert ended.code == 12
    assert "`--dry-run` cannot be used with `apply`" in ended.err
    assert step.project.account.requests == []
    assert step.hub.writes == []


def test_dry_run_is_that_of_a_command_with_its_own(step: Step) -> None:
    project = step.project
    git(project, "init", "-qb", "main")
    crawled = {"document_url": "https://example.com/", "crawl": {"depth": 1, "max_pages": 5}}
    project.manifest("document", "site", crawled, recrawl={"every": "1h"})
    project.apply()
    commit(project)
    project.edit_in_portal("persona/coach", "/system_prompt", "Edited.")
    project.account.advance(86400)
    project.account.forget()

    adopted = step.run("--dry-run", "adopt", "--all", pull=False, GITHUB_REF_NAME="main")
    crawled_again = step.run("--dry-run", "recrawl", pull=False)
    drifted = step.run("--dry-run", "drift", pull=False)

    assert (adopted.code, "would adopt persona/coach" in adopted.err) == (0, True), adopted.err
    assert adopted.err.endswith("it would hold the edits above, if there are any\n")
    assert (crawled_again.code, "document/site" in crawled_again.out) == (0, True), crawled_again.err
    assert drifted.err.endswith("issue about drift: would be created\n"), drifted.err
    assert git(project, "status", "--porcelain", "manifests") == ""
    assert project.account.writes == []
    assert step.hub.writes == []


TWO = "version: 1\nenvironments: {staging: {}, prod: {}}\n"
CHOSEN: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {
    "option": (("plan", "--env", "prod"), {}),
    "short": (("plan", "-eprod"), {}),
    "last": (("plan", "--env=staging", "--env=prod"), {}),
    "variable": (("plan",), {"TAVUSCTL_ENV": "prod"}),
    "option before variable": (("plan", "--env", "prod"), {"TAVUSCTL_ENV": "staging"}),
    "args": (("plan",), {"TAVUSCTL_ARGS": "--env 'prod'"}),
}


FAULTS = ("manifest", "project file", "key", "option", "argument", "quote", "no account", "target", "report")


@pytest.mark.parametrize(
    ("chosen", "fault"), [*((one, "manifest") for one in CHOSEN), *(("variable", one) for one in FAULTS[1:])]
)
def test_an_error_takes_the_place_of_the_plan_and_the_plan_that_of_the_error(
    step: Step, chosen: str, fault: str
) -> None:
    """Whatever is wrong, and however the environment was chosen; the other environment's comment stays."""
    project = step.project
    project.write("tavusctl.yaml", TWO)
    step.run("plan", TAVUSCTL_ENV="staging")
    step.run("plan", TAVUSCTL_ENV="prod")
    other, good = step.comments
    assert (other.partition("\n")[0], good.partition("\n")[0]) == (f"{MARKER_OF}staging -->", f"{MARKER_OF}prod -->")

    args, variables = CHOSEN[chosen]
    args, wrong = _broken(project, fault, args)
    words = wrong.pop("TAVUSCTL_ARGS", "")
    bad = {**variables, **wrong, "TAVUSCTL_ARGS": f"{variables.get('TAVUSCTL_ARGS', '')} {words}"}
    ended = step.run(*args, **bad)

    assert ended.code not in (0, 2)
    still, error = step.comments
    assert still == other
    assert error.startswith(f"{MARKER_OF}prod -->\n")
    assert "\n### tavusctl plan: <code>prod</code>\n\n**1 error**\n" in error
    assert "\n### tavusctl plan: <code>prod</code>\n\n**1 error**\n" in step.summary
    assert "Plan:" not in error

    project.write("tavusctl.yaml", TWO)
    (project.root / "manifests/broken.yaml").unlink(missing_ok=True)
    step.run(*CHOSEN[chosen][0], **variables)
    assert step.comments == [other, good]


def reports_by_environment(comment: str) -> list[tuple[str, str]]:
    """The environments of a comment, each with its report."""
    return [(one.environment, one.text) for one in sections(comment)]


def _broken(project: Project, fault: str, args: tuple[str, ...]) -> tuple[tuple[str, ...], dict[str, Any]]:
    """What makes a plan fail: arguments and variables of the run, or a file of the project."""
    if fault == "manifest":
        project.write("manifests/broken.yaml", "x: [")
    if fault == "project file":
        project.write("tavusctl.yaml", "environments: [")
    extra = {"option": ("--nonsense",), "argument": ("persona/coach",), "target": ("--target", "persona/nobody")}
    extra["report"] = ("--report", "text=no/such/folder")
    wrong = {"key": {"TAVUS_API_KEY": ""}, "no account": {"TAVUS_BASE_URL": "http://127.0.0.1:9"}}
    wrong["quote"] = {"TAVUSCTL_ARGS": "--target 'persona/coach"}
    return (*args, *extra.get(fault, ())), wrong.get(fault, {})


def test_the_only_environment_is_known_without_its_name(step: Step) -> None:
    """Also where the project file cannot be read for a while."""
    step.project.write("tavusctl.yaml", "environments: {prod: {}}\n")
    step.run("plan")
    step.run("plan", "--env", "prod")
    (good,) = step.comments
    assert good.startswith(f"{MARKER_OF}prod -->\n")

    step.project.write("tavusctl.yaml", "environments: [\n")
    step.run("plan")
    (error,) = step.comments
    assert "tavusctl.yaml" in error

    step.project.write("tavusctl.yaml", "environments: {prod: {}}\n")
    step.run("plan")
    assert step.comments == [good]


def test_an_error_of_no_known_environment_goes_when_one_is_known(step: Step) -> None:
    step.project.write("tavusctl.yaml", TWO)
    for name in ("staging", "prod"):
        step.run("plan", TAVUSCTL_ENV=name)
    step.run("plan")
    assert [one.partition("\n")[0] for one in step.comments][2:] == [f"{MARKER_OF} -->"]

    step.run("plan", TAVUSCTL_ENV="prod")

    assert [one.partition("\n")[0] for one in step.comments] == [f"{MARKER_OF}staging -->", f"{MARKER_OF}prod -->"]


THREE = """
version: 1
environments:
  staging: {vars: {in: S}, api_key_env: TAVUS_API_KEY_S}
  eu: {vars: {in: E}, api_key_env: TAVUS_API_KEY_E}
  prod: {vars: {in: P}, api_key_env: TAVUS_API_KEY_P}
"""
OLDER, NEWER = "1" * 40, "2" * 40
CREATES = "<b>Plan: 1 to create, 0 to update, 0 to replace, 0 to delete</b>"


@pytest.fixture
def staged(step: Step) -> Step:
    """Three environments, each with an account of its own."""
    step.project.environment["TAVUSCTL_ONE_COMMENT"] = "true"
    step.project.write("tavusctl.yaml", THREE)
    step.project.manifest("persona", "coach", {**COACH, "persona_name": "Coach ${var:in}"})
    for name in "SEP":
        step.project.environment[f"TAVUS_API_KEY_{name}"] = f"{step.project.account.key}-{name}"
    return step


@pytest.mark.parametrize(
    ("chosen", "fault"), [*((one, "manifest") for one in CHOSEN), *(("variable", one) for one in FAULTS[1:])]
)
def test_in_a_comment_of_all_an_error_takes_the_place_of_the_plan_of_its_environment(
    step: Step, chosen: str, fault: str
) -> None:
    """Whatever is wrong, and however the environment was chosen; what is told of the other environment stays."""
    project = step.project
    project.environment["TAVUSCTL_ONE_COMMENT"] = "true"
    project.write("tavusctl.yaml", TWO)
    step.run("plan", TAVUSCTL_ENV="staging")
    step.run("plan", TAVUSCTL_ENV="prod")
    (both,) = step.comments
    other, good = reports_by_environment(both)
    assert (other[0], good[0]) == ("staging", "prod")

    args, variables = CHOSEN[chosen]
    args, wrong = _broken(project, fault, args)
    words = wrong.pop("TAVUSCTL_ARGS", "")
    bad = {**variables, **wrong, "TAVUSCTL_ARGS": f"{variables.get('TAVUSCTL_ARGS', '')} {words}"}
    ended = step.run(*args, **bad)

    assert ended.code not in (0, 2)
    (comment,) = step.comments
    still, error = reports_by_environment(comment)
    assert (still, error[0]) == (other, "prod")
    assert "**1 error**" in error[1]
    assert "Plan:" not in error[1]
    number = "" if fault == "project file" else "2. "
    assert f"<details open><summary>{number}<b><code>prod</code></b> · <b>1 error</b></summary>" in comment

    project.write("tavusctl.yaml", TWO)
    (project.root / "manifests/broken.yaml").unlink(missing_ok=True)
    step.run(*CHOSEN[chosen][0], **variables)
    assert step.comments == [both]


def test_in_a_comment_of_all_an_error_of_no_known_environment_goes_when_one_is_known(step: Step) -> None:
    step.project.environment["TAVUSCTL_ONE_COMMENT"] = "true"
    step.project.write("tavusctl.yaml", TWO)
    for name in ("staging", "prod"):
        step.run("plan", TAVUSCTL_ENV=name)
    (good,) = step.comments
    step.run("plan")
    (comment,) = step.comments
    assert [name for name, _ in reports_by_environment(comment)] == ["", "staging", "prod"]
    assert "<details open><summary><b>1 error</b></summary>" in comment

    step.run("plan", TAVUSCTL_ENV="prod")

    assert step.comments == [good]


def test_one_comment_tells_what_a_merge_does_in_every_environment_in_order(staged: Step) -> None:
    """Whichever has planned first: the first is open, the others are folded and say what is in them."""
    for name in ("prod", "staging", "eu"):
        assert staged.run("plan", TAVUSCTL_ENV=name, GITHUB_SHA=OLDER).code == 0

    (comment,) = staged.comments
    assert [name for name, _ in reports_by_environment(comment)] == ["staging", "eu", "prod"]
    folds = [one for one in comment.splitlines() if one.startswith("<details") and ". <b>" in one]
    assert folds == [
        f"<details{opened}><summary>{number}. <b><code>{name}</code></b> · {CREATES}</summary>"
        for number, name, opened in ((1, "staging", " open"), (2, "eu", ""), (3, "prod", ""))
    ]
    assert [text.count("Coach " + name[0].upper()) > 0 for name, text in reports_by_environment(comment)] == [True] * 3
    before = staged.hub.writes[:]
    assert staged.run("plan", TAVUSCTL_ENV="eu", GITHUB_SHA=OLDER).err.endswith("comment on #7: unchanged\n")
    assert staged.hub.writes == before


@pytest.mark.parametrize("before", [["staging"], ["staging", "eu"], ["eu", ""]])
def test_the_comment_of_all_takes_the_place_of_those_of_each(staged: Step, before: list[str]) -> None:
    """As on a pull request that adds the second environment, and the workflows for both."""
    for name in before:
        staged.hub.comment(7, f"<!-- tavusctl:plan:{name} -->\n<!-- tavusctl-section:{name}:abc -->\nold {name}\n")
    others = ["<!-- tavusctl:plan:eu -->\nof somebody else", "<!-- tavusctl:plan:eu:apps -->\nof another folder"]
    staged.hub.comment(7, others[0], "ann")
    staged.hub.comment(7, others[1])

    ended = staged.run("plan", "--env", "staging")

    comment, *rest = sorted(staged.comments, key=lambda one: not one.startswith(SHARED))
    assert (ended.code, rest) == (0, others)
    assert comment.startswith(f"{SHARED}\n")
    assert ("Plan: 1 to create" in comment, "old staging" in comment) == (True, False)


@pytest.mark.parametrize("is_last", [True, False])
def test_the_comment_of_the_last_environment_takes_the_place_of_that_of_all(staged: Step, is_last: bool) -> None:
    for name in ("staging", "eu"):
        staged.run("plan", "--env", name)
    staged.project.environment["TAVUSCTL_ONE_COMMENT"] = ""
    if is_last:
        only = "  staging: {vars: {in: S}, api_key_env: TAVUS_API_KEY_S}\n"
        staged.project.write("tavusctl.yaml", f"version: 1\nenvironments:\n{only}")

    assert staged.run("plan", "--env", "staging").code == 0

    firsts = sorted(comment.partition("\n")[0] for comment in staged.comments)
    assert firsts == [f"{MARKER_OF}staging -->", *([] if is_last else [SHARED])]
    assert "Plan: 1 to create" in staged.comments[-1]


def test_a_danger_in_a_later_environment_is_not_folded(staged: Step) -> None:
    for name in ("staging", "eu", "prod"):
        staged.project.apply("--env", name)
        (staged.project.root / "manifests/persona-coach.yaml").rename(staged.project.root / "coach")
        staged.project.manifest("persona", "nurse", {"persona_name": "N ${var:in}", "system_prompt": "You care."})
        staged.run("plan", TAVUSCTL_ENV=name)
        (staged.project.root / "coach").rename(staged.project.root / "manifests/persona-coach.yaml")
        (staged.project.root / "manifests/persona-nurse.yaml").unlink()

    (comment,) = staged.comments
    assert "<details open><summary>3. <b><code>prod</code></b> · <b>Plan: 1 to create, 0 to update" in comment
    assert comment.count("<b>1 to look at</b></summary>") == 3


def test_what_is_not_planned_yet_and_what_is_of_another_commit_is_told(staged: Step) -> None:
    staged.run("plan", TAVUSCTL_ENV="prod", GITHUB_SHA=OLDER)
    missing = "Not planned here, or nothing to change: <code>staging</code>, <code>eu</code>"
    assert staged.comments[0].startswith(f"{SHARED}\n{missing}\n\n{SECTION}prod:1111111 -->\n<details open>")
    staged.run("plan", TAVUSCTL_ENV="staging", GITHUB_SHA=NEWER)
    assert f"{CREATES} · of commit 1111111</summary>" in staged.comments[0]
    staged.run("plan", TAVUSCTL_ENV="prod", GITHUB_SHA=NEWER)
    assert "of commit 1111111" not in staged.comments[0]

    staged.project.write("tavusctl.yaml", THREE.replace("  prod:", "  live:"))
    staged.run("plan", TAVUSCTL_ENV="live", GITHUB_SHA=NEWER)
    assert [name for name, _ in reports_by_environment(staged.comments[0])] == ["staging", "live"]


def test_a_page_is_linked_in_the_section_of_its_environment(staged: Step) -> None:
    for name in ("staging", "prod"):
        staged.run("plan", TAVUSCTL_ENV=name)
        staged.run("link", PAGE, TAVUSCTL_ENV=name)
    staged.run("link", f"{PAGE}5", TAVUSCTL_ENV="prod")

    texts = [text.splitlines()[-1] for _, text in reports_by_environment(staged.comments[0])]
    assert [
        one.endswith(f"actions/runs/77) · [The plan as a page]({PAGE}{end})")
        for one, end in zip(texts, ("", "5"), strict=True)
    ]


def test_what_an_apply_has_done_takes_the_place_of_its_plan_alone(staged: Step) -> None:
    for name in ("staging", "prod"):
        staged.run("plan", TAVUSCTL_ENV=name)
    staged.hub.merged[MERGED] = [7]
    staged.run("apply", "--yes", pull=False, GITHUB_SHA=MERGED, TAVUSCTL_ENV="staging")

    (comment,) = staged.comments
    assert "1. <b><code>staging</code></b> · <b>Apply: 1 done</b></summary>" in comment
    assert f"3. <b><code>prod</code></b> · {CREATES} · of commit" in comment


def test_jobs_that_write_at_the_same_time_make_one_comment(staged: Step) -> None:
    """Both have found none, and the answer to the first is slow."""
    staged.run("plan", TAVUSCTL_ENV="prod")
    (others,) = [one["body"] for one in staged.hub.comments.pop(7)]
    staged.hub.meanwhile.append(lambda: staged.hub.comment(7, others))

    staged.run("plan", TAVUSCTL_ENV="staging")

    (comment,) = staged.comments
    assert [name for name, _ in reports_by_environment(comment)] == ["staging", "prod"]


def test_a_comment_that_is_deleted_meanwhile_is_made_again(step: Step) -> None:
    step.run("plan", "--no-cache", TAVUSCTL_COMMENT="always")
    step.hub.comments[7][0]["body"] += "\nAn older plan."
    step.hub.meanwhile.append(step.hub.comments[7].clear)

    ended = step.run("plan", "--no-cache", TAVUSCTL_COMMENT="always")

    assert ended.err.endswith("comment on #7: created\n"), ended.err
    assert len(step.comments) == 1


def test_an_issue_that_is_deleted_meanwhile_is_made_again(step: Step) -> None:
    step.project.apply()
    bound = step.project.bound("persona/coach")
    for prompt in ("Edited.", "Edited twice."):
        edit = {"op": "replace", "path": "/system_prompt", "value": prompt}
        step.project.account.portal("personas", bound, edit)
        ended = step.run("drift", pull=False)
        assert ended.err.endswith("issue about drift: created\n"), ended.err
        step.hub.meanwhile.append(step.hub.issues.clear)


def test_what_another_job_has_overwritten_is_written_again(staged: Step) -> None:
    staged.run("plan", TAVUSCTL_ENV="prod")
    (comment,) = staged.hub.comments[7]
    before = comment["body"]
    staged.hub.afterwards.append(lambda: comment.update(body=before))

    staged.run("plan", TAVUSCTL_ENV="staging")

    assert [name for name, _ in reports_by_environment(staged.comments[0])] == ["staging", "prod"]


def test_a_comment_that_cannot_be_looked_at_again_is_written_all_the_same(step: Step) -> None:
    limit = Limit(403, headers={"Retry-After": "3600"}, method="GET")
    step.hub.afterwards.append(lambda: step.hub.limits.append(limit))

    ended = step.run("plan")

    assert (ended.err.endswith("comment on #7: created\n"), len(step.comments)) == (True, 1)
    assert step.hub.limits == []


def test_large_plans_of_all_environments_fit_into_one_comment(staged: Step) -> None:
    for number in range(30):
        text = "".join(f"<{number} {line}>\n" for line in range(60))
        spec = {"persona_name": f"P{number} ${{var:in}}", "system_prompt": text}
        staged.project.manifest("persona", f"p{number}", spec)
        staged.project.manifest(
            "document", f"d{number}", {"document_url": f"https://acme.example/{number}-{'x' * 1500}"}
        )
    for name in ("staging", "eu", "prod"):
        assert staged.run("plan", TAVUSCTL_ENV=name).err.endswith(("created\n", "updated\n"))

    (comment,) = staged.hub.comments[7]
    assert 40_000 < len(comment["body"]) < 65_536
    texts = [text for _, text in reports_by_environment(staged.comments[0])]
    assert [("not shown here in detail" in one, "to create" in one) for one in texts] == [(True, True)] * 3

    staged.project.write("tavusctl.yaml", THREE.replace("  eu:", "  us:"))
    comment["body"] = comment["body"].replace("-section:prod:", "-section:us:")
    staged.project.write(
        "tavusctl.yaml", "version: 1\nenvironments: {staging: {vars: {in: S}, api_key_env: TAVUS_API_KEY_S}}\n"
    )
    staged.run("plan", TAVUSCTL_ENV="staging")
    staged.project.write("tavusctl.yaml", THREE)
    staged.run("plan", TAVUSCTL_ENV="prod")
    assert "**This comment has no room for the report: its run has it.**" in staged.comments[0]
    assert [name for name, _ in reports_by_environment(staged.comments[0])] == ["staging", "prod"]


def test_a_full_report_leaves_room_for_the_longest_names_and_links(step: Step) -> None:
    """GitHub refuses a comment that is too long, and an older plan would stay."""
    git(step.project, "init", "-qb", "main")
    inner = Project(step.project.root / "проекты/разговорные-агенты/продажи-и-поддержка", step.project.account)
    for number in range(300):  # many small ones fill a report to its last line
        inner.manifest("persona", f"p{number}", {"persona_name": f"P{number}", "system_prompt": "Short."})
    forge = f"https://{'github.' * 8}example.com"
    page = f"{forge}/{'o' * 39}/{'r' * 100}/actions/runs/12345678901/artifacts/12345678901"
    place = Step(inner, step.hub)

    planned = place.run("plan", GITHUB_SERVER_URL=forge, GITHUB_RUN_ID="1" * 100, GITHUB_SHA="a" * 40)
    linked = place.run("link", page, GITHUB_SHA="a" * 40)

    assert (planned.err.endswith("comment on #7: created\n"), linked.err.endswith("updated\n")) == (True, True), (
        planned.err[-300:] + linked.err[-300:]
    )
    (comment,) = step.hub.comments[7]
    assert page in comment["body"]
    assert len(comment["body"]) > 60_000


def test_each_folder_has_its_comment_however_it_is_named(step: Step) -> None:
    """By -C, as the working folder, from a folder inside; names that look alike are two."""
    top = step.project.root
    (top / ".git").mkdir()
    for name in ("bots-a", "bots_a", "bots/a"):
        inner = Project(top / name, step.project.account)
        inner.write("tavusctl.yaml", "version: 1\n")
        inner.manifest("persona", "coach", {**COACH, "persona_name": name})
        inner.write("manifests/personas/.keep", "")
    for name in ("bots-a", "bots_a", "bots/a"):
        step.run("plan", "-C", name)
        Step(Project(top / name, step.project.account), step.hub).run("plan")
        step.run("plan", TAVUSCTL_ARGS=f"--chdir {name}/manifests/personas")

    assert [one.partition("\n")[0] for one in step.comments] == [
        "<!-- tavusctl:plan:default:bots-a -->",
        "<!-- tavusctl:plan:default:bots_a -->",
        "<!-- tavusctl:plan:default:bots/a -->",
    ]
    visible = [next(line for line in one.splitlines() if not line.startswith("<!--")) for one in step.comments]
    assert visible == [f"Folder <code>{name}</code>" for name in ("bots-a", "bots_a", "bots/a")]


@pytest.mark.sampled(2)
@pytest.mark.parametrize("folder", ["bots/sales", "@team closes #1 <!-- x -->", "д" * 120, "x" * 200])
def test_an_issue_and_a_pull_request_name_environment_and_folder(step: Step, folder: str) -> None:
    """People see the title alone in a list, where those of other environments and folders are, too."""
    git(step.project, "init", "-qb", "main")
    inner = Project(step.project.root / folder, step.project.account)
    inner.write("tavusctl.yaml", "environments: {prod: {}}\n")
    inner.write(".gitignore", ".tavusctl/\n")
    inner.manifest("persona", "coach", COACH)
    inner.apply()
    commit(step.project)
    inner.edit_in_portal("persona/coach", "/system_prompt", "Edited.")
    place = Step(inner, step.hub)

    place.run("drift", pull=False)
    place.run("adopt", "--all", pull=False, GITHUB_REF_NAME="main")

    (issue,), (pull,) = step.hub.issues, step.hub.pulls
    assert re.fullmatch(r"Drift in prod \(.+\): 1 object changed outside the manifests", issue["title"])
    assert re.fullmatch(r"Adopt live edits of prod \(.+\) in 1 file", pull["title"])
    for title in (issue["title"], pull["title"]):
        assert re.sub("[@#]", "_", folder)[:60] in title
    assert max(len(issue["title"]), len(pull["title"])) <= 256
    assert f"\nFolder <code>{folder}</code>\n" in html.unescape(issue["body"])


def test_annotations_of_a_project_that_is_chosen_by_an_option_are_on_its_lines(step: Step) -> None:
    (step.project.root / ".git").mkdir()
    inner = Project(step.project.root / "bots", step.project.account)
    inner.write("tavusctl.yaml", "version: 1\n")
    inner.write("manifests/bad.yaml", "kind: persona\nname: bad\nspec:\n  persona_nme: Bad\n")

    ended = step.run("plan", "-C", "bots/manifests")

    assert "::error file=bots/manifests/bad.yaml,line=4" in ended.out


def test_a_fork_is_validated_in_the_folder_that_was_chosen(step: Step) -> None:
    inner = Project(step.project.root / "bots", step.project.account)
    inner.write("tavusctl.yaml", TWO)
    inner.write("manifests/bad.yaml", "kind: persona\nname: bad\nspec:\n  persona_nme: Bad\n")

    ended = step.run("plan", "-C", "bots", "--env", "prod", "--base", "main", fork=True, TAVUS_API_KEY=None)

    assert ended.code == 10
    assert "persona_nme" in ended.out


def test_a_comment_says_of_what_commit_it_is(step: Step) -> None:
    step.run("plan", GITHUB_SHA="c0ffee1" + "0" * 33)

    assert step.comments[0].endswith("actions/runs/77) · commit c0ffee1\n")


def test_drift_opens_one_issue_updates_it_and_closes_it(step: Step) -> None:
    step.project.apply()
    bound = step.project.bound("persona/coach")
    account = step.project.account
    account.portal("personas", bound, {"op": "replace", "path": "/system_prompt", "value": "Edited."})
    assert step.run("drift", pull=False).code == 0
    account.portal("personas", bound, {"op": "replace", "path": "/system_prompt", "value": "Edited twice."})
    assert step.run("drift", pull=False).err.endswith("issue about drift: updated\n")

    (issue,) = step.hub.issues
    assert issue["title"] == "Drift in default: 1 object changed outside the manifests"
    assert "Edited twice." in issue["body"]
    assert html.unescape(issue["body"]).endswith(
        "\nThe next apply restores what the manifests say. To keep edits, run "
        "<code>tavusctl adopt --all --env default</code> and merge the files that it writes.\n"
    )
    assert step.outputs["drift"] == "true"

    step.project.apply()
    assert step.run("drift", pull=False).code == 0
    assert (issue["state"], step.outputs["drift"]) == ("closed", "false")
    assert [one["user"]["login"] for one in step.hub.comments[issue["number"]]] == [BOT]


@pytest.mark.parametrize("drifted", [False, True])
def test_the_issue_about_an_environment_that_was_removed_is_closed(step: Step, drifted: bool) -> None:
    """Once no job has updated it for more than a week: a job for another branch may know the environment."""
    step.project.write("tavusctl.yaml", "environments: {a: {}, b: {account: other}}\n")
    step.project.run("apply", "--yes", "--env", "a")
    if drifted:
        bound = step.project.run("state", "list", "--env", "a", "--format", "json").document["persona/coach"]
        step.project.account.portal("personas", bound, {"op": "replace", "path": "/system_prompt", "value": "Edited."})
    markers = {"b": "b", "gone": "gone", "recent": "gone-lately", "other folder": "gone:apps", "foreign": "gone"}
    now = datetime.now(UTC)
    for number, (name, place) in enumerate(markers.items(), 3):
        updated = now - timedelta(days=7 if name == "recent" else 9)
        issue = {"number": number, "state": "open", "title": name, "body": f"<!-- tavusctl:drift:{place} -->\ntext"}
        login = "mallory" if name == "foreign" else BOT
        step.hub.issues.append({**issue, "updated_at": f"{updated:%Y-%m-%dT%H:%M:%SZ}", "user": {"login": login}})

    ended = step.run("drift", "--env", "a", pull=False)

    assert ended.code == 0, ended.err
    assert [one["title"] for one in step.hub.issues if one["state"] == "closed"] == ["gone"]
    assert ended.err.splitlines()[-1] == "issues about environments that were removed: closed"
    assert "The project has no such environment any more." in step.hub.comments[4][0]["body"]

    step.project.write("tavusctl.yaml", "environments: [a]\n")
    step.hub.issues[1]["state"] = "open"
    step.run("drift", "--env", "a", pull=False)
    assert step.hub.issues[1]["state"] == "open"  # the project file says nothing of environments


@pytest.mark.parametrize("trouble", ["refused", "lost"])
def test_a_server_error_of_github_keeps_no_edit_from_being_written(step: Step, trouble: str) -> None:
    """An edit is written whole, so it may be repeated; a new comment or issue may not."""

    def trouble_with(method: str) -> None:
        step.hub.limits += [Limit(502, "Server Error", method=method)] * (trouble == "refused")
        step.hub.lose = int(trouble == "lost")

    step.project.apply()
    bound = step.project.bound("persona/coach")
    account = step.project.account
    account.portal("personas", bound, {"op": "replace", "path": "/system_prompt", "value": "Edited."})
    step.hub.comments[7] = []
    opened = [step.hub.comment(7, f"{MARKER}\n{text}")["body"] for text in ("before", "twice")]
    assert step.run("drift", pull=False).err.endswith("issue about drift: created\n")

    trouble_with("PATCH")
    edited = step.run("drift", pull=False, GITHUB_RUN_ID="78")
    trouble_with("PATCH")
    told = step.run("plan")

    assert (edited.code, edited.err.splitlines()[-1]) == (0, "issue about drift: updated")
    assert (told.err.splitlines()[-1], len(step.comments)) == ("comment on #7: updated", 1)
    assert step.comments[0] not in opened


def test_an_account_that_cannot_be_reached_closes_no_issue(step: Step) -> None:
    step.project.apply()
    body = "<!-- tavusctl:drift:default -->"
    step.hub.issues.append({"number": 5, "state": "open", "title": "Drift", "body": body, "user": {"login": BOT}})

    ended = step.run("drift", pull=False, TAVUS_BASE_URL="http://127.0.0.1:9")

    assert ended.code == 11
    assert step.hub.issues[0]["state"] == "open"


def test_a_prompt_cannot_give_orders_to_the_runner(step: Step) -> None:
    """Orders in the log of a command are not obeyed: a token that nobody can guess frames it."""
    step.project.manifest("persona", "coach", {**COACH, "system_prompt": "::error::forged\n::add-path::/tmp/evil\n"})

    lines = step.run("plan", pull=False).out.splitlines()

    token = lines[0].removeprefix("::stop-commands::")
    end = lines.index(f"::{token}::")
    assert len(token) == 32
    orders = [number for number, line in enumerate(lines) if line.strip().startswith(("::error", "::add-path"))]
    assert all(0 < number < end for number in orders)


def test_arguments_come_from_the_environment_as_well(step: Step) -> None:
    ended = step.run("plan", pull=False, TAVUSCTL_ARGS="--target 'persona/nobody'")

    assert ended.code == 12
    assert "`persona/nobody` is neither in the manifests nor in the state" in ended.err


@pytest.mark.parametrize("name", ["plan", "apply", "drift", "validate"])
def test_a_command_that_only_prints_its_help_is_no_success(step: Step, name: str) -> None:
    ended = step.run(name, TAVUSCTL_ARGS="--help")

    assert ended.code == 12
    assert f"`{name}` ended without a report" in ended.err
    assert "remove options such as `--help` from `args`" in ended.err
    assert step.outputs["exit-code"] == "12"
    assert f"{name} ended without a report" in step.summary.replace("`", "")


def test_verify_and_recrawl_say_how_they_ended(step: Step) -> None:
    step.project.apply()

    assert step.run("verify", pull=False).code == 0
    assert step.outputs == {"exit-code": "0"}


def test_a_user_that_an_enterprise_manages_has_repositories(step: Step) -> None:
    ended = step.run("plan", pull=False, GITHUB_REPOSITORY="ann_acme/agents")

    assert (ended.code, step.outputs["changes"]) == (0, "true")


def test_outside_of_a_workflow_it_says_what_to_run(step: Step) -> None:
    ended = step.run("plan", GITHUB_REPOSITORY=None)

    assert ended.code == 12
    assert "tavusctl plan" in ended.err


def test_live_edits_become_one_pull_request_that_is_kept_up_to_date(step: Step) -> None:
    project = step.project
    project.manifest("persona", "nurse", {"persona_name": "Nurse", "system_prompt": "You care."})
    git(project, "init", "-qb", "main")
    project.write(".gitignore", ".tavusctl/\n")
    project.apply()
    commit(project)
    project.edit_in_portal("persona/coach", "/system_prompt", "Edited.")

    first = step.run("adopt", "--all", pull=False, GITHUB_REF_NAME="main")
    assert first.err.endswith("pull request with live edits: created\n"), first.err
    (pull,) = step.hub.pulls
    assert (pull["head"], pull["base"], pull["title"]) == (
        "tavusctl/adopt-default",
        "main",
        "Adopt live edits of default in 1 file",
    )
    again = step.run("adopt", "--all", pull=False, GITHUB_REF_NAME="main")
    assert again.err.endswith("pull request with live edits: unchanged\n"), again.err

    git(project, "checkout", "-q", ".")
    edit = {"op": "replace", "path": "/system_prompt", "value": "Edited twice."}
    for address in ("persona/coach", "persona/nurse"):
        project.account.portal("personas", project.bound(address), edit)
    later = step.run("adopt", "--all", pull=False, GITHUB_REF_NAME="main")
    assert later.err.endswith("pull request with live edits: updated\n"), later.err
    assert [one["title"] for one in step.hub.pulls] == ["Adopt live edits of default in 2 files"]

    git(project, "checkout", "-q", ".")
    project.apply()
    ended = step.run("adopt", "--all", pull=False, GITHUB_REF_NAME="main")
    assert ended.err.endswith("pull request with live edits: closed\n"), ended.err
    assert pull["state"] == "closed"


def test_a_new_key_is_proposed_by_the_name_of_its_variable(step: Step) -> None:
    """The pull request has manifest and project file, says what to set, and has the key nowhere."""
    project, key = step.project, "0f1e2d3c4b5a69788796a5b4"
    git(project, "init", "-qb", "main")
    project.write(".gitignore", ".tavusctl/\n")
    llm = {"model": "gpt-4o", "base_url": "https://llm.example.com/v1", "api_key": "${secret:OWN}"}
    project.write("tavusctl.yaml", "secrets: [OWN]\n")
    project.environment["OWN"] = "sk-own-0001-abcdef"
    project.manifest("persona", "coach", {**COACH, "layers": {"llm": {**llm, "headers": {"X-Team": "blue"}}}})
    project.apply()
    commit(project)
    project.edit_in_portal("persona/coach", "/layers/llm/headers/X-Team", key)

    ended = step.run("adopt", "--all", pull=False, GITHUB_REF_NAME="main")

    name = "PERSONA_COACH_LLM_HEADERS_X_TEAM"
    assert ended.err.endswith("pull request with live edits: created\n"), ended.err
    (pull,) = step.hub.pulls
    assert pull["title"] == "Adopt live edits of default in 2 files"
    assert "give these variables their values" in pull["body"]
    assert f"\n- `{name}`\n" in pull["body"]
    assert step.run("adopt", "--all", pull=False, GITHUB_REF_NAME="main").err.endswith("unchanged\n")
    assert f"- `{name}`" in pull["body"]
    assert f"${{secret:{name}}}" in (project.root / "manifests/persona-coach.yaml").read_text()
    assert key not in json.dumps([step.hub.pulls, step.hub.__dict__], default=str) + ended.out + ended.err


def action() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text())
    return found


@pytest.mark.parametrize("name", sorted(action()["runs"]["steps"][-1]["env"]))
def test_no_secret_has_the_name_of_a_variable_that_the_action_sets(step: Step, name: str) -> None:
    """Manifests would read the value of the action, such as the word `apply`, and send it as a secret."""
    step.project.write("tavusctl.yaml", f"version: 1\nsecrets: [{name}]\n")

    ended = step.project.run("validate")

    assert (ended.code, f"`{name}` is reserved" in ended.out) == (10, True), ended.out


def test_the_step_of_the_action_runs_the_command_itself(step: Step) -> None:
    """With exec: a shell in between would keep the runner's signals to itself."""
    *_, run = action()["runs"]["steps"]
    temp = step.project.root.parent / "tools"
    temp.mkdir()
    (temp / "tavusctl").symlink_to(sys.prefix)
    event = temp / "event.json"
    event.write_text(json.dumps(_event(fork=False)))
    inputs = {"command": "plan", "environment": "", "args": "--target 'persona/coach'", "comment": "always"}
    given = {f"${{{{ inputs.{name} }}}}": value for name, value in {**inputs, "github-token": TOKEN}.items()}
    variables = {
        **{name: given[value] for name, value in run["env"].items()},
        "PATH": os.environ["PATH"],
        "RUNNER_TEMP": str(temp),
        "GITHUB_REPOSITORY": "acme/agents",
        "GITHUB_API_URL": step.hub.url,
        "GITHUB_EVENT_PATH": str(event),
        "GITHUB_OUTPUT": str(temp / "output"),
        **step.project.account.variables,
    }

    ended = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", run["run"]],
        env=variables,
        cwd=step.project.root,
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == 0, ended.stderr
    assert run["run"].startswith("exec ")
    assert "persona/coach" in step.comments[0]
    outputs = dict(line.split("=", 1) for line in (temp / "output").read_text().splitlines())
    assert (outputs["changes"], outputs["exit-code"]) == ("true", "0")
    assert set(action()["outputs"]) == set(outputs)


def test_a_cancelled_apply_leaves_journal_and_lock_in_order(step: Step) -> None:
    """GitHub's sequence: SIGINT to the first process of the step, 7.5 s later SIGTERM, 2.5 s later SIGKILL."""
    for number in range(12):
        step.project.manifest("persona", f"p{number}", {"persona_name": f"P{number}", "system_prompt": "You help."})
    step.project.account.fault(match="POST /v2/personas", kind="delay", seconds=0.3, times=None)
    variables = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "GITHUB_REPOSITORY": "acme/agents",
        "TAVUSCTL_COMMENT": "never",
        "TAVUSCTL_ARGS": "--yes --parallel 1",
        **step.project.account.variables,
    }
    script = f'exec "{sys.executable}" -m tavusctl github apply'
    with subprocess.Popen(
        ["bash", "-c", script], env=variables, cwd=step.project.root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as running:
        while not step.project.account.writes:
            time.sleep(0.05)
        running.send_signal(signal.SIGINT)
        began = time.monotonic()
        running.communicate(timeout=7.5)
    took = time.monotonic() - began

    assert (running.returncode, took < 7.5) == (130, True)
    step.project.account.control("DELETE", "faults")
    made = len(step.project.account.objects("personas"))
    assert 0 < made < 13
    assert step.project.run("apply", "--yes").code == 0
    assert len(step.project.account.objects("personas")) == 13


def test_a_step_that_has_said_too_much_loses_no_report_without_a_word(step: Step) -> None:
    """GitHub counts all that a step writes; the comment does not send people where nothing is."""
    lines = "".join(f"line {number}\n" for number in range(9000))
    step.project.manifest("persona", "coach", {**COACH, "system_prompt": lines})
    summary = step.project.root.parent / "summary"
    summary.write_text("x" * 990_000)

    assert step.run("plan", GITHUB_STEP_SUMMARY=str(summary)).code == 0

    assert len(summary.read_bytes()) < 1_000_000
    assert "it is in the log of this run" in summary.read_text()
    assert "entry is not shown here in detail: the log of this run has the full report" in step.comments[0]


AGAIN: dict[str, Any] = {"GITHUB_RUN_ATTEMPT": "2", "GITHUB_SHA": "a" * 40, "GITHUB_REF": "refs/heads/main"}
QUEUED = {**AGAIN, "GITHUB_EVENT_NAME": "merge_group", "GITHUB_REF": "refs/heads/gh-readonly-queue/main/pr-7-abc"}


@pytest.mark.parametrize("status", [403, 404])
def test_a_run_again_that_cannot_read_its_branch_says_what_the_token_needs(step: Step, status: int) -> None:
    """GitHub answers 404 for a branch that is gone, and for one that the token may not read."""
    step.hub.limits = [Limit(status, "Resource not accessible by integration")]

    told = step.run("plan", pull=False, **AGAIN)

    assert told.code
    assert "contents" in told.err
    assert "TAVUS_BASE_URL" not in told.err


@pytest.mark.parametrize("name", ["RUNNER_TEMP", "GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"])
def test_what_the_step_writes_has_a_place_before_anything_is_done(step: Step, name: str) -> None:
    """In a container of one's own, the folders of the runner may be elsewhere."""
    elsewhere: dict[str, str | None] = {name: "/home/runner/work/_temp/x"}

    ended = step.run("apply", "--yes", fork=False, pull=False, **elsewhere)

    assert (ended.code, step.project.account.requests, step.hub.calls) == (12, [], [])
    assert f"error: {name} is not a f" in ended.err
    assert "/home/runner/work/_temp/x" in ended.err


def test_a_run_again_of_a_branch_that_is_gone_is_not_sent_to_start_there(step: Step) -> None:
    for event in (AGAIN, QUEUED):
        told = step.run("plan", pull=False, **event)
        assert told.code == 4
        assert "by hand" not in told.err


def test_a_run_again_with_the_newest_files_is_not_refused(step: Step) -> None:
    """A workflow may check out the branch, and not the commit of the event."""
    git(step.project, "init", "-qb", "main")
    commit(step.project)
    newest = git(step.project, "rev-parse", "HEAD")
    step.hub.tip = lambda _: newest

    assert step.run("plan", pull=False, **AGAIN).code == 0
