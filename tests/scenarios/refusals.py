"""Checks that hold for every failing command: a message, an exit code, one JSON document, and no write."""

from __future__ import annotations

from tests.scenarios.project import Project

COACH = {"persona_name": "Coach", "system_prompt": "You coach."}


def refused(project: Project, *args: str, **environment: str | None) -> tuple[int, str, str]:
    """Run a command that fails, as text and as JSON; return its exit code, error id and message.

    Both forms must report the same diagnostics, and send no write.
    """
    text_result = project.run(*args, **environment)
    json_result = project.run(*args, "--format", "json", **environment)
    document = json_result.document
    error = document["error"]
    assert document.keys() == {"format_version", "error"}
    assert (json_result.code, error["exit_code"]) == (text_result.code, text_result.code)
    assert all(entry["message"] and entry["message"] in text_result.err for entry in error["complaints"])
    assert "Traceback" not in text_result.err + json_result.err
    assert project.account.writes == []
    return text_result.code, error["id"], text_result.err
