"""Errors at the start of the emulator, with what the user can do about them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tavusctl.core.errors import UsageError


@contextmanager
def explain_start_errors(host: str, port: int, db: Path | None) -> Iterator[None]:
    """Turn errors of the block into usage errors with a hint."""
    try:
        yield
    except ImportError as error:  # an optional extra: all other commands work without it
        message = f"the emulator needs the package `{error.name}`, which is not installed"
        raise UsageError(message, "run `pip install 'tavusctl[emulator]'`") from None
    except sqlite3.Error as error:
        message = f"cannot persist the account in `{db}`: {error}"
        raise UsageError(
            message, "choose a new file in an existing folder, or a file that the emulator wrote"
        ) from None
    except ValueError as error:
        raise UsageError(f"cannot start the emulator: {error}") from None
    except OSError as error:
        message = f"cannot listen on {host}:{port}: {error.strerror}"
        raise UsageError(message, "choose another port, or `--port 0` for a free one") from None
