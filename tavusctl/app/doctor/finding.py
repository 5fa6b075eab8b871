"""What was looked at, how it is, and what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum

from msgspec import Struct

from tavusctl.core.errors import InternalError, TavusctlError


class Health(StrEnum):
    """How something is: `warning` stops nothing today."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


class Finding(Struct, frozen=True):
    """One thing that was looked at."""

    check: str  # project, key, ...: stable names
    health: Health
    message: str
    hint: str = ""
    exit_code: int = 0


def ok(check: str, message: str) -> Finding:
    """Something that is as it should be."""
    return Finding(check, Health.OK, message)


def warning(check: str, message: str, hint: str = "") -> Finding:
    """Something that will be a nuisance."""
    return Finding(check, Health.WARNING, message, hint)


def failed(check: str, error: TavusctlError) -> Finding:
    """Something that stops commands, as the error in which they end."""
    first, *more = error.diagnostics
    place = f"{first.source}: " if first.source else ""
    rest = f", and {len(more)} more problem{'' if len(more) == 1 else 's'}" if more else ""
    return Finding(check, Health.FAILED, f"{place}{first.message}{rest}", first.hint, error.exit_code)


def looked_at(check: str, look: Callable[[], Iterable[Finding]]) -> Iterator[Finding]:
    """What a look finds; the error in which it ends is a finding like the others."""
    try:
        yield from look()
    except TavusctlError as error:
        yield failed(check, error)
    except Exception as error:  # noqa: BLE001 - what else is wrong is still told
        yield failed(check, InternalError(f"this check ended with {type(error).__name__}", "report this bug"))
