"""Bad input: a clear message with its place, the exit code that was promised, and nothing written."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping

import pytest

from tavusctl.core.diagnostic_ids import label
from tests.scenarios.project import Project
from tests.scenarios.refusals import COACH, refused


def persona(name: str, rest: str) -> str:
    return f"kind: persona\nname: {name}\nspec:\n  system_prompt: Hi.\n{rest}"


# What stands in manifests/ and the complaints about it: id, place, and words that must be there.
# All other mistakes are in tests/golden/wrong.
MANIFESTS: dict[str, tuple[Mapping[str, str], list[tuple[str, str, str]]]] = {
    "a reference to nothing": (
        {"a.yaml": persona("a", "  guardrails_id: ${ref:guardrails/rule}\n")},
        [("TV121", "a.yaml:5:18", "add a manifest with `kind: guardrails`")],
    ),
    "an external object that is not there": (
        {"a.yaml": "{kind: replica, name: anna, external: true, id: r0123456789}"},
        [("TV125", "a.yaml:1:49", "r0123456789")],
    ),
    "all at once": (
        {"a.yaml": persona("a", "  nick: x\n  greeting: [1]\n"), "b.yaml": "kind: [\n", "c.yaml": "kind: persona\n"},
        [
            ("TV103", "a.yaml:5:3", "nick"),
            ("TV104", "a.yaml:6:13", "expected text"),
            ("TV101", "b.yaml:2:1", "invalid YAML"),
            ("TV106", "c.yaml:1:1", "`name`"),
            ("TV106", "c.yaml:1:1", "`spec`"),
        ],
    ),
}


@pytest.mark.parametrize(("files", "expected"), MANIFESTS.values(), ids=MANIFESTS)
@pytest.mark.parametrize("command", [["plan"], ["apply", "--yes"]], ids=["plan", "apply"])
def test_a_manifest_that_is_wrong_is_told_with_place_and_remedy(
    project: Project, files: Mapping[str, str], expected: list[tuple[str, str, str]], command: list[str]
) -> None:
    """Every complaint has its line in the text form and its entry in the JSON form."""
    for name, text in files.items():
        project.write(f"manifests/{name}", text)

    code, _, words = refused(project, *command)
    diagnostics = project.run(*command, "--format", "json").document["error"]["complaints"]

    found = [one for one in diagnostics if one["severity"] == "error"]
    assert code == 10
    assert [one["id"] for one in found] == [id_ for id_, _, _ in expected]
    for one, (id_, place, text) in zip(found, expected, strict=True):
        assert f"{one['path']}:{one['line']}:{one['column']}".startswith(f"manifests/{place}")
        assert text in f"{one['message']} {one['hint']}"
        assert f"manifests/{place}" in words
        assert f"[{label(id_)}]" in words


PROJECTS: dict[str, tuple[str, str, str]] = {
    "a host": ("base_url: https://evil.example.com\n", "TV103", "tavusctl.yaml:1:1"),
    "no YAML": ("secrets: [\n", "TV101", "tavusctl.yaml:2:1"),
}


@pytest.mark.parametrize(("text", "id_", "place"), PROJECTS.values(), ids=PROJECTS)
def test_a_project_file_that_is_wrong_stops_everything(project: Project, text: str, id_: str, place: str) -> None:
    """The host of the API is among what it must not say."""
    project.write("tavusctl.yaml", text)
    project.manifest("persona", "coach", COACH)

    code, _, words = refused(project, "apply", "--yes")

    assert (code, f"[{label(id_)}]" in words, place in words) == (10, True, True)
    assert project.account.requests == []


@pytest.mark.parametrize("state", ["gti", "GIT", "'s3:/b/x'", "'http://x'", "'s3://'", "'git?rev=main'"])
def test_a_state_that_is_nowhere_is_found_offline(project: Project, state: str) -> None:
    project.write("tavusctl.yaml", f"environments: {{default: {{state: {state}}}}}\n")
    project.manifest("persona", "coach", COACH)

    for command in (["validate"], ["plan"], ["apply", "--yes"]):
        result = project.run(*command)
        assert (result.code, "tavusctl.yaml:1:33: error:" in result.out + result.err) == (10, True), result
    assert {one.name for one in project.root.iterdir()} <= {"tavusctl.yaml", "manifests", ".tavusctl"}
    assert project.account.requests == []


def test_a_password_in_the_address_of_a_state_is_not_shown(project: Project) -> None:
    project.manifest("persona", "coach", COACH)
    for state in ("s3://user:canary@bucket/x", "user:canary@host/x"):
        project.write("tavusctl.yaml", f"environments:\n  default:\n    state: {state}\n")
        result = project.run("validate")
        assert (result.code, "canary" in result.out + result.err) == (10, False)


# Options and variables that make a command fail before it asks the account for anything: code, id, words.
BEFOREHAND: dict[str, tuple[list[str], dict[str, str | None], tuple[int, str], str]] = {
    "no key": ([], {"TAVUS_API_KEY": None}, (8, "E801"), "TAVUS_API_KEY is not set"),
    "an empty key": ([], {"TAVUS_API_KEY": " \n"}, (8, "E801"), "TAVUS_API_KEY is empty"),
    "a key of two lines": ([], {"TAVUS_API_KEY": "canary\nsecond"}, (8, "E803"), "contains a line break, which"),
    "a key with an umlaut": (
        [],
        {"TAVUS_API_KEY": "canäry"},
        (8, "E803"),
        "contains a character that is not ASCII, which",
    ),
    "a key in typographic quotes": (
        [],
        {"TAVUS_API_KEY": "“canary”"},
        (8, "E803"),
        "contains a typographic quote, which",
    ),
    "a key of two words": ([], {"TAVUS_API_KEY": "canary second"}, (8, "E803"), "contains a space, which"),
    "a key with a zero width space": (
        [],
        {"TAVUS_API_KEY": "canary\u200b"},
        (8, "E803"),
        "an invisible character, which",
    ),
    "a key file that is not there": (
        [],
        {"TAVUS_API_KEY": None, "TAVUS_API_KEY_FILE": "nowhere"},
        (8, "E802"),
        "cannot be read",
    ),
    "a key in place of its file": (
        [],
        {"TAVUS_API_KEY": None, "TAVUS_API_KEY_FILE": "canary"},
        (8, "E802"),
        "takes the path of a file, not a key",
    ),
    "a key file that has no end": (
        [],
        {"TAVUS_API_KEY": None, "TAVUS_API_KEY_FILE": "/dev/zero"},
        (8, "E803"),
        "`/dev/zero` is larger than 65536 characters",
    ),
    "a folder that is a device": (["-C", "/dev/null"], {}, (12, "E1200"), "cannot change to the folder `/dev/null`"),
    "no such environment": (["--env", "prod"], {}, (12, "E1200"), "unknown environment `prod`"),
    "plain http": (["--base-url", "http://tavusapi.com"], {}, (12, "E1200"), "unencrypted"),
    "http in a variable": (
        [],
        {"TAVUS_BASE_URL": "http://tavusapi.com"},
        (12, "E1200"),
        "TAVUS_BASE_URL sets it",
    ),
    "another scheme": (["--base-url", "ftp://tavusapi.com"], {}, (12, "E1200"), "use `https://`"),
    "no host": (["--base-url", "tavusapi.com"], {}, (12, "E1200"), "not a valid base URL"),
    "half an address": (["--base-url", "http://[::1"], {}, (12, "E1200"), "not a valid base URL"),
    "no such port": (["--base-url", "http://127.0.0.1:99999"], {}, (12, "E1200"), "not a valid base URL"),
    "a password in it": (["--base-url", "https://u:canary@host"], {}, (12, "E1200"), "not a valid base URL"),
    "a space in it": (["--base-url", "https://tavus api.com"], {}, (12, "E1200"), "not a valid base URL"),
    "a report of no format": (["--report", "xml=x"], {}, (12, "E1200"), "html, json, markdown, sarif, summary, text"),
    "a report to nowhere": (
        ["--report", "json=nowhere/x.json"],
        {},
        (12, "E1200"),
        "the folder `nowhere` does not exist",
    ),
    "a report to standard output": (["--report", "json=-"], {}, (12, "E1200"), "such as `plan --format json`"),
    "no address": (["--target", "coach"], {}, (12, "E1200"), "write `KIND/NAME`"),
    "no such option": (["--forse"], {}, (12, "E1200"), "--forse"),
}


@pytest.mark.parametrize(("args", "environment", "ending", "text"), BEFOREHAND.values(), ids=BEFOREHAND)
def test_what_cannot_work_is_told_before_anything_is_asked(
    coach: Project, args: list[str], environment: dict[str, str | None], ending: tuple[int, str], text: str
) -> None:
    """No request is made, and no key or password is repeated."""
    code, id_, words = refused(coach, "apply", "--yes", *args, **environment)

    assert ((code, id_), text in words, "canary" in words) == (ending, True, False)
    assert coach.account.requests == []


def test_a_key_that_is_refused_is_no_reason_to_believe_the_account_empty(coach: Project) -> None:
    """401, for a key that is unknown and for one that was revoked."""
    coach.account.switch(unknown_keys="refuse")
    unknown = refused(coach, "apply", "--yes")
    coach.account.switch(unknown_keys="account", keys={coach.account.key: None})
    revoked = refused(coach, "apply", "--yes")

    assert (unknown[:2], revoked[:2]) == ((8, "E800"), (8, "E800"))
    assert "Invalid access token" in unknown[2]
    assert "check the API key in TAVUS_API_KEY, or take a new one from the portal" in unknown[2]


def test_an_address_in_place_of_a_plan_file_leads_to_target(coach: Project) -> None:
    ended = refused(coach, "apply", "pal/coach")

    assert ended[:2] == (9, "E920")
    assert "to apply one object and what it refers to, run `tavusctl apply --target pal/coach`" in ended[2]


def test_an_address_that_nothing_has_is_not_taken_for_nothing_to_do(coach: Project) -> None:
    """A slip of the pen in --target would hide every change."""
    for option in ("--target", "--overwrite"):
        code, _, words = refused(coach, "plan", option, "persona/coahc")
        assert (code, "did you mean `persona/coach`?" in words) == (12, True)


@pytest.mark.parametrize(
    ("command", "option"),
    [
        ("plan", "--allow-replace"),
        ("apply", "--allow-replace"),
        ("plan", "--allow-replica-delete"),
        ("destroy", "--allow-replica-delete"),
        ("undo", "--allow-replica-delete"),
    ],
)
def test_an_address_that_an_option_cannot_affect_is_refused(coach: Project, command: str, option: str) -> None:
    code, _, words = refused(coach, command, option, "persona/coach")
    assert (code, "found `persona/coach`, which it cannot affect" in words) == (12, True)


def test_no_manifest_is_not_a_wish_to_delete_everything(coach: Project) -> None:
    """An empty folder, a missing one, and files that are all wrong."""
    coach.remove("persona", "coach")
    empty = refused(coach, "apply", "--yes", "--allow-deletes", "1")
    (coach.root / "manifests").rmdir()
    missing = refused(coach, "apply", "--yes", "--allow-deletes", "1")
    coach.write("manifests/coach.yaml", "kind: [")
    invalid = refused(coach, "apply", "--yes", "--allow-deletes", "1")

    assert (empty[:2], missing[:2], invalid[:2]) == ((4, "E420"), (4, "E420"), (10, "E1000"))
    assert "tavusctl init" in empty[2]


def test_apply_without_a_terminal_asks_for_yes(project: Project) -> None:
    """The plan is shown, and nothing is done."""
    project.manifest("persona", "coach", COACH)

    code, id_, words = refused(project, "apply")

    assert (code, id_, "add `--yes`" in words) == (12, "E1201", True)


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("apply", "--allow-deletes", "x"), "`x` is not a whole number of at least 0"),
        (("apply", "--allow-deletes", "-1"), "`-1` is not a whole number of at least 0"),
        (("apply", "--parallel", "1.5"), "`1.5` is not a whole number from 1 to 32"),
        (("emulator", "--port", "70000"), "`70000` is not a whole number from 0 to 65535"),
        (("emulator", "--latency", "soon"), "`soon` is not a number of at least 0"),
    ],
)
def test_a_number_that_is_none_is_told_with_what_would_be_one(
    project: Project, args: tuple[str, ...], words: str
) -> None:
    result = project.run(*args)
    assert (result.code, words in result.err) == (12, True), result.err


@pytest.mark.parametrize("args", [("plan", "--target", "{}"), ("plan", "{}"), ("{}",), ("apply", "--parallel", "{}")])
def test_an_argument_is_quoted_without_its_control_characters(project: Project, args: tuple[str, ...]) -> None:
    result = project.run(*(word.format("x\x1b[31m\u202e\x07") for word in args))

    shown = any(one in result.err for one in ("\x1b", "\u202e", "\x07"))
    assert (result.code, shown, "x\\u{1b}[31m" in result.err) == (12, False, True), result.err


@pytest.mark.parametrize("args", [("plan", "--out", "-"), ("graph", "-o", "-"), ("output", "--write", "-")])
def test_no_option_writes_to_standard_output(coach: Project, args: tuple[str, ...]) -> None:
    code, id_, words = refused(coach, *args)

    assert (code, id_, "such as `plan --format json`" in words) == (12, "E1200", True)
    assert not (coach.root / "-").exists()


@pytest.mark.parametrize("args", [("state", "pull"), ("plan", "--format", "json"), ("plan",), ("--version",)])
def test_a_closed_standard_output_is_an_error(project: Project, args: tuple[str, ...]) -> None:
    """As in `tavusctl state pull >&-`: otherwise a backup would be empty, and nobody would know."""
    project.manifest("persona", "coach", {"persona_name": "Coach", "system_prompt": "You coach."})
    project.apply()
    program = ["sh", "-c", '"$@" >&-', "sh", sys.executable, "-m", "tavusctl", *args]
    environment = {**os.environ, **project.account.variables}

    ended = subprocess.run(program, cwd=project.root, env=environment, stderr=subprocess.PIPE, text=True, check=False)

    assert (ended.returncode, ended.stderr) == (12, "error: standard output is incomplete: it is closed\n")


def test_a_closed_standard_input_is_no_terminal(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in `tavusctl apply <&-`."""
    project.manifest("persona", "coach", {"persona_name": "Coach", "system_prompt": "You coach."})
    monkeypatch.setattr(sys, "stdin", None)

    result = project.run("apply")

    assert (result.code, "E1201" in result.err) == (12, True), result.err
