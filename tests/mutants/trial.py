"""Runs the tests that should notice one mutant, in a process of its own.

The process is forked from one that has imported every library, but no module of tavusctl.  It imports the changed
module in place of the file on disk; commands that tests start as further processes still import the file on disk.
"""

from __future__ import annotations

import gc
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, ModuleType

import pytest

from tests.mutants.groups import ROOT

_OWN_PACKAGES = ("tavusctl", "tests")
_LARGEST_FILE = 1 << 30  # bytes; an endless loop that writes must not fill the disk
_MOST_MEMORY = 6 << 30


@dataclass(slots=True)
class Trial:
    """A run of tests with a changed module."""

    module: Path
    source: str
    tests: Sequence[str]
    seconds: float  # the time after which it counts as hanging
    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="mutant-")))
    pid: int = 0
    ends: float = 0.0

    def start(self, *, to_the_end: bool = False) -> None:
        """Fork the process; with `to_the_end`, it goes on after the first failure."""
        self.ends = time.monotonic() + self.seconds
        self.pid = os.fork()
        if self.pid == 0:
            os._exit(self._child(to_the_end=to_the_end))

    def poll(self) -> bool | None:
        """Whether a test failed or the process hung (it is killed then); None while it runs."""
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status) != 0
        if time.monotonic() < self.ends:
            return None
        os.killpg(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        return True

    def failed(self) -> list[str]:
        """The ids of the tests that failed, once the process has ended; its folder is deleted."""
        log = self.folder / "failed"
        names = log.read_text("utf-8").splitlines() if log.exists() else []
        shutil.rmtree(self.folder, ignore_errors=True)
        return names

    def _child(self, *, to_the_end: bool) -> int:
        try:
            os.setpgid(0, 0)
            devnull = os.open(os.devnull, os.O_RDWR)
            for descriptor in (0, 1, 2):
                os.dup2(devnull, descriptor)
            os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # loading plugins would take most of the time
            resource.setrlimit(resource.RLIMIT_FSIZE, (_LARGEST_FILE, _LARGEST_FILE))
            resource.setrlimit(resource.RLIMIT_AS, (_MOST_MEMORY, _MOST_MEMORY))
            sys.meta_path.insert(0, _MutantFinder(self.module, self.source))
            arguments = ["-p", "no:cacheprovider", f"--basetemp={self.folder / 'tmp'}"]
            arguments += ["-W", "ignore::pytest.PytestAssertRewriteWarning", *([] if to_the_end else ["-x"])]
            return int(pytest.main([*arguments, *self.tests], plugins=[_Failures(self.folder / "failed")]))
        except BaseException:  # noqa: BLE001 - any error means that the change was noticed
            return 1


class _Failures:
    """A pytest plugin that logs the ids of failed tests."""

    def __init__(self, log: Path) -> None:
        self._log = log

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            with self._log.open("a", encoding="utf-8") as log:
                log.write(report.nodeid + "\n")


class _SourceLoader(importlib.machinery.SourceFileLoader):
    """Loads a module from a given source text instead of its file."""

    def __init__(self, name: str, path: str, source: str) -> None:
        super().__init__(name, path)
        self._source = source

    def get_code(self, fullname: str) -> CodeType:
        del fullname
        return compile(self._source, self.path, "exec", dont_inherit=True)


class _MutantFinder(importlib.abc.MetaPathFinder):
    """Makes the import of one module use a given source text."""

    def __init__(self, path: Path, source: str) -> None:
        parts = path.relative_to(ROOT).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        self._loader = _SourceLoader(name, str(path), source)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        del path, target
        if fullname != self._loader.name:
            return None
        return importlib.util.spec_from_file_location(fullname, self._loader.path, loader=self._loader)


def warm_up(tests: Sequence[str]) -> None:
    """Import every library that the tests need, then remove the modules of tavusctl and its tests again."""
    os.environ["TAVUSCTL_LAWS"] = "steady"
    files = {test.partition("::")[0] for test in tests}
    for file in sorted(files):
        importlib.import_module(Path(file).with_suffix("").as_posix().replace("/", "."))
    for name in ("hypothesis", "tavusctl.cli.commands.apply"):
        importlib.import_module(name)
    for name in [name for name in sys.modules if name.partition(".")[0] in _OWN_PACKAGES]:
        del sys.modules[name]
    gc.collect()
    gc.freeze()
