"""A repository with nothing but a project and a key: what `init --github` wrote does the rest, as people merge."""

from __future__ import annotations

import html
import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tavusctl.reports.github.environment_sections import sections
from tests.scenarios.actions import Forge, Run, forge, git_output
from tests.scenarios.project import Account, Body, Project

SETTINGS = "version: 1\nenvironments:\n  default: {state: git}\n"
READY = 7200.0


@pytest.fixture
def hosted(account: Account, tmp_path: Path) -> Iterator[Forge]:
    with forge(tmp_path, account) as made:
        first = tmp_path / "ann"
        subprocess.run(["git", "clone", "--quiet", made._address("ann"), first], check=True, capture_output=True)
        git_output(
            first, "-c", "user.name=ann", "-c", "user.email=a@b.c", "commit", "--quiet", "--allow-empty", "-m", "Begin"
        )
        git_output(first, "push", "--quiet", "origin", "HEAD:main")
        yield made


def project(root: Path, hosted: Forge) -> Project:
    return Project(root, hosted.account, {"HOME": str(hosted.place)})


def begin(hosted: Forge) -> Callable[[Path], None]:
    """Somebody makes a project."""

    def edit(root: Path) -> None:
        made = project(root, hosted).run("init", "--github")
        assert made.code == 0, made.err

    return edit


def persona(hosted: Forge, name: str, prompt: str = "You help.", **spec: object) -> Callable[[Path], None]:
    def edit(root: Path) -> None:
        says = {"persona_name": name.title(), "system_prompt": prompt, **spec}
        project(root, hosted).manifest("persona", name, says)

    return edit


def reviewed(hosted: Forge, person: str, branch: str, edit: Callable[[Path], None]) -> Body:
    """A pull request whose plan is green and has its comment."""
    event = hosted.propose(person, branch, edit)
    run = hosted.run("tavus-plan.yml", "pull_request", event)
    assert not run.is_red, run.log
    return event


def merged(hosted: Forge, event: Body) -> Run:
    run = hosted.run("tavus-apply.yml", "push", hosted.merge(event))
    assert "E401" not in run.log
    return run


def watched(hosted: Forge) -> Run:
    run = hosted.run("tavus-watch.yml", "schedule")
    assert "E401" not in run.log
    return run


def comment(hosted: Forge, event: Body) -> str:
    (found,) = hosted.hub.comments[event["pull_request"]["number"]]
    return html.unescape(found["body"])


def green(run: Run) -> None:
    assert not run.is_red, run.log


def pushed(root: Path) -> None:
    """All files of a clone, on the main branch."""
    git_output(root, "add", "--all")
    git_output(root, "-c", "user.name=ann", "-c", "user.email=a@b.c", "commit", "--quiet", "--message", "Begin")
    git_output(root, "push", "--quiet", "origin", "HEAD:main")


def apply_on_main(hosted: Forge) -> None:
    """A project on the main branch, which a person has applied."""
    root = hosted.clone("ann")
    begin(hosted)(root)
    pushed(root)
    project(root, hosted).apply()


def test_a_run_may_be_run_again(hosted: Forge) -> None:
    """The files of its first attempt give way to those of the second."""
    first = hosted.propose("ann", "begin", begin(hosted))
    planned = hosted.run("tavus-plan.yml", "pull_request", first)
    green(planned)
    green(hosted.rerun(planned))
    hosted.approves = lambda _, __: False
    waiting = merged(hosted, first)
    assert waiting.jobs["apply-default"].result == "skipped"
    hosted.approves = lambda _, __: True
    green(hosted.rerun(waiting))
    assert len(hosted.account.objects("personas")) == 1
    green(hosted.rerun(waiting))


def prompt(text: str) -> Callable[[Path], None]:
    def edit(root: Path) -> None:
        (root / "manifests/prompts/assistant.md").write_text(f"{text}\n")

    return edit


@pytest.mark.sweep
@pytest.mark.parametrize("ends", ["cancelled", "done"])
def test_after_the_last_run_no_comment_shows_a_plan_that_is_carried_out(hosted: Forge, ends: str) -> None:
    """A cancelled apply may have done everything; the plan of the next run is the first to know."""
    apply_on_main(hosted)
    event = reviewed(hosted, "ben", "guide", persona(hosted, "guide"))
    if ends == "cancelled":
        hosted.cancels = lambda command: command == "apply" and len(hosted.account.objects("personas")) > 1
    run, hosted.cancels = merged(hosted, event), None
    told = comment(hosted, event)

    green(hosted.rerun(run))

    if ends == "cancelled":
        assert "**Plan: 1 to create" in told
        assert "**No changes.** 2 objects up to date." in comment(hosted, event)
    else:
        assert "**Apply: 1 done**" in comment(hosted, event)


def test_an_apply_that_is_run_again_takes_back_nothing_of_newer_commits(hosted: Forge) -> None:
    """Its files are those of its first attempt; the comment keeps what is true, and the log says what to do."""
    account = hosted.account
    event = reviewed(hosted, "ann", "begin", begin(hosted))
    older, told = merged(hosted, event), comment(hosted, event)
    newer = merged(hosted, reviewed(hosted, "ben", "edit", prompt("You are new.")))
    green(newer)
    account.forget()

    for only in ("", "apply-default"):
        again = hosted.rerun(older, only=only)
        assert again.is_red
        assert "`main` is at " in again.log
        assert "start the workflow for `main` by hand" in again.log
    assert (account.writes, comment(hosted, event)) == ([], told)
    assert [one["system_prompt"] for one in account.objects("personas").values()] == ["You are new."]

    green(hosted.rerun(newer))
    green(hosted.run("tavus-apply.yml", "workflow_dispatch"))


@pytest.mark.sweep
def test_a_plan_that_is_run_again_for_an_older_commit_leaves_the_comment(hosted: Forge) -> None:
    apply_on_main(hosted)
    event = hosted.propose("ben", "patience/#1", prompt("You are patient."))
    first = hosted.run("tavus-plan.yml", "pull_request", event)
    later = hosted.propose("ben", "patience/#1", prompt("You are kind."))
    pull = {**event["pull_request"], "head": later["pull_request"]["head"]}
    green(hosted.run("tavus-plan.yml", "pull_request", {**event, "pull_request": pull}))
    told = comment(hosted, event)

    assert hosted.rerun(first).is_red

    assert comment(hosted, event) == told


def test_a_plan_whose_page_cannot_be_kept_is_good_all_the_same(hosted: Forge) -> None:
    event = hosted.propose("ann", "begin", begin(hosted))
    hosted.is_full = True

    green(hosted.run("tavus-plan.yml", "pull_request", event))

    assert "persona/assistant" in comment(hosted, event)
    assert "The plan as a page" not in comment(hosted, event)


def prices(hosted: Forge, number: int) -> Callable[[Path], None]:
    """A document, and a persona that uses it."""

    def edit(root: Path) -> None:
        here = project(root, hosted)
        here.manifest("document", "prices", {"document_url": f"https://acme.example/prices-{number}.pdf"})
        persona(hosted, "seller", document_ids=["${ref:document/prices}"])(root)

    return edit


def test_two_people_merge_and_everything_converges(hosted: Forge) -> None:
    """Create, edit, rename, adopt alone, delete: with a comment each that says what came of it."""
    account = hosted.account
    account.switch(processing_seconds=0)
    event = reviewed(hosted, "ann", "begin", begin(hosted))
    assert "persona/assistant" in comment(hosted, event)
    assert "The plan as a page](" in comment(hosted, event)
    assert "TV342" not in comment(hosted, event)
    assert account.writes == []
    green(merged(hosted, event))
    assert "**Apply: 1 done**" in comment(hosted, event)
    green(watched(hosted))

    event = reviewed(hosted, "ben", "prices", prices(hosted, 1))
    green(merged(hosted, event))
    assert len(account.objects("personas")) == 2

    event = reviewed(
        hosted, "ann", "edit", persona(hosted, "seller", "You sell.", document_ids=["${ref:document/prices}"])
    )
    account.forget()
    green(merged(hosted, event))
    assert [one["method"] for one in account.writes] == ["PATCH"]

    event = reviewed(hosted, "ben", "rename", renamed(hosted))
    account.forget()
    run = merged(hosted, event)
    green(run)
    assert (run.jobs["apply-default"].result, account.writes) == ("success", [])

    event = reviewed(hosted, "ann", "delete", lambda root: project(root, hosted).remove("persona", "vendor"))
    account.forget()
    asked: list[str] = []

    def refuse(environment: str, summary: str) -> bool:
        asked.append(f"{environment}: {summary}")
        return False

    hosted.approves = refuse
    run = merged(hosted, event)
    assert (run.jobs["apply-default"].result, account.writes) == ("skipped", [])
    assert "1 to delete" in asked[0]
    assert asked[0].startswith("default: ")
    hosted.approves = lambda _, __: True
    green(hosted.run("tavus-apply.yml", "workflow_dispatch"))
    assert [one["method"] for one in account.writes] == ["DELETE"]

    account.forget()
    run = watched(hosted)
    green(run)
    assert account.writes == []
    assert "No drift." in run.log
    assert sorted(hosted.hub.comments) == [1, 2, 3, 4, 5]
    assert hosted.hub.issues == []


@pytest.mark.parametrize("ends", ["applied", "taken back", "broken"])
def test_a_merge_whose_run_is_displaced_is_told_what_came_of_it(hosted: Forge, ends: str) -> None:
    """Of the runs behind one that waits for its approval, GitHub keeps the newest."""
    apply_on_main(hosted)
    before = (hosted.clone("ann") / "manifests/prompts/assistant.md").read_text().rstrip("\n")
    first = reviewed(hosted, "ben", "patient", prompt("You are patient."))
    open_one = reviewed(hosted, "ben", "other", persona(hosted, "other"))
    hosted.merge(first)
    waiting, later = comment(hosted, first), comment(hosted, open_one)

    def broken(root: Path) -> None:
        project(root, hosted).write("manifests/bad.yaml", "kind: [\n")

    edits = {"applied": persona(hosted, "guide"), "taken back": prompt(before), "broken": broken}
    second = hosted.propose("ann", "second", edits[ends])

    run = hosted.run("tavus-apply.yml", "push", hosted.merge(second))

    told = comment(hosted, first)
    assert "**Plan: 0 to create, 1 to update" in waiting
    assert {"applied": "**Apply: 2 done**", "taken back": "**No changes.**", "broken": "bad.yaml"}[ends] in told
    assert f"commit {run.github['sha'][:7]}, which contains this merge\n" in told
    assert comment(hosted, open_one) == later


TWO = """\
version: 1
environments:
  staging: {state: git, api_key_env: TAVUS_API_KEY_STAGING}
  production: {state: git}
"""


def test_staging_comes_first_and_production_behind_its_approval_all_in_one_comment(hosted: Forge) -> None:
    hosted.secrets["TAVUS_API_KEY_STAGING"] = f"{hosted.account.key}-staging"

    root = hosted.clone("ann")
    project(root, hosted).write("tavusctl.yaml", TWO)
    assert project(root, hosted).run("init", "--github").code == 0
    pushed(root)
    event = reviewed(hosted, "ben", "guide", persona(hosted, "guide"))
    planned = sections(comment(hosted, event))
    assert [one.environment for one in planned] == ["staging", "production"]
    assert all("persona/guide" in one.text and "The plan as a page](" in one.text for one in planned)
    assert "<details><summary>2. <b><code>production</code></b> · <b>Plan: 1 to create" in comment(hosted, event)

    hosted.approves = lambda environment, _: environment == "staging"
    run = merged(hosted, event)
    green(run)
    results = [run.jobs[one].result for one in ("apply-staging", "plan-production", "apply-production")]
    assert results == ["success", "success", "skipped"]
    done, waits = sections(comment(hosted, event))
    assert ("**Apply: 1 done**" in done.text, waits) == (True, planned[1])

    hosted.approves = lambda _, __: True
    green(hosted.run("tavus-apply.yml", "workflow_dispatch"))
    assert ["**Apply: 1 done**" in one.text for one in sections(comment(hosted, event))] == [True, True]


def renamed(hosted: Forge) -> Callable[[Path], None]:
    def edit(root: Path) -> None:
        here = project(root, hosted)
        here.remove("persona", "seller")
        spec = {"persona_name": "Seller", "system_prompt": "You sell.", "document_ids": ["${ref:document/prices}"]}
        here.manifest("persona", "vendor", spec, moved_from="persona/seller")

    return edit


@pytest.mark.sweep
def test_drift_becomes_an_issue_and_what_is_adopted_closes_it(hosted: Forge) -> None:
    account = hosted.account
    apply_on_main(hosted)
    (bound,) = account.objects("personas")
    account.portal("personas", bound, {"op": "replace", "path": "/system_prompt", "value": "You greet people."})
    green(watched(hosted))
    (issue,) = hosted.hub.issues
    assert (issue["state"], issue["title"]) == ("open", "Drift in default: 1 object changed outside the manifests")

    def adopt(root: Path) -> None:
        ended = project(root, hosted).run("adopt", "--all")
        assert ended.code == 0, ended.err

    event = reviewed(hosted, "ben", "adopt", adopt)
    account.forget()
    run = merged(hosted, event)
    green(run)
    # Nothing is sent; what the state has to learn is written all the same.
    assert (run.jobs["apply-default"].result, account.writes) == ("success", [])
    assert account.objects("personas")[bound]["system_prompt"] == "You greet people."
    green(watched(hosted))
    assert issue["state"] == "closed"
    (again,) = hosted.hub.issues
    assert again is issue


@pytest.mark.sweep
def test_a_replaced_document_is_followed_to_its_end_by_the_watch(hosted: Forge) -> None:
    """The apply is ended while it waits; every later run of the watch does what can be done by then."""
    account = hosted.account
    account.switch(processing_seconds=0)
    apply_on_main(hosted)
    green(merged(hosted, reviewed(hosted, "ben", "prices", prices(hosted, 1))))
    (old,) = account.objects("documents")
    account.switch(processing_seconds=3600)

    event = reviewed(hosted, "ann", "newer", prices(hosted, 2))
    hosted.cancels = lambda command: command == "apply" and len(account.objects("documents")) > 1
    run = merged(hosted, event)
    hosted.cancels = None
    assert run.jobs["apply-default"].steps[0].code == 130
    assert len(account.objects("documents")) == 2

    account.forget()
    green(watched(hosted))  # not ready yet: nothing to be done, and nothing to be red about
    assert account.writes == []
    account.advance(READY)
    green(watched(hosted))
    (new,) = account.objects("documents")
    assert new != old
    assert [new] in [one.get("document_ids") for one in account.objects("personas").values()]
    account.forget()
    green(watched(hosted))
    assert (account.writes, hosted.hub.issues) == ([], [])


@pytest.mark.sweep
def test_a_new_document_is_no_failure_while_it_is_processed(hosted: Forge) -> None:
    account = hosted.account
    account.switch(processing_seconds=2)
    apply_on_main(hosted)

    run = merged(hosted, reviewed(hosted, "ben", "prices", prices(hosted, 1)))

    green(run)
    assert "pending" not in run.jobs["apply-default"].steps[-1].log  # the apply has waited
    assert {one["status"] for one in account.objects("documents").values()} == {"ready"}


@pytest.mark.sweep
def test_an_error_takes_the_place_of_the_plan_and_a_failed_apply_that_of_both(hosted: Forge) -> None:
    apply_on_main(hosted)

    def broken(root: Path) -> None:
        project(root, hosted).write("manifests/bad.yaml", "kind: persona\nname: bad\nspec:\n  persona_nme: Bad\n")

    event = hosted.propose("ben", "new", broken)
    assert hosted.run("tavus-plan.yml", "pull_request", event).is_red
    assert "persona_nme" in comment(hosted, event)
    hosted.account.fault(match="POST /v2/personas", kind="status", status=422)
    (hosted.clone("ben") / "manifests/bad.yaml").unlink()
    mended = hosted.propose("ben", "new", persona(hosted, "guide"))
    event["pull_request"]["head"] = mended["pull_request"]["head"]
    green(hosted.run("tavus-plan.yml", "pull_request", event))
    run = merged(hosted, event)

    assert run.is_red
    assert "**failed**" in comment(hosted, event)


def test_a_fork_is_validated_and_nothing_of_the_repository_is_at_hand(hosted: Forge) -> None:
    apply_on_main(hosted)
    event = hosted.propose("ben", "theirs", persona(hosted, "guide"))
    event["pull_request"]["head"]["repo"]["full_name"] = "mallory/agents"
    hosted.secrets = {}
    hosted.account.forget()

    green(hosted.run("tavus-plan.yml", "pull_request", event))

    assert hosted.account.requests == []


def test_a_merge_by_dependabot_is_validated_and_the_next_merge_applies_it(hosted: Forge) -> None:
    apply_on_main(hosted)
    event = hosted.propose("ben", "bump", prompt("You are patient."))
    event["sender"] = {"login": "dependabot[bot]"}
    secrets, hosted.secrets = hosted.secrets, {}
    hosted.account.forget()

    run = merged(hosted, event)

    green(run)
    assert run.jobs["apply-default"].result == "skipped"
    assert hosted.account.requests == []
    hosted.secrets = secrets
    green(hosted.run("tavus-apply.yml", "workflow_dispatch"))
    assert [one["method"] for one in hosted.account.writes] == ["PATCH"]


@pytest.mark.sweep
def test_nothing_of_a_job_is_left_in_the_repository_but_the_state(hosted: Forge) -> None:
    """Its refs and objects hold neither the key nor a token, and branches are what people have pushed."""
    apply_on_main(hosted)
    green(watched(hosted))
    refs = git_output(hosted.bare, "for-each-ref", "--format=%(refname)").splitlines()
    assert {one for one in refs if not one.startswith(("refs/heads/", "refs/pull/"))} == {
        "refs/tavusctl/default",
        "refs/tavusctl/lock.default",
    }
    objects = [line.split()[0] for line in git_output(hosted.bare, "rev-list", "--objects", "--all").splitlines()]
    batch = subprocess.run(
        ["git", "cat-file", "--batch"],
        cwd=hosted.bare,
        input="\n".join(objects).encode(),
        capture_output=True,
        check=True,
    ).stdout
    for secret in (hosted.account.key, "ghs_of_"):
        assert secret.encode() not in batch
    assert json.loads(git_output(hosted.bare, "show", "refs/tavusctl/default:state.json"))
