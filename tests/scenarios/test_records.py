"""Records are true or refused: what a program reads back never says `(sensitive)` and never holds a secret's value.

A project lists a secret whose value is also a word of a prompt.  Views hide the word; of such a text the state and the
records of runs keep a fingerprint, and what has to hold the text itself says which secret is in the way.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tavusctl.secrets.redaction import SHOWN
from tests.scenarios.project import Account, Body, Project

pytestmark = pytest.mark.usefixtures("quick_scrypt")

WORD = "acme-staging"
PROMPT = f"You work for {WORD}."


def records(root: Path) -> str:
    """What is beside the state, and the state."""
    return files(root / ".tavusctl")


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
    return "".join(path.read_text("utf-8", "replace") for path in found)


def test_the_account_has_the_text_and_the_state_what_tells_it_from_others(clash: Project, account: Account) -> None:
    assert prompts(account) == [PROMPT]
    assert SHOWN not in files(clash.root)
    assert WORD not in records(clash.root)
    for tenant in (WORD, "another-value", None):
        clash.expect(0, "plan", "--detailed-exitcode", TENANT=tenant)


@pytest.mark.parametrize(
    "args", [("plan", "--out", "plan.json"), ("output",), ("output", "--format", "json"), ("output", "--write", ".env")]
)  # fmt: skip
def test_a_record_that_would_hold_the_value_is_refused(clash: Project, args: tuple[str, ...]) -> None:
    clash.manifest("persona", "a", {"persona_name": "A", "system_prompt": f"{PROMPT} Be kind."})
    done = clash.run(*args)
    assert (done.code, "TENANT" in done.err + done.out, WORD in done.out + done.err) == (4, True, False)
    assert not (clash.root / "plan.json").exists()
    assert not (clash.root / ".env").exists()
    clash.expect(0, *args, TENANT="another-value")


def test_a_state_is_given_out_without_the_value(clash: Project) -> None:
    pulled = [clash.run("state", "pull"), clash.run("state", "show", "persona/a")]
    assert [one.code for one in pulled] == [0, 0]
    assert WORD not in "".join(one.out + one.err for one in pulled)
    (clash.root / "pulled.json").write_text(pulled[0].out)
    clash.expect(0, "state", "push", "pulled.json")
    clash.expect(0, "plan", "--detailed-exitcode")


EDITS = {
    "text": {"system_prompt": f"{PROMPT} Be kind."},
    "list": {"document_tags": [WORD, "b"]},
    "free": {"layers": {"llm": {"model": "tavus-gpt-oss", "extra_body": {"note": [f"for {WORD}", "x"]}}}},
    "key": {"layers": {"llm": {"model": "tavus-gpt-oss", "extra_body": {"a": {WORD: ["x"]}, "b": "c"}}}},
    "query": {"layers": {"llm": {"model": "tavus-gpt-oss", "default_query": {"for": WORD.upper(), "by": WORD[::-1]}}}},
    "joined": {"layers": {"stt": {"hotwords": f"boots, {WORD}"}}},
    "name": {"persona_name": f"Of {WORD}"},
}


@pytest.mark.parametrize("spec", EDITS.values(), ids=EDITS)
def test_wherever_the_value_stands_nothing_keeps_it_and_nothing_differs(
    clash: Project, account: Account, spec: Body
) -> None:
    """Applied, edited by somebody, told as drift, put back, changed, and deleted; with and without the variable."""
    whole = {"persona_name": "A", "system_prompt": PROMPT, **spec}
    clash.manifest("persona", "a", whole)
    clash.apply()
    account.forget()
    for tenant in (WORD, None):
        clash.expect(0, "plan", "--detailed-exitcode", TENANT=tenant)
    edit = {"op": "add", "path": "/context", "value": f"Live {WORD}"}
    account.portal("persona", clash.bound("persona/a"), edit, {**edit, "path": "/system_prompt"})

    (drift,) = clash.run("drift", "--format", "json").document["drift"]
    assert [(one["path"], one["cause"]) for one in drift["fields"]] == [("/system_prompt", "drifted")]
    assert not drift["fields"][0]["sensitive"]
    for context in (None, "Ours"):
        clash.manifest("persona", "a", {**whole, "context": context})
        clash.apply()
        assert WORD not in records(clash.root)
    assert prompts(account) == [whole["system_prompt"]]
    clash.manifest("persona", "b", {"persona_name": "B", "system_prompt": "ordinary"})
    clash.remove("persona", "a")
    clash.apply("--allow-deletes", "1")
    assert WORD not in records(clash.root)


def test_an_edit_on_both_sides_is_a_conflict_and_on_one_side_is_shown(clash: Project, account: Account) -> None:
    clash.manifest("persona", "a", {"persona_name": "A", "system_prompt": f"{PROMPT} Ours."})
    edited = clash.run("plan", "--format", "json").document["changes"][0]["fields"][0]
    assert (edited["cause"], edited["desired"]) == ("edited", f"You work for {SHOWN}. Ours.")
    account.portal(
        "persona", clash.bound("persona/a"), {"op": "replace", "path": "/system_prompt", "value": f"{PROMPT} Theirs."}
    )
    clash.expect(3, "plan")
    clash.apply("--overwrite", "persona/a")
    assert WORD not in records(clash.root)


def test_a_state_that_has_the_text_from_before_is_cleaned_by_the_next_apply(clash: Project) -> None:
    clash.environment.pop("TENANT")
    clash.write("tavusctl.yaml", "secrets: []\n")
    clash.manifest("persona", "a", {"persona_name": "A", "system_prompt": f"{PROMPT} Again."})
    clash.apply()
    assert WORD in records(clash.root)

    clash.write("tavusctl.yaml", "secrets: [TENANT]\n")
    planned = clash.run("plan", "--detailed-exitcode", TENANT=WORD)
    applied = clash.run("apply", "--yes", TENANT=WORD)

    assert (planned.code, applied.code) == (2, 0)
    state = (clash.root / ".tavusctl/state.json").read_text()
    assert WORD not in state
    clash.expect(0, "plan", "--detailed-exitcode", TENANT=WORD)


def test_a_create_whose_answer_was_lost_is_found_by_what_is_kept_of_its_text(clash: Project, account: Account) -> None:
    clash.manifest("persona", "b", {"persona_name": f"B of {WORD}", "system_prompt": f"Also {PROMPT}"})
    account.fault(match="POST /v2/personas", kind="drop", phase="after")
    clash.expect(0, "apply", "--yes", TAVUSCTL_SETTLE="0.05")
    assert len(prompts(account)) == 2
    assert WORD not in records(clash.root)


def test_undo_leaves_an_object_alone_whose_text_it_cannot_bring_back(clash: Project, account: Account) -> None:
    clash.manifest("persona", "a", {"persona_name": "Two", "system_prompt": "two"})
    applied = clash.apply()
    run = applied.err.split("tavusctl undo ")[1].split()[0]
    assert WORD not in records(clash.root)

    undone = clash.expect(4, "undo", run, "--yes")

    assert "the text at /system_prompt contained the value of a secret" in undone.out
    assert prompts(account) == ["two"]
    assert [one["persona_name"] for one in account.objects("personas").values()] == ["Two"]


def test_a_body_that_holds_the_value_is_not_kept_when_its_object_is_deleted(clash: Project) -> None:
    clash.manifest("persona", "b", {"persona_name": "B", "system_prompt": "ordinary"})
    clash.apply()
    clash.remove("persona", "a")
    done = clash.apply("--allow-deletes", "1")
    assert "undo cannot restore it" in done.err
    assert WORD not in records(clash.root)


def test_what_the_account_says_is_shown_without_the_value(clash: Project, account: Account) -> None:
    account.portal("persona", clash.bound("persona/a"), {"op": "replace", "path": "/greeting", "value": f"Hi {WORD}"})
    clash.manifest("persona", "a", {"persona_name": "A", "system_prompt": PROMPT, "greeting": "Hello"})
    shown = clash.run("plan", "--format", "json")
    assert WORD not in shown.out
    assert SHOWN in json.dumps(shown.document)
