"""What a shell offers: commands, options, addresses of the project, fields of a kind."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

import pytest

from tavusctl.cli import run
from tests.scenarios.project import Project, environment_of

COACH = {"persona_name": "Coach", "system_prompt": "You coach."}


def completions(folder: Path, shell: str, *words: str) -> str:
    """What a shell is told for the last of some words."""
    variables = {
        "_TAVUSCTL_COMPLETE": f"{shell}_complete",
        "COMP_WORDS": " ".join(words),
        "COMP_CWORD": words[-1] if shell == "fish" else str(len(words) - 1),
    }
    out, err = io.StringIO(), io.StringIO()
    streams = contextlib.redirect_stdout(out), contextlib.redirect_stderr(err)
    with environment_of(variables), contextlib.chdir(folder), streams[0], streams[1], pytest.raises(SystemExit):
        run([])
    assert err.getvalue() == ""
    return out.getvalue()


def offered(folder: Path, *words: str) -> list[str]:
    """The words that bash is offered for the last of some words."""
    return [line.partition(",")[2] for line in completions(folder, "bash", *words).splitlines() if line]


@pytest.fixture
def named(project: Project) -> Project:
    """Two environments, manifests of two kinds, one of them wrong."""
    project.write("tavusctl.yaml", "{version: 1, environments: {staging: {}, prod: {}}}")
    project.manifest("persona", "coach", COACH)
    project.manifest("persona", "closer", {**COACH, "sytem_prompt": "Wrong."})
    project.manifest("document", "prices", {"document_url": "https://example.com/prices.pdf"})
    return project


@pytest.mark.parametrize(("shell", "lines"), [("zsh", 3), ("fish", 1)])
def test_the_name_of_an_account_is_no_further_value_and_no_escape_code(
    project: Project, shell: str, lines: int
) -> None:
    account = "acme\\nplain\\n$(touch x)\\e[31m"
    project.write("tavusctl.yaml", f'{{version: 1, environments: {{prod: {{account: "{account}"}}}}}}')

    offer = completions(project.root, shell, "tavusctl", "plan", "--env", "")

    assert ("prod" in offer, len(offer.splitlines()), "\x1b" in offer) == (True, lines, False), offer


def test_commands_and_options_are_offered(tmp_path: Path) -> None:
    assert offered(tmp_path, "tavusctl", "gr") == ["graph"]
    assert offered(tmp_path, "tavusctl", "graph", "--obj") == ["--objectives"]


@pytest.mark.parametrize(
    "words",
    [
        ("graph",),
        ("recrawl",),
        ("adopt",),
        ("import",),
        ("state", "rm"),
        ("state", "show"),
        ("plan", "--target"),
        ("apply", "--overwrite"),
        ("verify", "--conversation"),
        ("graph", "--objectives"),
    ],
)
def test_addresses_are_offered_whatever_state_the_manifests_are_in(named: Project, words: tuple[str, ...]) -> None:
    assert offered(named.root, "tavusctl", *words, "persona/c") == ["persona/closer", "persona/coach"]
    assert offered(named.root, "tavusctl", *words, "doc") == ["document/prices"]
    assert named.account.requests == []


def test_only_addresses_that_an_option_can_affect_are_offered(named: Project) -> None:
    named.manifest("replica", "anna", {"train_video_url": "https://example.com/a.mp4"})

    offers = {
        words[1]: offered(named.root, "tavusctl", *words, "")
        for words in (("apply", "--allow-replace"), ("destroy", "--allow-replica-delete"), ("undo", "--publish"))
    }

    assert offers == {
        "--allow-replace": ["document/prices", "replica/anna"],
        "--allow-replica-delete": ["replica/anna"],
        "--publish": ["persona/closer", "persona/coach"],
    }


def test_addresses_of_another_folder_are_offered(named: Project) -> None:
    above = named.root.parent
    assert offered(above, "tavusctl", "-C", named.root.name, "graph", "doc") == ["document/prices"]
    assert offered(above, "tavusctl", "graph", "-C", named.root.name, "doc") == ["document/prices"]


def test_where_there_is_nothing_to_offer_nothing_is_said(tmp_path: Path) -> None:
    assert offered(tmp_path, "tavusctl", "graph", "") == []
    (tmp_path / "tavusctl.yaml").write_text("{]", "utf-8")
    assert offered(tmp_path, "tavusctl", "graph", "") == []
    assert offered(tmp_path, "tavusctl", "explain", "nothing.at.all") == []


def test_kinds_and_fields_are_offered(tmp_path: Path) -> None:
    assert offered(tmp_path, "tavusctl", "explain", "obj") == ["objectives"]
    assert offered(tmp_path, "tavusctl", "explain", "persona.layers.t") == [
        "persona.layers.tts",
        "persona.layers.transport",
    ]
    assert offered(tmp_path, "tavusctl", "explain", "document.re") == ["document.recrawl"]


def test_environments_and_outputs_are_offered(named: Project) -> None:
    named.write("tavusctl.yaml", "environments: {staging: {}, prod: {}}\noutputs: {VITE_COACH: persona/coach}\n")
    assert offered(named.root, "tavusctl", "plan", "--env", "") == ["staging", "prod"]
    assert offered(named.root, "tavusctl", "talk", "-e", "p") == ["prod"]
    assert offered(named.root, "tavusctl", "output", "VI") == ["VITE_COACH"]
    assert named.account.requests == []


def test_runs_are_offered_newest_first_of_the_environment_that_was_chosen(project: Project) -> None:
    project.write("tavusctl.yaml", "environments: {staging: {}, prod: {}}\n")
    for name in ("coach", "closer"):
        project.manifest("persona", name, {**COACH, "persona_name": name})
        project.apply("--env", "prod")
    listed = [line.split()[0] for line in project.run("undo", "--env", "prod").out.splitlines() if line[:1].isalnum()]
    project.account.forget()
    assert len(listed) == 2
    assert offered(project.root, "tavusctl", "undo", "--env", "prod", "") == listed
    assert offered(project.root, "tavusctl", "undo", "--env", "prod", listed[1][:6]) == [listed[1]]
    assert offered(project.root, "tavusctl", "undo", "--env", "staging", "") == []
    assert project.account.requests == []


def test_checks_behaviors_reports_and_kinds_are_offered(tmp_path: Path) -> None:
    assert offered(tmp_path, "tavusctl", "validate", "--ignore", "TV24") == ["TV241", "TV242", "TV243"]
    assert offered(tmp_path, "tavusctl", "validate", "--select", "TV241,dup") == [
        "TV241,duplicate-key",
        "TV241,duplicate-address",
        "TV241,duplicate-external-object",
        "TV241,duplicate-block",
        "TV241,duplicate-tool",
        "TV241,duplicate-objective",
        "TV241,duplicate-guardrail",
        "TV241,duplicate-username",
        "TV241,duplicate-name",
    ]
    assert offered(tmp_path, "tavusctl", "emulator", "--behavior", "roo") == ["rooms="]
    assert offered(tmp_path, "tavusctl", "plan", "--report", "mark") == ["markdown="]
    assert offered(tmp_path, "tavusctl", "list", "per") == ["persona"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_script_is_there_for_each_shell(project: Project, shell: str) -> None:
    result = project.run("completion", shell)
    assert (result.code, "_TAVUSCTL_COMPLETE" in result.out) == (0, True)


def test_no_words_at_all_are_a_question_for_help(project: Project) -> None:
    result = project.run()
    assert result.code in (0, 12)
    assert "Usage" in result.out + result.err
