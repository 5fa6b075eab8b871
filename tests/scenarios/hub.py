"""A stand-in for GitHub's REST API: the comments and issues of one repository, over real HTTP."""

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
from urllib.parse import parse_qs, urlsplit

from tests.web import serving

Body = dict[str, Any]
TOKEN = "ghs_of_a_workflow"
BOT = "github-actions[bot]"
_LIMIT = 65_536  # characters of a comment


@dataclass(frozen=True)
class Limit:
    """A refusal that is no answer to the call; with a method, only calls of that method meet it."""

    status: int
    message: str = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
    headers: dict[str, str] = field(default_factory=dict)
    method: str = ""


@dataclass
class Hub:
    """What the repository acme/agents holds; `lose` is how many answers to writes get lost."""

    url: str = ""
    comments: dict[int, list[Body]] = field(default_factory=dict)
    issues: list[Body] = field(default_factory=list)
    writes: list[tuple[str, str]] = field(default_factory=list)
    commits: dict[str, Body] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    pulls: list[Body] = field(default_factory=list)
    lose: int = 0
    token: str = TOKEN
    rights: dict[str, dict[str, str]] = field(default_factory=dict)  # of the tokens of jobs, as workflows grant them
    denies: bool = False  # the token may read and not write
    login: str = BOT  # who the token writes as
    limits: list[Limit] = field(default_factory=list)  # what the next calls meet, one each
    calls: list[tuple[str, str]] = field(default_factory=list)
    blobs: dict[str, bytes] = field(default_factory=dict)
    trees: list[list[Body]] = field(default_factory=list)
    merged: dict[str, list[int]] = field(default_factory=dict)  # pull requests by which commits came in
    meanwhile: list[Callable[[], object]] = field(default_factory=list)  # what others do before the next writes
    afterwards: list[Callable[[], object]] = field(default_factory=list)  # and after them
    _ids: int = 100

    def comment(self, number: int, body: str, author: str = "") -> Body:
        """Somebody writes a comment; the token's owner unless told."""
        made = {"id": self._next(), "body": body, "user": {"login": author or self.login}}
        self.comments.setdefault(number, []).append(made)
        return made

    def allows(self, authorization: str, method: str, path: str) -> bool:
        """Whether a token may make a call; that of a job only where its workflow says so."""
        token = authorization.removeprefix("Bearer ")
        rights = self.rights.get(token)
        if rights is None or path == "/graphql":
            return token == self.token or rights is not None
        inner = path.removeprefix("/repos/acme/agents")
        asked = {"issues"} if re.fullmatch(r"/issues(/\d+)?", inner) else {"issues", "pull-requests"}
        asked = {"contents"} if inner.startswith("/git/") else asked
        return any(rights.get(one) in (("write",) if method != "GET" else ("read", "write")) for one in asked)

    def answer(self, method: str, path: str, query: dict[str, list[str]], body: Body) -> tuple[int, Any]:
        """What GitHub would answer."""
        if path == "/graphql":  # the one query that is asked: who this token writes as
            return 200, {"data": {"viewer": {"login": self.login}}}
        if method != "GET" and self.meanwhile:
            self.meanwhile.pop(0)()
        found = self._rest(method, path, query, body)
        if method != "GET" and self.afterwards:
            self.afterwards.pop(0)()
        return found

    def _rest(self, method: str, path: str, query: dict[str, list[str]], body: Body) -> tuple[int, Any]:
        if method != "GET":
            self.writes.append((method, path))
            if self.denies:
                return 403, {"message": "Resource not accessible by integration"}
        inner = path.removeprefix("/repos/acme/agents")
        if path == "/user":
            return 403, {"message": "Resource not accessible by integration"}
        if found := re.fullmatch(r"/issues/(\d+)/comments", inner):
            number = int(found[1])
            if method == "GET":
                return 200, _page(self.comments.get(number, []), query)
            return self._limited(body) or (201, self.comment(number, body["body"]))
        if found := re.fullmatch(r"/issues/comments/(\d+)", inner):
            return self._limited(body) or self._on_comment(method, int(found[1]), body)
        if inner == "/issues":
            return self._on_issues(method, query, body)
        if found := re.fullmatch(r"/issues/(\d+)", inner):
            issue = next(one for one in self.issues if one["number"] == int(found[1]))
            issue.update(body)
            return 200, issue
        return self._git(method, inner, query, body)

    def _git(self, method: str, inner: str, query: dict[str, list[str]], body: Body) -> tuple[int, Any]:
        """Trees, commits, branches and pull requests; the sha of a tree is that of what is in it."""
        if inner == "/git/blobs":
            content = base64.b64decode(body["content"])
            self.blobs[_sha(body)] = content
            return 201, {"sha": _sha(body)}
        if inner == "/git/trees":
            self.trees.append(body["tree"])
            return 201, {"sha": _sha(body)}
        if inner == "/git/commits":
            made = {"sha": _sha(body), "tree": {"sha": body["tree"]}, "message": body["message"]}
            self.commits[made["sha"]] = made
            return 201, made
        if found := re.fullmatch(r"/git/commits/(\w+)", inner):
            return 200, self.commits.get(found[1], {"sha": found[1], "tree": {"sha": f"tree-of-{found[1]}"}})
        if found := re.fullmatch(r"/git/refs?/heads/(.+)", inner):
            if found[1] not in self.branches:
                return 404, {"message": "Not Found"}
            self.branches[found[1]] = body.get("sha", self.branches[found[1]])
            return 200, {}
        if inner == "/git/refs":
            self.branches[body["ref"].removeprefix("refs/heads/")] = body["sha"]
            return 201, {}
        return self._pulls(method, inner, query, body)

    def _pulls(self, method: str, inner: str, query: dict[str, list[str]], body: Body) -> tuple[int, Any]:
        if found := re.fullmatch(r"/commits/(\w+)/pulls", inner):
            numbers = self.merged.get(found[1], [])
            return 200, [{"number": one, "merged_at": "2026-01-01T00:00:00Z", "head": {"sha": "f"}} for one in numbers]
        if inner == "/pulls" and method == "GET":
            branch = query["head"][0].removeprefix("acme:")
            shown = [{**one, "head": {"sha": self.branches[branch]}} for one in self.pulls if one["state"] == "open"]
            return 200, shown
        if inner == "/pulls":
            self.pulls.append({"number": self._next(), "state": "open", **body})
            return 201, self.pulls[-1]
        if found := re.fullmatch(r"/pulls/(\d+)", inner):
            pull = next(one for one in self.pulls if one["number"] == int(found[1]))
            pull.update(body)
            return 200, pull
        return 404, {"message": "Not Found"}

    def _limited(self, body: Body) -> tuple[int, Any] | None:
        too_long = len(body.get("body", "")) > _LIMIT
        return (422, {"message": "Body is too long (maximum is 65536 characters)"}) if too_long else None

    def _on_comment(self, method: str, identifier: int, body: Body) -> tuple[int, Any]:
        for listed in self.comments.values():
            for one in listed:
                if one["id"] == identifier and method == "PATCH":
                    one.update(body)
                    return 200, one
                if one["id"] == identifier and method == "DELETE":
                    listed.remove(one)
                    return 204, None
        return 404, {"message": "Not Found"}

    def _on_issues(self, method: str, query: dict[str, list[str]], body: Body) -> tuple[int, Any]:
        if method == "GET":
            return 200, _page([one for one in self.issues if one["state"] == "open"], query)
        made = {"number": self._next(), "state": "open", "user": {"login": self.login}, **body}
        self.issues.append(made)
        return 201, made

    @property
    def proposed(self) -> dict[str, tuple[str, bytes]]:
        """The files of the newest tree: mode and bytes by path."""
        files = self.trees[-1] if self.trees else []
        return {
            one["path"]: (one["mode"], one["content"].encode() if "content" in one else self.blobs[one["sha"]])
            for one in files
        }

    def limit(self, method: str) -> Limit | None:
        """The limit that a call of a method meets."""
        found = next((one for one in self.limits if one.method in ("", method)), None)
        if found:
            self.limits.remove(found)
        return found

    def lost(self) -> bool:
        """Whether this answer is to get lost."""
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
    """GitHub on this machine."""
    made = Hub()

    class Door(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            parts = urlsplit(self.path)
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length) or b"{}")
            found: tuple[int, Any] = (401, {"message": "Bad credentials"})
            limit = made.limit(self.command)
            if limit:
                found = limit.status, {"message": limit.message}
            elif made.allows(self.headers["Authorization"] or "", self.command, parts.path):
                found = made.answer(self.command, parts.path, parse_qs(parts.query), body)
            made.calls.append((self.command, parts.path))
            status, answer = found
            if self.command != "GET" and made.lost():
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

        do_GET = do_POST = do_PATCH = do_DELETE = _serve  # noqa: N815 - names that http.server asks for

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with serving(Door) as port:
        made.url = f"http://127.0.0.1:{port}"
        yield made
