from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tavusctl.app import output
from tavusctl.app.session.local import LocalSession
from tavusctl.app.session.pull_request_trust import Grant
from tavusctl.app.state import entries
from tavusctl.cli.status_line import TerminalProgress
from tavusctl.core.errors import RefusedError
from tavusctl.core.project_settings import Environment, Project

COMMANDS: dict[str, Callable[[LocalSession], object]] = {
    "output": lambda session: output.outputs_of(session, ()),
    "state list": entries.bindings,
    "state show": lambda session: entries.describe(session, "persona/coach"),
    "state rm": lambda session: entries.forget(session, ["persona/coach"], 0),
    "state mv": lambda session: entries.rename(session, "persona/coach", "persona/other", 0),
}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_run_for_a_pull_request_of_an_unknown_branch_opens_no_remote_state(tmp_path: Path, command: str) -> None:
    (tmp_path / "manifests").mkdir()
    (tmp_path / "manifests/coach.yaml").write_text("{kind: persona, name: coach, spec: {system_prompt: Hi.}}")
    environment = Environment(state="s3://bucket/state.json")
    session = LocalSession(Project.default(tmp_path), environment, TerminalProgress(True), grant=Grant())
    with pytest.raises(RefusedError) as refused:
        COMMANDS[command](session)
    assert refused.value.id == "E426"
