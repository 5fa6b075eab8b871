"""`.env` in the project folder: keys and secrets for one project, seen by nobody else."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.scenarios.project import PLACE, Project, Result

SECRET = "sk-of-the-file-0123456789"
PERSONA = {
    "persona_name": "Coach",
    "system_prompt": "You coach.",
    "layers": {"llm": {"model": "gpt-4o", "base_url": "https://llm.example.com", "api_key": "${secret:OPENAI_KEY}"}},
}


@pytest.fixture
def prepared(project: Project) -> Project:
    """A project whose persona needs a secret, and neither the key nor the secret in the environment."""
    project.write("tavusctl.yaml", "secrets: [OPENAI_KEY]\n")
    project.manifest("persona", "coach", PERSONA)
    return project


def put(project: Project, text: str, mode: int = 0o600) -> Path:
    path = project.write(".env", text)
    path.chmod(mode)
    return path


def without_key(project: Project, *args: str) -> Result:
    return project.run(*args, TAVUS_API_KEY=None, OPENAI_KEY=None)


def stored_key(project: Project) -> str:
    """The digest of the key that the account has for the persona's model."""
    (listed,) = project.account.control("GET", f"objects?account={project.account.key}&kind=personas")["objects"]
    found: str = listed["secrets"]["/layers/llm/api_key"]
    return found


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def remarks(project: Project) -> list[tuple[str, int, str]]:
    found = without_key(project, "validate", "--format", "json").document["complaints"]
    return [(one["id"], one["line"], one["message"]) for one in found if one["path"] == ".env"]


@pytest.mark.parametrize(
    ("text", "variables", "reason"),
    [
        ("", {}, "the environment variable TAVUS_API_KEY is not set"),
        ("", {"TAVUS_API_KEY": ""}, "the environment variable TAVUS_API_KEY is empty"),
        ("TAVUS_API_KEY=\n", {}, "the line `TAVUS_API_KEY=` in `.env` has no value"),
        ("TAVUS_API_KEY=\n", {"TAVUS_API_KEY_FILE": "key"}, "the file of TAVUS_API_KEY_FILE is empty"),
    ],
)
def test_a_missing_key_is_told_with_the_place_that_is_empty(
    prepared: Project, text: str, variables: dict[str, str], reason: str
) -> None:
    put(prepared, text)
    prepared.write("key", "\n")
    told = prepared.run("plan", **{"TAVUS_API_KEY": None, "OPENAI_KEY": None, **variables})
    assert (told.code, told.err.splitlines()[0]) == (8, f"error: no API key: {reason} [E801]")


def test_a_missing_key_outside_of_a_project_may_be_that_of_the_project(prepared: Project) -> None:
    (prepared.root / "tavusctl.yaml").unlink()
    told = prepared.run("plan", TAVUS_API_KEY=None)
    assert (told.code, "no tavusctl.yaml here or above: change to the folder of your project" in told.err) == (8, True)
    assert "write it into `.env`" not in told.err


def test_the_file_gives_the_key_and_the_secrets(prepared: Project) -> None:
    put(prepared, f"# keys\nexport TAVUS_API_KEY={prepared.account.key}\nOPENAI_KEY='{SECRET}'  # of the team\n")
    assert without_key(prepared, "apply", "--yes").code == 0
    assert stored_key(prepared) == digest(SECRET)
    assert without_key(prepared, "plan").out.startswith(f"{PLACE}No changes")


def test_the_environment_wins(prepared: Project) -> None:
    put(prepared, "TAVUS_API_KEY=key-of-nobody\nOPENAI_KEY=of-the-file-1234567890\n")
    prepared.expect(0, "apply", "--yes", OPENAI_KEY="of-the-environment-123")
    assert stored_key(prepared) == digest("of-the-environment-123")


def test_a_file_that_was_named_for_the_key_wins_too(
    prepared: Project, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("keys") / "key"
    elsewhere.write_text(prepared.account.key)
    put(prepared, f"TAVUS_API_KEY=key-of-nobody\nOPENAI_KEY={SECRET}\n")
    prepared.expect(0, "apply", "--yes", TAVUS_API_KEY=None, TAVUS_API_KEY_FILE=str(elsewhere))
    assert len(prepared.account.writes) == 1


def test_the_file_of_the_key_may_be_a_pipe(prepared: Project) -> None:
    """A pipe, such as `<(print-the-key)` of a shell, can be read only once."""
    put(prepared, f"OPENAI_KEY={SECRET}\n")
    reader, writer = os.pipe()
    with os.fdopen(reader), os.fdopen(writer, "w") as pipe:
        pipe.write(prepared.account.key)
        pipe.close()
        result = prepared.run("apply", "--yes", TAVUS_API_KEY=None, TAVUS_API_KEY_FILE=f"/dev/fd/{reader}")
    assert result.code == 0, result.err
    assert len(prepared.account.writes) == 1


def test_values_of_the_file_are_redacted(prepared: Project) -> None:
    put(prepared, f"TAVUS_API_KEY={prepared.account.key}\nOPENAI_KEY={SECRET}\n")
    prepared.manifest("persona", "telling", {"persona_name": "Telling", "system_prompt": f"Say {SECRET}."})
    result = without_key(prepared, "plan", "--format", "json")
    assert "telling" in result.out
    assert SECRET not in result.out + result.err
    assert prepared.account.key not in result.out + result.err


def test_variables_of_others_are_named_by_line_and_never_read(prepared: Project) -> None:
    prepared.write("tavusctl.yaml", "secrets: [OPENAI_KEY]\noutputs: {VITE_PERSONA: persona/coach}\n")
    put(
        prepared,
        """
        OPENAI_KEY=0123456789abcdef

        TAVUS_BASE_URL=https://elsewhere.example.com
        OPENAI_KEYS=0123456789abcdef
        VITE_PERSONA=p123
        DATABASE_URL=postgres://database
        no assignment
        """,
    )
    said = "is not read: neither `api_key_env` nor `secrets:` in tavusctl.yaml names it"
    assert remarks(prepared) == [
        ("TV130", 3, f"`TAVUS_BASE_URL` {said}"),
        ("TV130", 4, f"`OPENAI_KEYS` {said}"),
        ("TV130", 6, f"`DATABASE_URL` {said}"),
        ("TV130", 7, "this line is not read: it does not have the form `NAME=value`"),
    ]
    result = prepared.run("plan", "--format", "json", OPENAI_KEY=None)
    lines = [one["line"] for one in result.document["warnings"] if one["id"] == "TV130"]
    assert lines == [3, 4, 7], "a plan tells of what was surely meant, and not of what other programs read"
    assert prepared.account.requests, "the address in the file is not called"


def test_a_slip_in_the_name_of_the_key_is_told_where_the_key_is_missed(prepared: Project) -> None:
    put(prepared, f"TAVUS_APIKEY={prepared.account.key}\n")
    result = without_key(prepared, "plan")
    assert result.code == 8
    assert ".env:1:1: `TAVUS_APIKEY` is not read" in result.err
    assert prepared.account.key not in result.err


def test_a_file_that_others_can_read_is_told(prepared: Project) -> None:
    put(prepared, f"OPENAI_KEY={SECRET}\n", 0o644)
    assert remarks(prepared) == [("TV131", 1, "other users of this machine can read `.env`")]
    planned = prepared.run("plan").out
    assert "1 warning about files of the project; run `tavusctl validate` to see all warnings" in planned
    put(prepared, "VITE_OTHER=1\n", 0o644)
    assert [id_ for id_, _, _ in remarks(prepared)] == ["TV130"], "a file without secrets is for everybody"


def test_a_file_that_git_would_commit_is_told(prepared: Project) -> None:
    put(prepared, f"OPENAI_KEY={SECRET}\n")
    subprocess.run(["git", "init", "-q", str(prepared.root)], check=True)
    told = [("TV131", 1, "git does not ignore `.env`, so its keys may be committed")]
    assert remarks(prepared) == told
    subprocess.run(["git", "-C", str(prepared.root), "add", "-f", ".env"], check=True)
    prepared.write(".gitignore", ".env\n")
    assert remarks(prepared) == told, "ignoring what is committed already keeps nothing back"
    subprocess.run(["git", "-C", str(prepared.root), "rm", "-q", "--cached", ".env"], check=True)
    assert remarks(prepared) == []


def test_a_link_is_not_followed(prepared: Project, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("other") / "keys"
    elsewhere.write_text(f"TAVUS_API_KEY={prepared.account.key}\n")
    (prepared.root / ".env").symlink_to(elsewhere)
    assert without_key(prepared, "plan").code == 8
    assert prepared.account.requests == []


def test_no_other_program_sees_the_values(prepared: Project, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Git is started by `plan --base`; the one here writes down what it is given."""
    folder = tmp_path_factory.mktemp("bin")
    seen = folder / "seen"
    (folder / "git").write_text(f"#!/bin/sh\nenv >> {seen}\nexit 1\n")
    (folder / "git").chmod(0o755)
    put(prepared, f"TAVUS_API_KEY={prepared.account.key}\nOPENAI_KEY={SECRET}\n")
    prepared.run("plan", "--base", "main", TAVUS_API_KEY=None, PATH=f"{folder}:/usr/bin:/bin")
    assert "PATH=" in seen.read_text()
    assert SECRET not in seen.read_text()
    assert prepared.account.key not in seen.read_text()


def test_a_run_for_a_pull_request_does_not_read_the_file_of_its_checkout(prepared: Project) -> None:
    put(prepared, f"TAVUS_API_KEY={prepared.account.key}\nOPENAI_KEY={SECRET}\n")
    for words in (["init", "-q", "-b", "main"], ["add", "-A", "-f"], ["commit", "-qm", "All"]):
        identity = ["-c", "user.name=n", "-c", "user.email=n@example.com"]
        subprocess.run(["git", "-C", str(prepared.root), *identity, *words], check=True)
    event = prepared.write("event.json", json.dumps({"pull_request": {"head": {"repo": {"full_name": "acme/app"}}}}))
    result = prepared.run(
        *("github", "--dry-run", "plan", "--base", "main"),
        TAVUS_API_KEY=None,
        OPENAI_KEY=None,
        GITHUB_ACTIONS="true",
        GITHUB_EVENT_NAME="pull_request",
        GITHUB_EVENT_PATH=str(event),
        GITHUB_REPOSITORY="acme/app",
        GITHUB_BASE_REF="main",
    )
    assert result.code == 8, result.out + result.err
    assert "TAVUS_API_KEY is not set" in result.out + result.err
    assert prepared.account.requests == []


def test_ids_for_applications_have_a_place_in_it_and_no_report_has(prepared: Project) -> None:
    path = put(prepared, f"TAVUS_API_KEY={prepared.account.key}\nOPENAI_KEY={SECRET}\n")
    assert without_key(prepared, "apply", "--yes").code == 0
    assert without_key(prepared, "output", "--write", ".env").code == 0
    assert path.read_text().splitlines()[:2] == [f"TAVUS_API_KEY={prepared.account.key}", f"OPENAI_KEY={SECRET}"]
    assert f"PERSONA_COACH_ID={prepared.bound('persona/coach')}" in path.read_text()
    assert remarks(prepared) == []
    before = path.read_text()
    for args in (
        ("plan", "--report", "json=.env"),
        ("plan", "--out", ".env"),
        ("plan", "--nonsense", "--report=json=.env"),
    ):
        assert without_key(prepared, *args).code == 12
    assert path.read_text() == before


def test_init_keeps_the_file_out_of_git(project: Project) -> None:
    project.expect(0, "init")
    assert ".env" in (project.root / ".gitignore").read_text().splitlines()
    project.expect(0, "init", "other")


def test_a_secret_of_the_chosen_folder_is_in_no_error_about_the_command_line(project: Project) -> None:
    project.write("sub/tavusctl.yaml", "secrets: [OPENAI_KEY]\n")
    project.write("sub/.env", f"OPENAI_KEY={SECRET}\n").chmod(0o600)
    for chdir in ("-C sub", "-Csub", "--chdir sub", "--chdir=sub"):
        result = without_key(project, "plan", *chdir.split(), f"--{SECRET}")
        assert (result.code, SECRET in result.out + result.err) == (12, False), chdir
