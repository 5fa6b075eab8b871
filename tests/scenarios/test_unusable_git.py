"""A checkout in which git does not work, as it may be in the container of a job."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.scenarios.test_proposed import SETTINGS, Proposal, proposal

__all__ = ["proposal"]

# What git says, and what helps; a longer history does not.
REASONS = {
    "detected dubious ownership in repository at '/__w/a'": "run that command, as the folder belongs to another user",
    "not a git repository": "check the project out with git",
    "git cannot be run": "install git",
}


@pytest.mark.parametrize("reason", REASONS)
def test_the_reason_is_told_with_what_helps(proposal: Proposal, tmp_path: Path, reason: str) -> None:
    root = proposal.project.root
    proposal.says(SETTINGS.replace("_X}", "_X, state: git}"))
    program = tmp_path / "bin/git"
    program.parent.mkdir()
    in_project = f'case "$*" in *" version") ;; *"-C {root}"*) echo "fatal: {reason}" >&2; exit 128;; esac'
    program.write_text(f'#!/bin/sh\n{in_project}\nexec {shutil.which("git")} "$@"\n')
    is_missing = reason == "git cannot be run"
    program.chmod(0o644 if is_missing else 0o755)

    planned = proposal.plan(PATH=str(program.parent))
    compared = proposal.project.run("plan", "--base", "main", "--env", "x", PATH=str(program.parent))
    applied = proposal.project.run("apply", "--yes", "--env", "x", PATH=str(program.parent))

    assert (planned.code, compared.code, applied.code) == ((4, 9, 9) if is_missing else (4, 12, 12))
    for result in (planned, compared, applied):
        assert f": {reason}" in result.err
        assert f"  help: {REASONS[reason]}" in result.err
