""".pre-commit-hooks.yaml: every hook runs a command that there is, on the files that it is about."""

from __future__ import annotations

import re

import click
import yaml

from tavusctl.cli import cli
from tests.house.tree import ROOT

HOOKS = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))


def test_every_hook_runs_a_command_of_ours_on_the_project_as_a_whole() -> None:
    assert [hook["id"] for hook in HOOKS] == ["tavusctl-validate", "tavusctl-fmt"]
    for hook in HOOKS:
        program, command = hook["entry"].split()
        assert (program, hook["language"], hook["pass_filenames"]) == ("tavusctl", "python", False)
        assert command in cli.list_commands(click.Context(cli))
        assert hook["id"] == f"{program}-{command}"


def test_hooks_look_at_manifests_and_at_the_prompts_that_they_include() -> None:
    seen = {
        hook["id"]: [name for name in ("a.yaml", "a.yml", "a.md", "a.py") if re.search(hook["files"], name)]
        for hook in HOOKS
    }
    assert seen == {"tavusctl-validate": ["a.yaml", "a.yml", "a.md"], "tavusctl-fmt": ["a.yaml", "a.yml"]}
