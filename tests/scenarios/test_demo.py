"""`init --demo`: a project that works at once, on an emulator that nobody has to start or stop."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import pytest

from tests.scenarios.project import Project, Result

REAL_KEY = "the-key-of-a-real-account-0123456789"


@pytest.fixture
def demo(project: Project) -> Project:
    """A demo project, on a machine that has a real key in its environment."""
    made = Project(project.root, project.account, {"TAVUS_API_KEY": REAL_KEY})
    assert run(made, "init", "--demo").code == 0
    return made


def run(project: Project, *args: str) -> Result:
    return project.run(*args, TAVUS_BASE_URL=None)


def test_plan_apply_and_talk_work_at_once(demo: Project) -> None:
    planned = run(demo, "plan")
    assert (planned.code, "Plan: 1 to create" in planned.out) == (0, True), planned.err
    assert run(demo, "apply", "--yes").code == 0
    assert run(demo, "plan").out.startswith("Environment demo, account of the local emulator\nNo changes"), (
        "the next command finds what this one has left"
    )
    assert run(demo, "verify").code == 0
    talked = run(demo, "talk", "persona/assistant", "--yes")
    assert (talked.code, "this is a demo" in talked.err) == (0, True)
    assert run(demo, "talk", "--end", talked.out.split()[-1]).code == 0
    assert run(demo, "doctor").code == 0
    assert run(demo, "undo", "--help").code == 0
    assert demo.account.requests == [], "nobody else was called"


def test_no_key_is_needed_and_none_is_sent_to_it(demo: Project) -> None:
    assert run(demo, "apply", "--yes").code == 0
    kept = [path.read_bytes() for path in (demo.root / ".tavusctl").rglob("*") if path.is_file()]
    assert len(kept) > 2
    assert not any(REAL_KEY.encode() in content for content in kept)
    without = demo.run("plan", TAVUS_BASE_URL=None, TAVUS_API_KEY=None)
    assert (without.code, without.out.startswith("Environment demo, account of the local emulator\nNo changes")) == (
        0,
        True,
    )


def test_its_key_is_sent_to_nobody_else(demo: Project) -> None:
    """An address in the environment is for real accounts, and is refused before anything is sent."""
    for args, environment in (
        ((), {"TAVUS_BASE_URL": demo.account.url}),
        (("--base-url", demo.account.url), {"TAVUS_BASE_URL": None}),
    ):
        refused = demo.expect(12, "plan", *args, **environment)
        assert "is a demo" in refused.err
    assert demo.account.requests == []


def test_a_real_environment_beside_the_demo_has_its_own_account_state_and_key(demo: Project) -> None:
    run(demo, "apply", "--yes")
    demo.write("tavusctl.yaml", "environments: {demo: {demo: true}, prod: {account: acme}}\n")
    demo.expect(0, "apply", "--yes", "--env", "prod", TAVUS_API_KEY=demo.account.key)
    assert len(demo.account.objects("personas")) == 1
    assert run(demo, "plan", "--env", "demo").out.startswith(
        "Environment demo, account of the local emulator\nNo changes"
    )


def test_two_projects_do_not_share_one(demo: Project, tmp_path_factory: pytest.TempPathFactory) -> None:
    run(demo, "apply", "--yes")
    other = Project(tmp_path_factory.mktemp("other"), demo.account)
    run(other, "init", "--demo")
    assert "Plan: 1 to create" in run(other, "plan").out
    assert run(other, "list").out == "No objects.\n"


def test_a_demo_keeps_its_state_beside_its_account(demo: Project) -> None:
    demo.write("tavusctl.yaml", "environments: {demo: {demo: true, state: git}}\n")
    refused = run(demo, "plan")
    assert refused.code == 12
    assert "remove `environments.demo.state`" in refused.err


def test_a_folder_of_the_account_that_cannot_be_made_is_told(demo: Project) -> None:
    demo.write(".tavusctl", "")

    result = run(demo, "plan")

    assert result.code == 12
    assert ".tavusctl/demo`: Not a directory" in result.err


def test_on_a_machine_of_ci_a_demo_applies(demo: Project) -> None:
    """Account and state are lost together."""
    demo.expect(0, "apply", "--yes", TAVUS_BASE_URL=None, CI="true")


def test_a_demo_is_not_begun_with_an_account_or_workflows(project: Project) -> None:
    for option in ("--github", "--from-account"):
        assert run(project, "init", "--demo", option).code == 12
    assert not (project.root / "tavusctl.yaml").exists()


def test_workflows_are_for_environments_with_an_account(demo: Project) -> None:
    refused = run(demo, "init", "--github")
    assert (refused.code, "has a demo only" in refused.err) == (12, True)
    demo.write("tavusctl.yaml", "environments: {demo: {demo: true}, prod: {account: acme, state: git}}\n")
    assert run(demo, "init", "--github").code == 0
    written = "".join(path.read_text() for path in (demo.root / ".github/workflows").iterdir())
    assert "prod" in written
    assert "demo" not in written


def test_a_pull_request_cannot_turn_an_account_into_a_demo(project: Project) -> None:
    """Its plan would show nothing of the account that the merge applies to."""
    project.write("tavusctl.yaml", "environments: {prod: {account: acme}}\n")
    project.manifest("persona", "coach", {"persona_name": "Coach", "system_prompt": "You coach."})
    identity = ["-c", "user.name=n", "-c", "user.email=n@example.com"]
    for words in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-qm", "All"]):
        subprocess.run(["git", "-C", str(project.root), *identity, *words], check=True)
    project.write("tavusctl.yaml", "environments: {prod: {account: acme, demo: true}}\n")
    event = project.write("event.json", '{"pull_request": {"head": {"repo": {"full_name": "acme/app"}}}}')
    result = project.run(
        *("github", "--dry-run", "plan", "--base", "main"),
        GITHUB_ACTIONS="true",
        GITHUB_EVENT_NAME="pull_request",
        GITHUB_EVENT_PATH=str(event),
        GITHUB_REPOSITORY="acme/app",
        GITHUB_BASE_REF="main",
    )
    assert result.code == 0, result.out + result.err
    assert project.account.requests, "the account itself was read"
    assert "`prod` is not used as an emulator: it is an account in" in result.out
    assert not (project.root / ".tavusctl/demo").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_however_a_command_ends_no_process_and_no_port_is_left(demo: Project, number: signal.Signals) -> None:
    demo.manifest("document", "d", {"document_url": "https://example.com/a.pdf"})
    environment: Mapping[str, str] = {**os.environ, "TAVUS_API_KEY": REAL_KEY}
    environment = {name: value for name, value in environment.items() if name != "TAVUS_BASE_URL"}
    with subprocess.Popen(
        [sys.executable, "-I", "-m", "tavusctl", "apply", "--yes", "--wait", "10m"],
        cwd=demo.root,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        try:
            deadline = time.monotonic() + 60
            while not (listening := _listening(process.pid)) and time.monotonic() < deadline:
                time.sleep(0.05)
            assert listening
            process.send_signal(number)
            process.wait(30)
        finally:  # it waits for minutes
            process.kill()
    assert not _session(process.pid), "no process of its session is left"
    assert run(demo, "apply", "--yes").code == 0, "the next command goes on"


def _listening(pid: int) -> bool:
    """Whether a process listens on a port."""
    links = []
    for one in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed since it was listed
            links.append(str(one.readlink()))
    inodes = {one[len("socket:[") : -1] for one in links if one.startswith("socket:[")}
    rows = [line.split() for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]]
    return any(row[3] == "0A" and row[9] in inodes for row in rows)


def _session(leader: int) -> list[str]:
    """Processes of the session that a process began."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            after = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(after[3]) == leader:
            found.append(stat.parent.name)
    return found
