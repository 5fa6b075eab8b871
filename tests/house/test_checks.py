from __future__ import annotations

import re

from tavusctl.checks import CHECKS
from tavusctl.rules import RULES
from tests.house.tree import ROOT, files, name

IDS = re.compile(r'"(TV\d{3})"')


def places(*folders: str) -> dict[str, set[str]]:
    """Ids that the code complains with, each with the files it stands in."""
    found: dict[str, set[str]] = {}
    for path in files(*folders, suffix=".py"):
        if path.name != "checks.py":
            for id_ in IDS.findall(path.read_text("utf-8")):
                found.setdefault(id_, set()).add(name(path))
    return found


def test_every_id_has_its_line_and_every_line_its_use() -> None:
    assert set(places("tavusctl")) | {rule.id for rule in RULES} == set(CHECKS)
    assert list(CHECKS) == sorted(CHECKS)


def test_no_id_means_two_things() -> None:
    """What a rule remarks on is nobody else's word: it can be ignored, and all else cannot."""
    outside = {id_: found for id_, found in places("tavusctl").items() if any("/rules/" not in one for one in found)}

    assert not set(outside) & {rule.id for rule in RULES}
    assert len({rule.id for rule in RULES}) == len(RULES)


def test_the_readme_lists_every_check() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    rows = re.findall(r"^\| (TV\d{3}) \| (error|warning) \| (.+) \|$", readme, re.MULTILINE)

    assert rows == [(id_, check.severity.value, check.title) for id_, check in CHECKS.items()]
