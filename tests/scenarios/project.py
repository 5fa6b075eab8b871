"""A project under test: its files, the command line, and its account over real HTTP.

`Project.run("plan")` runs a command as the console script does, and returns its exit code and both streams.  `Account`
gives access to the account as its owner and as the portal; the calls of a command are in `Account.writes`.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import httpx

from tavusctl.cli import run
from tests.web import HTTP, steer

Body = dict[str, Any]

# A command in a process of its own begins with these words.
TAVUSCTL = [sys.executable, "-c", "from tavusctl.cli import main; main()"]

# The line of a plan with the environment and the account, in a project without `environments:`.
PLACE = "Environment default, account of TAVUS_API_KEY\n"

# The version of the API that accounts have unless a test chooses one: TAVUSCTL_ERA, or the default of the emulator.
ERA = os.environ.get("TAVUSCTL_ERA", "")


@dataclass(frozen=True)
class Result:
    """The exit code and the output of a command."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Body:
        """The standard output, parsed as JSON."""
        document: Body = json.loads(self.out)
        return document


@dataclass(frozen=True)
class Account:
    """An account of the emulator."""

    url: str
    key: str

    @property
    def variables(self) -> dict[str, str]:
        """The environment variables that lead to the account."""
        return {"TAVUS_BASE_URL": self.url, "TAVUS_API_KEY": self.key}

    def reset(self) -> None:
        """Reset the emulator: the objects of all accounts, the switches and the list of requests."""
        self.control("POST", "reset")
        self.control("DELETE", "switches")
        self.control("DELETE", "requests")
        if ERA:
            self.switch(era=ERA)

    def control(self, method: str, verb: str, body: Any = None) -> Body:
        """A call of the control API of the emulator."""
        status, content = steer(method, f"{self.url}/__emulator/{verb}", body)
        assert status == httpx.codes.OK, content
        document: Body = json.loads(content)
        return document

    def call(self, method: str, path: str, body: Any = None) -> httpx.Response:
        """A call of the Tavus API, as another client of the account."""
        return HTTP.request(method, self.url + path, json=body, headers={"x-api-key": self.key})

    def portal(self, kind: str, remote_id: str, *patch: Body, before: str = "", skip: int = 0) -> None:
        """Edit an object as a person in the portal: now, or right before a request like `GET /v2/*` after `skip`."""
        edit = {"kind": kind, "id": remote_id, "account": self.key, "patch": list(patch)}
        self.control("POST", "portal", edit | ({"when": {"before": before, "skip": skip}} if before else {}))

    def portal_delete(self, kind: str, remote_id: str) -> None:
        """Delete an object as a person in the portal."""
        self.control("POST", "portal", {"kind": kind, "id": remote_id, "account": self.key, "delete": True})

    def switch(self, **switches: Any) -> None:
        """Set switches of the emulator."""
        self.control("PUT", "switches", switches)

    def advance(self, seconds: float) -> None:
        """Advance the clock of the account."""
        self.control("POST", "clock", {"advance": seconds})

    def fault(self, **rule: Any) -> None:
        """Inject a fault."""
        self.control("POST", "faults", rule)

    def seed(self, **objects: list[Body]) -> dict[str, list[str]]:
        """Add objects to the account; return their ids by kind."""
        ids: dict[str, list[str]] = self.control("POST", "seed", {self.key: objects})[self.key]
        return ids

    def objects(self, kind: str) -> dict[str, Body]:
        """The objects of a kind by id, as reads return them, without stock objects."""
        listed = self.control("GET", f"objects?account={self.key}&kind={kind}")["objects"]
        return {entry["id"]: entry["document"] for entry in listed}

    @property
    def requests(self) -> list[Body]:
        """Every request to the account since the last `forget`."""
        return [entry for entry in self.control("GET", "requests")["requests"] if entry["account"] == self.key]

    @property
    def writes(self) -> list[Body]:
        """The requests that could change an object; a patch of guards (`test` operations) alone cannot."""
        return [entry for entry in self.requests if entry["method"] != "GET" and not _only_tests(entry["body"])]

    @property
    def sent(self) -> list[tuple[str, str, Any]]:
        """The writes as method, path and body; patches are without guards."""
        return [(entry["method"], entry["path"], _without_tests(entry["body"])) for entry in self.writes]

    def forget(self) -> None:
        """Clear the list of requests."""
        self.control("DELETE", "requests")


def _only_tests(body: Any) -> bool:
    return isinstance(body, list) and all(operation.get("op") == "test" for operation in body)


def _without_tests(body: Any) -> Any:
    return [operation for operation in body if operation["op"] != "test"] if isinstance(body, list) else body


@dataclass(frozen=True)
class Project:
    """A project folder with its account."""

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
        """Write a manifest, as JSON (which is valid YAML)."""
        document = {"kind": kind, "name": name, "spec": spec, **envelope}
        return self.write(f"manifests/{kind}-{name}.yaml", json.dumps(document, indent=1, ensure_ascii=False))

    def remove(self, kind: str, name: str) -> None:
        """Remove a manifest."""
        (self.root / f"manifests/{kind}-{name}.yaml").unlink()

    def run(self, *args: str, **environment: str | None) -> Result:
        """Run a command in the project's folder; environment variables may be set, or unset with None."""
        variables = {
            **self.account.variables,
            "NO_COLOR": "1",
            **self.environment,
            **environment,
        }
        out, err = io.StringIO(), io.StringIO()
        streams = contextlib.redirect_stdout(out), contextlib.redirect_stderr(err)
        with environment_of(variables), contextlib.chdir(self.root), streams[0], streams[1]:
            code = run(list(args))
        return Result(code, out.getvalue(), err.getvalue())

    def expect(self, code: int, /, *args: str, **environment: str | None) -> Result:
        """Run a command that must end with this exit code."""
        result = self.run(*args, **environment)
        assert result.code == code, result.out + result.err
        return result

    def run_restricted(self, *args: str) -> Result:
        """Run a command in a process that the permissions of files hold back, also if the tests run as root."""
        privileges = "--bounding-set=-dac_override,-dac_read_search"
        restricted = ["setpriv", privileges] if os.geteuid() == 0 else []
        known = {**self.account.variables, "NO_COLOR": "1"}
        program = [*restricted, sys.executable, "-m", "tavusctl", *args]
        environment = {**os.environ, **known}
        ended = subprocess.run(program, cwd=self.root, env=environment, capture_output=True, text=True, check=False)
        return Result(ended.returncode, ended.stdout, ended.stderr)

    def apply(self, *args: str) -> Result:
        """Run `apply --yes`; it must succeed."""
        return self.expect(0, "apply", "--yes", *args)

    def apply_and_forget(self, *args: str) -> Self:
        """Apply, and clear the list of requests; return the project."""
        self.apply(*args)
        self.account.forget()
        return self

    def plan(self, *args: str) -> Body:
        """The plan as a JSON document."""
        return self.run("plan", "--format", "json", *args).document

    def edit_in_portal(
        self, address: str, path: str, value: Any = None, *, op: str = "replace", before: str = "", skip: int = 0
    ) -> None:
        """Edit a field of a bound object as a person in the portal, as `Account.portal`; `remove` has no value."""
        edit = {"op": op, "path": path} | ({} if op == "remove" else {"value": value})
        self.account.portal(address.partition("/")[0], self.bound(address), edit, before=before, skip=skip)

    def bound(self, address: str) -> str:
        """The id that is bound to an address."""
        ids: dict[str, str] = self.run("state", "list", "--format", "json").document
        return ids[address]


@contextlib.contextmanager
def environment_of(variables: Mapping[str, str | None]) -> Iterator[None]:
    """Set environment variables for the block; None unsets a variable."""
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
