"""Tests that share something slow to start share a worker: pytest and pytest-xdist must agree on how."""

from __future__ import annotations

import pytest

from tests.house.tree import ROOT

pytest_plugins = ["pytester"]

SUITE = """
    import os
    import pytest

    @pytest.mark.{marker}
    @pytest.mark.parametrize("number", range(12))
    def test_of_a_group(number):
        print("in worker", os.environ["PYTEST_XDIST_WORKER"])
"""


@pytest.mark.parametrize("marker", ['xdist_group("together")', "external"])
def test_a_group_of_tests_runs_in_one_worker(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, marker: str
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makeconftest('pytest_plugins = ["tests.sweeps", "tests.needs"]')
    pytester.makepyfile(SUITE.format(marker=marker))

    ran = pytester.runpytest_subprocess("-p", "xdist", "-n", "2", "--dist", "loadgroup", "-rP")

    ran.assert_outcomes(passed=12)
    assert len({line for line in ran.outlines if line.startswith("in worker ")}) == 1
