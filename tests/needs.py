"""What some tests need and not every machine has: such tests are left out, and the last line of a run says so.

`@pytest.mark.needs("chromium")` is the only way to leave a test out.  With CI set, what is missing is a failure.
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

_PROPERTY: Final = "left out"  # of a report: why


@dataclass(frozen=True)
class Need:
    """Something that a machine has or lacks."""

    what: str
    is_here: Callable[[], bool]
    remedy: str
    is_program: bool = True  # tests that need it start a program that is not ours; a machine with CI set must have it


def _rego_loads() -> bool:
    """Whether the package finds the library of the system that it is linked with."""
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
    """Say what the markers mean."""
    config.addinivalue_line("markers", f"needs(name, ...): left out where that is missing: {', '.join(NEEDS)}")
    config.addinivalue_line("markers", "external: starts programs that are not ours; a folder of them shares a worker")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let tests that start the same programs share them, before pytest-xdist looks; who needs one is external."""
    for item in items:
        if item.get_closest_marker("external"):
            item.add_marker(pytest.mark.xdist_group(item.path.parent.name))
        elif any(need.is_program for need in _needs(item)):
            item.add_marker(pytest.mark.external)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Leave a test out, or fail it, before any of its fixtures."""
    for need in _needs(item):
        if need.is_here():
            continue
        why = f"no {need.what} ({need.remedy})"
        if need.is_program and os.environ.get("CI"):
            pytest.fail(why, pytrace=False)
        item.user_properties.append((_PROPERTY, why))
        raise pytest.skip.Exception(why)


def pytest_unconfigure(config: pytest.Config) -> None:
    """The last line of a run, after that of pytest."""
    terminal = config.pluginmanager.get_plugin("terminalreporter")
    if terminal is not None and not config.option.collectonly:
        said = _last_line(len(terminal.stats.get("passed", ())), terminal.stats.get("skipped", ()))
        swept = sweeps.left(config)
        terminal.write_line(said + (f"; {swept:,} more are run by `make sweeps`" if swept else ""))


def _last_line(passed: int, skipped: list[pytest.TestReport]) -> str:
    whys = Counter(str(why) for report in skipped for name, why in report.user_properties if name == _PROPERTY)
    left = "; ".join(f"{count:,} {'tests' if count > 1 else 'test'}: {why}" for why, count in sorted(whys.items()))
    return f"{passed:,} passed; " + (f"left out: {left}" if left else "nothing left out")


def _needs(item: pytest.Item) -> list[Need]:
    names = [name for marker in item.iter_markers("needs") for name in marker.args]
    unknown = [name for name in names if name not in NEEDS]
    if unknown:
        message = f"{item.nodeid} needs {unknown[0]!r}, which tests/needs.py does not know"
        raise pytest.UsageError(message)
    return [NEEDS[name] for name in names]
