"""A part of GitHub's REST API: one comment, one issue, one pull request, each kept up to date and never written twice.

What is ours is known by a marker in its text and by its author: anybody can write the marker.
https://docs.github.com/en/rest, version 2022-11-28.
"""

from __future__ import annotations

import base64
import contextlib
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Self, TypeVar

from msgspec import Struct, ValidationError, convert

from tavusctl import __version__
from tavusctl.api.responses import parse_response
from tavusctl.api.retry import RetryPolicy, Tries, read_attempts, write_attempts
from tavusctl.api.transport import Wire
from tavusctl.core.errors import Ambiguous, ApiError, Gone, Rejected, Throttled, UnauthorisedError
from tavusctl.integrations.github.rate_limits import IN_ALL, Allowance, limited
from tavusctl.lib.json_types import Json, JsonObject
from tavusctl.secrets import redaction

Write = tuple[str, str, JsonObject]  # method, path, body
Shape = TypeVar("Shape")

_WORKFLOW = "github-actions[bot]"  # who writes with the token of a workflow, which may not ask who it is
_SECONDS = 30.0
_PAGES = 500
_LISTING_SECONDS = 300.0
_PAGE_SIZE = 100
_LOOKS = 5  # at a comment while it is written


class File(Struct, frozen=True):
    """A file as git keeps it."""

    mode: str
    content: bytes


class Proposal(Struct, frozen=True):
    """Files to change on top of a commit, on a branch that nobody else writes to."""

    branch: str
    base: str  # the branch that they are for
    commit: str
    title: str
    body: str
    files: Mapping[str, File]  # by path from the root of the repository


class _User(Struct):
    login: str


class _Text(Struct):
    """A comment or an issue, as far as it is read."""

    id: int = 0
    number: int = 0  # of an issue
    title: str | None = None
    body: str | None = None
    user: _User | None = None


class _Commit(Struct):
    sha: str


class _Tree(Struct):
    tree: _Commit


class _Pull(Struct):
    number: int
    head: _Commit
    merged_at: str | None = None


class GitHub:
    """One repository; with `preview`, writes are handed to it and not sent."""

    def __init__(
        self,
        api_url: str,
        repository: str,
        token: str,
        *,
        preview: Callable[[Write], None] | None = None,
        tell: Callable[[str], None] = lambda _: None,
        patience: RetryPolicy | None = None,
        pages: int = _PAGES,
    ) -> None:
        redaction.remember(token)
        # GitHub Enterprise Server has REST under /api/v3, and GraphQL beside it.
        base, self._rest, _ = api_url.rstrip("/").partition("/api/v3")
        self._graphql = "/api/graphql" if self._rest else "/graphql"
        self._root = f"/repos/{repository}"
        self._preview = preview
        self._most_pages = pages
        self._wire = Wire(base, connections=1, kept=1, seconds=_SECONDS)
        self._allowance = Allowance(patience or RetryPolicy(max_wait=IN_ALL), tell)
        self._headers = {
            "Authorization": f"Bearer {token}",
            "Accept": "application/vnd.github+json",
            "Accept-Encoding": "gzip",
            "User-Agent": f"tavusctl/{__version__}",
            "X-GitHub-Api-Version": "2022-11-28",
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._wire.close()

    def keep_comment(
        self,
        number: int,
        marker: str,
        edited: Callable[[Sequence[str]], str],
        *,
        near: Callable[[str], bool] = lambda _: False,
        settles: bool = False,
    ) -> str:
        """Edit our comment on a pull request; what was done: created, updated, unchanged or none.

        The first line of a comment is its marker.  One whose marker is `near` may be about the same: the only one is
        taken over where ours is not there yet, and what this text `settles` goes.  `edited` gives the text that is to
        be there for those that are there, oldest first; none where nothing is to be written.  GitHub edits without a
        condition: who has written looks again, and writes once more what somebody else has overwritten, or doubled.
        """
        path = f"{self._root}/issues/{number}/comments"
        done = ""
        for _ in range(_LOOKS):
            try:
                mine, left = self._about(path, marker, near)
            except ApiError:
                if done:  # it is written, and nobody can look
                    return done
                raise
            body = edited([one.body or "" for one in mine])
            if not mine and body and not done:
                done = self._create(path, marker, {"body": body})
            elif not mine or not body or ([one.body for one in mine] == [body] and not (left and settles)):
                return done or ("unchanged" if mine else "none")
            else:
                self._replace([*mine, *(left if settles else [])], body)
                done = done or "updated"
            if self._preview:
                break
        return done

    def _about(self, path: str, marker: str, near: Callable[[str], bool]) -> tuple[list[_Text], list[_Text]]:
        """Our comments that are to be edited, and those that may be about the same."""
        found = self._mine(path, lambda first: first == marker or near(first))
        exact = [one for one in found if _first(one) == marker]
        others = [one for one in found if _first(one) != marker]
        return (others, []) if not exact and len(others) == 1 else (exact, others)

    def _replace(self, comments: Sequence[_Text], body: str) -> None:
        """Bring the first of some comments to a text, and delete the others."""
        first, *others = comments
        if first.body != body:
            self._write("PATCH", f"{self._root}/issues/comments/{_told(first.id)}", {"body": body})
        for extra in others:
            with contextlib.suppress(Gone):  # whoever wrote at the same time has deleted it
                self._write("DELETE", f"{self._root}/issues/comments/{_told(extra.id)}", {})

    def merged(self, commits: Sequence[str]) -> list[int]:
        """The pull requests by which commits came into the repository, each once."""
        paths = [f"{self._root}/commits/{_plain(one)}/pulls" for one in commits]
        found = [one for path in paths for one in self._read_as(list[_Pull], path, {})]
        return list(dict.fromkeys(one.number for one in found if one.merged_at))

    def keep_issue(self, marker: str, title: str, body: str) -> str:
        """Have one open issue with this body; what was done."""
        path = f"{self._root}/issues"
        mine = self._mine(path, lambda first: first == marker)
        if not mine:
            return self._create(path, marker, {"title": title, "body": body})
        if (mine[0].title, mine[0].body) == (title, body):
            return "unchanged"
        self._write("PATCH", f"{path}/{_told(mine[0].number)}", {"title": title, "body": body})
        return "updated"

    def close_issues(self, marker: str, reason: str) -> str:
        """Close what is open of ours, with a comment that says why; what was done."""
        mine = self._mine(f"{self._root}/issues", lambda first: first == marker)
        for one in mine:
            self._write("POST", f"{self._root}/issues/{_told(one.number)}/comments", {"body": reason})
            self._write("PATCH", f"{self._root}/issues/{_told(one.number)}", {"state": "closed"})
        return "closed" if mine else "none"

    def propose(self, proposal: Proposal) -> str:
        """Have one open pull request with these files on top of a commit; what was done."""
        tree = self._write("POST", f"{self._root}/git/trees", self._tree(proposal))
        message = {"message": proposal.title, "tree": tree.get("sha", ""), "parents": [proposal.commit]}
        mine = self._pulls(proposal)
        if mine and tree.get("sha") and self._tree_of(mine[0].head.sha) == tree["sha"]:
            return "unchanged"
        made = self._write("POST", f"{self._root}/git/commits", message)
        self._point(proposal.branch, str(made.get("sha") or ""))
        if mine:
            self._write("PATCH", f"{self._root}/pulls/{mine[0].number}", {"body": proposal.body})
            return "updated"
        wanted: JsonObject = {
            "title": proposal.title,
            "body": proposal.body,
            "head": proposal.branch,
            "base": proposal.base,
        }
        self._write("POST", f"{self._root}/pulls", wanted)
        return "created"

    def withdraw(self, proposal: Proposal) -> str:
        """Close our pull request, when there is one; what was done."""
        mine = self._pulls(proposal)
        for one in mine:
            self._write("PATCH", f"{self._root}/pulls/{one.number}", {"state": "closed"})
        return "closed" if mine else "none"

    def _pulls(self, proposal: Proposal) -> Sequence[_Pull]:
        owner = self._root.split("/")[2]
        query = {"state": "open", "head": f"{owner}:{proposal.branch}", "base": proposal.base}
        return self._read_as(list[_Pull], f"{self._root}/pulls", query)

    def _tree(self, proposal: Proposal) -> JsonObject:
        entries = [
            {"path": path, "mode": file.mode, "type": "blob", **self._content(file.content)}
            for path, file in proposal.files.items()
        ]
        return {"base_tree": self._tree_of(proposal.commit), "tree": entries}

    def _content(self, content: bytes) -> JsonObject:
        """A content for a tree: as text, which stays as it is, or by the id of what is no text."""
        try:
            return {"content": content.decode()}
        except UnicodeDecodeError:
            encoded: JsonObject = {"content": base64.b64encode(content).decode(), "encoding": "base64"}
            return {"sha": self._write("POST", f"{self._root}/git/blobs", encoded).get("sha", "")}

    def _tree_of(self, commit: str) -> str:
        return self._read_as(_Tree, f"{self._root}/git/commits/{_plain(commit)}", {}).tree.sha

    def _point(self, branch: str, commit: str) -> None:
        """Let a branch of ours end at a commit, whatever it ended at before."""
        try:
            self._read(f"{self._root}/git/ref/heads/{branch}", {})
        except Gone:
            self._write("POST", f"{self._root}/git/refs", {"ref": f"refs/heads/{branch}", "sha": commit})
        else:
            self._write("PATCH", f"{self._root}/git/refs/heads/{branch}", {"sha": commit, "force": True})

    def _create(self, path: str, marker: str, body: JsonObject) -> str:
        """Write a new text; a lost answer is settled by looking, as anywhere else."""
        try:
            self._write("POST", path, body)
        except Ambiguous:
            if not self._mine(path, lambda first: first == marker):
                self._write("POST", path, body)
        return "created"

    def _mine(self, path: str, wanted: Callable[[str], bool]) -> list[_Text]:
        """Texts with a first line that is wanted, written by whoever this token belongs to, oldest first."""
        found = [one for one in self._listed(path) if wanted(_first(one))]
        if not found:
            return []
        author = self._author()
        return [one for one in found if one.user and one.user.login == author]

    def _author(self) -> str:
        """Who this token writes as; the tokens of apps and workflows may not ask as people do."""
        try:
            user = self._read("/user", {})
        except Throttled:
            raise
        except Rejected:
            user = self._viewer()
        login = user.get("login") if isinstance(user, dict) else None
        return login if isinstance(login, str) and login else _WORKFLOW

    def _viewer(self) -> Json:
        """The same from GraphQL, https://docs.github.com/en/graphql/reference/queries#user, `viewer`."""
        try:
            found = self._call("POST", self._graphql, {}, {"query": "{ viewer { login } }"}, read_attempts)
        except Throttled:
            raise
        except Rejected:  # an older server, where only workflows may not ask
            return None
        data = found.get("data") if isinstance(found, dict) else None
        return data.get("viewer") if isinstance(data, dict) else None

    def _listed(self, path: str) -> Iterator[_Text]:
        ends = time.monotonic() + _LISTING_SECONDS
        for number in range(1, self._most_pages + 1):
            if time.monotonic() > ends:
                break
            page = self._read_as(list[_Text], path, {"per_page": str(_PAGE_SIZE), "page": str(number)})
            yield from page
            if len(page) < _PAGE_SIZE:
                return
        message = f"the listing of GET {path} exceeds a limit: {number} pages, or {_LISTING_SECONDS / 60:g} minutes"
        raise ApiError(
            message,
            (
                "check the repository: nothing is written, because the "
                "comment or issue of tavusctl may be on an unread page"
            ),
            id="E1108",
        )

    def _read(self, path: str, query: Mapping[str, str]) -> Json:
        return self._call("GET", self._rest + path, query, None, read_attempts)

    def _read_as(self, shape: type[Shape], path: str, query: Mapping[str, str]) -> Shape:
        """An answer of a shape, as GitHub documents it; ApiError when it has another."""
        try:
            return convert(self._read(path, query), shape)
        except ValidationError as error:
            message = f"GET {path} returned a response in a form that GitHub does not use: {error}"
            raise ApiError(message, "check GITHUB_API_URL") from None

    def _write(self, method: str, path: str, body: JsonObject) -> JsonObject:
        if self._preview:
            self._preview((method, path, body))
            return {}
        answer = self._call(method, self._rest + path, {}, body, write_attempts)
        return answer if isinstance(answer, dict) else {}

    def _call(self, method: str, path: str, query: Mapping[str, str], body: JsonObject | None, tries: Tries) -> Json:
        content = None if body is None else json.dumps(body).encode()
        headers = {**self._headers, **({"Content-Type": "application/json"} if content else {})}

        def once() -> Json:
            answer = self._wire.call(method, path, headers=headers, query=dict(query), content=content)
            try:
                return parse_response(answer)
            except Rejected as error:
                raise limited(answer, error) from None

        try:
            return self._allowance.patience.repeat(once, self._allowance.tries(tries))
        except UnauthorisedError:
            message = f"GitHub refused the token for {method} {path}"
            raise UnauthorisedError(message, "check github-token and its permissions", id="E804") from None


def _first(text: _Text) -> str:
    """The first line of an issue or a comment, where our marker stands."""
    return (text.body or "").partition("\n")[0].rstrip()


def _told(number: int) -> int:
    """The number of something, which GitHub has to say."""
    if number <= 0:
        message = "GitHub listed a comment or an issue without its number"
        raise ApiError(message, "check GITHUB_API_URL")
    return number


def _plain(sha: str) -> str:
    """A name of a commit, which is one part of a path."""
    if not sha.isalnum():
        message = "GitHub returned an invalid commit id"
        raise ApiError(message, "check GITHUB_API_URL")
    return sha
