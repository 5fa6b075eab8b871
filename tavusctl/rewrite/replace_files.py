"""Atomic replacement of files that have not changed since they were read."""

from __future__ import annotations

import os
from pathlib import Path

from tavusctl.core.errors import RefusedError
from tavusctl.lib import atomic_files


def rewrite(path: Path, before: bytes, after: bytes) -> None:
    """Replace the content of a file; RefusedError if it is not `before` any more, or if it cannot be written."""
    target = Path(os.path.realpath(path))  # a link stays a link
    try:
        atomic_files.replace(target, after, keep_rights=True, expect=before)
    except atomic_files.ChangedError:
        message = f"`{path}` was changed after it was read; it was not written"
        raise RefusedError(message, "run the command again", id="E431") from None
    except OSError as error:
        message = f"cannot write `{path}`: {error.strerror}"
        raise RefusedError(message, "check its permissions", id="E431") from None
