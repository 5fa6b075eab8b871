"""Files that a command rewrites: as a unified diff, and on the disk, all of them or none."""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Iterator, Mapping
from pathlib import Path

from tavusctl.errors import RefusedError
from tavusctl.unseen import visible
from tavusctl.writeback.rewriting import rewrite

Contents = Mapping[str, bytes]


def difference(before: Contents, after: Contents) -> str:
    """What would be written, as a unified diff."""
    lines: list[str] = []
    for path, content in after.items():
        old, new = _lines(before[path]), _lines(content)
        lines += difflib.unified_diff(old, new, f"a/{visible(path)}", f"b/{visible(path)}")
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


@contextlib.contextmanager
def written(root: Path, before: Contents, after: Contents) -> Iterator[None]:
    """Files written for as long as nothing goes wrong: an error of the block, or of a file, brings all of them back."""
    done: list[str] = []
    try:
        for path, content in after.items():
            rewrite(root / path, before[path], content)
            done.append(path)
        yield
    except BaseException:
        for path in done:
            with contextlib.suppress(RefusedError):  # somebody has edited it since: theirs stays
                rewrite(root / path, after[path], before[path])
        raise


def _lines(content: bytes) -> list[str]:
    text = visible(content.decode("utf-8", "replace"))
    return [f"{line}\n" for line in text.split("\n")[:-1]] + [line for line in text.split("\n")[-1:] if line]
