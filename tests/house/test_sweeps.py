"""Sweeps are left to their own run, and every other run says how many."""

from __future__ import annotations

import pytest

from tests.house.tree import ROOT

pytest_plugins = ["pytester"]

SUITE = """
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
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    return pytester


@pytest.mark.parametrize("options", [[], ["-p", "xdist", "-n", "2"]], ids=["alone", "workers"])
def test_a_run_takes_a_sample_and_says_so(suite: pytest.Pytester, options: list[str]) -> None:
    ran = suite.runpytest_subprocess("-q", "-p", "tests.sweeps", "-p", "tests.needs", *options)

    assert (int(ran.ret), ran.outlines[-1]) == (0, "13 passed; nothing left out; 17 more are run by `make sweeps`")


def test_sweeps_are_all(suite: pytest.Pytester) -> None:
    ran = suite.runpytest_subprocess("-q", "-p", "tests.sweeps", "-p", "tests.needs", "--sweeps")

    assert (int(ran.ret), ran.outlines[-1]) == (1, "22 passed; nothing left out")
