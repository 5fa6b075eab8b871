"""Files that a command rewrites or adds: shown as a unified diff, or written, all of them or none."""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from pathlib import Path

from tavusctl.app.files import file_writer
from tavusctl.config import manifest_files
from tavusctl.core.errors import RefusedError
from tavusctl.core.project_settings import FILE
from tavusctl.fields import free_objects
from tavusctl.lib import atomic_files
from tavusctl.secrets.escape import escape_invisible
from tavusctl.secrets.redaction import SHOWN

Contents = Mapping[str, bytes]
Rewritten = dict[Path, tuple[bytes, bytes]]  # the old and the new content of a file
_collector: ContextVar[Rewritten | None] = ContextVar("collector", default=None)


def difference(before: Contents, after: Contents) -> str:
    """A unified diff of the files; lines that may contain a secret are hidden."""
    lines: list[str] = []
    for path, content in after.items():
        name = f"a/{escape_invisible(path)}" if path in before else "/dev/null"
        if b"\0" in content:
            lines.append(f"Binary files {name} and b/{escape_invisible(path)} differ\n")
            continue
        old, new = _lines(before.get(path, b"")), _lines(content)
        diff_lines = difflib.unified_diff(old, new, name, f"b/{escape_invisible(path)}")
        lines += diff_lines if path == FILE else map(_shown, diff_lines)  # the project file has only names of secrets
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def _shown(line: str) -> str:
    return f"{line[0]}{SHOWN}\n" if free_objects.line_has_secret(line[1:]) else line


def write_files(root: Path, before: Contents, after: Contents) -> None:
    """Write files; restore all of them if a write fails.

    What manifests name comes before them, so that a run that is killed leaves no manifest that names what is missing.
    A file that is not in `before` is created, and must not exist.  Two names of one file must not have two contents.
    UsageError if a path leads out of the project; RefusedError if a file is not as in `before` any more.
    """
    targets: dict[Path, str] = {}
    for path, content in sorted(after.items(), key=lambda item: _order(item[0])):
        first = targets.setdefault(file_writer.real_path(root / path, root), path)
        if content != after[first]:
            message = f"`{first}` and `{path}` are the same file, and would get different contents; nothing was written"
            raise RefusedError(message, "use a separate file for each", id="E431")
    written: list[Path] = []
    try:
        for target, path in targets.items():
            if path in before:
                _rewrite(target, path, before[path], after[path])
            else:
                file_writer.create(target, after[path], root=root)
            written.append(target)
        atomic_files.drop_abandoned(*{target.parent for target in targets})
        if (collected := _collector.get()) is not None:
            collected.update({target: (before.get(path, b""), after[path]) for target, path in targets.items()})
    except BaseException:
        for target in reversed(written):
            path = targets[target]
            with contextlib.suppress(RefusedError, OSError):  # edited by somebody else since: that edit is kept
                if path in before:
                    _rewrite(target, path, after[path], before[path])
                elif target.read_bytes() == after[path]:
                    target.unlink()
        raise


def _order(path: str) -> tuple[bool, bool, str]:
    """The place of a file in the order of writing: texts, then the project file with its `secrets:`, then manifests."""
    return path.lower().endswith(manifest_files.SUFFIXES) and path != FILE, path != FILE, path


def _rewrite(target: Path, path: str, before: bytes, after: bytes) -> None:
    """Replace the content of a file; RefusedError if it is not `before` any more, or if it cannot be written."""
    try:
        with atomic_files.open_folder(target.parent) as folder:
            atomic_files.replace(target, after, keep_rights=True, expect=before, folder=folder)
    except atomic_files.ChangedError:
        message = f"`{path}` was changed after it was read; it was not written"
        raise RefusedError(message, "run the command again", id="E431") from None
    except OSError as error:
        message = f"cannot write `{path}`: {error.strerror}"
        raise RefusedError(message, atomic_files.remedy(error, "check its permissions"), id="E431") from None


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
