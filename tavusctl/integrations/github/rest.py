"""A client for a part of GitHub's REST API: it keeps one comment, issue or pull request up to date, never two.

Our texts are recognised by a marker in their first line and by their author, because anybody can write the marker.
https://docs.github.com/en/rest, version 2022-11-28.
"""

from __future__ import annotations

import base64
import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from urllib.parse import quote

from msgspec import Struct

from tavusctl.api.retry import read_attempts
from tavusctl.core.errors import Ambiguous, ApiError, Gone, Rejected, Throttled
from tavusctl.integrations.github.forge_objects import Comparison, Pull, Reference, Text, Tree
from tavusctl.integrations.github.rest_calls import Calls
from tavusctl.lib.json_types import Json, JsonObject

_WORKFLOW = "github-actions[bot]"  # the author if the token is of a workflow, which may not read its own user
_LISTING_SECONDS = 300.0
_PAGE_SIZE = 100
_LATEST = 20  # pull requests that are looked at for an older plan
_LOOKS = 5  # the maximum number of times that the comments are read in one update


class File(Struct, frozen=True):
    """A file for a git tree: its mode, such as 100644, and its content."""

    mode: str
    content: bytes


class Proposal(Struct, frozen=True):
    """Files to change on top of a commit, on a branch that nobody else writes to."""

    branch: str
    base: str  # the target branch of the pull request
    commit: str
    title: str
    body: str
    files: Mapping[str, File]  # by path from the root of the repository


class GitHub(Calls):
    """A client that keeps our comments, issues and pull requests of one repository up to date."""

    def keep_comment(
        self,
        number: int,
        marker: str,
        edited: Callable[[Sequence[str]], str],
        *,
        near: Callable[[str], bool] = lambda _: False,
        settles: bool = False,
    ) -> str:
        """Write our comment on a pull request; returns what was done: created, updated, unchanged or none.

        The first line of a comment is its marker.  A comment with a `near` marker may have the same subject: without
        an exact match, a single such comment is edited; if the text `settles` the subject, near ones are deleted.
        `edited` maps the existing texts, oldest first, to the new one; empty: write nothing.  GitHub has no conditional
        edits: after a write, the comments are read again, in case another run has overwritten or doubled the text.
        """
        path = f"{self._root}/issues/{number}/comments"
        action = ""
        for _ in range(_LOOKS):
            try:
                comments, near_comments = self._matching(path, marker, near)
            except ApiError:
                if action:  # it is written, only the confirmation failed
                    return action
                raise
            body = edited([one.body or "" for one in comments])
            if not comments and body and not action:
                action = self._create(path, marker, {"body": body})
            elif (
                not comments
                or not body
                or ([one.body for one in comments] == [body] and not (near_comments and settles))
            ):
                return action or ("unchanged" if comments else "none")
            elif self._replace([*comments, *(near_comments if settles else [])], body):
                action = action or "updated"
            if self._preview:
                break
        return action or "none"

    def _matching(self, path: str, marker: str, near: Callable[[str], bool]) -> tuple[list[Text], list[Text]]:
        """Our comments to edit, and the others that may be about the same subject."""
        comments = self._mine(path, lambda first: first == marker or near(first))
        exact = [one for one in comments if one.first_line == marker]
        others = [one for one in comments if one.first_line != marker]
        return (others, []) if not exact and len(others) == 1 else (exact, others)

    def _replace(self, comments: Sequence[Text], body: str) -> bool:
        """Give the first of some comments a text, and delete the others; False if the first exists no more."""
        first, *others = comments
        try:
            if first.body != body:
                self._write("PATCH", f"{self._root}/issues/comments/{_required(first.id)}", {"body": body})
        except Gone:  # somebody has deleted it since it was read
            return False
        for comment in others:
            with contextlib.suppress(Gone):  # whoever wrote at the same time has deleted it
                self._write("DELETE", f"{self._root}/issues/comments/{_required(comment.id)}", {})
        return True

    def tip(self, branch: str) -> str:
        """The newest commit of a branch; empty if there is no such branch."""
        try:
            return self._read_as(Reference, f"{self._root}/git/ref/heads/{quote(branch)}", {}).object.sha
        except Gone:
            return ""

    def merged(self, commits: Sequence[str]) -> list[int]:
        """The numbers of the pull requests that merged these commits, each once."""
        paths = [f"{self._root}/commits/{_valid_sha(one)}/pulls" for one in commits]
        pulls = [one for path in paths for one in self._read_as(list[Pull], path, {})]
        return list(dict.fromkeys(one.number for one in pulls if one.merged_at))

    def merged_lately(self, branch: str) -> list[Pull]:
        """Pull requests that were merged into a branch lately, the newest merge first."""
        query = {"state": "closed", "base": branch, "sort": "updated", "direction": "desc", "per_page": str(_LATEST)}
        pulls = self._read_as(list[Pull], f"{self._root}/pulls", query)
        merged = [one for one in pulls if one.merged_at and one.merge_commit_sha]
        return sorted(merged, key=lambda one: one.merged_at or "", reverse=True)

    def contains(self, commit: str, earlier: str) -> bool:
        """Whether a commit is another one or a descendant of it; GitHub answers 404 if they have nothing in common."""
        path = f"{self._root}/compare/{_valid_sha(earlier)}...{_valid_sha(commit)}"
        try:
            return self._read_as(Comparison, path, {"per_page": "1"}).status in ("ahead", "identical")
        except Gone:
            return False

    def issues(self, accepts: Callable[[str], bool]) -> list[Text]:
        """Our open issues whose first line, the marker, passes `accepts`."""
        return self._mine(f"{self._root}/issues", accepts)

    def keep_issue(self, existing: Sequence[Text], marker: str, title: str, body: str) -> str:
        """Update the first of the `existing` issues, or create one; returns created, updated or unchanged."""
        path = f"{self._root}/issues"
        texts: JsonObject = {"title": title, "body": body}
        for issue in existing[:1]:
            if (issue.title, issue.body) == (title, body):
                return "unchanged"
            with contextlib.suppress(Gone):  # somebody has deleted it since it was read
                self._write("PATCH", f"{path}/{_required(issue.number)}", texts)
                return "updated"
        return self._create(path, marker, texts)

    def close_issues(self, issues: Sequence[Text], reason: str) -> str:
        """Close issues with a comment that gives the reason; returns closed or none."""
        for issue in issues:
            self._write("POST", f"{self._root}/issues/{_required(issue.number)}/comments", {"body": reason})
            self._write("PATCH", f"{self._root}/issues/{_required(issue.number)}", {"state": "closed"})
        return "closed" if issues else "none"

    def propose(self, proposal: Proposal) -> str:
        """Create or update our pull request with these files on a commit; returns created, updated or unchanged."""
        tree = self._write("POST", f"{self._root}/git/trees", self._tree(proposal))
        message = {"message": proposal.title, "tree": tree.get("sha", ""), "parents": [proposal.commit]}
        pulls = self._pulls(proposal)
        if pulls and tree.get("sha") and self._tree_of(pulls[0].head.sha) == tree["sha"]:
            return "unchanged"
        commit = self._write("POST", f"{self._root}/git/commits", message)
        self._point(proposal.branch, str(commit.get("sha") or ""))
        texts: JsonObject = {"title": proposal.title, "body": proposal.body}
        if pulls:
            self._write("PATCH", f"{self._root}/pulls/{pulls[0].number}", texts)
            return "updated"
        self._write("POST", f"{self._root}/pulls", {**texts, "head": proposal.branch, "base": proposal.base})
        return "created"

    def withdraw(self, proposal: Proposal) -> str:
        """Close our pull request, if there is one; returns closed or none."""
        pulls = self._pulls(proposal)
        for pull in pulls:
            self._write("PATCH", f"{self._root}/pulls/{pull.number}", {"state": "closed"})
        return "closed" if pulls else "none"

    def _pulls(self, proposal: Proposal) -> Sequence[Pull]:
        owner = self._root.split("/")[2]
        query = {"state": "open", "head": f"{owner}:{proposal.branch}", "base": proposal.base}
        return self._read_as(list[Pull], f"{self._root}/pulls", query)

    def _tree(self, proposal: Proposal) -> JsonObject:
        entries = [
            {"path": path, "mode": file.mode, "type": "blob", **self._content(file.content)}
            for path, file in proposal.files.items()
        ]
        return {"base_tree": self._tree_of(proposal.commit), "tree": entries}

    def _content(self, content: bytes) -> JsonObject:
        """The content of a tree entry: UTF-8 text directly, other bytes as the id of a new blob."""
        try:
            return {"content": content.decode()}
        except UnicodeDecodeError:
            encoded: JsonObject = {"content": base64.b64encode(content).decode(), "encoding": "base64"}
            return {"sha": self._write("POST", f"{self._root}/git/blobs", encoded).get("sha", "")}

    def _tree_of(self, commit: str) -> str:
        return self._read_as(Tree, f"{self._root}/git/commits/{_valid_sha(commit)}", {}).tree.sha

    def _point(self, branch: str, commit: str) -> None:
        """Set our branch to a commit: create it, or force it."""
        try:
            self._read(f"{self._root}/git/ref/heads/{branch}", {})
        except Gone:
            self._write("POST", f"{self._root}/git/refs", {"ref": f"refs/heads/{branch}", "sha": commit})
        else:
            self._write("PATCH", f"{self._root}/git/refs/heads/{branch}", {"sha": commit, "force": True})

    def _create(self, path: str, marker: str, body: JsonObject) -> str:
        """Create a comment or an issue; after a lost response, retry only if it does not exist."""
        try:
            self._write("POST", path, body)
        except Ambiguous:
            if not self._mine(path, lambda first: first == marker):
                self._write("POST", path, body)
        return "created"

    def _mine(self, path: str, accepts: Callable[[str], bool]) -> list[Text]:
        """Comments or issues at a path whose first line passes `accepts`, by the user of this token, oldest first."""
        matches = [one for one in self._listed(path) if accepts(one.first_line)]
        if not matches:
            return []
        self._login = self._login or self._author()
        return [one for one in matches if one.user and one.user.login == self._login]

    def _author(self) -> str:
        """The login that this token writes as; tokens of apps and workflows may not read /user."""
        try:
            user = self._read("/user", {})
        except Throttled:
            raise
        except Rejected:
            user = self._viewer()
        login = user.get("login") if isinstance(user, dict) else None
        return login if isinstance(login, str) and login else _WORKFLOW

    def _viewer(self) -> Json:
        """The user of this token from GraphQL, https://docs.github.com/en/graphql/reference/queries#user, `viewer`."""
        try:
            result = self._call("POST", self._graphql, {}, {"query": "{ viewer { login } }"}, read_attempts)
        except Throttled:
            raise
        except Rejected:  # an older server, where only tokens of workflows are refused
            return None
        data = result.get("data") if isinstance(result, dict) else None
        return data.get("viewer") if isinstance(data, dict) else None

    def _listed(self, path: str) -> Iterator[Text]:
        deadline = time.monotonic() + _LISTING_SECONDS
        for number in range(1, self._most_pages + 1):
            if time.monotonic() > deadline:
                break
            page = self._read_as(list[Text], path, {"per_page": str(_PAGE_SIZE), "page": str(number)})
            yield from page
            if len(page) < _PAGE_SIZE:
                return
        message = f"the listing of GET {path} exceeds a limit: {number} pages, or {_LISTING_SECONDS / 60:g} minutes"
        reason = "nothing is written, because the comment or issue of tavusctl may be on an unread page"
        raise ApiError(message, f"check the repository: {reason}", id="E1108")


def _required(number: int) -> int:
    """The id or number of a comment or an issue; ApiError if GitHub left it out."""
    if number <= 0:
        message = "GitHub listed a comment or an issue without its number"
        raise ApiError(message, "check GITHUB_API_URL")
    return number


def _valid_sha(sha: str) -> str:
    """A commit id that is safe in a path; ApiError if it is not alphanumeric."""
    if not sha.isalnum():
        message = "GitHub returned an invalid commit id"
        raise ApiError(message, "check GITHUB_API_URL")
    return sha
