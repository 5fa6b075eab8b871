"""Sweeps: tests of which the default run takes a sample, because all of them take many minutes.

`@pytest.mark.sampled(3)`: of the cases of this test, every run takes so many, spread evenly.  Tests in `FOLDERS`, which
run whole commands, give one case each unless they are marked otherwise.  `@pytest.mark.sweep`: no run takes it.
`make sweeps` runs all; the last line of every other run says how many it has left to that.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Any, Final

import pytest

FOLDERS: Final = frozenset({"scenarios", "stores", "browser", "drawings"})
SIZE: Final = 1
_OPTION: Final = "--sweeps"
_COUNT: Final = "tests left to sweeps"  # what a worker tells
_LEFT: Final = pytest.StashKey[int]()


def left(config: pytest.Config) -> int:
    """How many tests a run has left to sweeps."""
    return config.stash.get(_LEFT, 0)


def pytest_addoption(parser: pytest.Parser) -> None:
    """The option of `make sweeps`."""
    parser.addoption(_OPTION, action="store_true", help="run sweeps, too, which takes many minutes")


def pytest_configure(config: pytest.Config) -> None:
    """Say what the markers mean."""
    config.addinivalue_line("markers", "sampled(size): so many of its cases are in every run; the rest is a sweep")
    config.addinivalue_line("markers", "sweep: too slow for every run; `make sweeps` runs it")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Take the sweeps out of the run."""
    if not config.getoption(_OPTION):
        kept = [*_kept(items)]
        taken = set(kept)
        config.stash[_LEFT] = len(items) - len(kept)
        config.hook.pytest_deselected(items=[item for item in items if item not in taken])
        items[:] = kept


def _kept(items: list[pytest.Item]) -> Iterator[pytest.Item]:
    for _, cases in groupby(items, lambda item: item.nodeid.partition("[")[0]):
        taken = [case for case in cases if not case.get_closest_marker("sweep")]
        size = min(_size(taken[0]) or len(taken), len(taken)) if taken else 0
        yield from (taken[place * len(taken) // size] for place in range(size))


def _size(item: pytest.Item) -> int | None:
    """How many cases of its test every run takes; all of them if nobody says."""
    marker = item.get_closest_marker("sampled")
    return int(marker.args[0]) if marker else SIZE if item.path.parent.name in FOLDERS else None


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Tell it to the process that has started this worker."""
    told = getattr(session.config, "workeroutput", None)
    if told is not None:
        told[_COUNT] = left(session.config)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Hear it from a worker; each has collected the same tests."""
    node.config.stash[_LEFT] = getattr(node, "workeroutput", {}).get(_COUNT, 0)
