"""What a GitHub workflow tells a step, and what the step tells back: environment, event, outputs, summary."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from tavusctl.core.errors import UsageError
from tavusctl.lib.json_types import Json

_REPOSITORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,38}/[A-Za-z0-9._-]{1,100}")
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_LIMIT = 25 * 1024 * 1024  # of an event, as GitHub has it
_SUMMARY_LIMIT = 1_000_000  # bytes that one step may add; GitHub drops all of it above 1 MiB
_NO_ROOM = b"\n**The summary of this step has no room for another report: it is in the log of this run.**\n"

# What only people with write access to the repository begin, or the clock.
_OWN_EVENTS = frozenset({"push", "schedule", "workflow_dispatch", "merge_group"})
_MERGES = frozenset({"push", "workflow_dispatch"})
_MOST_MERGED = 10  # commits of one push whose pull requests are looked for
_BOTS = frozenset({"dependabot[bot]"})


class Workflow(Struct, frozen=True):
    """The run of a workflow that this process is a step of."""

    event_name: str
    event: Mapping[str, Json]
    repository: str
    api_url: str
    token: str
    run_url: str
    actor: str = ""  # who began the run
    base: str = ""  # the branch that a pull request is for
    checked_out: str = ""  # commit

    @property
    def pull_request(self) -> int:
        """The number of the pull request that this run is about; 0 when there is none."""
        number = _part(self.event, "pull_request").get("number")
        return number if isinstance(number, int) and number > 0 else 0

    @property
    def commit(self) -> str:
        """The commit that this run is about: of a pull request its last one, not the merge that is checked out."""
        found = str(_part(self.event, "pull_request", "head").get("sha") or self.checked_out)
        return found if _COMMIT.fullmatch(found) else ""

    @property
    def merged(self) -> tuple[str, ...]:
        """The commits that this run is about after a merge, the newest first; none for other runs."""
        if self.event_name not in _MERGES:
            return ()
        pushed = self.event.get("commits")
        ids = [str(_part(one).get("id") or "") for one in reversed(pushed)] if isinstance(pushed, list) else []
        known = dict.fromkeys(one for one in (self.commit, *ids) if _COMMIT.fullmatch(one))
        return tuple(known)[:_MOST_MERGED]

    @property
    def trusted(self) -> bool:
        """Whether this run may see the account: by a list of events; whatever is not on it may not.

        Of pull requests, those whose branch is in this very repository.  Nothing that Dependabot has opened or begun:
        such a run has none of the secrets.  Comments, reviews, other workflows: anybody can begin them.
        """
        # The clock has no hand of its own: it goes by the name of whoever set it.
        if self.event_name != "schedule" and _BOTS & {self.actor, str(_part(self.event, "sender").get("login") or "")}:
            return False
        if self.event_name in _OWN_EVENTS or not (self.event_name or self.event):  # a step that is run by hand
            return not self.event.get("pull_request")
        return self.event_name in ("pull_request", "") and self._own_pull_request

    @property
    def proposed(self) -> bool:
        """Whether the files are those of a pull request, or may be: nobody has agreed to what they say."""
        return not self.trusted or self.event_name.startswith("pull_request") or bool(_part(self.event, "pull_request"))

    @property
    def bases(self) -> tuple[str, ...]:
        """Where git may know the branch that a pull request is for, by full names: a tag could be called like it."""
        base = _part(self.event, "pull_request", "base")
        name, commit = str(base.get("ref") or self.base), str(base.get("sha") or "")
        known = [f"refs/remotes/origin/{name}"] if name else []
        return (*known, *([commit] if _COMMIT.fullmatch(commit) else []))

    @property
    def _own_pull_request(self) -> bool:
        pull = _part(self.event, "pull_request")
        author = str(_part(pull, "user").get("login") or "")
        return _part(pull, "head", "repo").get("full_name") == self.repository and author not in _BOTS


def _part(value: Json, *keys: str) -> Mapping[str, Json]:
    """An object inside an event; empty when it is not there, or is none."""
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value if isinstance(value, Mapping) else {}


def current() -> Workflow:
    """The workflow run around this process; UsageError outside of one."""
    known = os.environ
    repository = known.get("GITHUB_REPOSITORY", "")
    if not _REPOSITORY.fullmatch(repository):
        message = "not running in a GitHub Actions workflow: GITHUB_REPOSITORY is not the name of a repository"
        raise UsageError(message, "run the command directly, such as `tavusctl plan`", id="E1207")
    server, run = known.get("GITHUB_SERVER_URL", ""), known.get("GITHUB_RUN_ID", "")
    return Workflow(
        known.get("GITHUB_EVENT_NAME", ""),
        _event(known.get("GITHUB_EVENT_PATH", "")),
        repository,
        known.get("GITHUB_API_URL") or "https://api.github.com",
        known.get("GITHUB_TOKEN", ""),
        f"{server}/{repository}/actions/runs/{run}" if server and run else "",
        known.get("GITHUB_ACTOR", ""),
        known.get("GITHUB_BASE_REF", ""),
        known.get("GITHUB_SHA", ""),
    )


def option(words: Sequence[str], *names: str) -> list[str]:
    """An option among the words of a command line, as it stands there the last time; nothing where it does not."""
    found: list[str] = []
    for place, word in enumerate(words):
        for name in names:
            joined = f"{name}=" if name.startswith("--") else name
            if word == name:
                found = list(words[place : place + 2])
            elif word.startswith(joined):
                found = [name, word.removeprefix(joined)]
    return found


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
    """Tell later steps: only digests, counts, words of ours and paths, none of which can hold a line break."""
    path = os.environ.get("GITHUB_OUTPUT")
    if not path:
        return
    for name, value in outputs.items():
        if "\n" in value or "\r" in value:
            message = f"the output `{name}` contains a line break"
            raise UsageError(message, id="E1207")
    with Path(path).open("a", encoding="utf-8") as file:
        file.writelines(f"{name}={value}\n" for name, value in outputs.items())


def add_summary(text: str) -> bool:
    """Show a report on the page of the run; whether it is there: GitHub shows nothing of a step that says too much."""
    path = os.environ.get("GITHUB_STEP_SUMMARY")
    if not path:
        return False
    with Path(path).open("ab") as file:
        content = text.encode()
        fits = file.tell() + len(content) <= _SUMMARY_LIMIT
        file.write(content if fits else _NO_ROOM)
    return fits
