from __future__ import annotations

import re

from tavusctl.core.diagnostic_ids import CHECKS
from tavusctl.lint import RULES
from tests.house.tree import ROOT, files, name

SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+){1,3}")  # a hyphen tells a slug from a word in a comment
IDS = re.compile(r'"(TV\d{3})"')


def places(*folders: str) -> dict[str, set[str]]:
    """Ids that the code complains with, each with the files it stands in."""
    found: dict[str, set[str]] = {}
    for path in files(*folders, suffix=".py"):
        if path.name != "diagnostic_ids.py":
            for id_ in IDS.findall(path.read_text("utf-8")):
                found.setdefault(id_, set()).add(name(path))
    return found


def test_every_id_has_its_line_and_every_line_its_use() -> None:
    used = set(places("tavusctl")) | {rule.id for rule in RULES}
    assert not used - set(CHECKS), "give these a line in tavusctl/core/diagnostic_ids.py"
    assert not set(CHECKS) - used, "nothing complains with these of tavusctl/core/diagnostic_ids.py"
    assert list(CHECKS) == sorted(CHECKS), (
        "the lines of tavusctl/core/diagnostic_ids.py stand in the order of their ids"
    )


def test_no_id_means_two_things() -> None:
    """What a rule remarks on is nobody else's word: it can be ignored, and all else cannot."""
    outside = {id_: found for id_, found in places("tavusctl").items() if any("/lint/" not in one for one in found)}

    assert not set(outside) & {rule.id for rule in RULES}
    assert len({rule.id for rule in RULES}) == len(RULES)


def test_the_reference_lists_every_check() -> None:
    page = (ROOT / "docs/reference/checks.md").read_text("utf-8")
    rows = re.findall(r"^\| \[(TV\d{3})\]\(#\S+\) \| (\S+) \| (error|warning) \| (.+) \|$", page, re.MULTILINE)
    wanted = [(id_, check.slug, check.severity.value, check.title) for id_, check in CHECKS.items()]

    assert rows == wanted, (
        "the table of docs/reference/checks.md lists every check, in the order of ids: `make reference`"
    )


def test_every_check_has_a_slug_of_its_own() -> None:
    slugs = [check.slug for check in CHECKS.values()]

    assert len(set(slugs)) == len(slugs)
    assert [one for one in slugs if not SLUG.fullmatch(one)] == []


def test_titles_are_noun_phrases_in_the_terms_of_the_field() -> None:
    """No article in front and no full stop behind, as a rule's name in a report of code scanning."""
    assert [check.title for check in CHECKS.values() if re.match(r"(a|an|the) |.*\.$", check.title)] == []
