"""Skips tests that need a program which a machine lacks; the last line of a run counts the skipped tests.

`@pytest.mark.needs("chromium")` is the only way to skip a test.  With CI set, a missing program is a failure.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Final

import pytest

from tests import chromium, npm, sweeps

_PROPERTY: Final = "left out"  # the property of a test report that holds the reason
# For a path that does not exist, pytest ends with the first of these, and pytest-xdist with the second.
_NOT_RUN: Final = (pytest.ExitCode.USAGE_ERROR, pytest.ExitCode.NO_TESTS_COLLECTED)


@dataclass(frozen=True)
class Need:
    """A program, library or folder that a machine may lack."""

    what: str
    is_here: Callable[[], bool]
    remedy: str
    is_program: bool = True  # tests start it as an external program; a machine with CI set must have it


def _rego_loads() -> bool:
    """Whether the package `regopy` finds the system library that it is linked with."""
    try:
        import_module("regopy")
    except OSError:
        return False
    return True


NEEDS: Mapping[str, Need] = {
    "chromium": Need("Chromium", lambda: chromium.PATH is not None, "apt-get install chromium"),
    "npm": Need("npm", lambda: npm.PATH is not None, "install Node.js with npm"),
    "rego": Need("library libatomic, for the engine of Rego", _rego_loads, "apt-get install libatomic1"),
    "corpus": Need(
        "corpus of real bodies",  # which nobody may publish
        lambda: bool(os.environ.get("TAVUSCTL_CORPUS")),
        "set TAVUSCTL_CORPUS to its folder",
        is_program=False,
    ),
}


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers."""
    config.addinivalue_line("markers", f"needs(name, ...): left out where that is missing: {', '.join(NEEDS)}")
    config.addinivalue_line("markers", "external: starts programs that are not ours; a folder of them shares a worker")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Group tests marked external by folder, before pytest-xdist looks; mark other tests that need a program."""
    for item in items:
        if item.get_closest_marker("external"):
            item.add_marker(pytest.mark.xdist_group(item.path.parent.name))
        elif any(need.is_program for need in _needs(item)):
            item.add_marker(pytest.mark.external)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test, or fail it if CI is set, before its fixtures run."""
    for need in _needs(item):
        if need.is_here():
            continue
        reason = f"no {need.what} ({need.remedy})"
        if need.is_program and os.environ.get("CI"):
            pytest.fail(reason, pytrace=False)
        item.user_properties.append((_PROPERTY, reason))
        raise pytest.skip.Exception(reason)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Print the last line of a run, after that of pytest; no line if there was nothing to run."""
    terminal = config.pluginmanager.get_plugin("terminalreporter")
    session = config.pluginmanager.get_plugin("session")
    if terminal is not None and not config.option.collectonly:
        line = _last_line(len(terminal.stats.get("passed", ())), terminal.stats.get("skipped", ()))
        left_to_sweeps = sweeps.left(config)
        if session is not None and session.exitstatus in _NOT_RUN and not left_to_sweeps:
            return
        terminal.write_line(line + (f"; {left_to_sweeps:,} more are run by `make sweeps`" if left_to_sweeps else ""))


def _last_line(passed: int, skipped: list[pytest.TestReport]) -> str:
    reasons = Counter(str(reason) for report in skipped for name, reason in report.user_properties if name == _PROPERTY)
    left_out = "; ".join(
        f"{count:,} {'tests' if count > 1 else 'test'}: {reason}" for reason, count in sorted(reasons.items())
    )
    return f"{passed:,} passed; " + (f"left out: {left_out}" if left_out else "nothing left out")


def _needs(item: pytest.Item) -> list[Need]:
    names = [name for marker in item.iter_markers("needs") for name in marker.args]
    unknown = [name for name in names if name not in NEEDS]
    if unknown:
        message = f"{item.nodeid} needs {unknown[0]!r}, which tests/needs.py does not know"
        raise pytest.UsageError(message)
    return [NEEDS[name] for name in names]
