from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.scenarios.project import Project

OUTPUTS = """
    version: 1
    outputs:
      VITE_TAVUS_PERSONA_ID: persona/coach
      TAVUS_REPLICA_ID: replica/anna
      DOCUMENT_IDS: [document/prices, document/terms]
      ONE_DOCUMENT: [document/terms]
      REQUIRE_AUTH: {value: true}
      GREETING: {value: "Hello, it's me"}
"""


@pytest.fixture
def applied(project: Project) -> Project:
    """A project that was applied; nothing here asks the account again."""
    (replica,) = project.account.seed(replicas=[{"replica_name": "Anna"}])["replicas"]
    project.write("manifests/anna.yaml", f"kind: replica\nname: anna\nexternal: true\nid: {replica}\n")
    for name in ("prices", "terms"):
        project.manifest("document", name, {"document_url": f"https://example.com/{name}.pdf"})
    project.manifest("persona", "coach", {"persona_name": "Coach", "system_prompt": "You coach."})
    return project.apply_and_forget()


def ids(project: Project) -> dict[str, str]:
    names = ("persona/coach", "document/prices", "document/terms")
    replica = re.search(r"id: (\S+)", (project.root / "manifests/anna.yaml").read_text())
    assert replica
    return {"replica/anna": replica[1], **{name: project.bound(name) for name in names}}


def expected(project: Project) -> list[str]:
    known = ids(project)
    documents = f"{known['document/prices']},{known['document/terms']}"
    return [
        f"VITE_TAVUS_PERSONA_ID={known['persona/coach']}",
        f"TAVUS_REPLICA_ID={known['replica/anna']}",
        f"DOCUMENT_IDS={documents}",
        f"ONE_DOCUMENT={known['document/terms']}",
        "REQUIRE_AUTH=true",
        'GREETING="Hello, it\'s me"',
    ]


def test_names_of_applications_get_ids_without_key_or_network(applied: Project) -> None:
    applied.write("tavusctl.yaml", OUTPUTS)
    result = applied.run("output", TAVUS_API_KEY=None, TAVUS_BASE_URL=None)
    assert (result.code, result.err) == (0, "")
    assert result.out.splitlines() == expected(applied)
    assert applied.account.requests == []


def test_json_keeps_lists_and_types(applied: Project) -> None:
    applied.write("tavusctl.yaml", OUTPUTS)
    known = ids(applied)
    assert applied.run("output", "--format", "json").document == {
        "VITE_TAVUS_PERSONA_ID": known["persona/coach"],
        "TAVUS_REPLICA_ID": known["replica/anna"],
        "DOCUMENT_IDS": [known["document/prices"], known["document/terms"]],
        "ONE_DOCUMENT": [known["document/terms"]],
        "REQUIRE_AUTH": True,
        "GREETING": "Hello, it's me",
    }


def test_a_shell_reads_what_is_printed_for_it(applied: Project) -> None:
    applied.write("tavusctl.yaml", OUTPUTS + '      ODD: {value: "$(id) `id` \\" \\\\ it\'s"}\n')
    script = applied.run("output", "--format", "shell").out + 'printf "%s|" "$GREETING" "$DOCUMENT_IDS" "$ODD"'
    told = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout
    known = ids(applied)
    documents = f"{known['document/prices']},{known['document/terms']}"
    assert told == f"Hello, it's me|{documents}|$(id) `id` \" \\ it's|"


def test_github_gets_outputs_of_the_step(applied: Project, tmp_path: Path) -> None:
    applied.write("tavusctl.yaml", OUTPUTS)
    file = tmp_path / "github-output"
    file.write_text("before=1\n")
    first = applied.run("output", "--format", "github", GITHUB_OUTPUT=str(file))
    assert (first.code, first.out) == (0, "")
    lines = file.read_text().splitlines()
    assert lines[0] == "before=1"
    found, marks = {}, set()
    for head, value, end in zip(lines[1::3], lines[2::3], lines[3::3], strict=True):
        name, _, mark = head.partition("<<")
        assert mark == end
        found[name] = value
        marks.add(mark)
    assert found["DOCUMENT_IDS"] == f"{ids(applied)['document/prices']},{ids(applied)['document/terms']}"
    assert found["REQUIRE_AUTH"] == "true"
    assert len(marks) == len(found) == 6


def test_github_lines_are_printed_where_there_is_no_file_for_them(applied: Project) -> None:
    applied.write("tavusctl.yaml", OUTPUTS)
    assert "REQUIRE_AUTH<<tavusctl-" in applied.run("output", "--format", "github", GITHUB_OUTPUT=None).out


def test_without_outputs_every_object_has_a_name(applied: Project) -> None:
    known = ids(applied)
    assert applied.run("output").out.splitlines() == [
        f"DOCUMENT_PRICES_ID={known['document/prices']}",
        f"DOCUMENT_TERMS_ID={known['document/terms']}",
        f"PERSONA_COACH_ID={known['persona/coach']}",
        f"REPLICA_ANNA_ID={known['replica/anna']}",
    ]


def test_a_file_is_brought_up_to_date_and_nothing_else_in_it_moves(applied: Project) -> None:
    applied.write("tavusctl.yaml", OUTPUTS)
    env = applied.root / ".env"
    before = (
        "# it's ours\r\nVITE_TAVUS_API_KEY=secret # keep\r\nexport VITE_TAVUS_PERSONA_ID='p-old' # the coach\r\n"
        'PEM="-----BEGIN\r\nREQUIRE_AUTH=inside\r\n-----END"\r\nREQUIRE_AUTH = false\r\nLATIN=\xe9'
    ).encode("latin-1")
    env.write_bytes(before)
    env.chmod(0o640)
    check = applied.expect(2, "output", "--check", ".env")
    assert [line.split()[1] for line in check.out.splitlines()] == [line.split("=")[0] for line in expected(applied)]
    assert env.read_bytes() == before

    applied.expect(0, "output", "--write", ".env")
    persona = ids(applied)["persona/coach"].encode()
    kept = before.replace(b"'p-old'", persona).replace(b"AUTH = false", b"AUTH = true")
    added = [line for line in expected(applied) if not line.startswith(("VITE_TAVUS_PERSONA_ID", "REQUIRE_AUTH"))]
    assert env.read_bytes() == kept + b"\r\n" + "".join(f"{line}\r\n" for line in added).encode()
    assert env.stat().st_mode & 0o777 == 0o640
    assert sorted(path.name for path in applied.root.glob(".env*")) == [".env"]

    check = applied.run("output", "--check", ".env")
    assert (check.code, check.out) == (0, "")
    stamp = env.stat().st_mtime_ns
    applied.expect(0, "output", "--write", ".env")
    assert env.stat().st_mtime_ns == stamp


def test_a_new_file_is_for_its_owner_alone_and_a_link_stays_one(applied: Project) -> None:
    applied.write("tavusctl.yaml", OUTPUTS)
    (applied.root / "web").mkdir()
    (applied.root / "web/.env").symlink_to("../common.env")
    applied.expect(2, "output", "--check", "web/.env")
    applied.expect(0, "output", "--write", "web/.env")
    assert (applied.root / "web/.env").is_symlink()
    assert (applied.root / "common.env").read_text().splitlines() == expected(applied)
    assert (applied.root / "common.env").stat().st_mode & 0o777 == 0o600


def test_an_application_gets_the_names_that_it_reads(applied: Project) -> None:
    applied.write("tavusctl.yaml", OUTPUTS + "      LATER: persona/later\n")
    applied.manifest("persona", "later", {"persona_name": "Later", "system_prompt": "You come later."})
    known = expected(applied)

    assert applied.run("output", "VITE_*").out.splitlines() == known[:1]
    assert applied.run("output", "REQUIRE_AUTH", "*DOCUMENT*").out.splitlines() == known[2:5]
    applied.expect(0, "output", "--write", "web.env", "VITE_*")
    applied.expect(0, "output", "--check", "web.env", "VITE_*")
    assert (applied.root / "web.env").read_text().splitlines() == known[:1]
    wrong = applied.run("output", "TAVUS_REPLICA_ID", "REQUIRE_OUTH")
    assert (wrong.code, wrong.out) == (12, "")
    assert "unknown output `REQUIRE_OUTH`" in wrong.err
    assert "did you mean `REQUIRE_AUTH`?" in wrong.err


def test_an_unknown_address_is_told_with_its_place(applied: Project) -> None:
    applied.write("tavusctl.yaml", "outputs:\n  A: persona/coach\n  B: [document/prices, document/price]\n")
    result = applied.expect(10, "output", "--format", "json")
    (diagnostic,) = result.document["error"]["complaints"]
    assert (diagnostic["path"], diagnostic["line"], diagnostic["column"]) == ("tavusctl.yaml", 3, 24)
    assert diagnostic["message"] == "outputs.B: unknown resource `document/price`"
    assert diagnostic["hint"] == "did you mean `document/prices`?"


def test_an_object_that_was_never_applied_has_no_id(applied: Project) -> None:
    applied.write("tavusctl.yaml", "outputs: {A: persona/new}\n")
    applied.manifest("persona", "new", {"persona_name": "New", "system_prompt": "You are new."})
    result = applied.run("output")
    assert (result.code, result.out) == (9, "")
    assert "no id is known yet for persona/new" in result.err


def test_what_programs_read_differently_is_not_written(applied: Project) -> None:
    applied.write("tavusctl.yaml", 'outputs: {A: {value: "it\'s $HOME"}}\n')
    result = applied.expect(12, "output", "--write", ".env")
    assert "outputs.A" in result.err
    assert not os.path.lexists(applied.root / ".env")
    assert json.loads(applied.run("output", "--format", "json").out) == {"A": "it's $HOME"}


@pytest.mark.parametrize("command", [("output", "--write"), ("plan", "--out"), ("graph", "--out")])
def test_a_folder_that_is_missing_is_named(applied: Project, command: tuple[str, ...]) -> None:
    result = applied.expect(12, *command, "web/new.env")
    assert "cannot write `web/new.env`: the folder `web` does not exist" in result.err


@pytest.mark.parametrize("option", ["--write", "--check"])
def test_a_pipe_is_no_file_of_variables(applied: Project, option: str) -> None:
    os.mkfifo(applied.root / "pipe")  # whoever opens it waits until somebody writes into it
    result = applied.run("output", option, "pipe")
    assert (result.code, "cannot read `pipe`: it is not a regular file" in result.err) == (12, True)


TOO_LONG = ("output --write ", "plan --out ", "graph --out ", "plan --report=json=", "schema --out ", "init ")


@pytest.mark.parametrize("command", TOO_LONG)
def test_a_name_that_is_too_long_is_told(applied: Project, command: str) -> None:
    ended = applied.run(*f"{command}{'a' * 300}".split())
    assert (ended.code, "File name too long [E1200]" in ended.err) == (12, True), ended.err


def test_what_a_check_advises_is_about_the_same_names_and_environment(project: Project) -> None:
    two = "environments: {staging: {}, prod: {}}\noutputs: {VITE_ID: persona/coach, OTHER: persona/coach}\n"
    project.write("tavusctl.yaml", two)
    project.manifest("persona", "coach", {"persona_name": "Coach", "system_prompt": "You coach."})
    early = project.run("output", "--env", "prod")
    project.run("apply", "--yes", "--env", "prod")

    checked = project.run("output", "--env", "prod", "--check", "my app.env", "VITE_*")

    assert "run `tavusctl apply --env prod`, or `tavusctl import ADDRESS ID --env prod`" in early.err
    assert "next: run `tavusctl output --write 'my app.env' 'VITE_*' --env prod`\n" in checked.err
    project.expect(0, "output", "--write", "my app.env", "VITE_*", "--env", "prod")
    assert "OTHER" not in (project.root / "my app.env").read_text()


@pytest.mark.parametrize("arguments", [("--check", "x", "--write", "y"), ("--check", "x", "--format", "json")])
def test_options_that_contradict_each_other(applied: Project, arguments: tuple[str, ...]) -> None:
    applied.expect(12, "output", *arguments)
