"""Plan files: they can stop an apply, and never steer it."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from functools import reduce
from pathlib import Path
from typing import Any

import pytest

from tests.scenarios.project import Body, Project, Result

COACH: Body = {"persona_name": "Coach", "system_prompt": "You coach."}
PRICES: Body = {"document_name": "Prices", "document_url": "https://example.com/prices.pdf", "tags": ["a"]}


@pytest.fixture
def planned(project: Project) -> Project:
    """A project with an applied persona and document, and a plan that updates one and deletes the other."""
    project.manifest("persona", "coach", COACH)
    project.manifest("document", "prices", PRICES)
    project.manifest("persona", "bystander", {**COACH, "persona_name": "Bystander"})
    project.apply()
    project.manifest("persona", "coach", {**COACH, "system_prompt": "You coach well."})
    project.remove("document", "prices")
    project.expect(0, "plan", "--out", "plan.json")
    project.account.forget()
    return project


def apply_plan(project: Project, **environment: str | None) -> Result:
    return project.run("apply", "plan.json", **environment)


def refused(project: Project, code: int, *words: str, **environment: str | None) -> None:
    """It is refused for that reason, nothing was written, and the lock is free."""
    result = apply_plan(project, **environment)
    assert (result.code, project.account.writes) == (code, []), result.out + result.err
    assert all(word in result.err for word in words), result.err
    with (project.root / ".tavusctl/state.json.lock").open("r+b") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


def edited(project: Project, change: Callable[[Body], None]) -> None:
    path = project.root / "plan.json"
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))


def test_fm_133_a_plan_is_applied_once(planned: Project) -> None:
    first = apply_plan(planned)
    planned.account.forget()

    assert first.code == 0
    refused(planned, 3, "the state has changed since it was made: another apply has run")


def test_a_file_that_nobody_may_read_can_be_replaced_by_a_plan(planned: Project) -> None:
    (planned.root / "plan.json").chmod(0o000)

    result = planned.run_restricted("plan", "--out", "plan.json")

    assert result.code == 0, result.err
    assert apply_plan(planned).code == 0


def test_where_a_plan_file_is_is_told(project: Project) -> None:
    """Who knows kubectl types `-o json`, and means a format."""
    project.manifest("persona", "coach", {"persona_name": "Coach", "system_prompt": "You coach."})

    told = project.run("plan", "-o", "json")
    quiet = project.run("plan", "-o", "json", "--quiet")

    assert "to apply this plan, run `tavusctl apply json`" in told.err
    assert (told.out, quiet.err) == (quiet.out, "")
    assert "run `tavusctl apply 'my plan.json'`" in project.run("plan", "--out", "my plan.json").err
    project.apply()
    assert project.run("plan", "-o", "json").err == "wrote `json`, without changes\n"


@pytest.mark.parametrize("options", [("--out", "new/plan.json"), ("--report", "json=new/plan.json")])
def test_a_file_in_a_folder_that_does_not_exist_is_refused_before_anything_is_read(
    project: Project, options: tuple[str, str]
) -> None:
    project.write("tavusctl.yaml", "version: 1\n")
    project.manifest("persona", "coach", {"persona_name": "Coach", "system_prompt": "You coach."})

    result = project.run("plan", *options)
    requests = project.account.requests
    (project.root / "below/new").mkdir(parents=True)
    below = project.run("plan", "-C", "below", *options)

    assert (result.code, below.code) == (12, 0), below.err
    assert "the folder `new` does not exist" in result.err
    assert requests == []
    assert (project.root / "below/new/plan.json").is_file()


def test_a_plan_that_apply_refuses_says_nothing_of_an_apply(project: Project) -> None:
    project.manifest("persona", "coach", COACH)
    project.apply()
    project.edit_in_portal("persona/coach", "/system_prompt", "You shout.")
    project.manifest("persona", "coach", {**COACH, "system_prompt": "You whisper."})

    told = project.expect(3, "plan", "--out", "plan.json")

    assert "apply this plan" not in told.err


def test_fm_134_the_first_plan_of_an_account_works(project: Project) -> None:
    project.manifest("persona", "coach", COACH)
    project.run("plan", "--out", "plan.json")

    assert apply_plan(project).code == 0
    assert len(project.account.objects("personas")) == 1


def test_fm_134_another_account(planned: Project) -> None:
    """The key is of an account that has none of the objects: refused before the plan is compared."""
    refused(planned, 9, TAVUS_API_KEY="key-of-somebody-else")


def test_fm_134_another_key_of_the_same_account(planned: Project) -> None:
    """It applies the plan once it may open the state, as it may with the other key at hand; not before."""
    account = planned.account
    account.switch(keys={"rotated": account.key, account.key: account.key})

    refused(planned, 9, "cannot be checked with this API key", TAVUS_API_KEY="rotated")
    planned.expect(0, "apply", "plan.json", TAVUS_API_KEY="rotated", TAVUS_API_KEY_OLD=account.key)
    assert [one["method"] for one in account.writes] == ["PATCH", "DELETE"]


def test_fm_134_another_commit(planned: Project) -> None:
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.com"]
    subprocess.run([*git, "init", "-q"], cwd=planned.root, check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "one"], cwd=planned.root, check=True)

    refused(planned, 3, "the repository is at another commit")

    planned.run("plan", "--out", "plan.json")
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "two"], cwd=planned.root, check=True)
    subprocess.run([*git, "pack-refs", "--all"], cwd=planned.root, check=True)
    refused(planned, 3, "the repository is at another commit")

    planned.run("plan", "--out", "plan.json")
    assert apply_plan(planned).code == 0


def test_fm_134_other_manifests(planned: Project) -> None:
    planned.manifest("persona", "coach", {**COACH, "system_prompt": "You coach badly."})

    refused(planned, 3, "the manifests have changed")


def test_fm_134_another_lifecycle(planned: Project) -> None:
    planned.manifest(
        "persona", "bystander", {**COACH, "persona_name": "Bystander"}, lifecycle={"prevent_destroy": True}
    )

    refused(planned, 3, "the manifests have changed")


def test_fm_134_another_state(planned: Project) -> None:
    (planned.root / ".tavusctl/state.json").unlink()

    refused(planned, 3, "it belongs to another state")


def test_fm_133_the_first_plan_of_a_project_is_applied_once(project: Project) -> None:
    """It was made before there was a state."""
    project.manifest("persona", "coach", COACH)
    project.run("plan", "--out", "plan.json")
    assert apply_plan(project).code == 0
    project.account.forget()

    refused(project, 3, "the state has changed since it was made: another apply has run")


def test_fm_134_another_environment(planned: Project) -> None:
    planned.write("tavusctl.yaml", "{version: 1, environments: {default: {}, other: {}}}")

    result = planned.run("apply", "plan.json", "--env", "other")

    assert (result.code, planned.account.writes) == (3, [])
    assert "it is for another environment" in result.err


def test_fm_134_an_expired_plan(planned: Project) -> None:
    planned.account.advance(24 * 3600 + 60)

    refused(planned, 3, "it has expired")


def test_fm_134_another_version(planned: Project) -> None:
    edited(planned, lambda document: document["bound"].update(tavusctl_version="0.0.0"))

    refused(planned, 3, "another version of tavusctl")


def test_fm_138_another_secret_is_named(project: Project) -> None:
    project.write("tavusctl.yaml", "{version: 1, secrets: [KEY, OTHER]}")
    llm = {"model": "gpt-4o", "base_url": "https://llm.example.com/v1", "api_key": "${secret:KEY}"}
    project.manifest("persona", "coach", {**COACH, "layers": {"llm": llm}})
    project.run("plan", "--out", "plan.json", KEY="first-canary")

    result = project.run("apply", "plan.json", KEY="second-canary")

    assert (result.code, project.account.writes) == (3, [])
    assert "a secret has changed since it was made: KEY [" in result.err
    assert "canary" not in result.err + result.out + (project.root / "plan.json").read_text()
    project.expect(0, "apply", "plan.json", KEY="first-canary")


def test_fm_137_a_change_of_an_unrelated_object_is_no_reason(planned: Project) -> None:
    planned.edit_in_portal("persona/bystander", "/greeting", "Hi.", op="add")
    planned.account.seed(personas=[{"persona_name": "Theirs", "system_prompt": "Hi."}])

    assert apply_plan(planned).code == 0


def test_fm_077_a_change_of_what_the_plan_touches_is_one(planned: Project) -> None:
    planned.edit_in_portal("persona/coach", "/system_prompt", "Theirs.")

    refused(planned, 3, "the account has changed since it was made: persona/coach")


SAFE: Body = {"name": "safe", "data": [{"guardrail_name": "calm", "guardrail_prompt": "You stay calm."}]}


@pytest.fixture
def shared(project: Project) -> Project:
    """An applied guardrail set and document."""
    project.manifest("guardrails", "safe", SAFE)
    project.manifest("document", "prices", PRICES)
    project.apply()
    return project


def stranger(project: Project, **refers_to: Any) -> None:
    """Somebody's persona begins to use what is managed here."""
    project.account.seed(personas=[{"persona_name": "Theirs", "system_prompt": "Hi.", **refers_to}])


def test_another_user_of_a_changed_object_is_no_reason(shared: Project) -> None:
    """The same is written, whoever reads it; the plan that is made afresh names the new one."""
    calmer = {**SAFE["data"][0], "guardrail_prompt": "You stay very calm."}
    shared.manifest("guardrails", "safe", {**SAFE, "data": [calmer]})
    shared.run("plan", "--out", "plan.json")
    stranger(shared, guardrails_id=shared.bound("guardrails/safe"))

    result = apply_plan(shared)

    assert result.code == 0, result.err
    assert "affects 1 object: persona" in result.out


def test_another_user_of_an_object_that_goes_is_one(shared: Project) -> None:
    shared.manifest("document", "prices", {**PRICES, "document_url": "https://example.com/new.pdf"})
    shared.run("plan", "--out", "plan.json")
    stranger(shared, document_ids=[shared.bound("document/prices")])
    shared.account.forget()

    refused(shared, 3, "the account has changed since it was made: document/prices")


def _parent(document: Body, path: tuple[str | int, ...]) -> Any:
    start: Any = document
    return reduce(lambda place, step: place[step], path[:-1], start)


def _without(*path: str | int) -> Callable[[Body], None]:
    return lambda document: _parent(document, path).__delitem__(path[-1])


def _with(value: object, *path: str | int) -> Callable[[Body], None]:
    return lambda document: _parent(document, path).__setitem__(path[-1], value)


EDITS: dict[str, Callable[[Body], None]] = {
    "another id": _with("p0", "changes", 0, "id"),
    "another address": _with("persona/bystander", "changes", 0, "address"),
    "another action": _with("delete", "changes", 0, "action"),
    "another cause": _with("drifted", "changes", 0, "cause"),
    "another value": _with("You obey.", "changes", 0, "patch", 0, "value"),
    "another path": _with("/persona_name", "changes", 0, "patch", 0, "path"),
    "another operation": _with("remove", "changes", 0, "patch", 0, "op"),
    "a patch less": _with([], "changes", 0, "patch"),
    "a guard less": _with([], "changes", 0, "guards"),
    "a delete less": _without("changes", 1),
    "a delete more": lambda document: document["changes"].append(document["changes"][1]),
    "the order turned": lambda document: document["changes"].reverse(),
    "no changes": _with([], "changes"),
    "changes of another shape": _with("all of them", "changes"),
    "a change of another shape": _with(3, "changes", 0),
    "a refusal more": _with([{"address": "persona/coach"}], "refused"),
    "another fingerprint": _with("sha256:0", "fingerprint"),
    "no fingerprint": _without("fingerprint"),
    "a later end": _with("3000-01-01T00:00:00+00:00", "bound", "expires"),
    "a later beginning": _with("3000-01-01T00:00:00+00:00", "bound", "created"),
    "other users": _with(["persona/bystander"], "changes", 0, "affects"),
    "other words": _with("nothing much", "changes", 0, "reason"),
    "no seal": _without("bound", "seal"),
    "no end": _without("bound", "expires"),
    "an end of another shape": _with(3, "bound", "expires"),
    "another serial": _with(99, "bound", "serial"),
    "another lineage": _with("x", "bound", "lineage"),
    "another account": _with("x", "bound", "account"),
    "other secrets": _with({"KEY": "x"}, "bound", "secrets"),
    "other settings": _with("x", "bound", "configuration"),
}


@pytest.mark.parametrize("change", EDITS.values(), ids=EDITS)
def test_fm_135_an_edited_plan_stops(planned: Project, change: Callable[[Body], None]) -> None:
    edited(planned, change)

    refused(planned, 3, "the plan file is stale")


BROKEN: dict[str, Callable[[Path], object]] = {
    "empty": lambda path: path.write_bytes(b""),
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-2]),
    "not JSON": lambda path: path.write_bytes(b"\x7fELF"),
    "not UTF-8": lambda path: path.write_bytes(b'"\xff"'),
    "a list": lambda path: path.write_text("[]"),
    "nothing bound": lambda path: path.write_text("{}"),
    "bound to a list": lambda path: path.write_text('{"bound": []}'),
    "nested": lambda path: path.write_text("[" * 100_000),
    "a long number": lambda path: path.write_text("1" * 10_000),
    "huge": lambda path: os.truncate(path, 1 << 30),
    "gone": lambda path: path.unlink(),
}


@pytest.mark.parametrize("change", BROKEN.values(), ids=BROKEN)
def test_fm_136_what_is_no_plan_is_refused(planned: Project, change: Callable[[Path], object]) -> None:
    change(planned.root / "plan.json")

    refused(planned, 9, "plan")


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/null"])
def test_fm_136_a_device_is_no_plan(planned: Project, device: str) -> None:
    result = planned.run("apply", device)

    assert (result.code, planned.account.writes) == (9, [])


def test_fm_135_no_flipped_byte_steers_an_apply(planned: Project) -> None:
    path = planned.root / "plan.json"
    whole = path.read_bytes()
    step = 1 if os.environ.get("TAVUSCTL_LAWS") == "long" else 29
    for index in range(0, len(whole), step):
        flipped = bytearray(whole)
        flipped[index] ^= 1
        path.write_bytes(flipped)
        code = apply_plan(planned).code
        assert (code in (3, 9), planned.account.writes) == (True, []), (index, whole[index - 20 : index + 20])


HOST: Body = {"persona_name": "Host", "system_prompt": "You host."}


@pytest.fixture
def two(project: Project) -> Project:
    """Two applied personas, both with another prompt in their manifests."""
    project.manifest("persona", "coach", COACH)
    project.manifest("persona", "host", HOST)
    project.apply()
    project.manifest("persona", "coach", {**COACH, "system_prompt": "You coach well."})
    project.manifest("persona", "host", {**HOST, "system_prompt": "You host well."})
    project.account.forget()
    return project


def prompts(project: Project) -> dict[str, str]:
    return {one["persona_name"]: one["system_prompt"] for one in project.account.objects("personas").values()}


def test_a_plan_for_a_target_is_carried_out_for_it_alone(two: Project) -> None:
    two.expect(0, "plan", "--target", "persona/coach", "--out", "plan.json")

    assert apply_plan(two).code == 0
    assert prompts(two) == {"Coach": "You coach well.", "Host": "You host."}


def test_a_plan_that_settles_a_conflict_is_carried_out(two: Project) -> None:
    two.edit_in_portal("persona/coach", "/system_prompt", "Theirs.")
    two.expect(0, "plan", "--overwrite", "persona/coach", "--out", "plan.json")

    assert apply_plan(two).code == 0
    assert prompts(two)["Coach"] == "You coach well."


@pytest.mark.parametrize("option", ["--import-existing", "--adopt"])
def test_a_plan_that_takes_over_is_carried_out(project: Project, option: str) -> None:
    (theirs,) = project.account.seed(personas=[COACH])["personas"]
    project.manifest("persona", "coach", COACH)
    project.expect(0, "plan", option, "--out", "plan.json")

    assert apply_plan(project).code == 0
    assert project.bound("persona/coach") == theirs


def test_a_plan_to_destroy_is_carried_out(two: Project) -> None:
    two.expect(0, "plan", "--destroy", "--out", "plan.json")

    limited = apply_plan(two)
    done = two.run("apply", "plan.json", "--allow-deletes", "2")

    assert (limited.code, done.code) == (4, 0), done.err
    assert two.account.objects("personas") == {}
    assert "destroy was requested" in done.out
    assert "manifest removed" not in done.out


def test_a_plan_to_train_anew_is_carried_out(project: Project) -> None:
    video = {"replica_name": "Anna", "train_video_url": "https://example.com/anna.mp4"}
    project.manifest("replica", "anna", video)
    project.apply()
    project.manifest("replica", "anna", {**video, "train_video_url": "https://example.com/new.mp4"})
    project.expect(0, "plan", "--allow-replace", "replica/anna", "--out", "plan.json")

    assert apply_plan(project).code == 0
    assert len(project.account.objects("replicas")) == 2


def test_the_options_of_a_plan_stand_in_its_file(two: Project) -> None:
    two.run("plan", "--target", "persona/coach", "--no-watch", "--out", "plan.json")
    document = json.loads((two.root / "plan.json").read_text())

    assert document["options"] == {"target": ["persona/coach"], "watch": False}
    edited(two, _with(["persona/host"], "options", "target"))
    refused(two, 3, "it was edited")
    edited(two, _with({"force": True}, "options"))
    refused(two, 9, "the plan file has options")


@pytest.mark.parametrize(
    ("made", "typed", "words"),
    [
        (
            ["--target", "persona/coach"],
            ["--target", "persona/host"],
            ["--target persona/host", "--target persona/coach"],
        ),
        ([], ["--target", "persona/host"], ["the command line has `--target persona/host`", "without"]),
        (["--no-watch"], ["--watch"], ["--watch", "made with --no-watch"]),
        ([], ["--no-watch", "--import-existing"], ["--import-existing --no-watch", "without"]),
    ],
)
def test_options_beside_a_file_that_was_made_with_others_are_refused(
    two: Project, made: list[str], typed: list[str], words: list[str]
) -> None:
    two.run("plan", *made, "--out", "plan.json")

    result = two.run("apply", "plan.json", *typed)

    assert (result.code, two.account.writes) == (12, [])
    assert all(word in result.err for word in words), result.err


def test_the_same_options_beside_the_file_are_no_contradiction(two: Project) -> None:
    two.run("plan", "--target", "persona/coach", "--out", "plan.json")

    two.expect(0, "apply", "plan.json", "--target", "persona/coach", "--watch")


def test_what_differs_is_named(planned: Project) -> None:
    planned.manifest("persona", "bystander", {**COACH, "persona_name": "Somebody"})

    refused(planned, 3, "the manifests have changed since it was made: persona/bystander")


def test_a_link_that_has_come_to_its_end_is_no_change_of_the_account(project: Project) -> None:
    """What could be sent yesterday cannot be sent today, because of the time alone."""
    begin = datetime.now(UTC)
    signed = f"X-Amz-Date={begin:%Y%m%dT%H%M%SZ}&X-Amz-Expires={25 * 3600}&X-Amz-Signature=0"
    project.manifest("document", "prices", {**PRICES, "document_url": f"https://example.com/a.pdf?{signed}"})
    project.expect(0, "plan", "--out", "plan.json")
    project.account.advance(2 * 3600)

    refused(project, 3, "a signed URL has expired since it was made: document/prices")


def test_an_error_that_is_no_longer_tolerated_stops_a_plan_file(two: Project) -> None:
    """A plan file is no way around what stops a plan."""
    two.run("plan", "--out", "plan.json")
    ring = {"objective_name": "ask", "objective_prompt": "Ask.", "next_required_objective": "ask"}
    two.manifest("objectives", "goals", {"name": "Goals", "data": [ring]})

    result = two.run("apply", "plan.json")

    assert (result.code, two.account.writes) == (10, [])
    assert "[TV233 objective-cycle]" in result.err
