"""The file `.env` of a project: values for the variables that `api_key_env` and `secrets:` name, and for no others.

A variable of the environment takes precedence.  The values are never put into the environment, where every child
process would see them.  A run for a pull request does not read the file.
"""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Collection, Iterator, Mapping
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from tavusctl.app.session import pull_request_trust
from tavusctl.core.address import Source
from tavusctl.core.diagnostics import Diagnostic, warning
from tavusctl.core.messages import nearest
from tavusctl.core.project_settings import Project
from tavusctl.kinds import KINDS
from tavusctl.lib.patterns import pattern
from tavusctl.secrets import detection

if TYPE_CHECKING:
    from dotenv.parser import Binding

NAME: Final = ".env"
KEY_FILE: Final = "TAVUS_API_KEY_FILE"  # the variable with the path of a file that contains the API key
IDS: Final = ("TV130", "TV131")
LONGEST_KEY: Final = 64 * 1024  # characters of the file of a key
_LARGEST: Final = 256 * 1024  # bytes
_FLAGS: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
_OTHERS: Final = 0o077  # permissions of everybody but the owner
_VARIABLE: Final = pattern(r"[A-Z_][A-Z0-9_]{0,63}")
_key_file: ContextVar[tuple[Path, str] | None] = ContextVar("key_file", default=None)  # its path and text
_SLIP: Final = 2  # the largest difference in length between a mistyped name and the right one
_SET: Final = "set it in the environment: the file may hold API keys and secrets only"
_LIST: Final = "list it under `secrets:` if manifests use it; keep the settings of other programs in another file"


def read_key_file() -> str:
    """The text of the file of TAVUS_API_KEY_FILE, at most one character more than LONGEST_KEY: a device has no end.

    A run reads it once: a pipe, such as `<(print-the-key)` of a shell, is empty afterwards.  Raises OSError or
    UnicodeDecodeError if it cannot be read.
    """
    path = Path(os.environ[KEY_FILE]).absolute()
    known = _key_file.get()
    if known is None or known[0] != path:
        with path.open(encoding="utf-8") as file:
            known = (path, file.read(LONGEST_KEY + 1))
        _key_file.set(known)
    return known[1]


class Variables:
    """The variables with keys and secrets: those of the environment, and those of the file that it does not set."""

    __slots__ = ("_file",)

    def __init__(self, file: Mapping[str, str] | None = None) -> None:
        self._file = dict(file or {})

    def get(self, name: str) -> str:
        """The value of a variable; empty if it is not set."""
        return os.environ.get(name, "") or self._file.get(name, "")

    def in_file(self, name: str) -> bool:
        """Whether the value of a variable comes from the file."""
        return not os.environ.get(name, "") and bool(self._file.get(name))

    def uses_key_file(self, name: str) -> bool:
        """Whether the API key comes from the file of TAVUS_API_KEY_FILE in place of this variable."""
        return bool(os.environ.get(KEY_FILE)) and not os.environ.get(name)

    def lack(self, name: str) -> str:
        """Why a variable has no value, as a clause."""
        if name in self._file:
            return f"the line `{name}=` in `{NAME}` has no value"
        return f"the environment variable {name} is {'empty' if name in os.environ else 'not set'}"

    def all_values(self, name: str) -> tuple[str, ...]:
        """The values of a variable in the environment and in the file; neither may be shown."""
        return tuple(filter(None, (os.environ.get(name, ""), self._file.get(name, ""))))

    def __repr__(self) -> str:
        return f"Variables({', '.join(sorted(self._file))})"


class Remarks(Struct, frozen=True):
    """The diagnostics about the file of a project."""

    urgent: tuple[Diagnostic, ...] = ()  # likely mistakes, and readers other than the user
    others: tuple[Diagnostic, ...] = ()  # variables of other programs


def key_variables(project: Project) -> set[str]:
    """The names of the variables that hold the API keys and the secrets of a project."""
    return {*project.secrets, *(one.api_key_env for one in project.environments.values() if one.api_key_env)}


def names_in(project: Project) -> frozenset[str]:
    """All names in the file; for a damaged project file, which does not show which of them are secrets."""
    return frozenset(one.key for one in _bindings(project) if one.key)


def read(project: Project, names: Collection[str] = ()) -> Variables:
    """The values of a project's variables and of further `names`; none in a run for a pull request."""
    allowed = {*key_variables(project), *names}
    return Variables({one.key: one.value or "" for one in _bindings(project) if one.key in allowed and not one.error})


def remarks(project: Project) -> Remarks:
    """The diagnostics about the file; none in a run for a pull request."""
    if pull_request_trust.is_restricted():
        return Remarks()
    _, reason = _text_or_reason(Path(project.root, NAME))
    if reason:
        hint = "make it a file of the project that you can read"
        message = f"`{NAME}` is not read: it {reason}"
        return Remarks((warning("TV130", message, hint, source=Source(NAME, 1, 1)),))
    bindings, variables = _bindings(project), key_variables(project)
    unread = [*_unread(bindings, variables, project)]
    has_value = any(one.value for one in bindings if one.key in variables)
    return Remarks(
        (*(remark for is_urgent, remark in unread if is_urgent), *(_exposed(Path(project.root)) if has_value else ())),
        tuple(remark for is_urgent, remark in unread if not is_urgent),
    )


def _bindings(project: Project) -> list[Binding]:
    text = "" if pull_request_trust.is_restricted() else _text_or_reason(Path(project.root, NAME))[0]
    if not text:
        return []
    from dotenv.parser import parse_stream  # noqa: PLC0415 - most projects have no such file, and should start fast

    return [one for one in parse_stream(io.StringIO(text.removeprefix("\ufeff"))) if one.key or one.error]


def _text_or_reason(path: Path) -> tuple[str, str]:
    """The text of the file, and the reason if it exists but is not read; both are empty if there is no file."""
    if path.is_symlink():  # it could lead anywhere
        return "", "is a symbolic link"
    try:
        descriptor = os.open(path, _FLAGS)
    except FileNotFoundError:
        return "", ""
    except OSError as error:
        return "", f"cannot be read: {error.strerror}"
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):  # a folder named `.env` is a virtual environment of Python
            return "", ""
        if status.st_size > _LARGEST:
            return "", f"is larger than {_LARGEST // 1024} KiB"
        return os.read(descriptor, _LARGEST).decode("utf-8", "replace"), ""
    finally:
        os.close(descriptor)


def _unread(bindings: list[Binding], variables: Collection[str], project: Project) -> Iterator[tuple[bool, Diagnostic]]:
    """A diagnostic for each line that is not read, and whether the line seems to be meant for tavusctl."""
    for binding in bindings:
        source = Source(NAME, _line(binding), 1)
        if binding.error or binding.key is None or binding.value is None:
            hint = "write `NAME=value`, with quotes around a value with spaces"
            message = "this line is not read: it does not have the form `NAME=value`"
            yield True, warning("TV130", message, hint, source=source)
        elif binding.key not in variables and not _is_output(binding.key, project):
            near = nearest(binding.key, variables)
            is_slip = bool(near) and abs(len(near) - len(binding.key)) <= _SLIP
            is_tavus = binding.key.upper().startswith("TAVUS")
            is_name = (
                is_slip or is_tavus or bool(_VARIABLE.fullmatch(binding.key) and not detection.is_key(binding.key))
            )
            # A line inside a multi-line key may end in `=` and so look like a name: it must not be shown.
            named = f"`{binding.key}`" if is_name else "this variable"
            message = f"{named} is not read: neither `api_key_env` nor `secrets:` in tavusctl.yaml names it"
            hint = f"did you mean `{near}`?" if is_slip else _SET if is_tavus else _LIST
            yield is_slip or is_tavus, warning("TV130", message, hint, source=source)


def _is_output(key: str, project: Project) -> bool:
    """Whether a variable may come from `tavusctl output --write`, which may write into the same file."""
    if project.outputs:
        return key in project.outputs
    kind, _, rest = key.partition("_")
    return kind.lower() in KINDS and rest.endswith("_ID")


def _line(binding: Binding) -> int:
    """The number of a statement's first line; the parser counts the empty lines before it to the statement."""
    before = binding.original.string[: len(binding.original.string) - len(binding.original.string.lstrip())]
    return binding.original.line + before.count("\n")


def _exposed(root: Path) -> Iterator[Diagnostic]:
    """Diagnostics if other users can read the file, or git may commit it."""
    source = Source(NAME, 1, 1)
    if (root / NAME).stat().st_mode & _OTHERS:
        yield warning("TV131", "other users of this machine can read `.env`", "run `chmod 600 .env`", source=source)
    from tavusctl.integrations.git.process import Git, GitError  # noqa: PLC0415 - as above

    try:
        if Git(root, 10.0).nul_separated("ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", NAME):
            hint = (
                "add `.env` to .gitignore; if it is committed already, run `git rm --cached .env` and replace the keys"
            )
            yield warning("TV131", "git does not ignore `.env`, so its keys may be committed", hint, source=source)
    except GitError:
        return  # no repository, or no git
