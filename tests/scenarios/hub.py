"""A fake of GitHub's API over real HTTP: comments, issues, pull requests and git objects of one repository."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.web import serving

Body = dict[str, Any]
TOKEN = "ghs_of_a_workflow"
BOT = "github-actions[bot]"
_LIMIT = 65_536  # the most characters of a comment
_NAMED, _RENAMED = "/repos/acme/agents", "/repositories/42"  # a repository by its name, and by its number


@dataclass(frozen=True)
class Limit:
    """A rate-limit or error response in place of the real one; with a method, only for calls of that method."""

    status: int
    message: str = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
    headers: dict[str, str] = field(default_factory=dict)
    method: str = ""


@dataclass
class Hub:
    """The content of the repository acme/agents; `lose` is the number of responses to writes that get lost."""

    url: str = ""
    comments: dict[int, list[Body]] = field(default_factory=dict)
    issues: list[Body] = field(default_factory=list)
    writes: list[tuple[str, str]] = field(default_factory=list)
    commits: dict[str, Body] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    pulls: list[Body] = field(default_factory=list)
    lose: int = 0
    token: str = TOKEN
    rights: dict[str, dict[str, str]] = field(default_factory=dict)  # permissions that workflows grant, by job token
    denies: bool = False  # the token may read, but not write
    login: str = BOT  # the account of the token
    limits: list[Limit] = field(default_factory=list)  # the limits that the next calls meet, one each
    calls: list[tuple[str, str]] = field(default_factory=list)
    blobs: dict[str, bytes] = field(default_factory=dict)
    trees: list[list[Body]] = field(default_factory=list)
    merged: dict[str, list[int]] = field(default_factory=dict)  # the pull requests of each merge commit
    meanwhile: list[Callable[[], object]] = field(default_factory=list)  # actions of others before the next writes
    afterwards: list[Callable[[], object]] = field(default_factory=list)  # actions of others after them
    tip: Callable[[str], str] = lambda _: ""  # the newest commit of a branch that people push
    history: Callable[[str], list[str]] = lambda _: []  # a commit and those that it contains
    unrelated: set[str] = field(default_factory=set)  # commits that nothing has in common with those of the branch
    renamed: tuple[int, str] | None = None  # the status of redirects, and where they lead
    tokens: list[str] = field(default_factory=list)  # those that came with calls, one each
    _ids: int = 100

    def comment(self, number: int, body: str, author: str = "") -> Body:
        """Add a comment, by the owner of the token unless `author` is given; return it."""
        comment = {"id": self._next(), "body": body, "user": {"login": author or self.login}}
        self.comments.setdefault(number, []).append(comment)
        return comment

    def allows(self, authorization: str, method: str, path: str) -> bool:
        """Whether a token may make a call; the token of a job only with the permissions of its workflow."""
        token = authorization.removeprefix("Bearer ")
        rights = self.rights.get(token)
        if rights is None or path == "/graphql":
            return token == self.token or rights is not None
        inner = path.removeprefix("/repos/acme/agents")
        scopes = {"issues"} if re.fullmatch(r"/issues(/\d+)?", inner) else {"issues", "pull-requests"}
        scopes = {"contents"} if inner.startswith("/git/") else scopes
        return any(rights.get(scope) in (("write",) if method != "GET" else ("read", "write")) for scope in scopes)

    def answer(self, method: str, path: str, query: dict[str, list[str]], body: Body) -> tuple[int, Any]:
        """The response of GitHub: status and body."""
        if path == "/graphql":  # the only query that we send: the login of the token
            return 200, {"data": {"viewer": {"login": self.login}}}
        if method != "GET" and self.meanwhile:
            self.meanwhile.pop(0)()
        response = self._rest(method, path, query, body)
        if method != "GET" and self.afterwards:
            self.afterwards.pop(0)()
        return response

    def _rest(self, method: str, path: str, query: dict[str, list[str]], body: Body) -> tuple[int, Any]:
        if method != "GET":
            self.writes.append((method, path))
            if self.denies:
                return 403, {"message": "Resource not accessible by integration"}
        inner = path.removeprefix("/repos/acme/agents")
        if path == "/user":
            return 403, {"message": "Resource not accessible by integration"}
        if match := re.fullmatch(r"/issues/(\d+)/comments", inner):
            number = int(match[1])
            if method == "GET":
                return 200, _page(self.comments.get(number, []), query)
            return self._limited(body) or (201, self.comment(number, body["body"]))
        if match := re.fullmatch(r"/issues/comments/(\d+)", inner):
            return self._limited(body) or self._on_comment(method, int(match[1]), body)
        if match := re.fullmatch(r"/issues(?:/(\d+))?", inner):
            return self._on_issue(int(match[1]), body) if match[1] else self._on_issues(method, query, body)
        return self._git(method, inner, query, body)

    def _git(self, method: str, inner: str, query: dict[str, list[str]], body: Body) -> tuple[int, Any]:
        """Blobs, trees, commits, branches and pull requests; the sha of an object is the hash of its request body."""
        if inner == "/git/blobs":
            content = base64.b64decode(body["content"])
            self.blobs[_sha(body)] = content
            return 201, {"sha": _sha(body)}
        if inner == "/git/trees":
            self.trees.append(body["tree"])
            return 201, {"sha": _sha(body)}
        if inner == "/git/commits":
            commit = {"sha": _sha(body), "tree": {"sha": body["tree"]}, "message": body["message"]}
            self.commits[commit["sha"]] = commit
            return 201, commit
        if match := re.fullmatch(r"/git/commits/(\w+)", inner):
            return 200, self.commits.get(match[1], {"sha": match[1], "tree": {"sha": f"tree-of-{match[1]}"}})
        if match := re.fullmatch(r"/git/refs?/heads/(.+)", inner):
            tip = self.tip(unquote(match[1])) or self.branches.get(match[1], "")
            if not tip:
                return 404, {"message": "Not Found"}
            self.branches[match[1]] = body.get("sha", tip)
            return 200, {"object": {"sha": tip}}
        if inner == "/git/refs":
            self.branches[body["ref"].removeprefix("refs/heads/")] = body["sha"]
            return 201, {}
        return self._pulls(method, inner, query, body)

    def _pulls(self, method: str, inner: str, query: dict[str, list[str]], body: Body) -> tuple[int, Any]:
        if match := re.fullmatch(r"/commits/(\w+)/pulls", inner):
            numbers = self.merged.get(match[1], [])
            return 200, [{"number": pr, "merged_at": "2026-01-01T00:00:00Z", "head": {"sha": "f"}} for pr in numbers]
        if match := re.fullmatch(r"/compare/(\w+)\.\.\.(\w+)", inner):
            if match[1] in self.unrelated:
                return 404, {"message": "No common ancestor between the two commits."}
            return 200, {"status": "ahead" if match[1] in self.history(match[2]) else "diverged"}
        if inner == "/pulls" and query.get("state") == ["closed"]:
            closed = [pull for pull in self.pulls if pull["state"] == "closed" and pull["base"]["ref"] in query["base"]]
            return 200, _page(closed[::-1], query)
        if inner == "/pulls" and method == "GET":
            branch = query["head"][0].removeprefix("acme:")
            shown = [{**pull, "head": {"sha": self.branches[branch]}} for pull in self.pulls if pull["state"] == "open"]
            return 200, shown
        if inner == "/pulls":
            self.pulls.append({"number": self._next(), "state": "open", **body})
            return 201, self.pulls[-1]
        if match := re.fullmatch(r"/pulls/(\d+)", inner):
            pull = next(one for one in self.pulls if one["number"] == int(match[1]))
            pull.update(body)
            return 200, pull
        return 404, {"message": "Not Found"}

    def _limited(self, body: Body) -> tuple[int, Any] | None:
        too_long = len(body.get("body", "")) > _LIMIT
        return (422, {"message": "Body is too long (maximum is 65536 characters)"}) if too_long else None

    def _on_comment(self, method: str, identifier: int, body: Body) -> tuple[int, Any]:
        for listed in self.comments.values():
            for comment in listed:
                if comment["id"] == identifier and method == "PATCH":
                    comment.update(body)
                    return 200, comment
                if comment["id"] == identifier and method == "DELETE":
                    listed.remove(comment)
                    return 204, None
        return 404, {"message": "Not Found"}

    def _on_issues(self, method: str, query: dict[str, list[str]], body: Body) -> tuple[int, Any]:
        if method == "GET":
            return 200, _page([entry for entry in self.issues if entry["state"] == "open"], query)
        issue = {"number": self._next(), "state": "open", "user": {"login": self.login}, **body}
        self.issues.append(issue)
        return 201, issue

    def _on_issue(self, number: int, body: Body) -> tuple[int, Any]:
        issue = next((candidate for candidate in self.issues if candidate["number"] == number), None)
        if issue is None:
            return 404, {"message": "Not Found"}
        issue.update(body)
        return 200, issue

    @property
    def proposed(self) -> dict[str, tuple[str, bytes]]:
        """The files of the newest tree: mode and content, by path."""
        files = self.trees[-1] if self.trees else []
        return {
            file["path"]: (file["mode"], file["content"].encode() if "content" in file else self.blobs[file["sha"]])
            for file in files
        }

    def limit(self, method: str) -> Limit | None:
        """Take the limit that a call of a method meets, if any."""
        match = next((limit for limit in self.limits if limit.method in ("", method)), None)
        if match:
            self.limits.remove(match)
        return match

    def lost(self) -> bool:
        """Whether the response to this write gets lost; counts `lose` down."""
        self.lose -= 1
        return self.lose >= 0

    def _next(self) -> int:
        self._ids += 1
        return self._ids


def _sha(body: Body) -> str:
    return hashlib.sha1(json.dumps(body, sort_keys=True).encode(), usedforsecurity=False).hexdigest()


def _page(items: list[Body], query: dict[str, list[str]]) -> list[Body]:
    size, number = int(query.get("per_page", ["30"])[0]), int(query.get("page", ["1"])[0])
    return items[(number - 1) * size : number * size]


@contextlib.contextmanager
def hub() -> Iterator[Hub]:
    """A running fake of GitHub on this machine."""
    repository = Hub()

    class Door(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            parts = urlsplit(self.path)
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length) or b"{}")
            response: tuple[int, Any] = (401, {"message": "Bad credentials"})
            repository.tokens.append(self.headers["Authorization"] or "")
            limit, path = repository.limit(self.command), parts.path.replace(_RENAMED, _NAMED, 1)
            if repository.renamed and path == parts.path and path.startswith(_NAMED):
                status, place = repository.renamed
                target = f"{place}{self.path.replace(_NAMED, _RENAMED, 1)}"
                response, limit = (status, {"message": "Moved", "url": target}), Limit(0, headers={"Location": target})
            elif limit:
                response = limit.status, {"message": limit.message}
            elif repository.allows(self.headers["Authorization"] or "", self.command, path):
                response = repository.answer(self.command, path, parse_qs(parts.query), body)
            repository.calls.append((self.command, parts.path))
            status, answer = response
            if self.command != "GET" and repository.lost():
                self.close_connection = True
                return
            content = b"" if answer is None else json.dumps(answer).encode()
            self.send_response(status)
            for name, value in (limit.headers if limit else {}).items():
                self.send_header(name, value)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = do_DELETE = _serve  # noqa: N815 - names that http.server requires

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    with serving(Door) as port:
        repository.url = f"http://127.0.0.1:{port}"
        yield repository
