"""Records are true or refused: what a program reads back never says `(sensitive)` and never holds a secret's value.

A project lists a secret whose value is also a word of a prompt.  Views hide the word; records keep it or say which
secret is in the way.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tavusctl.redaction import SHOWN
from tests.scenarios.project import Account, Project

WORD = "acme-staging"
PROMPT = f"You work for {WORD}."


@pytest.fixture
def clash(project: Project) -> Project:
    """The project; the value of TENANT is a word of its prompt."""
    project.environment["TENANT"] = WORD
    project.write("tavusctl.yaml", f"secrets: [TENANT]\noutputs: {{TENANT_NAME: {{value: {WORD}}}, P: persona/a}}\n")
    project.manifest("persona", "a", {"persona_name": "A", "system_prompt": PROMPT})
    project.apply()
    return project


def prompts(account: Account) -> list[str]:
    return [one["system_prompt"] for one in account.objects("personas").values()]


def files(root: Path) -> str:
    """Everything that was written, manifests apart."""
    found = [path for path in root.rglob("*") if path.is_file() and "manifests" not in path.parts]
    return "".join(path.read_text() for path in found)


def test_the_account_and_the_state_have_the_true_text(clash: Project, account: Account) -> None:
    assert prompts(account) == [PROMPT]
    assert SHOWN not in files(clash.root)
    assert clash.run("plan", "--detailed-exitcode").code == 0


@pytest.mark.parametrize(
    "args", [("plan", "--out", "plan.json"), ("state", "pull"), ("state", "show", "persona/a"), ("output",),
             ("output", "--format", "json"), ("output", "--write", ".env")]
)  # fmt: skip
def test_a_record_that_would_hold_the_value_is_refused(clash: Project, args: tuple[str, ...]) -> None:
    clash.manifest("persona", "a", {"persona_name": "A", "system_prompt": f"{PROMPT} Be kind."})
    done = clash.run(*args)
    assert (done.code, "TENANT" in done.err + done.out, WORD in done.out + done.err) == (4, True, False)
    assert not (clash.root / "plan.json").exists()
    assert not (clash.root / ".env").exists()
    assert clash.run(*args, TENANT="another-value").code == 0  # the control


def test_undo_refuses_what_was_not_kept_and_names_the_secret(clash: Project, account: Account) -> None:
    clash.manifest("persona", "a", {"persona_name": "A", "system_prompt": "two"})
    applied = clash.apply()
    run = applied.err.split("tavusctl undo ")[1].split()[0]
    assert "would hold the value of TENANT" in applied.err

    undone = clash.run("undo", run, "--yes")

    assert (undone.code, "TENANT" in undone.err) == (9, True)
    assert prompts(account) == ["two"]
    assert f"{run}  " in clash.run("undo").out
    (listed,) = (one for one in json.loads(clash.run("undo", "--format", "json").out)["runs"] if one["run"] == run)
    assert listed["withheld"] == ["TENANT"]


def test_a_body_that_holds_the_value_is_not_kept_when_its_object_is_deleted(clash: Project) -> None:
    clash.manifest("persona", "b", {"persona_name": "B", "system_prompt": "ordinary"})
    clash.apply()
    clash.remove("persona", "a")
    done = clash.apply("--allow-deletes", "1")
    assert "undo cannot bring it back" in done.err
    assert WORD not in files(clash.root / ".tavusctl" / "trash")


def test_what_the_account_says_is_shown_without_the_value_and_kept_with_it(clash: Project, account: Account) -> None:
    account.portal("persona", clash.bound("persona/a"), {"op": "replace", "path": "/greeting", "value": f"Hi {WORD}"})
    clash.manifest("persona", "a", {"persona_name": "A", "system_prompt": PROMPT, "greeting": "Hello"})
    shown = clash.run("plan", "--format", "json")
    assert WORD not in shown.out
    assert SHOWN in json.dumps(shown.document)
