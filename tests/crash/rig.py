"""A project whose commands are run in processes of their own, killed at will, and what must be true afterwards."""

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
class Ended(Result):
    """How a command ended, how many points it passed, and where it was killed or the disk failed."""

    passed: int = 0
    label: str = ""
    after: int = 0  # requests that change something, sent after the disk had failed


@dataclass(frozen=True)
class Break:
    """Where a command is killed, counted in points, 0 for nowhere; with an error, the disk fails there instead."""

    at: int = 0
    error: int = 0
    lasting: bool = False  # it fails from there on


class Launcher:
    """The process that runs commands in children."""

    def __init__(self, *options: str) -> None:
        script = Path(__file__).with_name("launcher.py")
        environment = {**os.environ, "PYTHONHASHSEED": "0"}  # the same points in every run
        self._process = subprocess.Popen(
            [sys.executable, script, *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            text=True,
        )

    def run(self, cwd: Path, env: dict[str, str], args: tuple[str, ...], where: Break) -> Ended:
        """Run a command in a child, which breaks somewhere."""
        sending, answering = self._process.stdin, self._process.stdout
        assert sending
        assert answering
        sending.write(json.dumps({"args": args, "env": env, "cwd": str(cwd), **asdict(where)}) + "\n")
        sending.flush()
        return Ended(**json.loads(answering.readline()))

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


@contextmanager
def launcher(*options: str) -> Iterator[Launcher]:
    """A launcher for the length of a block."""
    made = Launcher(*options)
    try:
        yield made
    finally:
        made.close()


@dataclass(frozen=True)
class Crashing(Project):
    """A project whose commands run in children."""

    launcher: Launcher | None = None
    recorders: list[Recorder] = field(default_factory=list, compare=False)  # at most one: who writes the history

    def record(self) -> Recorder:
        """Write down from now on what commands do and say."""
        manifests = partial(manifests_in, self.root / "manifests")
        self.recorders[:] = [Recorder(self.account, self._checkpoint, self._listed, manifests)]
        return self.recorders[0]

    def _checkpoint(self) -> Body:
        path = self.root / ".tavusctl" / "state.json"
        document: Body = json.loads(path.read_bytes()) if path.exists() else {}
        return document

    def _listed(self) -> dict[str, str]:
        ended = self._broken(Break(), "state", "list", "--format", "json")
        assert ended.code == 0, ended.err
        ids: dict[str, str] = ended.document
        return ids

    def run(self, *args: str, **environment: str | None) -> Ended:
        """Run a command."""
        return self.breaking(Break(), *args, **environment)

    def breaking(self, where: Break, *args: str, **environment: str | None) -> Ended:
        """Run a command that breaks somewhere, and write it down where somebody records."""
        if not self.recorders or args[0] not in RECORDED:
            return self._broken(where, *args, **environment)
        words = args if "--format" in args else (*args, "--format", "json")
        ended: list[Ended] = []

        def run() -> Ended:
            ended.append(self._broken(where, *words, **environment))
            return ended[0]

        self.recorders[0].command(words, run)
        return ended[0]

    def _broken(self, where: Break, *args: str, **environment: str | None) -> Ended:
        assert self.launcher
        known = {
            "TAVUS_BASE_URL": self.account.url,
            "TAVUS_API_KEY": self.account.key,
            "NO_COLOR": "1",
            "PATH": os.environ["PATH"],
            **self.environment,
            **environment,
        }
        return self.launcher.run(self.root, {k: v for k, v in known.items() if v is not None}, args, where)


@dataclass
class Scenario(Twenty):
    """What is due in an account, and how it comes to be."""

    project: Crashing
    due: Callable[[Scenario], None] = lambda _: None
    costly: tuple[str, ...] = ()  # replicas that may be deleted
    width: int = 1  # calls at a time
    processing: float = 0.0  # seconds from a document's start to its end, for which a run waits
    slow: bool = False  # a run does not wait: an hour passes after it
    era: str = "seed"  # of the account
    creates: int = 0  # objects that a run makes which nobody kills
    writes: Counter[str] = field(default_factory=Counter)  # calls of such a run, by method
    ours: set[str] = field(default_factory=set)  # ids that may be deleted
    start: Start | None = None
    recorder: Recorder | None = None
    agreed: Body = field(default_factory=dict)  # the plan at the start: what may be deleted

    def ready(self) -> None:
        """The account and the folder as they are before the run; made once, then put back."""
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

    def strange(self, **objects: list[Body]) -> None:
        """Put more strangers into the account."""
        account = self.project.account
        for kind, ids in account.seed(**objects).items():
            found = account.objects(kind)
            self.strangers.setdefault(kind, {}).update({key: found[key] for key in ids})

    def apply(self, where: Break = Break()) -> Ended:
        """One apply, however it ends."""
        flags = ("--parallel", str(self.width), *(self._agreed() if self.deleting else ()))
        flags = (*flags, "--wait", "20s") if self.processing else flags
        ended = self.project.breaking(where, "apply", "--yes", *flags)
        if self.slow:
            self.project.account.advance(3600)
        return ended

    def converged(self) -> bool:
        """Whether nothing is left to do; what the server had to work on first comes with the next run."""
        return not self.slow or not self.project.plan()["changes"]

    def _set_pace(self) -> None:
        self.project.account.switch(check_references=True, era=self.era)
        if not self.slow:
            self.project.account.switch(processing_seconds=self.processing, training_seconds=0, voice_seconds=0)

    def _agreed(self) -> tuple[str, ...]:
        """What agrees to the deletes that are due."""
        plan = self.project.plan()
        costly = [one["address"] for one in plan.get("refused", []) if one["address"] in self.costly]
        count = len(costly) + sum(one["action"] == "delete" for one in plan.get("changes", []))
        named = [word for address in costly for word in ("--allow-replica-delete", address)]
        return (*named, "--allow-deletes", str(count))

    def measure(self, error: int = 0) -> int:
        """The points that a run passes which nobody kills; with an error, those at which a disk can fail."""
        self.ready()
        assert self.start
        assert Start.of(self) == self.start
        ended = self.apply(Break(error=error))
        assert ended.code == 0, ended.out + ended.err
        self.writes = Counter(one["method"] for one in self.project.account.writes)
        self.check()
        self.creates = self._count("create")
        self.survive()
        return ended.passed

    def survive(self) -> None:
        """After a kill: the state loads and the lock is free; at most three runs later all is as it should be."""
        assert self.project.run("state", "list").code == 0
        self._check_lock()
        self.check()
        self._check_lock()
        self._check_mutations()
        verdict = self.judged()
        assert not verdict.violations, shown(verdict, self.recorder.events if self.recorder else ())

    def judged(self) -> Verdict:
        """The history since `ready`, by the rules."""
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
        touched = [one for one in self._mutations() if one["id"] in theirs]
        assert not touched, f"strangers were touched: {touched}"
        assert self._count("create") == self.creates, "created more than once"
        deleted = Counter(one["id"] for one in self._mutations() if one["action"] == "delete")
        assert not deleted.keys() - self.ours, f"deleted what nobody approved: {deleted}"

    def _count(self, action: str) -> int:
        return sum(one["action"] == action for one in self._mutations())

    def _mutations(self) -> list[Any]:
        found: list[Any] = self.project.account.control("GET", "mutations")["mutations"]
        return found


@dataclass(frozen=True)
class Start:
    """What a scenario begins with."""

    objects: dict[str, dict[str, Body]]  # of the account, by kind and id
    files: dict[str, dict[Path, bytes]]  # of the project, by folder

    @classmethod
    def of(cls, scenario: Scenario) -> Start:
        """As it is now."""
        root, account = scenario.project.root, scenario.project.account
        files = {
            folder: {path: path.read_bytes() for path in (root / folder).rglob("*") if path.is_file()}
            for folder in ("manifests", ".tavusctl")
        }
        return cls({kind: account.objects(kind) for kind in (*NAMES, *scenario.strangers)}, files)
