"""State, plan file and lock that cannot be used: what they are about stays as it is."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import PIPE, Popen

import pytest

from tests.scenarios.project import Body, Project
from tests.scenarios.refusals import COACH, refused

STATE = ".tavusctl/state.json"


PLAN_FILES: dict[str, tuple[str | None, tuple[int, str]]] = {
    "none": (None, (9, "E920")),
    "no JSON": ("{", (9, "E920")),
    "a list": ("[]", (9, "E920")),
    "an error document": ('{"format_version": "1.0", "error": {}}', (9, "E920")),
    "what plan prints": ('{"format_version": "1.0", "changes": [], "fingerprint": "sha256:00"}', (9, "E920")),
    "bound to nothing": ('{"format_version": "1.0", "bound": {}}', (3, "E302")),
}


@pytest.mark.parametrize(("content", "ending"), PLAN_FILES.values(), ids=PLAN_FILES)
def test_a_plan_file_can_stop_an_apply(project: Project, content: str | None, ending: tuple[int, str]) -> None:
    """One that cannot be read, and one that is not about this apply."""
    project.manifest("persona", "coach", COACH)
    if content is not None:
        project.write("plan.json", content)

    code, id_, _ = refused(project, "apply", "plan.json")

    assert (code, id_) == ending


def test_a_plan_file_is_stale_when_manifests_or_account_have_moved(coach: Project) -> None:
    """Each side on its own."""
    coach.manifest("persona", "coach", {**COACH, "greeting": "Hi."})
    coach.expect(0, "plan", "--out", "plan.json")
    coach.manifest("persona", "coach", {**COACH, "greeting": "Hello."})
    edited = refused(coach, "apply", "plan.json")
    coach.manifest("persona", "coach", {**COACH, "greeting": "Hi."})
    coach.edit_in_portal("persona/coach", "/persona_name", "C")
    moved = refused(coach, "apply", "plan.json")

    assert (edited[:2], moved[:2]) == ((3, "E302"), (3, "E302"))


def test_the_state_of_one_account_is_not_used_on_another(coach: Project) -> None:
    """Told by the label, and by what another key sees; a rotated key of the same account is no other."""
    account = coach.account
    stranger = refused(coach, "apply", "--yes", TAVUS_API_KEY="key-of-somebody-else")
    account.switch(keys={account.key: account.key, "rotated": account.key})
    rotated = coach.run("plan", TAVUS_API_KEY="rotated")
    coach.write("tavusctl.yaml", "environments: {default: {account: acme}}")
    coach.manifest("persona", "coach", {**COACH, "greeting": "Hi."})
    coach.apply()
    account.forget()
    coach.write("tavusctl.yaml", "environments: {default: {account: other}}")
    relabelled = refused(coach, "apply", "--yes")

    assert (stranger[:2], rotated.code, relabelled[:2]) == ((9, "E911"), 0, (9, "E910"))
    assert "`acme`" in relabelled[2]


def test_a_label_that_is_added_is_bound_by_an_apply_without_changes(project: Project) -> None:
    project.manifest("persona", "coach", {"persona_name": "Coach", "system_prompt": "Hi."})
    project.apply()
    project.write("tavusctl.yaml", "environments: {default: {account: acme}}\n")
    assert project.apply().out.startswith("To be recorded in the state: the account label acme.\n")
    assert "No changes." in project.run("plan").out

    project.write("tavusctl.yaml", "environments: {default: {account: other}}\n")
    result = project.run("plan")

    assert (result.code, "the state belongs to the account `acme`" in result.err) == (9, True), result.err


def test_an_account_is_not_reported_as_that_of_the_state_if_it_is_another(coach: Project) -> None:
    """With a key of the account itself, an account that was emptied is reported as it is."""
    commands = [("verify",), ("list",), ("list", "persona", "--unmanaged")]
    told = [coach.run(*command, "--format", "json", TAVUS_API_KEY="key-of-somebody-else") for command in commands]
    coach.account.portal_delete("persona", coach.bound("persona/coach"))
    emptied = [coach.run(*command) for command in commands]

    assert [(one.code, one.document["error"]["id"]) for one in told] == [(9, "E911")] * 3
    assert [one.code for one in emptied] == [5, 0, 0]


DAMAGE: dict[str, tuple[str, str]] = {
    "empty": ("", "E901"),
    "no JSON": ("{}x", "E901"),
    "another document": ("{}", "E901"),
    "edited by hand": ("EDITED", "E901"),
    "of a later version": ('{"format": 99, "tavusctl_version": "9.9"}\n', "E902"),
}


@pytest.mark.parametrize(("content", "id_"), DAMAGE.values(), ids=DAMAGE)
@pytest.mark.parametrize("command", [["apply", "--yes"], ["plan"], ["drift"]], ids=["apply", "plan", "drift"])
def test_a_damaged_state_is_not_taken_for_a_new_one(coach: Project, content: str, id_: str, command: list[str]) -> None:
    """Nothing is created again, and the file stays as it was for whoever mends it."""
    path = coach.root / STATE
    damaged = path.read_text().replace("Coach", "Couch") if content == "EDITED" else content
    path.write_text(damaged)

    code, found, words = refused(coach, *command)

    assert (code, found, STATE in words) == (9, id_, True)
    assert path.read_text() == damaged


@contextmanager
def held(path: Path) -> Iterator[int]:
    """A state that another process holds; its id."""
    program = "import pathlib, sys; from tavusctl.state.file.store import FileStore as Store"
    program += "; store = Store(pathlib.Path(sys.argv[1]))"
    wait = "\nwith store.lock(command='apply'): print('held', flush=True); input()"
    with Popen([sys.executable, "-c", program + wait, str(path)], stdin=PIPE, stdout=PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process.pid
        process.communicate("\n")


def test_an_import_waits_for_another_run_as_long_as_it_is_told_to(coach: Project) -> None:
    bound = coach.bound("persona/coach")
    with held(coach.root / STATE):
        began = time.monotonic()
        result = coach.run("import", "persona/coach", bound, "--lock-timeout", "1s")
        waited = time.monotonic() - began

    assert (result.code, "E701" in result.err, waited >= 1) == (7, True, True)
    coach.expect(0, "import", "persona/coach", bound, "--lock-timeout", "1s")


def test_a_state_that_another_run_holds_is_left_alone(coach: Project) -> None:
    """Apply names the holder and ends; looking is free."""
    coach.manifest("persona", "coach", {**COACH, "greeting": "Hi."})
    with held(coach.root / STATE) as pid:
        code, id_, words = refused(coach, "apply", "--yes")
        looked: Body = coach.plan()

    assert (code, id_, f"process {pid} on" in words) == (7, "E701", True)
    assert looked["summary"]["update"] == 1
    assert coach.apply().code == 0
