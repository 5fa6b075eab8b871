"""Files that a command rewrites or adds: shown as a unified diff, or written, all of them or none."""

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
Rewritten = dict[Path, tuple[bytes, bytes]]  # the old and the new content of a file
_collector: ContextVar[Rewritten | None] = ContextVar("collector", default=None)


def difference(before: Contents, after: Contents) -> str:
    """A unified diff of the files; lines that may contain a secret are hidden."""
    lines: list[str] = []
    for path, content in after.items():
        old, new = _lines(before.get(path, b"")), _lines(content)
        name = f"a/{escape_invisible(path)}" if path in before else "/dev/null"
        diff_lines = difflib.unified_diff(old, new, name, f"b/{escape_invisible(path)}")
        lines += diff_lines if path == FILE else map(_shown, diff_lines)  # the project file has only names of secrets
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def _shown(line: str) -> str:
    return f"{line[0]}{SHOWN}\n" if free_objects.line_has_secret(line[1:]) else line


@contextlib.contextmanager
def write_files(root: Path, before: Contents, after: Contents) -> Iterator[None]:
    """Write files; restore all of them if a write or the block fails.

    A file that is not in `before` is created, and must not exist.
    """
    written_paths: list[str] = []
    try:
        for path, content in after.items():
            if path in before:
                rewrite(root / path, before[path], content)
            else:
                _add(root / path, content)
            written_paths.append(path)
        yield
        if (collected := _collector.get()) is not None:
            collected.update({root / path: (before.get(path, b""), content) for path, content in after.items()})
    except BaseException:
        for path in written_paths:
            with contextlib.suppress(RefusedError, OSError):  # edited by somebody else since: that edit is kept
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
def collect_rewritten_files() -> Iterator[Rewritten]:
    """A context that collects the files rewritten in it."""
    collected: Rewritten = {}
    token = _collector.set(collected)
    try:
        yield collected
    finally:
        _collector.reset(token)


def _lines(content: bytes) -> list[str]:
    text = escape_invisible(content.decode("utf-8", "replace"))
    return [f"{line}\n" for line in text.split("\n")[:-1]] + [line for line in text.split("\n")[-1:] if line]
