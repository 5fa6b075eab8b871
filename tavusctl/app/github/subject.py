"""What a step of a workflow is about: an environment of the project in a folder, known before anything is run.

What is kept on GitHub is named after it, whatever comes out of the run and however the two were chosen.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote, unquote

from msgspec import Struct

from tavusctl.app.session.opening import known_project
from tavusctl.lib.json_types import Json
from tavusctl.secrets.redaction import redacted

_ALIKE = {"apply": "plan", "link": "plan"}  # what became of a plan takes its place
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
        command = _ALIKE.get(self.command, self.command)
        words = [command, self.environment, *([self.folder] if self.folder else [])]
        return f"<!-- tavusctl:{':'.join(map(_quoted, words))} -->"

    def is_near(self, marker: str) -> bool:
        """Whether a marker is of this subject as well, as far as one of both does not know the environment."""
        found = _MARKER.fullmatch(marker)
        if not found:
            return False
        command, environment, folder = (unquote(one or "") for one in found.groups())
        mine = _ALIKE.get(self.command, self.command)
        same = (command, folder) == (mine, self.folder) and environment != self.environment
        return same and "" in (environment, self.environment)


def subject_of(name: str, given: Mapping[str, Json]) -> Subject:
    """What a command line with these options is about; it is not carried out, and need not be right."""
    chdir = str(given.get("chdir") or "")
    environment = str(given.get("environment") or os.environ.get("TAVUSCTL_ENV") or "")
    here = Path.cwd()
    project, _ = known_project(here / chdir)
    options = [*(["--chdir", chdir] if chdir else []), *(["--env", environment] if environment else [])]
    if not environment and len(project.environments) == 1 and "environments" not in project.doubtful:
        environment = next(iter(project.environments))
    folder = redacted(_inside(Path(project.root), here))
    return Subject(name, redacted(environment), folder, Path(project.root), tuple(options))


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
