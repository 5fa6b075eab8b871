"""The result of one check of `doctor`, with a hint."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum

from msgspec import Struct

from tavusctl.core.errors import InternalError, TavusctlError
from tavusctl.core.messages import counted


class Health(StrEnum):
    """How something is: `warning` stops nothing today."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


class Finding(Struct, frozen=True):
    """The result of one check."""

    check: str  # project, key, ...: stable names
    health: Health
    message: str
    hint: str = ""
    exit_code: int = 0


def ok(check: str, message: str) -> Finding:
    """A check without a problem."""
    return Finding(check, Health.OK, message)


def warning(check: str, message: str, hint: str = "") -> Finding:
    """A problem that does not stop commands, but may cause trouble later."""
    return Finding(check, Health.WARNING, message, hint)


def failed(check: str, error: TavusctlError) -> Finding:
    """A problem that stops commands, from the error with which they would end; only its first diagnostic is shown."""
    first, *more = error.diagnostics
    place = f"{first.source}: " if first.source else ""
    rest = f", and {counted(len(more), 'more problem')}" if more else ""
    return Finding(check, Health.FAILED, f"{place}{first.message}{rest}", first.hint, error.exit_code)


def run_check(check: str, function: Callable[[], Iterable[Finding]]) -> Iterator[Finding]:
    """The findings of a check function; an error that it raises becomes a finding, too."""
    try:
        yield from function()
    except TavusctlError as error:
        yield failed(check, error)
    except Exception as error:  # noqa: BLE001 - the other checks still run
        yield failed(check, InternalError(f"this check ended with {type(error).__name__}", "report this bug"))
