"""A project under test: files, the command line, and the account behind it over real HTTP.

`Project.run("plan")` runs a command as the console script does and gives its exit code and both streams.  `Account`
is the account as its owner and as the portal see it; what a command sent is in `Account.writes`.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tavusctl.cli import run
from tests.web import HTTP, steer

Body = dict[str, Any]

# The API that accounts have unless a test says which: that of the emulator's default, or what TAVUSCTL_ERA names.
ERA = os.environ.get("TAVUSCTL_ERA", "")


@dataclass(frozen=True)
class Result:
    """What a command said and how it ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Body:
        """Its standard output as JSON."""
        document: Body = json.loads(self.out)
        return document


@dataclass(frozen=True)
class Account:
    """An account of the emulator."""

    url: str
    key: str

    def reset(self) -> None:
        """Forget everything, of all accounts."""
        self.control("POST", "reset")
        self.control("DELETE", "switches")
        self.control("DELETE", "requests")
        if ERA:
            self.switch(era=ERA)

    def control(self, method: str, verb: str, body: Any = None) -> Body:
        """A call of the control side."""
        status, content = steer(method, f"{self.url}/__emulator/{verb}", body)
        assert status == httpx.codes.OK, content
        document: Body = json.loads(content)
        return document

    def call(self, method: str, path: str, body: Any = None) -> httpx.Response:
        """A call of the API itself, as some other client of the account."""
        return HTTP.request(method, self.url + path, json=body, headers={"x-api-key": self.key})

    def portal(self, kind: str, remote_id: str, *patch: Body) -> None:
        """An edit that no API client made."""
        self.control("POST", "portal", {"kind": kind, "id": remote_id, "account": self.key, "patch": list(patch)})

    def portal_delete(self, kind: str, remote_id: str) -> None:
        """A deletion that no API client made."""
        self.control("POST", "portal", {"kind": kind, "id": remote_id, "account": self.key, "delete": True})

    def switch(self, **switches: Any) -> None:
        """Set switches of the emulator."""
        self.control("PUT", "switches", switches)

    def advance(self, seconds: float) -> None:
        """Turn the account's clock forward."""
        self.control("POST", "clock", {"advance": seconds})

    def fault(self, **rule: Any) -> None:
        """Inject a fault."""
        self.control("POST", "faults", rule)

    def seed(self, **objects: list[Body]) -> dict[str, list[str]]:
        """Put objects into the account; their ids, by kind."""
        ids: dict[str, list[str]] = self.control("POST", "seed", {self.key: objects})[self.key]
        return ids

    def objects(self, kind: str) -> dict[str, Body]:
        """Objects of a kind by id, as reads show them; stock ones are not among them."""
        listed = self.control("GET", f"objects?account={self.key}&kind={kind}")["objects"]
        return {entry["id"]: entry["document"] for entry in listed}

    @property
    def requests(self) -> list[Body]:
        """Every request to the account since the last `forget`."""
        return [entry for entry in self.control("GET", "requests")["requests"] if entry["account"] == self.key]

    @property
    def writes(self) -> list[Body]:
        """Those of them that could change something; a patch that only tests cannot."""
        return [one for one in self.requests if one["method"] != "GET" and not _only_tests(one["body"])]

    @property
    def sent(self) -> list[tuple[str, str, Any]]:
        """Writes as method, path and body, patches without their tests."""
        return [(one["method"], one["path"], _without_tests(one["body"])) for one in self.writes]

    def forget(self) -> None:
        """Begin the list of requests anew."""
        self.control("DELETE", "requests")


def _only_tests(body: Any) -> bool:
    return isinstance(body, list) and all(operation.get("op") == "test" for operation in body)


def _without_tests(body: Any) -> Any:
    return [one for one in body if one["op"] != "test"] if isinstance(body, list) else body


@dataclass(frozen=True)
class Project:
    """A folder with manifests, on an account."""

    root: Path
    account: Account
    environment: dict[str, str] = field(default_factory=dict)

    def write(self, name: str, text: str) -> Path:
        """Write a file of the project; the text is dedented."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text).lstrip("\n"), encoding="utf-8")
        return path

    def manifest(self, kind: str, name: str, spec: Body, **envelope: Any) -> Path:
        """Write a manifest; JSON is YAML."""
        document = {"kind": kind, "name": name, "spec": spec, **envelope}
        return self.write(f"manifests/{kind}-{name}.yaml", json.dumps(document, indent=1, ensure_ascii=False))

    def remove(self, kind: str, name: str) -> None:
        """Remove a manifest."""
        (self.root / f"manifests/{kind}-{name}.yaml").unlink()

    def run(self, *args: str, **environment: str | None) -> Result:
        """Run a command in the project's folder; environment variables may be set, or unset with None."""
        known = {
            "TAVUS_BASE_URL": self.account.url,
            "TAVUS_API_KEY": self.account.key,
            "NO_COLOR": "1",
            **self.environment,
            **environment,
        }
        out, err = io.StringIO(), io.StringIO()
        streams = contextlib.redirect_stdout(out), contextlib.redirect_stderr(err)
        with environment_of(known), contextlib.chdir(self.root), streams[0], streams[1]:
            code = run(list(args))
        return Result(code, out.getvalue(), err.getvalue())

    def apply(self, *args: str) -> Result:
        """Apply without asking, and see it succeed."""
        result = self.run("apply", "--yes", *args)
        assert result.code == 0, result.out + result.err
        return result

    def plan(self, *args: str) -> Body:
        """The plan as a document."""
        return self.run("plan", "--format", "json", *args).document

    def bound(self, address: str) -> str:
        """The id that the state has for an address."""
        ids: dict[str, str] = self.run("state", "list", "--format", "json").document
        return ids[address]


@contextlib.contextmanager
def environment_of(variables: Mapping[str, str | None]) -> Iterator[None]:
    """Environment variables for a while; those that are None are not there."""
    before = {name: os.environ.get(name) for name in variables}
    _set(variables)
    try:
        yield
    finally:
        _set(before)


def _set(variables: Mapping[str, str | None]) -> None:
    for name, value in variables.items():
        os.environ.pop(name, None)
        if value is not None:
            os.environ[name] = value
