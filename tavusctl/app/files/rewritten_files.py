"""Files that a command rewrites or adds: as a unified diff, and on the disk, all of them or none."""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from pathlib import Path

from tavusctl.core.errors import RefusedError
from tavusctl.core.project_settings import FILE
from tavusctl.fields import free_objects
from tavusctl.lib import atomic_files
from tavusctl.rewrite.replace_files import rewrite
from tavusctl.secrets.escape import escape_invisible
from tavusctl.secrets.redaction import SHOWN

Contents = Mapping[str, bytes]
Rewritten = dict[Path, tuple[bytes, bytes]]  # what a file had, and what it has now
_kept: ContextVar[Rewritten | None] = ContextVar("kept", default=None)


def difference(before: Contents, after: Contents) -> str:
    """What would be written, as a unified diff; lines that may give a secret away are hidden."""
    lines: list[str] = []
    for path, content in after.items():
        old, new = _lines(before.get(path, b"")), _lines(content)
        name = f"a/{escape_invisible(path)}" if path in before else "/dev/null"
        compared = difflib.unified_diff(old, new, name, f"b/{escape_invisible(path)}")
        lines += compared if path == FILE else map(_shown, compared)  # the project file has names of secrets only
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def _shown(line: str) -> str:
    return f"{line[0]}{SHOWN}\n" if free_objects.line_tells(line[1:]) else line


@contextlib.contextmanager
def written(root: Path, before: Contents, after: Contents) -> Iterator[None]:
    """Write files, those that were not read as new ones; restore all of them if the block or a write fails."""
    done: list[str] = []
    try:
        for path, content in after.items():
            if path in before:
                rewrite(root / path, before[path], content)
            else:
                _add(root / path, content)
            done.append(path)
        yield
        if (kept := _kept.get()) is not None:
            kept.update({root / path: (before.get(path, b""), content) for path, content in after.items()})
    except BaseException:
        for path in done:
            with contextlib.suppress(RefusedError, OSError):  # somebody has edited it since: theirs stays
                if path in before:
                    rewrite(root / path, after[path], before[path])
                elif (root / path).read_bytes() == after[path]:
                    (root / path).unlink()
        raise


def _add(path: Path, content: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic_files.create(path, content)
    except OSError as error:
        message = f"cannot write `{path}`: {error.strerror}"
        raise RefusedError(message, "run the command again", id="E431") from None


@contextlib.contextmanager
def keeping() -> Iterator[Rewritten]:
    """What a command that is run within another one rewrites."""
    kept: Rewritten = {}
    token = _kept.set(kept)
    try:
        yield kept
    finally:
        _kept.reset(token)


def _lines(content: bytes) -> list[str]:
    text = escape_invisible(content.decode("utf-8", "replace"))
    return [f"{line}\n" for line in text.split("\n")[:-1]] + [line for line in text.split("\n")[-1:] if line]
