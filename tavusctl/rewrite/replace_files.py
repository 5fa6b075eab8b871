"""Atomic replacement of files that have not changed since they were read."""

from __future__ import annotations

import os
from pathlib import Path

from tavusctl.core.errors import RefusedError
from tavusctl.lib import atomic_files


def rewrite(path: Path, before: bytes, after: bytes) -> None:
    """Put new bytes in place of those that were read; RefusedError when the file has others by now."""
    real = Path(os.path.realpath(path))  # a link stays a link
    try:
        atomic_files.replace(real, after, keep_rights=True, expect=before)
    except atomic_files.ChangedError:
        message = f"`{path}` was changed meanwhile; it was not written"
        raise RefusedError(message, "run the command again", id="E431") from None
    except OSError as error:
        message = f"cannot write `{path}`: {error.strerror}"
        raise RefusedError(message, "check its permissions", id="E431") from None
