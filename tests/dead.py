"""`make dead`: names that tavusctl itself never uses, and functions that no command reaches.

python -m tests.dead [--workers N] [--data FILE]

The search for names ignores the tests: a name that only a test uses is dead, and so is that test.  A function is dead
if no scenario and no step of the demo enters it, even if a unit test does.  Exceptions are listed in tests/dead.toml,
each with a reason; an exception that is not needed any more is reported, too.
"""

from __future__ import annotations

import argparse
import ast
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

import coverage

ROOT: Final = Path(__file__).resolve().parents[1]
ALLOWED: Final = ROOT / "tests/dead.toml"
COMMANDS: Final = ("tests/scenarios", "tests/emulator", "tests/apps")  # tests that act as people and applications do
_VULTURE: Final = re.compile(r"(?P<path>\S+):(?P<line>\d+): (?P<sort>.+?) '(?P<name>.+?)' \(\d+% confidence\)")
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Dead:
    """A dead name."""

    path: str
    line: int
    sort: str  # "unused function", "unused variable", ..., "not reached"
    name: str

    def is_meant(self, entry: dict[str, Any]) -> bool:
        """Whether an entry of tests/dead.toml allows it; an entry has `name`, or a list `names`."""
        names = entry.get("names") or [entry["name"]]
        is_named = any(fnmatchcase(self.name, pattern) for pattern in names)
        return is_named and all(fnmatchcase(getattr(self, key), entry[key]) for key in ("path", "sort"))


def unused() -> Iterator[Dead]:
    """The names that the package never uses, according to vulture."""
    command = [sys.executable, "-I", "-m", "vulture", "tavusctl"]
    output = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True).stdout
    for line in output.splitlines():
        match = _VULTURE.fullmatch(line)
        if not match:
            message = f"vulture said: {line}"
            raise ValueError(message)
        yield Dead(match["path"], int(match["line"]), match["sort"], match["name"])


def measure(data: Path, workers: int) -> None:
    """Run the tests of `COMMANDS` and the demo under coverage; failures are ignored, since `make test` reports them."""
    run = [sys.executable, "-m", "coverage", "run", f"--data-file={data}"]
    tests = ["-m", "pytest", "-p", "no:cacheprovider", "-n", str(workers), "--dist", "loadgroup", "--sweeps", *COMMANDS]
    for command in ([*run, *tests], [*run, "tests/demo.py"]):
        subprocess.run(command, cwd=ROOT, check=False, env={**os.environ, "TAVUSCTL_LAWS": "steady"})
    combined = coverage.Coverage(str(data))
    combined.combine([str(data.parent)], strict=True)
    combined.save()


def unreached(data: Path) -> Iterator[Dead]:
    """The functions of which no line was executed."""
    measured = coverage.CoverageData(str(data))
    measured.read()
    for path, name, function in every_function():
        if not bodies(function).intersection(measured.lines(str(path)) or ()):
            yield _not_reached(path, name, function)


def idle_without_a_run() -> list[str]:
    """The exceptions that cannot be needed: for functions that do not exist, and for names that are used."""
    return idle([*unused(), *(_not_reached(*one) for one in every_function())])


def every_function() -> Iterator[tuple[Path, str, Function]]:
    """The functions of the package that have statements: module, qualified name, syntax tree."""
    for path in sorted((ROOT / "tavusctl").rglob("*.py")):
        for name, function in functions(ast.parse(path.read_text("utf-8"))):
            yield path, name, function


def _not_reached(path: Path, name: str, function: Function) -> Dead:
    return Dead(path.relative_to(ROOT).as_posix(), function.lineno, "not reached", name)


def functions(node: ast.AST, prefix: str = "") -> Iterator[tuple[str, Function]]:
    """The functions and methods that have statements, by qualified name, without functions inside functions."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, Function):
            if bodies(child):
                yield prefix + child.name, child
        elif isinstance(child, ast.ClassDef):
            yield from functions(child, f"{prefix}{child.name}.")
        elif isinstance(child, ast.If | ast.Try | ast.With):
            yield from functions(child, prefix)


def bodies(function: Function) -> set[int]:
    """The line numbers of the statements of a function, without its docstring and the `...` of a Protocol."""
    constants = [stmt for stmt in function.body if isinstance(stmt, ast.Expr) and isinstance(stmt.value, ast.Constant)]
    return {line for stmt in function.body if stmt not in constants for line in range(stmt.lineno, _end(stmt) + 1)}


def _end(node: ast.stmt) -> int:
    return node.end_lineno or node.lineno


def main(arguments: Sequence[str]) -> int:
    """Print the dead names; exit code 1 if there are any."""
    parser = argparse.ArgumentParser(prog="dead")
    parser.add_argument("--workers", type=int, default=2, metavar="N")
    parser.add_argument("--data", type=Path, metavar="FILE", help="of coverage; measured when it is not there")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        data = (options.data or Path(folder, "commands")).absolute()
        if not data.exists():
            measure(data, options.workers)
        return report([*unused(), *unreached(data)])


def report(found: Sequence[Dead]) -> int:
    """Print the dead names that no exception allows, and the exceptions that are not needed."""
    dead, needless = unallowed(found), idle(found)
    sys.stdout.writelines(f"{line}\n" for line in (*dead, *needless))
    sys.stdout.write(f"{len(dead)} dead names, {len(needless)} idle reasons\n")
    return int(bool(dead or needless))


def unallowed(found: Iterable[Dead]) -> list[str]:
    """A line for each dead name that no exception allows."""
    entries = _entries()
    dead = [item for item in found if not any(item.is_meant(entry) for entry in entries)]
    return [f"{item.path}:{item.line}: {item.sort}: {item.name}" for item in dead]


def idle(found: Sequence[Dead]) -> list[str]:
    """A line for each name in an exception that allows none of the dead names."""
    single = [entry | {"names": [name]} for entry in _entries() for name in entry.get("names") or [entry["name"]]]
    needless = [entry for entry in single if not any(item.is_meant(entry) for item in found)]
    return [
        f"tests/dead.toml: nothing is {one['sort']} {one['names'][0]} in {one['path']} any more" for one in needless
    ]


def _entries() -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = tomllib.loads(ALLOWED.read_text("utf-8"))["allowed"]
    return entries


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
