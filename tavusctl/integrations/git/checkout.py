"""The checkout around a project, found without running git."""

from __future__ import annotations

import os
from pathlib import Path


def checkout_around(folder: Path) -> Path | None:
    """The root of the checkout around a folder; None outside of a repository."""
    return next((one for one in (folder, *folder.parents) if os.path.lexists(one / ".git")), None)


def folder_in_checkout(root: Path) -> str:
    """The path of a project from the root of its repository; empty at the root itself, or outside of a repository."""
    workspace = os.environ.get("GITHUB_WORKSPACE", "")
    top = Path(workspace) if workspace else checkout_around(root)
    if top is None:
        return ""
    real, real_top = Path(os.path.realpath(root)), Path(os.path.realpath(top))
    inside = real.relative_to(real_top).as_posix() if real.is_relative_to(real_top) else "."
    return "" if inside == "." else inside
