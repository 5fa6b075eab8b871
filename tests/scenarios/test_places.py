"""Where reports say that something is written: in the file that holds the text, at the line that differs."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.scenarios.project import Project

LINES = [f"Line {number} of the text." for number in range(1, 8)]
TEXT = "\n".join(LINES) + "\n"


def marks(project: Project, command: str = "plan") -> list[tuple[str, str]]:
    """File and line of every annotation."""
    return re.findall(r"(?m)^::\w+ file=([^,]*),line=(\d+),col=\d+,", project.run(command, "--format", "github").out)


def sources(project: Project, command: str = "plan") -> list[tuple[str, str]]:
    """The same from the JSON document: of every field of everything that changes, is refused or has drifted."""
    document = project.run(command, "--format", "json").document
    found = (
        [one for part in ("changes", "refused") for one in document[part]] if command == "plan" else document["drift"]
    )
    return [(field["source"]["path"], str(field["source"]["line"])) for one in found for field in one["fields"]]


EDITS: dict[str, tuple[str, str, int]] = {  # what is put in place of what, and the line that is marked
    "a word": (LINES[3], "Line 4 of another text.", 4),
    "the first line": (LINES[0], "Line 0.", 1),
    "the last line": (LINES[6], "Line 7, changed.", 7),
    "a line more": (LINES[2] + "\n", LINES[2] + "\nOne more.\n", 4),
    "a line less": (LINES[4] + "\n", "", 5),
    "the last line gone": ("\n" + LINES[6], "", 6),
    "more at the end": (LINES[6], LINES[6] + "\n\nThe end.", 7),
}


@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.parametrize("around", ["", "Above.\n\n%s\nBelow.", "In %s the middle", "${file:prompts/other.md}%s"])
def test_a_prompt_is_marked_where_it_was_changed(project: Project, edit: str, around: str) -> None:
    text = around.replace("%s", "${file:prompts/coach.md}") if around else "${file:prompts/coach.md}"
    project.write("manifests/prompts/other.md", "Others.\nStay.\n")
    project.write("manifests/prompts/coach.md", TEXT)
    project.manifest("persona", "coach", {"persona_name": "Coach", "system_prompt": text})
    project.apply()
    old, new, line = EDITS[edit]

    project.write("manifests/prompts/coach.md", TEXT.replace(old, new))

    ((path, marked),) = marks(project)
    assert path == "manifests/prompts/coach.md"
    # Of lines that follow the last one it cannot be told whether they follow on it, where other text stands behind.
    assert int(marked) in ({line, line + 1} if edit == "more at the end" else {line})
    assert sources(project) == marks(project)


def test_words_around_a_prompt_are_marked_in_the_manifest(project: Project) -> None:
    project.write("manifests/prompts/coach.md", TEXT)
    for before, after in (("Above. ", " Below."), ("Over. ", " Below."), ("Over. ", " Under.")):
        prompt = f"{before}${{file:prompts/coach.md}}{after}"
        project.manifest("persona", "coach", {"persona_name": "Coach", "system_prompt": prompt})
        if before == "Above. ":
            project.apply()
    assert marks(project) == [("manifests/persona-coach.yaml", "6")]


def test_each_file_of_a_change_has_its_mark(project: Project) -> None:
    project.write("manifests/prompts/a.md", TEXT)
    project.write("manifests/prompts/b.md", TEXT)
    spec: dict[str, Any] = {
        "persona_name": "Coach",
        "system_prompt": "${file:prompts/a.md}",
        "context": "${file:prompts/b.md}",
    }
    project.manifest("persona", "coach", spec)
    project.apply()
    project.write("manifests/prompts/a.md", TEXT.replace("Line 3", "Row 3"))
    project.write("manifests/prompts/b.md", TEXT.replace("Line 5", "Row 5"))
    project.manifest("persona", "coach", {**spec, "persona_name": "Trainer"})

    assert set(marks(project)) >= {
        ("manifests/prompts/a.md", "3"),
        ("manifests/prompts/b.md", "5"),
        ("manifests/persona-coach.yaml", "5"),
    }
    assert set(sources(project)) <= set(marks(project))


def test_a_text_in_a_list_is_marked_in_its_file(project: Project) -> None:
    project.write("manifests/rules/two.md", TEXT)
    rules = [
        {"guardrail_name": "one", "guardrail_prompt": "No promises."},
        {"guardrail_name": "two", "guardrail_prompt": "${file:rules/two.md}"},
    ]
    project.manifest("guardrails", "house", {"name": "House", "data": rules})
    project.apply()

    project.write("manifests/rules/two.md", TEXT.replace("Line 6", "Row 6"))

    assert marks(project) == [("manifests/rules/two.md", "6")]


def test_what_was_changed_in_the_account_is_marked_in_the_file_that_says_it(project: Project) -> None:
    """Drift, what a plan takes back, and a conflict of both; in annotations, JSON and SARIF."""
    project.write("manifests/prompts/coach.md", TEXT)
    project.manifest("persona", "coach", {"persona_name": "Coach", "system_prompt": "${file:prompts/coach.md}"})
    project.apply()
    live = TEXT.rstrip("\n").replace("Line 5", "Row 5")
    project.edit_in_portal("persona/coach", "/system_prompt", live)
    place = ("manifests/prompts/coach.md", "5")

    assert marks(project, "drift") == sources(project, "drift") == marks(project) == sources(project) == [place]
    assert project.run("drift", "--format", "json").document["drift"][0]["source"]["path"] == place[0]
    (result,) = json.loads(project.run("drift", "--format", "sarif").out)["runs"][0]["results"]
    location = result["locations"][0]["physicalLocation"]
    assert (location["artifactLocation"]["uri"], location["region"]["startLine"]) == (place[0], 5)

    project.write("manifests/prompts/coach.md", TEXT.replace("Line 2", "Row 2"))
    assert marks(project) == sources(project) == [("manifests/prompts/coach.md", "2")]
