"""What a step of a workflow is about: an environment of the project in a folder, known before anything is run.

What is kept on GitHub is named after it, whatever comes out of the run and however the two were chosen.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import click
from msgspec import Struct

from tavusctl import cli
from tavusctl.cli.local import known_project
from tavusctl.redaction import redacted

_MARKER = re.compile(r"<!-- tavusctl:([a-z]+):([^: ]*)(?::([^: ]*))? -->")


class Subject(Struct, frozen=True):
    """A command, an environment and a folder."""

    command: str
    environment: str  # empty where nothing tells which of several, or the project file cannot be read
    folder: str  # of the project, from the root of the repository; empty at the root itself
    root: Path  # the same as a path
    options: tuple[str, ...] = ()  # of the command line, those that choose folder and environment

    @property
    def marker(self) -> str:
        """What our text begins with; nothing in it can end the comment it is in."""
        words = [self.command, self.environment, *([self.folder] if self.folder else [])]
        return f"<!-- tavusctl:{':'.join(map(_quoted, words))} -->"

    def is_near(self, marker: str) -> bool:
        """Whether a marker is of this subject as well, as far as one of both does not know the environment."""
        found = _MARKER.fullmatch(marker)
        if not found:
            return False
        command, environment, folder = (unquote(one or "") for one in found.groups())
        same = (command, folder) == (self.command, self.folder) and environment != self.environment
        return same and "" in (environment, self.environment)


def subject_of(name: str, args: Sequence[str]) -> Subject:
    """What a command line is about; it is not carried out, and need not be right."""
    given = _given(name, args)
    chdir = str(given.get("chdir") or "")
    environment = str(given.get("environment") or os.environ.get("TAVUSCTL_ENV") or "")
    here = Path.cwd()
    project, _ = known_project(here / chdir)
    options = [*(["--chdir", chdir] if chdir else []), *(["--env", environment] if environment else [])]
    if not environment and len(project.environments) == 1 and "environments" not in project.doubtful:
        environment = next(iter(project.environments))
    folder = redacted(_inside(Path(project.root), here))
    return Subject(name, redacted(environment), folder, Path(project.root), tuple(options))


def _given(name: str, args: Sequence[str]) -> dict[str, Any]:
    """The values of options as they are written, of those that can be told apart."""
    context = click.Context(cli.cli, resilient_parsing=True)
    command = cli.cli.get_command(context, name)
    if command is None:
        return {}
    inner = click.Context(
        command, context, resilient_parsing=True, ignore_unknown_options=True, allow_interspersed_args=True
    )
    found, _, _ = command.make_parser(inner).parse_args(list(args))
    return found


def _inside(root: Path, here: Path) -> str:
    """A folder from the root of the repository."""
    workspace = os.environ.get("GITHUB_WORKSPACE", "")
    around = (folder for folder in (root, *root.parents) if os.path.lexists(folder / ".git"))
    top = Path(workspace) if workspace else next(around, here)
    real, real_top = Path(os.path.realpath(root)), Path(os.path.realpath(top))
    inside = real.relative_to(real_top).as_posix() if real.is_relative_to(real_top) else "."
    return "" if inside == "." else inside


def _quoted(word: str) -> str:
    return quote(word, safe="/").replace("--", "-%2D")
