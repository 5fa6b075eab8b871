"""README.md and docs/: short where people begin, every link leads somewhere, every page can be reached."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.tree import ROOT

README = ROOT / "README.md"
DOCS = ROOT / "docs"
LONGEST = 200  # lines of the README
SOONEST = 5  # minutes in which it is read
SPEED = 230  # words in a minute
LARGEST = 240 * 1024  # bytes of a picture
PAGES = [README, ROOT / "SECURITY.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]


def test_the_readme_is_read_in_five_minutes() -> None:
    text = README.read_text("utf-8")
    assert len(text.splitlines()) <= LONGEST
    assert len(text.split()) / SPEED < SOONEST


@pytest.mark.parametrize("target", ["make demo", "make test", "make docs"])
def test_readme_names_what_to_run(target: str) -> None:
    assert target in README.read_text("utf-8"), f"README.md does not say what `{target}` does"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_files_that_a_page_shows_or_links_to_exist(page: Path) -> None:
    text = re.sub(r"(?ms)^```.*?^```", "", page.read_text("utf-8"))
    links = [*re.findall(r"\]\(([^)#\s]+)", text), *re.findall(r'(?:src|srcset)="([^"]+)"', text)]
    missing = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert not missing, f"there is no such file: {', '.join(missing)}"


def test_every_picture_is_shown_and_small() -> None:
    shown = {
        one.name for page in PAGES for one in map(Path, re.findall(r"[\w./-]+\.(?:svg|png)", page.read_text("utf-8")))
    }
    pictures = sorted((DOCS / "pictures").iterdir())
    assert pictures, "docs/pictures is empty: make pictures"
    unseen = [one.name for one in pictures if one.name not in shown]
    assert not unseen, f"no page shows: {', '.join(unseen)}"
    large = [one.name for one in pictures if one.stat().st_size > LARGEST]
    assert not large, f"larger than {LARGEST // 1024} KiB: {', '.join(large)}"


def test_a_picture_asks_nobody_for_anything() -> None:
    for picture in (DOCS / "pictures").glob("*.svg"):
        found = re.findall(r"<script|<image|<use|href=|src=|@import|url\((?!#)", picture.read_text("utf-8"))
        assert not found, f"{picture.name} would load something: {found[0]}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_makefile_targets_of_a_page_exist(page: Path) -> None:
    named = set(re.findall(r"\bmake ([a-z]+(?:-[a-z]+)*)`?$|`make ([a-z-]+)`", page.read_text("utf-8"), re.MULTILINE))
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    unknown = {first or second for first, second in named} - targets
    assert not unknown, f"the Makefile has no such targets: {sorted(unknown)}"


def test_every_page_stands_in_the_navigation_of_the_site_once() -> None:
    listed = list(_files(tomllib.loads((ROOT / "zensical.toml").read_text("utf-8"))["project"]["nav"]))
    there = [path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")]
    assert sorted(listed) == sorted(there), "change `nav` in zensical.toml"


def _files(entries: object) -> Iterator[str]:
    if isinstance(entries, str):
        yield entries
    elif isinstance(entries, dict):
        for entry in entries.values():
            yield from _files(entry)
    elif isinstance(entries, list):
        for entry in entries:
            yield from _files(entry)


def test_no_two_pages_have_one_title() -> None:
    titles = [re.search(r"^# (.+)$", page.read_text("utf-8"), re.MULTILINE) for page in DOCS.rglob("*.md")]
    names = [found[1] for found in titles if found]
    assert len(names) == len(titles) == len(set(names))


def test_the_documentation_counts_the_official_commands_that_ran() -> None:
    """`tests/external/official_cli.py` runs them, and compares what it ran with the file."""
    ran = len((ROOT / "tests/external/official_commands.txt").read_text("utf-8").splitlines())
    pages = [README, *sorted((ROOT / "docs").rglob("*.md"))]
    counts = r"(\d+) of (\d+)\s+commands\s+of\s+Tavus' own command line"
    told = {page.name: found for page in pages for found in re.findall(counts, page.read_text("utf-8"))}
    assert told, "no page says how many commands of Tavus' own command line work against the emulator"
    assert {*told.values()} == {(str(ran), str(ran))}, f"{ran} commands ran, and the pages say: {told}"
