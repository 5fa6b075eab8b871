"""The subject of a workflow step: a command, an environment and the folder of a project, known before anything runs.

Comments, issues and branches on GitHub are named after it, whatever the result of the run and the options were.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote, unquote

from msgspec import Struct

from tavusctl.app.session.opening import load_project
from tavusctl.integrations.git.checkout import folder_in_checkout
from tavusctl.lib.json_types import Json
from tavusctl.lib.patterns import pattern
from tavusctl.reports.escaping import code
from tavusctl.secrets.escape import flat
from tavusctl.secrets.redaction import redacted, shortened

_ALIKE = {"apply": "plan", "link": "plan"}  # these commands update the comment of the plan
_LONGEST = 100  # characters of a folder in a title, which GitHub limits to 256
_MARKER = pattern(r"<!-- tavusctl:([a-z]+):([^: ]*)(?::([^: ]*))? -->")


class Subject(Struct, frozen=True):
    """A command, an environment and a folder."""

    command: str
    environment: str  # empty if none of several is chosen, or if the project file cannot be read
    folder: str  # of the project, from the root of the repository; empty at the root itself
    root: Path  # the same as a path
    options: tuple[str, ...] = ()  # the options of the command line that choose folder and environment
    shares_comment: bool = False  # one comment for all environments
    environments: tuple[str, ...] = ()  # those that share the comment, in order; empty if the project file is invalid
    known: frozenset[str] = frozenset()  # all environments of the project; empty if the project file is invalid

    @property
    def comment_marker(self) -> str:
        """The first line of the comment about this environment, or about all environments of the folder."""
        return self._marker_of_all if self.shares_comment else self._marker([self._topic, self.environment])

    @property
    def _marker_of_all(self) -> str:
        return self._marker([f"{self._topic}s"])

    def is_near(self, marker: str) -> bool:
        """Whether a comment with this marker may be about the same: it has the same topic and folder.

        One of the two names no environment, or this comment is for all, or that one was, and only one is left.
        """
        if marker == self._marker_of_all:
            return len(self.known) == 1
        match = _MARKER.fullmatch(marker)
        if not match:
            return False
        topic, environment, folder = (unquote(part or "") for part in match.groups())
        if (topic, folder) != (self._topic, self.folder):
            return False
        return self.shares_comment or (environment != self.environment and "" in (environment, self.environment))

    def was_removed(self, marker: str) -> bool:
        """Whether an issue with this marker is about an environment that the project does not have any more."""
        match = _MARKER.fullmatch(marker)
        if not match or not self.known:
            return False
        topic, environment, folder = (unquote(part or "") for part in match.groups())
        return (topic, folder) == (self._topic, self.folder) and environment not in ("", *self.known)

    @property
    def folder_line(self) -> str:
        """The first visible line of a comment or an issue, in Markdown; empty for a project at the root."""
        return f"Folder {code(self.folder)}\n\n" if self.folder else ""

    @property
    def name(self) -> str:
        """The environment and the folder for a title or the message of a commit; what is unknown is left out.

        In the message of a commit, `@` mentions people and `#` issues, and may close these.
        """
        folder = re.sub("[@#]", "_", shortened(flat(self.folder), _LONGEST))
        folder = f"({folder})" if folder else ""
        return " ".join(filter(None, [flat(self.environment), folder]))

    @property
    def _topic(self) -> str:
        return _ALIKE.get(self.command, self.command)

    @property
    def issue_marker(self) -> str:
        """The first line of the issue about this environment."""
        return self._marker([self.command, self.environment])

    def _marker(self, words: list[str]) -> str:
        """An HTML comment with these words and the folder, quoted so that no word can end the comment."""
        return f"<!-- tavusctl:{':'.join(map(_quoted, [*words, *([self.folder] if self.folder else [])]))} -->"


def subject_of(name: str, given: Mapping[str, Json], *, shares_comment: bool = False) -> Subject:
    """The subject of a command with these options; the command is not run, and its options may be invalid."""
    chdir = str(given.get("chdir") or "")
    environment = str(given.get("environment") or os.environ.get("TAVUSCTL_ENV") or "")
    project, _ = load_project(Path.cwd() / chdir)
    options = [*(["--chdir", chdir] if chdir else []), *(["--env", environment] if environment else [])]
    environments = {} if "environments" in project.doubtful else project.environments
    if not environment and len(environments) == 1:
        environment = next(iter(environments))
    folder = redacted(folder_in_checkout(Path(project.root)))
    order = tuple(redacted(one.name) for one in environments.values() if shares_comment and not one.demo)
    return Subject(
        name,
        redacted(environment),
        folder,
        Path(project.root),
        tuple(options),
        shares_comment,
        order,
        frozenset(map(redacted, environments)),
    )


def _quoted(word: str) -> str:
    return quote(word, safe="/").replace("--", "-%2D")
