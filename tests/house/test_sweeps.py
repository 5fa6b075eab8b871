"""How tests are selected and grouped: of a sweep a sample runs, tests of one external program share a worker."""

from __future__ import annotations

import pytest

from tests.house.tree import ROOT

pytest_plugins = ["pytester"]

SUITE = """
    import os
    import pytest

    @pytest.mark.parametrize("number", range(4))
    def test_whole(number):
        pass

    @pytest.mark.sampled(3)
    @pytest.mark.parametrize("number", range(10))
    def test_many(number):
        assert number in (0, 3, 6)

    @pytest.mark.sampled(3)
    def test_one():
        pass

    @pytest.mark.sweep
    def test_slow():
        raise RuntimeError

    @pytest.mark.external
    @pytest.mark.parametrize("number", range(12))
    def test_of_a_group(number):
        print("in worker", os.environ.get("PYTEST_XDIST_WORKER"))
"""
COMMANDS = """
    import pytest

    @pytest.mark.parametrize("number", range(5))
    @pytest.mark.parametrize("letter", "ab")
    def test_some(number, letter):
        pass

    @pytest.mark.sampled(4)
    @pytest.mark.parametrize("number", range(4))
    def test_more(number):
        pass
"""


@pytest.fixture
def suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    pytester.makepyfile(SUITE)
    pytester.mkdir("scenarios").joinpath("test_commands.py").write_text(pytester.makepyfile(given=COMMANDS).read_text())
    pytester.makeconftest('pytest_plugins = ["tests.sweeps", "tests.needs"]')
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    return pytester


def test_a_run_takes_a_sample_and_says_so_and_groups_share_a_worker(suite: pytest.Pytester) -> None:
    """pytest and pytest-xdist must agree on how tests are grouped."""
    ran = suite.runpytest_subprocess("-q", "-rP", "-p", "xdist", "-n", "2", "--dist", "loadgroup")

    assert (int(ran.ret), ran.outlines[-1]) == (0, "25 passed; nothing left out; 17 more are run by `make sweeps`")
    assert len({line for line in ran.outlines if line.startswith("in worker ")}) == 1


def test_sweeps_are_all(suite: pytest.Pytester) -> None:
    ran = suite.runpytest_subprocess("-q", "--sweeps")

    assert (int(ran.ret), ran.outlines[-1]) == (1, "34 passed; nothing left out")
