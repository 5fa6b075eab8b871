"""Files replaced whole or not at all, and only while they hold what was read."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from tavusctl.errors import RefusedError


def rewrite(path: Path, before: bytes, after: bytes) -> None:
    """Put new bytes in place of those that were read; RefusedError when the file has others by now."""
    real = Path(os.path.realpath(path))  # a link stays a link
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{real.name}.", dir=real.parent)
        with contextlib.ExitStack() as undo:
            undo.callback(Path(name).unlink, missing_ok=True)
            with os.fdopen(descriptor, "wb") as file:
                file.write(after)
                file.flush()
                os.fsync(file.fileno())
            Path(name).chmod(real.stat().st_mode & 0o7777)
            if real.read_bytes() != before:
                message = f"{path} was changed meanwhile; it was not written"
                raise RefusedError(message, "run the command again", id="E431")
            Path(name).replace(real)
    except OSError as error:
        message = f"{path} cannot be written: {error.strerror}"
        raise RefusedError(message, "check its rights", id="E431") from None
