"""The generated pages of docs/reference; `make reference` writes them again."""

from __future__ import annotations

import sys

from tests.house.tree import ROOT
from tests.pages import checks_page, codes_page, commands_page, kinds_page, schema_pages
from tests.pages.markdown import NOTE

FOLDER = ROOT / "docs/reference"


def pages() -> dict[str, str]:
    """The text of every generated page, by its file below docs/reference."""
    texts = {
        **kinds_page.pages(),
        "checks.md": checks_page.page(),
        "commands.md": commands_page.page(),
        "exit-codes.md": codes_page.exit_codes_page(),
        "environment-variables.md": codes_page.variables_page(),
        "project-file.md": schema_pages.project_page(),
        "plan-json.md": schema_pages.plan_page(),
    }
    return {name: f"{NOTE}\n\n{text.strip()}\n" for name, text in texts.items()}


def written() -> dict[str, str]:
    """The generated pages as they are on disk, by file; pages that people write are left out."""
    texts = {path: path.read_text("utf-8") for path in sorted(FOLDER.rglob("*.md"))}
    return {path.relative_to(FOLDER).as_posix(): text for path, text in texts.items() if text.startswith(NOTE)}


def main() -> int:
    """Write all generated pages, and delete those that are no longer generated."""
    texts = pages()
    for name in written().keys() - texts.keys():
        (FOLDER / name).unlink()
    for name, text in texts.items():
        (FOLDER / name).parent.mkdir(parents=True, exist_ok=True)
        (FOLDER / name).write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
