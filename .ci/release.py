"""What a release says of itself: `python3 -I .ci/release.py TAG` prints its notes, the section of CHANGELOG.md.

Refuses a tag that is not the version in the code, and a version without a section of its own.  Runs nothing of the
project and needs nothing but Python.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CODE = "tavusctl/__init__.py"
CHANGES = "CHANGELOG.md"
VERSION = re.compile(r'^__version__ = "([^"]+)"$', re.MULTILINE)
HEADING = re.compile(r"^## (?P<version>\S+) - \d{4}-\d{2}-\d{2}$", re.MULTILINE)


def main(tag: str, root: Path = ROOT) -> int:
    """Print the notes of a tag; 1 when there is no such release."""
    try:
        print(notes(tag, (root / CODE).read_text("utf-8"), (root / CHANGES).read_text("utf-8")))
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def notes(tag: str, code: str, changes: str) -> str:
    """The section of a version; ValueError says what does not fit."""
    found = VERSION.search(code)
    if found is None or tag != f"v{found[1]}":
        has = f"version {found[1]}" if found else "no __version__"
        message = f"the tag is {tag!r}, and {CODE} has {has}: a release is tagged v and its version"
        raise ValueError(message)
    heading = next((one for one in HEADING.finditer(changes) if one["version"] == found[1]), None)
    rest = changes[heading.end() :] if heading else ""
    section = re.split(r"^## ", rest, maxsplit=1, flags=re.MULTILINE)[0].strip()
    if not section:
        message = (
            f"{CHANGES} says nothing of {found[1]}: it wants a heading '## {found[1]} - YYYY-MM-DD' and text below"
        )
        raise ValueError(message)
    return section


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2] or [""]))
