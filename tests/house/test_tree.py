from __future__ import annotations

import re

from tests.house.tree import ROOT, everything, files, name

LONGEST = 400  # lines of a file
LEAVES_OUT = "tests/needs.py"  # the one place that leaves tests out, and says so

# Written so that these patterns do not find themselves.
UNFINISHED = re.compile(r"TO(?:DO)\b|FIX(?:ME)\b|\bX{3}\b|raise Not(?:Implemented)|\b(?:pytest|mark)\.(?:skip|xfail)")
FOREIGN = re.compile(
    r"(?<![\w.*])/(?:work|farm|root)/"  # folders of one machine
    r"|\.\./(?:shared)\b"
    r"|\b(?:CONTRACT|INTERFACE|HOUSE|CONVENTIONS)\.(?:md)\b"  # papers that are not part of the project
    r"|\b(?:pypi|pythonhosted|npmjs|debian)\.(?:org|com)\b"  # package hosts
)


def found(pattern: re.Pattern[str], text: str) -> list[tuple[int, str]]:
    return [(n, line.strip()[:100]) for n, line in enumerate(text.splitlines(), 1) if pattern.search(line)]


def test_files_are_short() -> None:
    lengths = {name(path): len(path.read_text("utf-8").splitlines()) for path in files("tavusctl", suffix=".py")}
    long = {path: length for path, length in lengths.items() if length > LONGEST}
    assert lengths
    assert not long, f"longer than {LONGEST} lines, so likely two things in one file; give one of them its own: {long}"


def test_nothing_is_left_unfinished() -> None:
    sources = [path for path in files("tavusctl", "tests", "bench", suffix=".py") if name(path) != LEAVES_OUT]
    left = {name(path): hits for path in sources if (hits := found(UNFINISHED, path.read_text("utf-8")))}
    assert sources
    assert not left, f"finish it or take it out: {left}"


def test_nothing_belongs_to_one_machine() -> None:
    left = {name(path): hits for path in everything() if (hits := found(FOREIGN, path.read_text("utf-8", "replace")))}
    assert not left, f"paths, papers and hosts that a fresh clone does not have; say it without them: {left}"


def test_every_test_folder_has_tests() -> None:
    tests = [path.relative_to(ROOT / "tests") for path in files("tests", suffix=".py")]
    folders = {path.parts[0] for path in tests if path.name.startswith("test_")}
    missing = {"unit", "laws", "scenarios", "emulator", "house"} - folders
    assert not missing, f"no tests in: {sorted(missing)}"
