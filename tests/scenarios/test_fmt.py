"""`fmt` and `validate --fix`, as people run them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.scenarios.project import Project

UNTIDY = (
    "# yaml-language-server: $schema=../persona.json\n"
    "kind: persona   \n"
    "name:\ta # who\t\n"
    "\n"
    'spec: {system_prompt: "One.\\nTwo."}\n'
    "---\n"
    "kind: persona\n"
    "name: b  # say it\n"
    "spec:\n"
    "    # the prompt   \n"
    '    system_prompt: "One.\\n  \\nTwo: \\"three\\"\\n"   # long\n'
    "    persona_name: 'B'\n"
    "    context: |\n"
    "        kept  \n"
    "        \tkept\n"
    "\n\n\n"
)
TIDY = (
    "# yaml-language-server: $schema=../schemas/persona.schema.json\n"
    "kind: persona\n"
    "name: a # who\n"
    "\n"
    'spec: {system_prompt: "One.\\nTwo."}\n'
    "---\n"
    "kind: persona\n"
    "name: b  # say it\n"
    "spec:\n"
    "    # the prompt\n"
    "    system_prompt: |   # long\n"
    "        One.\n"
    "          \n"
    '        Two: "three"\n'
    "    persona_name: 'B'\n"
    "    context: |\n"
    "        kept  \n"
    "        \tkept\n"
)


@pytest.fixture
def untidy(project: Project) -> Project:
    project.write("schemas/persona.schema.json", "{}")
    Path(project.root, "manifests").mkdir()
    Path(project.root, "manifests/two.yaml").write_bytes(UNTIDY.encode())
    return project


def test_a_file_becomes_tidy_and_stays_so(untidy: Project) -> None:
    first, again = untidy.run("fmt"), untidy.run("fmt")

    assert (first.code, first.out) == (0, "manifests/two.yaml\n")
    assert Path(untidy.root, "manifests/two.yaml").read_bytes().decode() == TIDY
    assert (again.code, again.out, again.err) == (0, "", "all files are formatted\n")


def test_what_a_killed_command_has_left_is_no_manifest_and_goes_with_the_next_write(untidy: Project) -> None:
    untidy.account.seed(personas=[{"persona_name": "Anna", "system_prompt": "Hi."}])
    left = [
        untidy.write(f"manifests/{name}.yaml.41.00112233445566aa", "not: {a manifest")
        for name in (".two", "personas/.c")
    ]
    for path in left:
        os.utime(path, (0, 0))

    untidy.expect(0, "validate")
    assert (untidy.run("fmt").code, [path.exists() for path in left]) == (0, [False, True])
    assert (untidy.run("export").code, [path.exists() for path in left]) == (0, [False, False])


def test_check_lists_and_diff_shows_and_both_write_nothing(untidy: Project) -> None:
    check, diff = untidy.run("fmt", "--check"), untidy.run("fmt", "--diff", "manifests/two.yaml")

    assert (check.code, check.out) == (2, "manifests/two.yaml\n")
    assert diff.code == 0
    assert "+    system_prompt: |   # long\n" in diff.out
    assert Path(untidy.root, "manifests/two.yaml").read_bytes().decode() == UNTIDY


def test_no_line_of_a_difference_shows_a_secret_of_several_lines(project: Project) -> None:
    """Its lines have no name beside them that says what they are."""
    keys = [f"{letter}1f2e3d4c5b6a7988{letter}" for letter in "vwxyz"]
    project.write(
        "manifests/a.yaml",
        f"""
        kind: persona\x20\x20
        name: a
        spec:
          layers:
            llm:
              api_key:
                {keys[0]}
              headers: {{X-Api-Key:\x20\x20
                Bearer {keys[1]}}}
              base_url: https://llm.example.com/v1
              extra_body:
                token: [
                  {keys[2]} ]\x20\x20
                pem: |
                  -----BEGIN PRIVATE KEY-----
                  {keys[3] * 3}
                  {keys[4] * 3}
                  -----END PRIVATE KEY-----
                mode: fast\x20\x20
        """,
    )

    diff = project.run("fmt", "--diff")

    assert "+        mode: fast\n" in diff.out
    assert [key for key in keys if key in diff.out] == []


def test_a_file_that_cannot_be_read_stops_all_and_says_where(untidy: Project) -> None:
    untidy.write("manifests/bad.yaml", "a: [\n")

    found = untidy.expect(10, "fmt")

    assert "manifests/bad.yaml:2:1" in found.err
    assert Path(untidy.root, "manifests/two.yaml").read_bytes().decode() == UNTIDY


def test_a_link_stays_a_link_and_rights_stay(untidy: Project) -> None:
    target, link = Path(untidy.root, "manifests/two.yaml"), Path(untidy.root, "manifests/link.yaml")
    target.chmod(0o640)
    target.rename(untidy.root / "elsewhere.yaml")
    link.symlink_to("../elsewhere.yaml")

    untidy.expect(0, "fmt")

    assert link.is_symlink()
    assert Path(untidy.root, "elsewhere.yaml").stat().st_mode & 0o777 == 0o640
    assert Path(untidy.root, "elsewhere.yaml").read_bytes().decode() == TIDY


def test_a_file_with_two_names_is_formatted_once(untidy: Project) -> None:
    link = Path(untidy.root, "manifests/more/a.yaml")
    link.parent.mkdir()
    link.symlink_to("../two.yaml")

    first, again = untidy.run("fmt"), untidy.run("fmt")

    assert (first.code, first.out) == (0, "manifests/two.yaml\n"), first.err
    assert Path(untidy.root, "manifests/two.yaml").read_bytes().decode() == TIDY
    assert (again.out, link.is_symlink()) == ("", True)


FIXABLE = """
kind: persona
name: a
spec:
  system_prompt: Be kind.
  layers:
    conversational_flow:
      turn_detection_model: sparrow-1  # the new one
    perception:
      perception_model: raven-1
      ambient_awareness_queries: [Do they smile?]  # always
    stt:
      # how soon
      participant_pause_sensitivity: high  # soon
      stt_engine: tavus-advanced
"""


def test_what_can_be_put_right_is_and_the_rest_is_told(project: Project) -> None:
    path = project.write("manifests/a.yaml", FIXABLE)

    first = project.run("validate")
    fixed = project.run("validate", "--fix")
    again = project.run("validate", "--fix")

    assert "`perception_model` `raven-1` ignores `ambient_awareness_queries`" in first.out
    assert "fixed manifests/a.yaml\n" in fixed.err
    assert "ambient_awareness_queries" not in fixed.out
    assert "participant_pause_sensitivity" not in fixed.out
    assert path.read_text() == FIXABLE.lstrip().replace("ambient_", "visual_").replace(
        "      participant_pause_sensitivity: high  # soon\n", ""
    ).replace("# the new one\n", "# the new one\n      turn_taking_patience: low\n")
    assert "fixed" not in again.err


def test_a_file_with_two_names_is_fixed_once(project: Project) -> None:
    path = project.write("manifests/a.yaml", FIXABLE)
    (project.root / "manifests/b.yaml").symlink_to("a.yaml")

    fixed = project.run("validate", "--fix")

    assert (fixed.code, "fixed manifests/a.yaml\n" in fixed.err) == (10, True), fixed.out + fixed.err
    assert "TV108 duplicate-address" in fixed.out
    assert "visual_awareness_queries: [Do they smile?]  # always" in path.read_text()


def test_only_what_is_selected_is_fixed(project: Project) -> None:
    path = project.write("manifests/a.yaml", FIXABLE)

    project.run("validate", "--fix", "--ignore", "TV2")

    assert path.read_text() == FIXABLE.lstrip()
