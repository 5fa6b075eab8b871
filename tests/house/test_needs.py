"""What a machine lacks leaves tests out, with a word; and never where everything is tested."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.house.tree import ROOT

pytest_plugins = ["pytester"]

SUITE = """
    import pytest

    @pytest.fixture
    def browser():
        raise RuntimeError("nobody may start it")

    def test_of_ours():
        pass

    @pytest.mark.needs("npm")
    @pytest.mark.parametrize("number", range(3))
    def test_of_a_package(number):
        raise RuntimeError("it cannot run here")

    @pytest.mark.needs("chromium")
    def test_of_a_page(browser):
        pass

    @pytest.mark.needs("corpus")
    def test_of_real_bodies():
        raise RuntimeError("they are not here")
"""
ALONE: list[str] = []
WORKERS = ["-p", "xdist", "-n", "2"]
NPM, CHROMIUM = "no npm (install Node.js with npm)", "no Chromium (apt-get install chromium)"
CORPUS = "no corpus of real bodies (set TAVUSCTL_CORPUS to its folder)"


def line(pytester: pytest.Pytester, options: list[str]) -> tuple[int, str, str]:
    """How a run of the suite ends, its last line, and all that it said."""
    ran = pytester.runpytest_subprocess("-q", "-p", "tests.sweeps", "-p", "tests.needs", "--strict-markers", *options)
    return int(ran.ret), ran.outlines[-1] if ran.outlines else "", ran.stdout.str() + ran.stderr.str()


@pytest.fixture
def bare(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A machine with nothing."""
    pytester.makepyfile(SUITE)
    for name in ("CI", "TAVUSCTL_CORPUS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # many, and slow to load
    monkeypatch.setenv("PATH", str(pytester.path))
    return pytester


@pytest.mark.parametrize("options", [ALONE, WORKERS], ids=["alone", "workers"])
def test_the_last_line_says_what_was_left_out_and_why(bare: pytest.Pytester, options: list[str]) -> None:
    code, last, _ = line(bare, options)

    assert (code, last) == (0, f"1 passed; left out: 1 test: {CHROMIUM}; 1 test: {CORPUS}; 3 tests: {NPM}")


def test_where_everything_is_tested_it_is_a_failure(bare: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """But for what nobody may publish."""
    monkeypatch.setenv("CI", "true")

    code, last, said = line(bare, WORKERS)

    assert (code, last) == (1, f"1 passed; left out: 1 test: {CORPUS}")
    assert (said.count(NPM), said.count(CHROMIUM)) >= (3, 1)


def test_what_is_here_is_tested(bare: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    for program in ("npm", "chromium"):
        Path(bare.path, program).symlink_to(shutil.which("true", path=os.defpath) or "/bin/true")
    monkeypatch.setenv("TAVUSCTL_CORPUS", str(bare.path))
    bare.makepyfile("import pytest\n@pytest.mark.needs('npm', 'chromium', 'corpus')\ndef test_all():\n    pass\n")

    assert line(bare, ALONE)[:2] == (0, "1 passed; nothing left out")


def test_a_need_that_nobody_knows_is_refused(bare: pytest.Pytester) -> None:
    bare.makepyfile("import pytest\n@pytest.mark.needs('chromum')\ndef test_one():\n    pass\n")

    code, _, said = line(bare, ALONE)

    assert code == pytest.ExitCode.USAGE_ERROR
    assert "needs 'chromum', which tests/needs.py does not know" in said


@pytest.mark.parametrize("options", [ALONE, WORKERS], ids=["alone", "workers"])
def test_a_wrong_path_is_no_success(bare: pytest.Pytester, options: list[str]) -> None:
    code, _, output = line(bare, [*options, "test_missing.py"])

    assert code == (pytest.ExitCode.NO_TESTS_COLLECTED if options else pytest.ExitCode.USAGE_ERROR)
    assert "passed" not in output
    assert "left out" not in output


def test_what_needs_a_program_is_external(bare: pytest.Pytester) -> None:
    code, last, _ = line(bare, [*ALONE, "-m", "not external"])

    assert (code, last) == (0, f"1 passed; left out: 1 test: {CORPUS}")
