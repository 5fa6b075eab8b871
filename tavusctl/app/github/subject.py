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
    shares_comment: bool = False  # with the other environments
    environments: tuple[str, ...] = ()  # that share it, in order; none where the project file tells nothing

    @property
    def comment_marker(self) -> str:
        """What the comment about this environment, or about all of the folder, begins with."""
        return self._marker([f"{self._topic}s"] if self.shares_comment else [self._topic, self.environment])

    def is_near(self, marker: str) -> bool:
        """Whether a comment is about the same as far as one of both does not know the environment."""
        found = None if self.shares_comment else _MARKER.fullmatch(marker)
        if not found:
            return False
        topic, environment, folder = (unquote(one or "") for one in found.groups())
        same = (topic, folder) == (self._topic, self.folder) and environment != self.environment
        return same and "" in (environment, self.environment)

    @property
    def _topic(self) -> str:
        return _ALIKE.get(self.command, self.command)

    @property
    def issue_marker(self) -> str:
        """What the issue about this environment begins with."""
        return self._marker([self.command, self.environment])

    def _marker(self, words: list[str]) -> str:
        """Nothing in it can end the comment it is in."""
        return f"<!-- tavusctl:{':'.join(map(_quoted, [*words, *([self.folder] if self.folder else [])]))} -->"


def subject_of(name: str, given: Mapping[str, Json], *, shares_comment: bool = False) -> Subject:
    """What a command line with these options is about; it is not carried out, and need not be right."""
    chdir = str(given.get("chdir") or "")
    environment = str(given.get("environment") or os.environ.get("TAVUSCTL_ENV") or "")
    here = Path.cwd()
    project, _ = known_project(here / chdir)
    options = [*(["--chdir", chdir] if chdir else []), *(["--env", environment] if environment else [])]
    known = {} if "environments" in project.doubtful else project.environments
    if not environment and len(known) == 1:
        environment = next(iter(known))
    folder = redacted(_inside(Path(project.root), here))
    order = tuple(redacted(one.name) for one in known.values() if shares_comment and not one.demo)
    return Subject(name, redacted(environment), folder, Path(project.root), tuple(options), shares_comment, order)


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
