"""What every command does that fails: words, an exit code, one JSON document, and no write."""

from __future__ import annotations

from tests.scenarios.project import Project

COACH = {"persona_name": "Coach", "system_prompt": "You coach."}


def refused(project: Project, *args: str, **environment: str | None) -> tuple[int, str, str]:
    """Exit code, id and words of a command that fails; the JSON form says the same, and nothing is written."""
    said = project.run(*args, **environment)
    told = project.run(*args, "--format", "json", **environment)
    document = told.document
    error = document["error"]
    assert document.keys() == {"format_version", "error"}
    assert (told.code, error["exit_code"]) == (said.code, said.code)
    assert all(one["message"] and one["message"] in said.err for one in error["complaints"])
    assert "Traceback" not in said.err + told.err
    assert project.account.writes == []
    return said.code, error["id"], said.err
