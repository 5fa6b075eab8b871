"""A project whose commands run in child processes that can be killed, and the checks after each kill."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from tests.history.__main__ import shown
from tests.history.recorder import Recorder, manifests_in
from tests.history.rules import Verdict, judge
from tests.scenarios.project import Body, Project, Result
from tests.scenarios.twenty import NAMES, Twenty

QUICK = {"TAVUSCTL_SETTLE": "0.2", "TAVUSCTL_MAX_WAIT": "0"}
KILLED = -9
RECORDED = ("plan", "apply", "drift", "destroy")
HISTORIES = Path("build/histories")


@dataclass(frozen=True)
class RunResult(Result):
    """The result of a command, with the number of points passed and the label of the point where it was broken."""

    passed: int = 0
    label: str = ""
    after: int = 0  # the number of changing requests that were sent after the disk had failed


@dataclass(frozen=True)
class Break:
    """The point at which a command is killed, 0 for none; with an errno in `error`, the disk fails there instead."""

    at: int = 0
    error: int = 0
    lasting: bool = False  # the disk fails at every later point, too


class Launcher:
    """Starts launcher.py, the process that runs commands in child processes."""

    def __init__(self, *options: str) -> None:
        script = Path(__file__).with_name("launcher.py")
        environment = {**os.environ, "PYTHONHASHSEED": "0"}  # so that every run passes the same points
        self._process = subprocess.Popen(
            [sys.executable, script, *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            text=True,
        )

    def run(self, cwd: Path, env: dict[str, str], args: tuple[str, ...], where: Break) -> RunResult:
        """Run a command in a child process that breaks at a point."""
        requests, responses = self._process.stdin, self._process.stdout
        assert requests
        assert responses
        requests.write(json.dumps({"args": args, "env": env, "cwd": str(cwd), **asdict(where)}) + "\n")
        requests.flush()
        return RunResult(**json.loads(responses.readline()))

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


@contextmanager
def launcher(*options: str) -> Iterator[Launcher]:
    """A launcher that is closed at the end of the block."""
    started = Launcher(*options)
    try:
        yield started
    finally:
        started.close()


@dataclass(frozen=True)
class KillableProject(Project):
    """A project whose commands run in child processes of a launcher."""

    launcher: Launcher | None = None
    recorders: list[Recorder] = field(default_factory=list, compare=False)  # the recorder of the history, if any

    def record(self) -> Recorder:
        """Start recording a history of all further commands."""
        manifests = partial(manifests_in, self.root / "manifests")
        self.recorders[:] = [Recorder(self.account, self._checkpoint, self._listed, manifests)]
        return self.recorders[0]

    def _checkpoint(self) -> Body:
        path = self.root / ".tavusctl" / "state.json"
        document: Body = json.loads(path.read_bytes()) if path.exists() else {}
        return document

    def _listed(self) -> dict[str, str]:
        result = self._run_in_child(Break(), "state", "list", "--format", "json")
        assert result.code == 0, result.err
        ids: dict[str, str] = result.document
        return ids

    def run(self, *args: str, **environment: str | None) -> RunResult:
        """Run a command."""
        return self.breaking(Break(), *args, **environment)

    def breaking(self, where: Break, *args: str, **environment: str | None) -> RunResult:
        """Run a command that breaks at a point, and record it if a recorder is set."""
        if not self.recorders or args[0] not in RECORDED:
            return self._run_in_child(where, *args, **environment)
        full_args = args if "--format" in args else (*args, "--format", "json")
        results: list[RunResult] = []

        def run() -> RunResult:
            results.append(self._run_in_child(where, *full_args, **environment))
            return results[0]

        self.recorders[0].command(full_args, run)
        return results[0]

    def _run_in_child(self, where: Break, *args: str, **environment: str | None) -> RunResult:
        assert self.launcher
        variables = {
            **self.account.variables,
            "NO_COLOR": "1",
            "PATH": os.environ["PATH"],
            **self.environment,
            **environment,
        }
        return self.launcher.run(self.root, {k: v for k, v in variables.items() if v is not None}, args, where)


@dataclass
class Scenario(Twenty):
    """An account and a project with pending changes, and the run that applies them."""

    project: KillableProject
    due: Callable[[Scenario], None] = lambda _: None
    costly: tuple[str, ...] = ()  # replicas that may be deleted
    width: int = 1  # the number of parallel calls
    processing: float = 0.0  # seconds that the server needs to process a document; a run waits for that
    slow: bool = False  # a run does not wait for processing: an hour passes after it
    era: str = "seed"  # the version of the API that the emulator imitates
    creates: int = 0  # the number of objects that an unbroken run creates
    writes: Counter[str] = field(default_factory=Counter)  # the calls of an unbroken run, by method
    ours: set[str] = field(default_factory=set)  # ids of the project's objects, which may be deleted
    start: Start | None = None
    recorder: Recorder | None = None
    agreed: Body = field(default_factory=dict)  # the plan at the start, which lists the ids that may be deleted

    def ready(self) -> None:
        """Put the account and the folder into their state before the run, and start a recorder.

        The first call builds that state; later calls restore it.
        """
        if self.start is None:
            self._make()
            self.start = Start.of(self)
        account, start = self.project.account, self.start
        account.reset()
        self._set_pace()
        account.seed(**{kind: list(objects.values()) for kind, objects in start.objects.items()})
        for name, files in start.files.items():
            shutil.rmtree(self.project.root / name, ignore_errors=True)
            for path, content in files.items():
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
                path.chmod(0o600)
        account.forget()
        self.recorder = self.project.record()
        self.recorder.planned = self.agreed
        self.recorder.begin()

    def _make(self) -> None:
        self.project.recorders.clear()
        for folder in ("manifests", ".tavusctl"):
            shutil.rmtree(self.project.root / folder, ignore_errors=True)
        self.begin()
        self._set_pace()
        self.strangers = {kind: self.project.account.objects(kind) for kind in self.strangers}  # as this era shows them
        self.due(self)
        bound = self.project.run("state", "list", "--format", "json")
        assert bound.code == 0, bound.err
        self.ours = set(bound.document.values())
        self.agreed = self.project.run("plan", "--format", "json").document

    def add_strangers(self, **objects: list[Body]) -> None:
        """Add more objects to the account that do not belong to the project."""
        account = self.project.account
        for kind, ids in account.seed(**objects).items():
            all_objects = account.objects(kind)
            self.strangers.setdefault(kind, {}).update({key: all_objects[key] for key in ids})

    def apply(self, where: Break = Break()) -> RunResult:
        """One apply, which may be broken at a point; any exit code is accepted."""
        flags = ("--parallel", str(self.width), *(self._delete_approvals() if self.deleting else ()))
        flags = (*flags, "--wait", "20s") if self.processing else flags
        result = self.project.breaking(where, "apply", "--yes", *flags)
        if self.slow:
            self.project.account.advance(3600)
        return result

    def converged(self) -> bool:
        """Whether no change is left; always true unless `slow`, when steps wait for the server until the next run."""
        return not self.slow or not self.project.plan()["changes"]

    def _set_pace(self) -> None:
        self.project.account.switch(check_references=True, era=self.era)
        if not self.slow:
            self.project.account.switch(processing_seconds=self.processing, training_seconds=0, voice_seconds=0)

    def _delete_approvals(self) -> tuple[str, ...]:
        """The options that approve the deletes of the current plan."""
        plan = self.project.plan()
        costly = [step["address"] for step in plan.get("refused", []) if step["address"] in self.costly]
        count = len(costly) + sum(step["action"] == "delete" for step in plan.get("changes", []))
        replica_options = [word for address in costly for word in ("--allow-replica-delete", address)]
        return (*replica_options, "--allow-deletes", str(count))

    def measure(self, error: int = 0) -> int:
        """The number of points that an unbroken run passes; with an errno, the points at which the disk can fail."""
        self.ready()
        assert self.start
        assert Start.of(self) == self.start
        result = self.apply(Break(error=error))
        assert result.code == 0, result.out + result.err
        self.writes = Counter(call["method"] for call in self.project.account.writes)
        self.check()
        self.creates = self._count("create")
        self.survive()
        return result.passed

    def survive(self) -> None:
        """Check after a kill: the state loads, the lock is free, and at most three runs finish the work correctly."""
        assert self.project.run("state", "list").code == 0
        self._check_lock()
        self.check()
        self._check_lock()
        self._check_mutations()
        verdict = self.verdict()
        assert not verdict.violations, shown(verdict, self.recorder.events if self.recorder else ())

    def verdict(self) -> Verdict:
        """Check the history since `ready` against the rules."""
        assert self.recorder
        self.recorder.sync("")
        return judge(self.recorder.events)

    def _check_lock(self) -> None:
        path = self.project.root / ".tavusctl" / "state.json.lock"
        if path.exists():
            with path.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _check_mutations(self) -> None:
        theirs = {key for objects in self.strangers.values() for key in objects}
        touched = [mutation for mutation in self._mutations() if mutation["id"] in theirs]
        assert not touched, f"strangers were touched: {touched}"
        assert self._count("create") == self.creates, "created more than once"
        deleted = Counter(mutation["id"] for mutation in self._mutations() if mutation["action"] == "delete")
        assert not deleted.keys() - self.ours, f"deleted what nobody approved: {deleted}"

    def _count(self, action: str) -> int:
        return sum(mutation["action"] == action for mutation in self._mutations())

    def _mutations(self) -> list[Any]:
        mutations: list[Any] = self.project.account.control("GET", "mutations")["mutations"]
        return mutations


@dataclass(frozen=True)
class Start:
    """The account and the files with which a scenario begins."""

    objects: dict[str, dict[str, Body]]  # the objects of the account, by kind and id
    files: dict[str, dict[Path, bytes]]  # the files of the project, by folder and path

    @classmethod
    def of(cls, scenario: Scenario) -> Start:
        """The account and the files of a scenario as they are now."""
        root, account = scenario.project.root, scenario.project.account
        files = {
            folder: {path: path.read_bytes() for path in (root / folder).rglob("*") if path.is_file()}
            for folder in ("manifests", ".tavusctl")
        }
        return cls({kind: account.objects(kind) for kind in (*NAMES, *scenario.strangers)}, files)
