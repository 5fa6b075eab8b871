"""How git is run: what is left of a command is killed, and nothing else."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tavusctl.integrations.git.process import Git, GitError


@pytest.mark.parametrize("fault", ["", "unknown", "slow"])
def test_only_a_process_whose_id_is_still_taken_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    """The id of a process that was waited for may be that of another one by then."""
    program, taken = tmp_path / "git", list[bool]()
    program.write_text(f"#!/bin/sh\n{ {'': 'echo yes', 'unknown': 'exit 1', 'slow': 'sleep 20'}[fault] }\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    kill = os.killpg

    def noting(group: int, number: int) -> None:
        try:
            os.waitid(os.P_PID, group, os.WEXITED | os.WNOWAIT | os.WNOHANG)
        except ChildProcessError:
            taken.append(False)
        else:
            taken.append(number == signal.SIGKILL)
            kill(group, number)

    monkeypatch.setattr(os, "killpg", noting)
    git = Git(tmp_path, 0.3 if fault == "slow" else 10.0)
    if fault:
        with pytest.raises(GitError):
            git.line("version")
    else:
        assert git.line("version") == "yes"

    assert taken
    assert all(taken)
