"""Options of a command line that nobody has parsed, invalid or of another command; and its folder, for hints."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from contextvars import ContextVar
from typing import Final

from tavusctl.lib.patterns import pattern

_COMMAND: Final = pattern("`tavusctl(?= [a-z])")
_folder: Final = ContextVar("folder", default="")


def option_values(words: Sequence[str], *names: str) -> list[str]:
    """All values of an option, in order, as `--option VALUE`, `--option=VALUE`, `-o VALUE` or `-oVALUE`."""
    values = []
    for word, following in zip(words, [*words[1:], None], strict=False):
        for name in names:
            joined = f"{name}=" if name.startswith("--") else name
            if word != name and word.startswith(joined):
                values.append(word.removeprefix(joined))
            elif word == name and following is not None:
                values.append(following)
    return values


def change_folder(folder: str) -> None:
    """Change to the folder of `-C`, for this run; OSError if that is impossible."""
    os.chdir(folder)
    _folder.set(os.path.join(_folder.get(), folder))  # noqa: PTH118 - as the user wrote it


def folder_option() -> str:
    """The option ` -C FOLDER` for commands in hints: who types them is still in the other folder; empty without one."""
    return f" -C {shlex.quote(_folder.get())}" if _folder.get() else ""


def with_folder(hint: str) -> str:
    """A hint whose commands have the folder of `-C`; those that have it already stay."""
    return _COMMAND.sub(lambda found: f"{found[0]}{folder_option()}", hint)
