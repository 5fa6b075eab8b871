"""The file `.env` of a project: values for the variables that `api_key_env` and `secrets:` name, and for no others.

A variable of the environment wins.  What the file says is never put into the environment, where every program that is
started would see it.  A run for a pull request does not read the file of a checkout.
"""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from tavusctl.app.session import pull_request_trust
from tavusctl.core.address import Source
from tavusctl.core.diagnostics import Diagnostic, Severity
from tavusctl.core.messages import nearest
from tavusctl.core.project_settings import Project
from tavusctl.kinds import KINDS
from tavusctl.lib.patterns import pattern
from tavusctl.secrets import detection

if TYPE_CHECKING:
    from dotenv.parser import Binding

NAME: Final = ".env"
KEY_FILE: Final = "TAVUS_API_KEY_FILE"  # the variable with the name of a file in place of the API key
IDS: Final = ("TV130", "TV131")
_LARGEST: Final = 256 * 1024  # bytes
_FLAGS: Final = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
_OTHERS: Final = 0o077  # rights of everybody but the owner
_VARIABLE: Final = pattern(r"[A-Z_][A-Z0-9_]{0,63}")
_SLIP: Final = 2  # characters by which a name that was meant is longer or shorter
_SET: Final = "set it in the environment: the file may hold API keys and secrets only"
_LIST: Final = "list it under `secrets:` if manifests use it; keep the settings of other programs in another file"


class Variables:
    """Variables that may hold a key or a secret, by name: of the environment, and where it has none, of the file."""

    __slots__ = ("_file",)

    def __init__(self, file: Mapping[str, str] | None = None) -> None:
        self._file = dict(file or {})

    def get(self, name: str) -> str:
        """The value of a variable; empty where it is not set."""
        return os.environ.get(name, "") or self._file.get(name, "")

    def in_file(self, name: str) -> bool:
        """Whether the value of a variable is the file's."""
        return not os.environ.get(name, "") and bool(self._file.get(name))

    def every(self, name: str) -> tuple[str, ...]:
        """All values that a variable has in one place or the other, none of which may be shown."""
        return tuple(filter(None, (os.environ.get(name, ""), self._file.get(name, ""))))

    def __repr__(self) -> str:
        return f"Variables({', '.join(sorted(self._file))})"


class Remarks(Struct, frozen=True):
    """What is to be said of a project's file."""

    urgent: tuple[Diagnostic, ...] = ()  # what somebody has surely not meant, and who else can read it
    others: tuple[Diagnostic, ...] = ()  # variables of other programs


def key_variables(project: Project) -> set[str]:
    """The variables that a project keeps keys and secrets in."""
    return {*project.secrets, *(one.api_key_env for one in project.environments.values() if one.api_key_env)}


def names_in(project: Project) -> frozenset[str]:
    """Every name that stands in the file, for a project file that does not tell which of them are secrets."""
    return frozenset(one.key for one in _bindings(project) if one.key)


def read(project: Project, names: Collection[str] = ()) -> Variables:
    """The values of the variables that a project names, and of further `names`; nothing in a pull request's run."""
    wanted = {*key_variables(project), *names}
    return Variables({one.key: one.value or "" for one in _bindings(project) if one.key in wanted and not one.error})


def remarks(project: Project) -> Remarks:
    """What is wrong with the file."""
    if pull_request_trust.is_asked():
        return Remarks()
    _, trouble = _opened(Path(project.root, NAME))
    if trouble:
        hint = "make it a file of the project that you can read"
        return Remarks((_remark("TV130", f"`{NAME}` is not read: it {trouble}", Source(NAME, 1, 1), hint),))
    found, wanted = _bindings(project), key_variables(project)
    unread = [*_unread(found, wanted, project)]
    holds = any(one.value for one in found if one.key in wanted)
    return Remarks(
        (*(one for is_meant, one in unread if is_meant), *(_exposed(Path(project.root)) if holds else ())),
        tuple(one for is_meant, one in unread if not is_meant),
    )


def _bindings(project: Project) -> list[Binding]:
    text = "" if pull_request_trust.is_asked() else _opened(Path(project.root, NAME))[0]
    if not text:
        return []
    from dotenv.parser import parse_stream  # noqa: PLC0415 - most projects have no such file, and are to start at once

    return [one for one in parse_stream(io.StringIO(text.removeprefix("\ufeff"))) if one.key or one.error]


def _opened(path: Path) -> tuple[str, str]:
    """The text of the file, and why it is not read, where it is there and is not."""
    if path.is_symlink():  # it could lead anywhere
        return "", "is a symbolic link"
    try:
        descriptor = os.open(path, _FLAGS)
    except FileNotFoundError:
        return "", ""
    except OSError as error:
        return "", f"cannot be read: {error.strerror}"
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):  # a folder by this name is an environment of Python's
            return "", ""
        if found.st_size > _LARGEST:
            return "", f"is larger than {_LARGEST // 1024} KiB"
        return os.read(descriptor, _LARGEST).decode("utf-8", "replace"), ""
    finally:
        os.close(descriptor)


def _unread(found: list[Binding], wanted: Collection[str], project: Project) -> Iterator[tuple[bool, Diagnostic]]:
    """Lines that are not read, and whether they look as if they were meant for tavusctl."""
    for one in found:
        source = Source(NAME, _line(one), 1)
        if one.error or one.key is None or one.value is None:
            hint = "write `NAME=value`, with quotes around a value with spaces"
            yield True, _remark("TV130", "this line is not read: it is no `NAME=value`", source, hint)
        elif one.key not in wanted and not _is_output(one.key, project):
            near = nearest(one.key, wanted)
            is_slip = bool(near) and abs(len(near) - len(one.key)) <= _SLIP
            is_ours = one.key.upper().startswith("TAVUS")
            is_name = is_slip or is_ours or bool(_VARIABLE.fullmatch(one.key) and not detection.is_key(one.key))
            # A line of a key that has several may end in `=`, and look like a name before it.
            named = f"`{one.key}`" if is_name else "this variable"
            told = f"{named} is not read: neither `api_key_env` nor `secrets:` in tavusctl.yaml names it"
            hint = f"did you mean `{near}`?" if is_slip else _SET if is_ours else _LIST
            yield is_slip or is_ours, _remark("TV130", told, source, hint)


def _is_output(key: str, project: Project) -> bool:
    """Whether `tavusctl output --write` may have written a variable for an application: that has a place here."""
    if project.outputs:
        return key in project.outputs
    kind, _, rest = key.partition("_")
    return kind.lower() in KINDS and rest.endswith("_ID")


def _line(one: Binding) -> int:
    """The line of a statement, behind the empty lines that the parser counts to it."""
    before = one.original.string[: len(one.original.string) - len(one.original.string.lstrip())]
    return one.original.line + before.count("\n")


def _exposed(root: Path) -> Iterator[Diagnostic]:
    """Who else may come to read the file."""
    source = Source(NAME, 1, 1)
    if os.name == "posix" and (root / NAME).stat().st_mode & _OTHERS:
        yield _remark("TV131", "other users of this machine can read `.env`", source, "run `chmod 600 .env`")
    from tavusctl.integrations.git.process import Git, GitError  # noqa: PLC0415 - as above

    try:
        if Git(root, 10.0).names("ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", NAME):
            hint = (
                "add `.env` to .gitignore; if it is committed already, run `git rm --cached .env` and replace the keys"
            )
            yield _remark("TV131", "git does not ignore `.env`, so its keys may be committed", source, hint)
    except GitError:
        return  # no repository, or no git


def _remark(id_: str, message: str, source: Source, hint: str) -> Diagnostic:
    return Diagnostic(id_, message, source, hint, severity=Severity.WARNING)
