"""`doctor`: what is wrong and what to do, also when nothing works."""

from __future__ import annotations

import json
import re
import socket
import subprocess
from typing import Any

import pytest

from tests.scenarios.project import Project, Result
from tests.scenarios.test_clocks import CLOCKS
from tests.scenarios.test_clocks import run as at_a_wrong_time

PERSONA = {"persona_name": "Coach", "system_prompt": "You coach."}


def checks(result: Result) -> dict[str, dict[str, Any]]:
    """What was found by the name of the check; of several, the worst."""
    weight = ["ok", "warning", "failed"]
    found = sorted(json.loads(result.out)["checks"], key=lambda one: weight.index(one["status"]))
    return {one["check"]: one for one in found}


def health(result: Result) -> dict[str, str]:
    return {name: one["status"] for name, one in checks(result).items()}


@pytest.fixture
def applied(project: Project) -> Project:
    project.write("tavusctl.yaml", "environments: {default: {account: acme}}\n")
    project.manifest("persona", "coach", PERSONA)
    return project.apply_and_forget()


def test_a_project_that_works(applied: Project) -> None:
    subprocess.run(["git", "init", "-q", str(applied.root)], check=True)
    result = applied.expect(0, "doctor", "--format", "json")
    assert health(result) == {
        **dict.fromkeys(
            ("versions", "project", "environment", "git", "key", "account", "clock", "state", "lock"), "ok"
        ),
        "address": "warning",  # it is not Tavus that is asked here
    }
    assert checks(result)["environment"]["message"] == "default (account acme)"
    assert "1 object" in checks(result)["state"]["message"]
    assert all(set(one) == {"check", "status", "message", "hint"} for one in checks(result).values())
    assert applied.account.writes == []


def test_people_read_a_line_for_each_and_what_to_do(project: Project) -> None:
    project.write("tavusctl.yaml", "version: 1\n")
    result = project.expect(8, "doctor", TAVUS_API_KEY=None)
    lines = result.out.splitlines()
    assert "failed   key: no API key: the environment variable TAVUS_API_KEY is not set" in lines
    assert any(line.startswith("  help: run `export TAVUS_API_KEY=...`") for line in lines)
    assert lines[-1].startswith("Doctor: ")
    assert lines[-1].endswith("1 failed")


def test_warnings_are_counted_in_the_plural(project: Project) -> None:
    assert project.run("doctor").out.splitlines()[-1].endswith(" ok, 2 warnings")
    project.write("tavusctl.yaml", "version: 1\n")
    assert project.run("doctor").out.splitlines()[-1].endswith(" ok, 1 warning")


def test_nothing_works_and_everything_is_still_looked_at(project: Project) -> None:
    """No project, no key, no network, no git."""
    with socket.socket() as taken:  # nobody listens there
        taken.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"
        alone = project.run("doctor", "--format", "json", TAVUS_API_KEY=None, TAVUS_BASE_URL=address, PATH="/nowhere")
        assert alone.code == 8
        assert health(alone) == {
            "versions": "ok",
            "project": "warning",
            "environment": "ok",
            "git": "warning",
            "address": "warning",
            "key": "failed",
            "state": "ok",
            "lock": "ok",
        }
        assert checks(alone)["git"]["message"] == "git cannot be run: No such file or directory"
        unheard = project.run("doctor", "--format", "json", TAVUS_BASE_URL=address)
    assert unheard.code == 11
    assert health(unheard)["account"] == "failed"
    assert "cannot reach" in checks(unheard)["account"]["message"]


def test_a_key_that_is_refused(project: Project) -> None:
    project.account.switch(unknown_keys="refuse")
    result = project.expect(8, "doctor", "--format", "json")
    assert health(result)["account"] == "failed"
    assert project.account.key not in result.out + result.err


def test_an_address_that_would_send_the_key_in_the_clear(project: Project) -> None:
    result = project.expect(12, "doctor", "--format", "json", TAVUS_BASE_URL="http://example.com")
    assert "unencrypted" in checks(result)["address"]["message"]
    assert "account" not in health(result), "nothing is sent there"


def test_a_project_file_and_an_environment_that_are_wrong(project: Project) -> None:
    project.write("tavusctl.yaml", "environments: {a: {}, b: {}}\nnonsense: 1\n")
    result = project.expect(10, "doctor", "--format", "json")
    assert "tavusctl.yaml:2:1: unknown key `nonsense`" in checks(result)["project"]["message"]
    project.write("tavusctl.yaml", "environments: {a: {}, b: {}}\n")
    result = project.expect(12, "doctor", "--format", "json")
    assert "several environments" in checks(result)["environment"]["message"]
    assert health(result)["address"] == "warning", "what needs no environment is looked at all the same"
    project.expect(0, "doctor", "--env", "b")


def test_a_state_that_is_damaged_of_another_account_or_out_of_reach(applied: Project) -> None:
    applied.write("tavusctl.yaml", "environments: {default: {account: other}}\n")
    foreign = applied.expect(9, "doctor", "--format", "json")
    assert "belongs to the account `acme`" in checks(foreign)["state"]["message"]
    applied.write(".tavusctl/state.json", "{")
    applied.expect(9, "doctor")
    applied.write("tavusctl.yaml", "environments: {default: {state: 'ftp://x/y'}}\n")
    result = applied.expect(10, "doctor", "--format", "json")
    assert "unsupported scheme" in checks(result)["project"]["message"]
    assert health(result)["state"] == "warning", "the state of no other place is called ok"


def test_a_state_that_cannot_be_written_is_told_before_an_apply_needs_it(applied: Project) -> None:
    folder = applied.root / ".tavusctl"
    applied.manifest("persona", "coach", {**PERSONA, "greeting": "Hi."})
    folder.chmod(0o500)
    told = applied.run_restricted("doctor", "--format", "json")
    refused = applied.run_restricted("apply", "--yes")
    folder.chmod(0o700)
    (folder / "state.json.lock").chmod(0o400)
    of_lock = applied.run_restricted("doctor")

    assert (told.code, refused.code, of_lock.code) == (9, 9, 9)
    assert checks(told)["state"]["message"] == f"cannot write the state {folder}/state.json: Permission denied"
    assert checks(told)["state"]["hint"] == "check its folder and permissions"


def test_a_key_of_another_account_is_told_and_a_rotated_one_is_not(applied: Project) -> None:
    applied.account.switch(keys={applied.account.key: applied.account.key, "rotated": applied.account.key})
    rotated, stranger = (applied.run("doctor", "--format", "json", TAVUS_API_KEY=key) for key in ("rotated", "other"))

    assert (rotated.code, stranger.code) == (0, 9)
    assert checks(stranger)["account"]["status"] == "ok", "the key is valid"
    assert "the API key may be of another account" in checks(stranger)["state"]["message"]


def test_who_holds_the_lock_is_told(applied: Project) -> None:
    from tavusctl.state.file.store import FileStore  # noqa: PLC0415 - stands for another run

    with FileStore(applied.root / ".tavusctl/state.json").lock(command="apply"):
        result = applied.expect(0, "doctor", "--format", "json")
        assert "(tavusctl apply)" in checks(result)["lock"]["message"]
        assert checks(result)["lock"]["hint"] == "wait for that run to end", "no command releases the lock of a file"
    assert checks(applied.run("doctor", "--format", "json"))["lock"]["message"] == "free"


@pytest.mark.parametrize(("clock", "told"), [("ahead", "ahead of"), ("behind", "behind")])
def test_a_clock_that_is_wrong_is_told(applied: Project, clock: str, told: str) -> None:
    result = at_a_wrong_time(applied, CLOCKS[clock], "doctor", "--format", "json")
    assert result.code == 0, result.err
    assert health(result)["clock"] == "warning"
    message = checks(result)["clock"]["message"]
    assert re.search(rf"the clock of this machine is \d+h\d\dm {told} the server's clock", message), message


def test_a_file_with_keys_that_others_can_read_is_told(applied: Project) -> None:
    applied.write(".env", f"TAVUS_API_KEY={applied.account.key}\nDATABASE_URL=postgres://x\n").chmod(0o644)
    result = applied.expect(0, "doctor", TAVUS_API_KEY=None)
    assert "key: found in TAVUS_API_KEY in `.env`" in result.out
    assert "other users of this machine can read `.env`" in result.out
    assert ".env:2:1: `DATABASE_URL` is not read" in result.out
    assert applied.account.key not in result.out


def test_workflows_for_a_branch_that_was_renamed_are_told(project: Project) -> None:
    for line in ("init -q -b main", "-c user.name=A -c user.email=a@example.com commit -q --allow-empty -m one"):
        subprocess.run(["git", *line.split()], cwd=project.root, check=True)
    project.write("tavusctl.yaml", "environments: {default: {state: git}}\n")
    before = health(project.run("doctor", "--format", "json"))
    project.run("init", "--github", "--action", "./")
    written = checks(project.run("doctor", "--format", "json"))
    subprocess.run(["git", "branch", "-m", "trunk"], cwd=project.root, check=True)

    renamed = checks(project.run("doctor", "--format", "json"))
    project.run("init", "--github")
    repaired = checks(project.run("doctor", "--format", "json"))

    assert "workflows" not in before
    assert written["workflows"]["message"] == "up to date, for the branch `main`"
    assert renamed["workflows"]["status"] == "warning"
    assert renamed["workflows"]["message"] == (
        "2 files are outdated for the branch `trunk` or the project: `tavus-apply.yml`, `tavus-watch.yml`"
    )
    assert renamed["workflows"]["hint"] == "run `tavusctl init --github`, and commit what it writes"
    assert repaired["workflows"]["message"] == "up to date, for the branch `trunk`"
