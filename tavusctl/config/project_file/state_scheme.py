"""Classification of the `state:` URL of a project file by its scheme; nothing is opened."""

from __future__ import annotations

import os
from pathlib import Path


def is_git(url: str) -> bool:
    """Whether the URL is of a state in git."""
    return url.partition("?")[0] == "git" or url.startswith("git+")


def is_file(url: str) -> bool:
    """Whether the state is a local file; so it is for an empty URL."""
    return file_of(url, Path(), "") is not None


def file_of(url: str, root: Path, environment: str) -> Path | None:
    """The path of the state file, the default one for an empty URL; None if the state is not a local file."""
    if not url:
        return root / ".tavusctl" / ("state.json" if environment == "default" else f"state-{environment}.json")
    scheme, separator, location = url.partition("://")
    if is_git(url) or (separator and scheme != "file"):
        return None
    return root / (location if separator else url)


def place_of(url: str, root: Path, environment: str) -> str:
    """A text that is the same for two environments if they would share a state, also if its URLs are not the same."""
    if is_git(url):
        address, _, ref = url.partition("?ref=")
        return f"{address.rstrip('/')} {ref or f'refs/tavusctl/{environment}'}"
    file = file_of(url, root, environment)
    return os.path.normpath(file) if file else url.rstrip("/")
