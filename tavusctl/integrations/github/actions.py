"""A step of a GitHub workflow: its input (environment variables, event), and its output (outputs, summary)."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO

from msgspec import Struct

from tavusctl.core.errors import UsageError
from tavusctl.core.messages import shown
from tavusctl.lib.json_types import Json
from tavusctl.lib.patterns import pattern

# An enterprise that manages its users gives them names such as `ann_acme`.
_REPOSITORY = pattern(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}/[A-Za-z0-9._-]{1,100}")
_COMMIT = pattern(r"[0-9a-f]{40}|[0-9a-f]{64}")
API_URL = "https://api.github.com"
_LIMIT = 25 * 1024 * 1024  # bytes of an event, the limit of GitHub
_SUMMARY_LIMIT = 1_000_000  # bytes that one step may add; GitHub drops all of it above 1 MiB
_NO_ROOM = b"\n**The summary of this step has no room for another report: it is in the log of this run.**\n"

# Events that only people with write access to the repository, or the schedule, can start.
_OWN_EVENTS = frozenset({"push", "schedule", "workflow_dispatch", "merge_group"})
_MERGES = frozenset({"push", "workflow_dispatch"})
_MOST_MERGED = 10  # the maximum number of commits of one push whose pull requests are searched
_OUTPUT, _SUMMARY = "GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"
_CONTAINER = "in a container, mount the folder at the same path, or unset the variable"
_BOTS = frozenset({"dependabot[bot]"})


class Workflow(Struct, frozen=True):
    """The workflow run that this process is a step of."""

    event_name: str
    event: Mapping[str, Json]
    repository: str
    api_url: str
    token: str
    run_url: str
    actor: str = ""  # the user who started the run
    base: str = ""  # the base branch of a pull request
    checked_out: str = ""  # commit
    ref: str = ""  # the full name of the branch or tag of this run, such as refs/heads/main
    attempt: str = "1"  # its number counts from 1; higher for a re-run, which has the commit of the first attempt

    @property
    def pull_request(self) -> int:
        """The number of the pull request of this run; 0 if there is none."""
        number = _part(self.event, "pull_request").get("number")
        return number if isinstance(number, int) and number > 0 else 0

    @property
    def commit(self) -> str:
        """The commit of this run: for a pull request, its last commit, not the merge commit that is checked out."""
        commit = str(_part(self.event, "pull_request", "head").get("sha") or self.checked_out)
        return commit if _COMMIT.fullmatch(commit) else ""

    @property
    def branch(self) -> str:
        """The branch that `commit` was the newest commit of when this run began; empty for a tag."""
        return str(_part(self.event, "pull_request", "head").get("ref") or self.ref.partition("refs/heads/")[2])

    @property
    def merged_commits(self) -> tuple[str, ...]:
        """The commits of a run after a merge, the newest first, at most ten; empty for other runs."""
        if self.event_name not in _MERGES:
            return ()
        pushed = self.event.get("commits")
        ids = [str(_part(one).get("id") or "") for one in reversed(pushed)] if isinstance(pushed, list) else []
        commits = dict.fromkeys(one for one in (self.commit, *ids) if _COMMIT.fullmatch(one))
        return tuple(commits)[:_MOST_MERGED]

    @property
    def is_trusted(self) -> bool:
        """Whether this run may access the account; only events of an allow list may.

        A pull request is trusted if its branch is in this very repository.  Nothing that Dependabot has opened or
        started is trusted, because such a run has no secrets; and no comment, review or other workflow, because
        anybody can start those.
        """
        # A scheduled run has as its actor whoever set the schedule, which may be Dependabot.
        if self.event_name != "schedule" and _BOTS & {self.actor, str(_part(self.event, "sender").get("login") or "")}:
            return False
        if self.event_name in _OWN_EVENTS or not (self.event_name or self.event):  # no event: the step is run by hand
            return not self.event.get("pull_request")
        return self.event_name in ("pull_request", "") and self._own_pull_request

    @property
    def is_unreviewed(self) -> bool:
        """Whether the files come, or may come, from a pull request, so that nobody has approved them yet."""
        return (
            not self.is_trusted or self.event_name.startswith("pull_request") or bool(_part(self.event, "pull_request"))
        )

    @property
    def base_references(self) -> tuple[str, ...]:
        """Git names of the base of a pull request; the branch by its full name, as a tag may have its short name."""
        base = _part(self.event, "pull_request", "base")
        name, commit = str(base.get("ref") or self.base), str(base.get("sha") or "")
        references = [f"refs/remotes/origin/{name}"] if name else []
        return (*references, *([commit] if _COMMIT.fullmatch(commit) else []))

    @property
    def _own_pull_request(self) -> bool:
        pull = _part(self.event, "pull_request")
        author = str(_part(pull, "user").get("login") or "")
        return _part(pull, "head", "repo").get("full_name") == self.repository and author not in _BOTS


def _part(value: Json, *keys: str) -> Mapping[str, Json]:
    """The object at a path of keys in an event; empty if there is no object."""
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value if isinstance(value, Mapping) else {}


def current() -> Workflow:
    """The workflow run of this process; UsageError outside GitHub Actions, or if the event cannot be read."""
    variables = os.environ
    repository = variables.get("GITHUB_REPOSITORY", "")
    if not _REPOSITORY.fullmatch(repository):
        message = "not running in a GitHub Actions workflow: GITHUB_REPOSITORY is not the name of a repository"
        raise UsageError(message, "run the command directly, such as `tavusctl plan`", id="E1207")
    _check_places()
    server, run = variables.get("GITHUB_SERVER_URL", ""), variables.get("GITHUB_RUN_ID", "")
    return Workflow(
        variables.get("GITHUB_EVENT_NAME", ""),
        _event(variables.get("GITHUB_EVENT_PATH", "")),
        repository,
        variables.get("GITHUB_API_URL") or API_URL,
        variables.get("GITHUB_TOKEN", ""),
        f"{server}/{repository}/actions/runs/{run}" if server and run else "",
        variables.get("GITHUB_ACTOR", ""),
        variables.get("GITHUB_BASE_REF", ""),
        variables.get("GITHUB_SHA", ""),
        variables.get("GITHUB_REF", ""),
        variables.get("GITHUB_RUN_ATTEMPT") or "1",
    )


def _event(path: str) -> Mapping[str, Json]:
    if not path:
        return {}
    try:
        with Path(path).open("rb") as file:
            event = json.loads(file.read(_LIMIT))
    except (OSError, ValueError, RecursionError):
        message = "GITHUB_EVENT_PATH is not the path of a readable event"
        raise UsageError(message, id="E1207") from None
    return event if isinstance(event, dict) else {}


def set_outputs(outputs: Mapping[str, str]) -> None:
    """Set outputs of this step; UsageError for a line break, which no digest, count, word or path should contain."""
    for name, value in outputs.items():
        if "\n" in value or "\r" in value:
            message = f"the output `{name}` contains a line break"
            raise UsageError(message, id="E1207")
    with _appended(_OUTPUT) as file:
        file.writelines(f"{name}={value}\n".encode() for name, value in outputs.items())


def add_summary(text: str) -> bool:
    """Add a report to the page of the run; False if it was not added, as GitHub drops a summary that is too long."""
    if not os.environ.get(_SUMMARY):
        return False
    with _appended(_SUMMARY) as file:
        content = text.encode()
        fits = file.tell() + len(content) <= _SUMMARY_LIMIT
        file.write(content if fits else _NO_ROOM)
    return fits


def _check_places() -> None:
    """UsageError if what the step writes has no place, before the command of the step has done anything."""
    folder = os.environ.get("RUNNER_TEMP")
    if folder and not Path(folder).is_dir():
        raise UsageError(f"RUNNER_TEMP is not a folder of this machine: {shown(folder)}", _CONTAINER, id="E1207")
    for variable in (_OUTPUT, _SUMMARY):
        with _appended(variable):
            pass


@contextlib.contextmanager
def _appended(variable: str) -> Iterator[IO[bytes]]:
    """The file that a variable names, to write at its end; nowhere without it.  UsageError if it cannot be written."""
    path = os.environ.get(variable) or os.devnull
    try:
        with Path(path).open("ab") as file:
            yield file
    except OSError as error:
        message = f"{variable} is not a file that can be written: {shown(path)}: {error.strerror}"
        raise UsageError(message, _CONTAINER, id="E1207") from None
