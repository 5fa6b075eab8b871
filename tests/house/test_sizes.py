from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from tests.house.tree import ROOT, files, name, nodes

pytestmark = pytest.mark.xdist_group("source")

PACKAGE = ROOT / "tavusctl"
LONGEST_COMMAND = 120  # lines of a file
LONGEST_FUNCTION = 40  # lines
FEWEST, MOST = 3, 14  # modules of a package

# Packages of another size, each for its reason.
MANY = {"tavusctl/cli/commands"}  # a command is found by its name, in a module for each
# Each place of a state is a package, and a folder has just a store and a journal; git and GitHub are all we work with.
FEW = {"tavusctl/state/file", "tavusctl/integrations"}


def functions() -> Iterator[tuple[str, int]]:
    for path in files("tavusctl", suffix=".py"):
        for node in nodes(path):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield f"{name(path)}: {node.name}", (node.end_lineno or node.lineno) - node.lineno + 1


def test_a_command_is_options_a_call_and_a_report() -> None:
    commands = [path for path in files("tavusctl", suffix=".py") if name(path).startswith("tavusctl/cli/commands/")]
    lengths = {name(path): len(path.read_text("utf-8").splitlines()) for path in commands}
    long = {path: length for path, length in lengths.items() if length > LONGEST_COMMAND}
    assert len(lengths) > 20
    assert not long, f"longer than {LONGEST_COMMAND} lines; what these do belongs in tavusctl/app: {long}"


def test_functions_are_short() -> None:
    lengths = dict(functions())
    long = {one: length for one, length in lengths.items() if length > LONGEST_FUNCTION}
    assert lengths
    assert not long, f"longer than {LONGEST_FUNCTION} lines; give a part of it a name of its own: {long}"


def test_no_module_lies_loose_in_the_package() -> None:
    loose = {path.name for path in PACKAGE.glob("*.py")} - {"__init__.py", "__main__.py"}
    assert not loose, f"every module has a package that says what it is about: {loose}"


def test_a_package_has_a_handful_of_modules() -> None:
    packages = [path.parent for path in files("tavusctl", suffix="__init__.py") if path.parent != PACKAGE]
    wrong = {}
    for package in packages:
        modules = [one for one in package.glob("*.py") if one.name != "__init__.py"]
        inner = [one for one in package.glob("*/__init__.py") if one.parent in packages]
        many = len(modules) > MOST and name(package) not in MANY
        few = len(modules) + len(inner) < FEWEST and name(package) not in FEW
        if many or few:
            wrong[name(package)] = len(modules)
    assert packages
    assert not wrong, f"not {FEWEST} to {MOST} modules; divide it by what its modules are about, or join it: {wrong}"
