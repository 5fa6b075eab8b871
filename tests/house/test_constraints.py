from __future__ import annotations

import re
import tomllib

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.house.tree import ROOT

REMEDY = "constraints.txt is generated: run `make constraints` and commit what it writes"
TEXT = (ROOT / "constraints.txt").read_text("utf-8")
PINS = [
    (Requirement(head.split("\\")[0]), re.findall(r"--hash=sha256:[0-9a-f]{64}\b", head))
    for head in re.split(r"\n(?=[a-z0-9])", "\n" + "\n".join(line for line in TEXT.splitlines() if "#" not in line))
    if head.strip()
]


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


def test_every_pin_is_exact_and_has_hashes() -> None:
    loose = [str(pin) for pin, hashes in PINS if not hashes or not re.fullmatch(r"==[^*]+", str(pin.specifier))]
    assert PINS
    assert not loose, f"{REMEDY}; without an exact version or a hash: {loose}"


def test_no_address_is_named() -> None:
    named = [
        line for line in TEXT.splitlines() if "://" in line or re.match(r"\s*(-i|-f|--(extra-)?index|--find)", line)
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
