"""Secrets where they are not as they were set: in small letters, as a number or a key, cut in two, spelled anew."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tavusctl.reports.formats import REPORTS
from tavusctl.secrets.redaction import SHOWN
from tests.scenarios.project import Account, Project
from tests.scenarios.terminals import on_a_terminal

pytestmark = pytest.mark.usefixtures("quick_scrypt")

SETTINGS = "secrets: [ONE, KEY]\n"
PERSONA = {"persona_name": "A", "system_prompt": "You help."}
NAME = "MariGoldStreet9-KeyOfTheKingdom"


def with_model(**llm: object) -> dict[str, object]:
    own = {"model": "mine", "base_url": "https://llm.example.com/v1", "api_key": "${secret:KEY}"}
    return {**PERSONA, "layers": {"llm": {**own, **llm}}}


@pytest.fixture
def named(project: Project) -> Project:
    """A project with a secret, ONE, and another."""
    project.environment["KEY"] = "an-other-key-0815"
    project.write("tavusctl.yaml", SETTINGS)
    return project


@pytest.mark.parametrize(
    ("secret", "tells"),
    [
        ("AbCdEfGh12", "abcdefgh12"),
        ("Sekrét-Über9", "sekrt"),
        ("wJalrXUtnFEMI/K7MDENGbPxRfiCY", "wjalrxutnfemi"),
        ("WHOLE-host.Example.com", "whole-host"),
    ],
)
@pytest.mark.parametrize("form", REPORTS)
def test_a_host_with_a_secret_in_it_is_told_in_no_letters(named: Project, secret: str, tells: str, form: str) -> None:
    whole = "" if "." in secret else ".example.com"
    named.manifest("persona", "a", with_model(base_url=f"https://${{secret:ONE}}{whole}/v1"))

    planned = named.run("plan", "--format", form, "--out", "plan.json", ONE=secret)
    known = named.run("plan", "--format", form, ONE="another")

    assert planned.code == known.code == 0, planned.err
    written = planned.out + planned.err + (named.root / "plan.json").read_text()
    assert tells not in written.lower()
    if form in ("text", "json"):
        assert f"new host: {SHOWN}" in planned.out


def test_a_host_beside_a_secret_is_told(named: Project) -> None:
    for url in ("https://hooks.example.com/${secret:ONE}", "https://user:${secret:ONE}@hooks.example.com/v1"):
        named.manifest("persona", "a", with_model(base_url=url))
        assert "new host: hooks.example.com" in named.run("plan", ONE="AbCdEfGh12").out


def test_an_address_that_is_not_reached_is_told_without_the_secret_in_its_host(named: Project) -> None:
    named.manifest("persona", "a", PERSONA)

    ended = named.run(
        "plan", "-vv", TAVUS_API_KEY="SeKretValue-4711", TAVUS_BASE_URL="https://SeKretValue-4711.invalid"
    )

    assert ended.code != 0
    assert "sekretvalue" not in (ended.out + ended.err).lower()


@pytest.mark.parametrize("number", [600123, -1234567.5])
def test_a_number_with_the_digits_of_a_secret_is_in_no_record(named: Project, number: float) -> None:
    secret = str(number).removeprefix("-")
    named.manifest("persona", "a", with_model(extra_body={"seed": number, "other": 1}))
    assert json.loads(named.run("plan", "--format", "json", ONE=secret).out)["changes"]

    named.expect(0, "apply", "--yes", ONE=secret)
    assert secret not in recorded(named.root / ".tavusctl")
    named.expect(0, "plan", "--detailed-exitcode", ONE=secret)
    named.manifest("persona", "a", with_model(extra_body={"seed": number + 1, "other": 1}))
    planned = named.run("plan", "--format", "json", ONE=secret)
    (field,) = planned.document["changes"][0]["fields"]
    assert (field["path"], field["cause"]) == ("/layers/llm/extra_body/seed", "edited")
    assert secret not in planned.out


def test_a_state_that_has_the_number_from_before_is_cleaned(named: Project) -> None:
    named.manifest("persona", "a", with_model(extra_body={"seed": 600123}))
    named.apply()
    assert "600123" in recorded(named.root / ".tavusctl")

    named.expect(0, "apply", "--yes", ONE="600123")

    assert "600123" not in (named.root / ".tavusctl/state.json").read_text()


@pytest.fixture
def in_git(named: Project, tmp_path: Path) -> Project:
    """The same with its state in the repository that it lies in."""
    hub = tmp_path / "hub.git"
    subprocess.run(["git", "init", "--quiet", "--bare", hub], check=True)
    subprocess.run(["git", "init", "--quiet"], cwd=named.root, check=True)
    subprocess.run(["git", "remote", "add", "origin", hub], cwd=named.root, check=True)
    named.write("tavusctl.yaml", f"{SETTINGS}environments: {{default: {{state: git}}}}\n")
    return named


@pytest.mark.parametrize(
    ("secret", "before", "after"),
    [
        (NAME, {NAME: 1, "other": {NAME: "x"}}, {NAME: 2, "other": {NAME: "y"}}),
        (NAME, {"deep": [{"a": {NAME: 1}}]}, {"deep": [{"a": {NAME: 2}}]}),
        (NAME, {NAME: {}}, {}),
        ("600123", {"seed": 600123}, {"seed": 7}),
        ("600123", {"seeds": [600123, 1]}, {"seeds": [600123, 2]}),
    ],
)
def test_no_commit_of_a_state_in_git_has_a_secret_that_is_a_key_or_a_number(
    in_git: Project, secret: str, before: dict[str, object], after: dict[str, object]
) -> None:
    for body in (before, after, before):
        in_git.manifest("persona", "a", with_model(extra_body=body))
        in_git.expect(0, "apply", "--yes", ONE=secret)

    pushed = subprocess.run(
        ["git", "log", "--all", "-p", "--text"], cwd=in_git.root / "hub.git", check=True, capture_output=True
    )
    assert b'"intent"' in pushed.stdout
    assert secret.encode() not in pushed.stdout


def test_a_name_is_redacted_before_it_is_cut(named: Project, account: Account) -> None:
    named.manifest("persona", "a", PERSONA)
    account.seed(personas=[{**PERSONA, "persona_name": NAME}])
    for columns in range(60, 90, 8):
        screen = on_a_terminal(named, "list", columns=columns, ONE=NAME)
        assert NAME[:12] not in screen.said


@pytest.mark.parametrize(
    "line",
    [
        "b3BlbnNzaC1rZXktdjEAAAAABG5vbmU=",
        "MIIEvQIBADANBgkqhkiG9w0BAQEF",
        "SeKretValue-4711xyz",
        "-----END PRIVATE KEY-----",
    ],
)
def test_a_line_of_dotenv_that_has_no_name_is_not_quoted(named: Project, line: str) -> None:
    named.manifest("persona", "a", PERSONA)
    named.write(".env", f"ONE=-----BEGIN PRIVATE KEY-----\n{line}\n")
    for command in ("validate", "doctor"):
        ended = named.run(command)
        assert ".env:2" in ended.out + ended.err
        assert line.rstrip("=") not in ended.out + ended.err


@pytest.mark.parametrize("secret", ["pa\\ss\"wo''rd1", "Zeile\u2028zwei-Über", "plainword-4711"])
def test_no_cache_of_the_project_file_has_the_value_of_a_secret(named: Project, secret: str) -> None:
    named.manifest("persona", "a", PERSONA)
    named.write("tavusctl.yaml", f"{SETTINGS}environments: {{default: {{vars: {{brand: {json.dumps(secret)}}}}}}}\n")

    named.run("validate", "--env", "default", ONE=secret)

    assert secret.encode() not in recorded(named.root / ".tavusctl/cache").encode("utf-8", "surrogateescape")


def test_a_difference_of_files_shows_no_line_with_a_key(named: Project) -> None:
    key = "sk-live-4f9a8b7c6d5e4f3a2b1c"
    lines = f"    api_key: {key}   \n    headers: {{Authorization: 'Bearer ${{secret:ONE}}'}}\n"
    text = f"kind: persona\nname: a\nspec:\n  persona_name: A   \n  layers:\n   llm:\n{lines}"
    named.write("manifests/a.yaml", text)

    shown = named.run("fmt", "--diff").out

    assert f"\n-{SHOWN}\n" in shown
    assert "\n+  persona_name: A\n" in shown
    assert "${secret:ONE}" in shown
    assert key not in shown


def test_a_secret_with_a_quote_is_not_adopted_where_yaml_writes_the_quote_twice(named: Project) -> None:
    named.environment["ONE"] = secret = "it's-4711x"
    text = "kind: persona\nname: a\nspec:\n  persona_name: A\n  system_prompt: 'You help: it''s you.'\n"
    named.write("manifests/a.yaml", text)
    named.apply()
    named.edit_in_portal("persona/a", "/system_prompt", f"You help: it's {secret}.")

    shown = named.run("adopt", "--all", "--dry-run")
    adopted = named.run("adopt", "--all")

    assert (shown.code, adopted.code) == (4, 4)
    assert "4711" not in shown.out + shown.err + adopted.out + adopted.err
    assert (named.root / "manifests/a.yaml").read_text() == text


def recorded(folder: Path) -> str:
    """All that is in a folder."""
    files = (one for one in folder.rglob("*") if one.is_file()) if folder.is_dir() else ()
    return "\n".join(one.read_bytes().decode("utf-8", "surrogateescape") for one in files)
