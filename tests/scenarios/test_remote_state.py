"""Teams: two runs at once, a state in an object store, and the commands that handle a state as a whole."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tavusctl.core.ports import State
from tavusctl.state.stores import open_store
from tests.scenarios.project import TAVUSCTL, Project
from tests.stores.servers import BUCKET, s3_environment, variables

pytest_plugins = ["tests.stores.fixtures"]

PERSONAS = ("coach", "guide", "nurse", "tutor")


@pytest.fixture(params=["file", "s3"])
def team(request: pytest.FixtureRequest, project: Project) -> Iterator[Project]:
    """A project with four personas and a state in a file or on S3."""
    for name in PERSONAS:
        project.manifest("persona", name, {"persona_name": name.title(), "system_prompt": "You help."})
    if request.param == "file":
        yield project
        return
    project.write("tavusctl.yaml", f"version: 1\nenvironments:\n  default:\n    state: {place(project)}\n")
    with variables(request.getfixturevalue("s3_variables")):
        yield project


def place(project: Project) -> str:
    return f"s3://{BUCKET}/{project.root.parent.name}/{project.root.name}"  # another in each worker: the server is one


def start(project: Project, *args: str) -> subprocess.Popen[str]:
    """A command in a process of its own."""
    environment = {**os.environ, **project.account.variables}
    return subprocess.Popen(
        [*TAVUSCTL, *args], cwd=project.root, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def ended(*processes: subprocess.Popen[str]) -> list[tuple[int, str]]:
    """Exit codes and what was said on stderr, by exit code."""
    said = [process.communicate(timeout=60)[1] for process in processes]
    return sorted((process.returncode, text) for process, text in zip(processes, said, strict=True))


def slow(project: Project) -> None:
    """Make every write of the account take a while, so that runs overlap."""
    project.account.fault(match="POST /v2/*", kind="delay", seconds=0.7, times=None)


def persona_names(project: Project) -> list[str]:
    return sorted(body["persona_name"] for body in project.account.objects("personas").values())


def test_of_two_applies_at_once_one_runs_and_the_other_is_told_by_whom(team: Project) -> None:
    slow(team)
    first = [start(team, "apply", "--yes"), start(team, "apply", "--yes")]
    (done, _), (refused, said) = ended(*first)

    assert (done, refused) == (0, 7)
    holder = {process.pid for process in first if process.returncode == 0}.pop()
    assert f"is held by process {holder} on {socket.gethostname()} (tavusctl apply), for " in said
    assert persona_names(team) == [name.title() for name in PERSONAS]
    assert len([write for write in team.account.writes if write["method"] == "POST"]) == len(PERSONAS)


def test_an_apply_that_waits_for_another_plans_afterwards(team: Project) -> None:
    slow(team)
    both = [start(team, "apply", "--yes", "--lock-timeout", "60s") for _ in range(2)]

    assert [code for code, _ in ended(*both)] == [0, 0]
    assert persona_names(team) == [name.title() for name in PERSONAS]


def test_a_plan_reads_while_an_apply_holds_the_state(team: Project) -> None:
    team.apply()
    shared = (team.root / "tavusctl.yaml").exists()
    with open_store(place(team) if shared else "", team.root, "default").lock(command="apply"):
        team.expect(0, "plan")
        team.expect(7, "apply", "--yes")
        team.expect(7, "state", "rm", "persona/coach")


def test_the_second_plan_is_empty_with_a_shared_state(team: Project) -> None:
    team.apply_and_forget()
    assert (team.run("plan", "--detailed-exitcode").code, team.account.writes) == (0, [])


def test_a_state_that_was_pulled_can_be_pushed_until_it_is_old(team: Project) -> None:
    team.apply()
    old = team.write("old.json", "")
    old.write_text(team.run("state", "pull").out, encoding="utf-8")
    same = team.run("state", "push", "old.json")
    assert (same.code, "is already that of old.json" in same.err) == (0, True)

    team.expect(0, "state", "rm", "persona/coach")
    refused = team.run("state", "push", "old.json")
    assert (refused.code, "would lose the changes since" in refused.err) == (9, True)

    newer = json.loads(team.run("state", "pull").out)
    assert "persona/coach" not in newer["resources"]


def test_a_printed_state_gives_no_order_to_a_terminal_or_a_runner(project: Project) -> None:
    orders = "##[add-mask]x \u2028 \x9b31m ::error::x"
    project.account.seed(personas=[{"persona_name": "Coach", "system_prompt": f"You coach. {orders}"}])
    project.expect(0, "export")
    project.apply()
    (address,) = project.run("state", "list", "--format", "json").document

    shown, pulled = project.run("state", "show", address), project.run("state", "pull")

    for printed in (shown.out, pulled.out):
        assert not re.search("##\\[|[\x80-\x9f\u2028]", printed)
        assert "add-mask]x" in printed
    project.write("copy.json", pulled.out)
    same = project.run("state", "push", "copy.json")
    assert (same.code, "is already that of copy.json" in same.err) == (0, True)


def test_a_state_of_another_lineage_is_not_pushed(team: Project) -> None:
    team.apply()
    pulled = team.run("state", "pull").out
    copy = team.write("copy.json", "")
    copy.write_text(pulled.replace(json.loads(pulled)["lineage"], "another"), encoding="utf-8")
    assert "checksum mismatch" in team.run("state", "push", "copy.json").err

    other = Project(team.root / "other", team.account)
    other.write("tavusctl.yaml", "version: 1\n")
    copy.write_text(pulled, encoding="utf-8")
    assert other.run("state", "push", "../copy.json").code == 0  # nothing was there
    assert other.run("state", "pull").out == pulled

    third = Project(team.root / "third", team.account)
    third.write("tavusctl.yaml", "version: 1\n")
    open_store("", third.root, "default").write(State("its-own", 1))
    refused = third.run("state", "push", "../copy.json")
    assert (refused.code, "has another lineage" in refused.err) == (9, True)


@pytest.mark.parametrize("team", ["s3"], indirect=True)
def test_a_run_is_undone_from_another_machine(team: Project, tmp_path: Path) -> None:
    """What is needed for it lies beside the state: its records, and what it deleted."""
    team.apply()
    team.manifest("persona", "coach", {"persona_name": "Coach", "system_prompt": "You shout."})
    team.remove("persona", "nurse")
    team.apply("--allow-deletes", "1")
    elsewhere = Project(tmp_path / "elsewhere", team.account)
    elsewhere.write("tavusctl.yaml", (team.root / "tavusctl.yaml").read_text())

    run = elsewhere.run("undo").out.split()[0]
    undone = elsewhere.run("undo", run, "--yes", "--recreate")

    prompts = {one["persona_name"]: one["system_prompt"] for one in team.account.objects("personas").values()}
    assert undone.code == 0, undone.out + undone.err
    assert prompts == {name.title(): "You help." for name in PERSONAS}
    assert not list(team.root.glob(".tavusctl/**/*.json*"))


@pytest.mark.sweep
@pytest.mark.parametrize("team", ["s3"], indirect=True)
def test_only_the_newest_runs_are_kept_in_a_bucket_too(team: Project) -> None:
    for number in range(22):
        team.manifest("persona", "coach", {"persona_name": "Coach", "system_prompt": f"You help {number}."})
        team.apply()

    assert len(team.run("undo").out.splitlines()) == 20


def test_a_renamed_manifest_keeps_its_object_after_state_mv(team: Project) -> None:
    team.manifest("guardrails", "rules", {"name": "Rules", "data": [{"guardrail_name": "a", "guardrail_prompt": "b"}]})
    spec = {"persona_name": "Coach", "system_prompt": "You help.", "guardrails_id": "${ref:guardrails/rules}"}
    team.manifest("persona", "coach", spec)
    team.apply()
    before = team.bound("guardrails/rules")
    team.account.forget()
    team.remove("guardrails", "rules")
    team.manifest("guardrails", "safety", {"name": "Rules", "data": [{"guardrail_name": "a", "guardrail_prompt": "b"}]})
    team.manifest("persona", "coach", {**spec, "guardrails_id": "${ref:guardrails/safety}"})

    moved = team.run("state", "mv", "guardrails/rules", "guardrails/safety")

    assert (moved.code, moved.err) == (0, f"guardrails/rules is now guardrails/safety ({before})\n")
    team.expect(0, "plan", "--detailed-exitcode")
    assert (
        json.loads(team.run("state", "show", "persona/coach").out)["applied"]["guardrails_id"]
        == "${ref:guardrails/safety}"
    )
    assert team.account.writes == []


@pytest.mark.parametrize(
    ("old", "new", "code", "said"),
    [
        ("persona/coach", "persona/guide", 9, "the state has `persona/guide` already"),
        ("persona/coach", "document/coach", 12, "an object cannot change its kind"),
        ("persona/coach", "persona/coach", 12, "its new address are the same"),
        ("persona/coach", "coach", 12, "is not an address"),
        ("persona/nobody", "persona/somebody", 9, "`persona/nobody` is not in the state"),
    ],
)
def test_state_mv_refuses_what_would_confuse(team: Project, old: str, new: str, code: int, said: str) -> None:
    team.apply()
    before = team.run("state", "pull").out
    moved = team.run("state", "mv", old, new)
    assert (moved.code, said in moved.err) == (code, True), moved.err
    assert team.run("state", "pull").out == before


def test_the_lock_of_a_dead_run_can_be_freed_by_its_id(project: Project, s3_variables: dict[str, str]) -> None:
    project.write("tavusctl.yaml", f"version: 1\nenvironments:\n  default:\n    state: {place(project)}\n")
    project.manifest("persona", "coach", {"persona_name": "Coach", "system_prompt": "You help."})
    with variables(s3_variables):
        program = (
            "import sys, time; from pathlib import Path; from tavusctl.state.stores import open_store\n"
            "with open_store(sys.argv[1], Path('/'), 'default').lock(): print('held', flush=True); time.sleep(60)"
        )
        with subprocess.Popen([sys.executable, "-c", program, place(project)], stdout=subprocess.PIPE) as dead:
            assert dead.stdout
            dead.stdout.readline()
            dead.kill()
        refused = project.expect(7, "apply", "--yes")
        owner = refused.err.split("tavusctl state unlock ")[1].split("`")[0]
        fresh = project.run("state", "unlock", owner)
        assert (fresh.code, f"--holder-is-dead {socket.gethostname()}:{dead.pid}" in fresh.err) == (7, True)
        said = ["--holder-is-dead", f"{socket.gethostname()}:{dead.pid}"]
        project.expect(7, "state", "unlock", "0" * 32, *said)
        project.expect(0, "state", "unlock", owner, *said)
        project.apply()


def test_a_local_lock_needs_no_freeing(project: Project) -> None:
    project.write("tavusctl.yaml", "version: 1\n")
    refused = project.run("state", "unlock", "0" * 32)
    assert (refused.code, "is not locked" in refused.err) == (7, True)


def test_a_store_that_cannot_be_reached_stops_an_apply_before_the_account_is_changed(project: Project) -> None:
    project.write("tavusctl.yaml", f"version: 1\nenvironments:\n  default:\n    state: {place(project)}\n")
    project.manifest("persona", "coach", {"persona_name": "Coach", "system_prompt": "You help."})
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        with variables(s3_environment(f"http://127.0.0.1:{closed.getsockname()[1]}")):
            began = time.monotonic()
            refused = project.run("apply", "--yes")
    assert (refused.code, f"the state in {place(project)}" in refused.err) == (9, True), refused.err
    assert time.monotonic() - began < 15
    assert project.account.writes == []


def test_fm_088_when_a_state_is_cut_or_changed_nothing_is_called(project: Project) -> None:
    """That it is noticed at every byte: tests/unit/state/file/test_stored_values.py."""
    project.manifest("persona", "coach", {"persona_name": "Coach", "system_prompt": "You help."})
    project.apply()
    path = project.root / ".tavusctl" / "state.json"
    whole = path.read_bytes()
    project.account.forget()
    places = range(0, len(whole), len(whole) // 4)
    for content in (b"", b"\0" * 4096, b"{}\n", whole[:-1], *(whole[:n] + b"#" + whole[n + 1 :] for n in places)):
        path.write_bytes(content)
        codes = [project.run(*line).code for line in (["plan"], ["apply", "--yes"], ["drift"], ["state", "list"])]
        assert codes == [9, 9, 9, 9], content
    assert project.account.requests == []
