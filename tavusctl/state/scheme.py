"""What a `state:` of a project file leads to, by its scheme; nothing is opened."""

from __future__ import annotations

from pathlib import Path


def is_git(url: str) -> bool:
    """Whether it is a state in git."""
    return url.partition("?")[0] == "git" or url.startswith("git+")


def file_of(url: str, root: Path, environment: str) -> Path | None:
    """The file that it names, without a URL one in the project; None for a state that is no file of this machine."""
    if not url:
        return root / ".tavusctl" / ("state.json" if environment == "default" else f"state-{environment}.json")
    scheme, separator, location = url.partition("://")
    if is_git(url) or (separator and scheme != "file"):
        return None
    return root / (location if separator else url)
