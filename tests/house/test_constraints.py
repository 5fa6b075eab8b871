from __future__ import annotations

import re
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.house.tree import ROOT

REMEDY = "constraints.txt and .github/requirements.txt are generated: run `make constraints` and commit what it writes"
LISTS = ("constraints.txt", ".github/requirements.txt")  # of developers, and of the action
Pin = tuple[Requirement, list[str]]


def text_of(path: str) -> str:
    return (ROOT / path).read_text("utf-8")


def pins(path: str) -> list[Pin]:
    """The packages of a list, each with its hashes."""
    text = "\n".join(line for line in text_of(path).splitlines() if "#" not in line)
    return [
        (Requirement(head.split("\\")[0]), re.findall(r"--hash=sha256:[0-9a-f]{64}\b", head))
        for head in re.split(r"\n(?=[a-z0-9])", f"\n{text}")
        if head.strip()
    ]


PINS = pins("constraints.txt")


def declared() -> list[Requirement]:
    """Every dependency in pyproject.toml: what runs, the extras, what develops."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    lists = [
        project["project"]["dependencies"],
        *project["project"]["optional-dependencies"].values(),
        *project["dependency-groups"].values(),
        project["build-system"]["requires"],
    ]
    return [Requirement(text) for each in lists for text in each if isinstance(text, str)]  # groups may hold groups


@pytest.mark.parametrize("path", LISTS)
def test_every_pin_is_exact_and_has_hashes(path: str) -> None:
    found = pins(path)
    loose = [str(pin) for pin, hashes in found if not hashes or not re.fullmatch(r"==[^*]+", str(pin.specifier))]
    assert len(found) > 20
    assert not loose, f"{REMEDY}; without an exact version or a hash: {loose}"


def test_the_action_installs_what_is_tested() -> None:
    tested = {(str(pin), *sorted(hashes)) for pin, hashes in PINS}
    other = [str(pin) for pin, hashes in pins(LISTS[1]) if (str(pin), *sorted(hashes)) not in tested]
    assert not other, f"{REMEDY}; not as in constraints.txt: {other}"


@pytest.mark.parametrize("path", LISTS)
def test_no_address_is_named(path: str) -> None:
    named = [
        line
        for line in text_of(path).splitlines()
        if "://" in line or re.match(r"\s*(-i|-f|--(extra-)?index|--find)", line)
    ]
    assert not named, f"{REMEDY}; it names where packages come from: {named}"


def test_every_dependency_is_pinned_within_its_bounds() -> None:
    versions = {canonicalize_name(pin.name): str(pin.specifier).removeprefix("==") for pin, _ in PINS}
    wrong = [
        str(each) for each in declared() if not each.specifier.contains(versions.get(canonicalize_name(each.name), ""))
    ]
    assert not wrong, f"{REMEDY}; not pinned, or outside its bounds: {wrong}"


def test_every_dependency_has_bounds() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    users = [*project["dependencies"], *(text for each in project["optional-dependencies"].values() for text in each)]
    loose = [text for text in users if {s.operator for s in Requirement(text).specifier} != {">=", "<"}]
    assert not loose, f"write >=tested,<next-major in pyproject.toml for: {loose}"
