from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tavusctl import errors
from tests.house.tree import ROOT

README = ROOT / "README.md"
LARGEST = 220 * 1024  # bytes of a picture
ON_SUCCESS_AND_SIGNALS = {0, 2, 130, 143}


def section(title: str) -> str:
    """The part of the README under a heading, up to the next one of its level or above."""
    text = re.sub(r"(?ms)^```.*?^```", lambda block: block[0].replace("\n#", "\n"), README.read_text("utf-8"))
    found = re.search(rf"(?ims)^#+ {title}\s*$(.*?)(?=^##? |\Z)", text)
    assert found, f"README.md has no section '{title}': add it"
    return found[1]


def commands() -> list[str]:
    """What `tavusctl --help` lists."""
    run = subprocess.run(
        [sys.executable, "-c", "from tavusctl.cli import main; main()", "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    listed = re.findall(r"^ {2}([a-z][a-z-]+) {2,}\S", run.stdout, re.MULTILINE)
    assert listed, f"`tavusctl --help` lists no command:\n{run.stdout}"
    return listed


def exit_codes() -> set[int]:
    """Every code that an error can end with."""
    classes = [errors.TavusctlError]
    for parent in classes:
        classes.extend(parent.__subclasses__())
    return {each.exit_code for each in classes} | ON_SUCCESS_AND_SIGNALS


def test_readme_has_every_command() -> None:
    text = section("commands")
    missing = [command for command in commands() if not re.search(rf"`(tavusctl )?{command}\b", text)]
    assert not missing, f"README.md, section 'Commands', does not have: {', '.join(missing)}; add a line for each"


def test_readme_has_every_exit_code() -> None:
    text = section("exit codes")
    missing = [str(code) for code in sorted(exit_codes()) if not re.search(rf"(?<![\d.]){code}(?![\d.]\d|\d)", text)]
    assert not missing, f"README.md, section 'Exit codes', does not have: {', '.join(missing)}; add a line for each"


@pytest.mark.parametrize("target", ["make demo", "make test"])
def test_readme_names_what_to_run(target: str) -> None:
    assert target in README.read_text("utf-8"), f"README.md does not say what `{target}` does"


def test_files_that_the_readme_shows_or_links_to_exist() -> None:
    pages = [README, ROOT / "SECURITY.md", *sorted((ROOT / "docs").glob("*.md"))]
    links = [(page, link) for page in pages for link in re.findall(r"\]\(([^)#\s]+)", page.read_text("utf-8"))]
    links += [
        (page, link) for page in pages for link in re.findall(r'(?:src|srcset)="([^"]+)"', page.read_text("utf-8"))
    ]
    missing = [
        f"{page.name}: {link}" for page, link in links if "://" not in link and not (page.parent / link).exists()
    ]
    assert not missing, f"there is no such file: {', '.join(missing)}"


def test_every_picture_is_shown_and_small() -> None:
    shown = README.read_text("utf-8")
    pictures = sorted((ROOT / "docs/pictures").iterdir())
    assert pictures, "docs/pictures is empty: make pictures"
    unseen = [one.name for one in pictures if f"docs/pictures/{one.name}" not in shown]
    assert not unseen, f"README.md does not show: {', '.join(unseen)}"
    large = [one.name for one in pictures if one.stat().st_size > LARGEST]
    assert not large, f"larger than {LARGEST // 1024} KiB: {', '.join(large)}"


def test_a_picture_asks_nobody_for_anything() -> None:
    for picture in (ROOT / "docs/pictures").glob("*.svg"):
        found = re.findall(r"<script|<image|<use|href=|src=|@import|url\((?!#)", picture.read_text("utf-8"))
        assert not found, f"{picture.name} would load something: {found[0]}"


def test_makefile_targets_of_the_readme_exist() -> None:
    named = set(re.findall(r"\bmake ([a-z]+(?:-[a-z]+)*)`?$|`make ([a-z-]+)`", README.read_text("utf-8"), re.MULTILINE))
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    unknown = {first or second for first, second in named} - targets
    assert not unknown, f"README.md names make targets that the Makefile does not have: {sorted(unknown)}"
