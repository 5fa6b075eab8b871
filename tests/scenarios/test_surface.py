"""What users see is as it was when somebody last read it; `make golden` writes the files anew.

Help, what commands say and leave on disk, and what is said of wrong manifests.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.golden import wrong
from tests.golden.surface import commands, difference, helps, kept, of_wrong_manifests, scene, told_in_json
from tests.scenarios.project import Project

ROOT = Path(__file__).parents[2]
TOLD = "not as it was; read the difference, and if it is meant, run `make golden`:\n"


def test_the_help_of_every_command_is_as_it_was() -> None:
    changed = difference(helps(), "help")
    assert not changed, TOLD + changed


@pytest.mark.newer_api  # its ids and bodies are in the golden files
def test_what_commands_say_and_leave_on_disk_is_as_it_was() -> None:
    changed = difference(scene(), "said", "disk")
    assert not changed, TOLD + changed


def test_what_is_said_of_wrong_manifests_is_as_it_was() -> None:
    changed = difference(of_wrong_manifests(), "wrong/messages.txt")
    assert not changed, TOLD + changed


def test_every_command_with_a_json_format_is_among_them() -> None:
    lines = [text.splitlines()[0] for name, text in kept("said").items() if name.startswith("said/")]
    in_json = [line for line in lines if "--format json" in line]
    missing = [name for name in told_in_json() if not any(line.startswith(f"$ tavusctl {name} ") for line in in_json)]
    assert told_in_json()
    assert not missing, f"no golden file has what these say; give them a row in tests/golden/played.py: {missing}"


def test_every_wrong_manifest_has_a_title_of_its_own_and_is_complained_about() -> None:
    titles = [title for title, _ in wrong.cases()]
    texts = [path.read_text("utf-8") for path in wrong.FOLDER.glob("*.yaml")]
    written = sum(len(re.findall(r"(?m)^[^\s#]", text)) for text in texts)
    (said,) = kept("wrong/messages.txt").values()
    silent = re.findall(r"(?m)^(\S.*)\n(?!  )", said)
    assert written == len(titles) > 300
    assert not silent, f"nothing is said of these: {silent}"


def test_every_error_about_a_wrong_manifest_says_what_is_right() -> None:
    """By a hint, or by what was expected; the rest of a schema is a matter of its own language."""
    (said,) = kept("wrong/messages.txt").values()
    told = re.findall(r"(?m)^  (TV\d+) error .*\n    says: (.*)(?:\n    (help): .*)?", said)
    silent = [message for id_, message, hint in told if not hint and "expected" not in message and id_ != "TV211"]
    assert len(told) > 300
    assert not silent, f"give these a hint: {silent}"


def test_schemas_are_written_as_they_are_kept(project: Project) -> None:
    """That they are fresh is a matter of the house; here, that `schema` writes these, and all of them."""
    done = project.run("schema", "--out", "written")

    written = {path.name: json.loads(path.read_text("utf-8")) for path in (project.root / "written").iterdir()}
    assert done.code == 0
    assert written == {path.name: json.loads(path.read_text("utf-8")) for path in (ROOT / "schemas").iterdir()}
    assert written.keys() > {"project.schema.json", "plan.schema.json"}


def test_help_is_the_same_after_a_step_of_github_in_the_process(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Click keeps the help option of a command as its first context made it."""
    monkeypatch.setattr(commands()["verify"], "_help_option", None)

    project.run("github", "verify", GITHUB_EVENT_NAME="push", GITHUB_REPOSITORY="a/b", GITHUB_ACTIONS="true")

    assert "-h, --help" in project.run("verify", "--help").out
