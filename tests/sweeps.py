"""Sweeps: tests of which a normal run selects only a sample, because all of them take many minutes.

`@pytest.mark.sampled(3)`: a normal run selects three cases of this test, spread evenly.  Of a test in `FOLDERS`, where
tests run whole commands, it selects one case, unless the test is marked otherwise.  `@pytest.mark.sweep`: it selects
none.  `make sweeps` runs all tests; the last line of a normal run shows how many tests were left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Any, Final

import pytest

FOLDERS: Final = frozenset({"scenarios", "stores", "browser", "drawings"})
SIZE: Final = 1
_OPTION: Final = "--sweeps"
_COUNT: Final = "tests left to sweeps"  # the key of the number that a worker reports
_LEFT: Final = pytest.StashKey[int]()


def left(config: pytest.Config) -> int:
    """The number of tests that a run has left to `make sweeps`."""
    return config.stash.get(_LEFT, 0)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that `make sweeps` uses."""
    parser.addoption(_OPTION, action="store_true", help="run sweeps, too, which takes many minutes")


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers."""
    config.addinivalue_line("markers", "sampled(size): so many of its cases are in every run; the rest is a sweep")
    config.addinivalue_line("markers", "sweep: too slow for every run; `make sweeps` runs it")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect the sweeps, unless the option is given."""
    if not config.getoption(_OPTION):
        selected = [*_selected(items)]
        taken = set(selected)
        config.stash[_LEFT] = len(items) - len(selected)
        config.hook.pytest_deselected(items=[item for item in items if item not in taken])
        items[:] = selected


def _selected(items: list[pytest.Item]) -> Iterator[pytest.Item]:
    for _, cases in groupby(items, lambda item: item.nodeid.partition("[")[0]):
        candidates = [case for case in cases if not case.get_closest_marker("sweep")]
        size = min(_size(candidates[0]) or len(candidates), len(candidates)) if candidates else 0
        yield from (candidates[place * len(candidates) // size] for place in range(size))


def _size(item: pytest.Item) -> int | None:
    """The number of cases of its test that a normal run selects; None: all."""
    marker = item.get_closest_marker("sampled")
    return int(marker.args[0]) if marker else SIZE if item.path.parent.name in FOLDERS else None


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Report the number of deselected tests to the process that started this worker."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output[_COUNT] = left(session.config)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Receive this number from a worker; all workers have collected the same tests."""
    node.config.stash[_LEFT] = getattr(node, "workeroutput", {}).get(_COUNT, 0)
