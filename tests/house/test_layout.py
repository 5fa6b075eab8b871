"""Where things lie: what a newcomer may rely on when looking for something."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pytest

from tavusctl.kinds import KINDS
from tests.house.tree import MADE, ROOT, files, name, nodes

pytestmark = pytest.mark.xdist_group("source")

PACKAGE = ROOT / "tavusctl"

# Folders in which one name may stand more than once for one idea: layer upon layer, and one beside the other.
FAMILIES = (
    # A command, its use case, its stage.
    {"cli/commands", "app", "app/account", "app/environments", "app/init", "app/planning", "engine", "engine/account"},
    {"state", "state/file", "state/shared", "state/object_store", "state/git"},  # the same for each place of a state
    {"kinds", "lint/rules"},  # a kind, and rules about it
)
# Other names that stand twice, and why; the list is to become empty.
TWICE = {
    "graph": "the command draws the graph of a project; lib/graph.py knows graphs, and not whose",
    "blame": "app/planning/blame.py lays out what integrations/git/blame.py has asked git for",
    "prepare": "of a plan, and of an export: what is worked out before anything is written",
    "project": "config/project_file/project.py reads a project file, app/init/project.py begins one",
    "context": "of an apply, and of an undo: what their steps share",
}
# Modules that name a kind although they belong to none, which names, and why; the list is to become empty.
NAMING_KINDS = {
    "tavusctl/reports/sarif.py": ({"tool"}, "SARIF's word for the program that a report is of"),
}


def modules() -> Iterator[PurePosixPath]:
    """Modules below the package, but for the emulator: it is a building of its own, with its own names."""
    for path in files("tavusctl", suffix=".py"):
        inside = PurePosixPath(path.relative_to(PACKAGE).as_posix())
        if path.name != "__init__.py" and inside.parts[0] != "emulator":
            yield inside


def packages(root: Path) -> set[str]:
    """Folders with Python files anywhere below a folder."""
    return {
        one.relative_to(root).as_posix() for path in files(name(root), suffix=".py") for one in _between(root, path)
    }


def _between(root: Path, path: Path) -> list[Path]:
    return [one for one in path.parents if root in one.parents and not MADE.intersection(one.parts)]


def first_block(page: str, heading: str) -> list[str]:
    """Lines of the first fenced block below a heading."""
    _, _, below = (ROOT / page).read_text("utf-8").partition(f"\n## {heading}\n")
    found = re.search(r"(?ms)^```\w*\n(.*?)^```", below)
    assert found, f"{page} shows no tree of packages under `## {heading}`"
    return found[1].splitlines()


def test_no_module_lies_loose_beside_the_packages() -> None:
    loose = {path.name for path in PACKAGE.glob("*.py")} - {"__init__.py", "__main__.py"}
    assert not loose, f"put each into the package that it belongs to: {sorted(loose)}"


def test_one_name_is_one_idea() -> None:
    folders = defaultdict(list)
    for path in modules():
        folders[path.stem].append(path.parent.as_posix())
    twice = {
        stem: found
        for stem, found in folders.items()
        if len(found) > 1 and not any(family.issuperset(found) for family in FAMILIES)
    }
    unknown = {stem: found for stem, found in twice.items() if stem not in TWICE}
    assert not unknown, f"one base name, one idea; name what each of them is: {unknown}"
    assert not TWICE.keys() - twice.keys(), "take names that stand once out of TWICE"


def test_kinds_are_named_where_kinds_are_told_apart() -> None:
    """What the rest has to know of a kind is a field of `ResourceKind`."""
    found = defaultdict(set)
    for path in modules():
        if path.parts[0] not in ("kinds", "lint"):
            for node in nodes(PACKAGE / path):
                if isinstance(node, ast.Constant) and node.value in KINDS:
                    found[f"tavusctl/{path}"].add(str(node.value))
    known = {path: names for path, (names, _) in NAMING_KINDS.items()}
    assert dict(found) == known, "let ResourceKind say it; and take what names no kind any more out of NAMING_KINDS"


def test_unit_tests_lie_as_what_they_test() -> None:
    strange = packages(ROOT / "tests/unit") - packages(PACKAGE)
    assert not strange, f"tests/unit mirrors tavusctl/, which has no package {sorted(strange)}"
    loose = sorted(path.name for path in (ROOT / "tests/unit").glob("*.py"))
    assert not loose, f"put each below tests/unit into the folder of the package that it tests: {loose}"


def test_the_tree_of_packages_shows_every_package_and_no_other() -> None:
    page, heading = "docs/architecture.md", "Layers"
    shown = {line.split()[0].removeprefix("tavusctl/").rstrip("/") for line in first_block(page, heading) if line}
    there = {package for package in packages(PACKAGE) if "/" not in package}
    assert shown == there, f"{page}, `{heading}`: not shown {sorted(there - shown)}, not there {sorted(shown - there)}"


def test_the_lists_of_mutants_name_what_there_is() -> None:
    """`groups` refuses a pattern that nothing matches; the table of results is of modules that there are."""
    from tests.mutants.groups import groups  # noqa: PLC0415 - read when this is asked

    told = groups()
    assert told.tests
    results = (ROOT / "tests/mutants/RESULTS.md").read_text("utf-8")
    gone = {path for path in re.findall(r"tavusctl/[\w/]+\.py", results) if not (ROOT / path).is_file()}
    assert not gone, f"RESULTS.md has rows of modules that are gone: `make mutants`, or take them out: {sorted(gone)}"
