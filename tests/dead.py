"""`make dead`: names of tavusctl that nothing in it uses, and functions that no command reaches.

python -m tests.dead [--workers N] [--data FILE]

Names are looked for without the tests: what only a test uses is dead, and so is its test.  Functions are those that no
scenario and no step of the demonstration has entered; what only a unit test enters serves nobody.  What is meant to be
so stands in tests/dead.toml, with a reason; a reason that nothing needs any more is told, too.
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
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

import coverage

ROOT: Final = Path(__file__).resolve().parents[1]
ALLOWED: Final = ROOT / "tests/dead.toml"
COMMANDS: Final = ("tests/scenarios", "tests/emulator", "tests/apps")  # what people and their applications do
_VULTURE: Final = re.compile(r"(?P<path>\S+):(?P<line>\d+): (?P<sort>.+?) '(?P<name>.+?)' \(\d+% confidence\)")
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Dead:
    """A name that nothing needs."""

    path: str
    line: int
    sort: str  # "unused function", "unused variable", ..., "not reached"
    name: str

    def is_meant(self, entry: dict[str, Any]) -> bool:
        """Whether an entry of the list is about it; `names` are several in place of one `name`."""
        names = entry.get("names") or [entry["name"]]
        is_named = any(fnmatchcase(self.name, one) for one in names)
        return is_named and all(fnmatchcase(getattr(self, key), entry[key]) for key in ("path", "sort"))


def unused() -> Iterator[Dead]:
    """Names that are never used in the package, as far as vulture sees."""
    command = [sys.executable, "-I", "-m", "vulture", "tavusctl"]
    said = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True).stdout
    for line in said.splitlines():
        found = _VULTURE.fullmatch(line)
        if not found:
            message = f"vulture said: {line}"
            raise ValueError(message)
        yield Dead(found["path"], int(found["line"]), found["sort"], found["name"])


def measure(data: Path, workers: int) -> None:
    """Run what people do, once, under coverage; that it works is for `make test` to say."""
    run = [sys.executable, "-m", "coverage", "run", f"--data-file={data}"]
    tests = ["-m", "pytest", "-p", "no:cacheprovider", "-n", str(workers), "--dist", "loadgroup", "--sweeps", *COMMANDS]
    for command in ([*run, *tests], [*run, "tests/demo.py"]):
        subprocess.run(command, cwd=ROOT, check=False, env={**os.environ, "TAVUSCTL_LAWS": "steady"})
    combined = coverage.Coverage(str(data))
    combined.combine([str(data.parent)], strict=True)
    combined.save()


def unreached(data: Path) -> Iterator[Dead]:
    """Functions of which no line has run."""
    measured = coverage.CoverageData(str(data))
    measured.read()
    for path in sorted((ROOT / "tavusctl").rglob("*.py")):
        lines = set(measured.lines(str(path)) or ())
        for name, function in functions(ast.parse(path.read_text("utf-8"))):
            if not lines & bodies(function):
                yield Dead(path.relative_to(ROOT).as_posix(), function.lineno, "not reached", name)


def functions(node: ast.AST, prefix: str = "") -> Iterator[tuple[str, Function]]:
    """Functions and methods that do something, by qualified name; not those within a function."""
    for one in ast.iter_child_nodes(node):
        if isinstance(one, Function):
            if bodies(one):
                yield prefix + one.name, one
        elif isinstance(one, ast.ClassDef):
            yield from functions(one, f"{prefix}{one.name}.")
        elif isinstance(one, ast.If | ast.Try | ast.With):
            yield from functions(one, prefix)


def bodies(function: Function) -> set[int]:
    """The lines of a function's statements, but for a docstring and the dots of a Protocol."""
    constants = [one for one in function.body if isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant)]
    return {line for one in function.body if one not in constants for line in range(one.lineno, _end(one) + 1)}


def _end(node: ast.stmt) -> int:
    return node.end_lineno or node.lineno


def main(arguments: Sequence[str]) -> int:
    """Print what is dead; 1 when that is anything."""
    parser = argparse.ArgumentParser(prog="dead")
    parser.add_argument("--workers", type=int, default=2, metavar="N")
    parser.add_argument("--data", type=Path, metavar="FILE", help="of coverage; measured when it is not there")
    wanted = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        data = (wanted.data or Path(folder, "commands")).absolute()
        if not data.exists():
            measure(data, wanted.workers)
        return report([*unused(), *unreached(data)])


def report(found: Sequence[Dead]) -> int:
    """Print what is not meant to be so, and what is meant for nothing."""
    entries = tomllib.loads(ALLOWED.read_text("utf-8"))["allowed"]
    dead = [one for one in found if not any(one.is_meant(entry) for entry in entries)]
    single = [entry | {"names": [name]} for entry in entries for name in entry.get("names") or [entry["name"]]]
    idle = [entry for entry in single if not any(one.is_meant(entry) for one in found)]
    for one in dead:
        sys.stdout.write(f"{one.path}:{one.line}: {one.sort}: {one.name}\n")
    for entry in idle:
        sys.stdout.write(
            f"tests/dead.toml: nothing is {entry['sort']} {entry['names'][0]} in {entry['path']} any more\n"
        )
    sys.stdout.write(f"{len(dead)} dead names, {len(idle)} idle reasons\n")
    return int(bool(dead or idle))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
