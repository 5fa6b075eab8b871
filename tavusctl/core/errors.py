"""Everything that can go wrong, one class per remedy, with its exit code.

TavusctlError
  InternalError        1   a defect of tavusctl
  ConflictError        3   the account moved: a conflict, a failed guard, a stale plan
  RefusedError         4   a safety rule or a quota
  UploadError          5   a file could not be put where the API can fetch it
  UnknownOutcome       6   a call may have been carried out, and looking did not tell
  LockError            7   another run holds the state
  UnauthorisedError    8   the API key is missing or refused
  StateError           9   state, journal or plan file cannot be used
  ConfigError         10   manifests or project file; carries every complaint
  ApiError            11   the API cannot be reached or understood
    NeverSent              the request did not leave: safe to repeat
    Ambiguous              the request may have been carried out
    Rejected               a definite refusal, with status and the server's words
      Gone                 there is no such object
      Throttled            429 without end
  UsageError          12   the command line
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from tavusctl.core.diagnostics import Diagnostic


class TavusctlError(Exception):
    """What every error has: an exit code, a stable id, a message for the person who must fix it, and a hint."""

    exit_code = 1
    id = "E100"

    def __init__(self, message: str, hint: str = "", *, id: str = "") -> None:  # noqa: A002 - the published name
        super().__init__(message)
        self.message = message
        self.hint = hint
        if id:
            self.id = id

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """The error as complaints, for JSON."""
        return (Diagnostic(self.id, self.message, hint=self.hint),)


class InternalError(TavusctlError):
    """A defect of tavusctl."""


class ConflictError(TavusctlError):
    """The account is not as the plan found it."""

    exit_code, id = 3, "E300"


class RefusedError(TavusctlError):
    """A safety rule or a quota says no; the hint says what would allow it."""

    exit_code, id = 4, "E400"


class UploadError(TavusctlError):
    """A file could not be put where the API can fetch it; nothing was created of it."""

    exit_code, id = 5, "E510"


class UnknownOutcome(TavusctlError):
    """A call may have been carried out and looking did not settle it."""

    exit_code, id = 6, "E600"


class LockError(TavusctlError):
    """Another run holds the lock of the state, or has taken it over."""

    exit_code, id = 7, "E700"


class UnauthorisedError(TavusctlError):
    """The API key is missing or refused."""

    exit_code, id = 8, "E800"


class StateError(TavusctlError):
    """State, journal or plan file is damaged, foreign, newer or older."""

    exit_code, id = 9, "E900"


class ConfigError(TavusctlError):
    """Manifests or project file are invalid; all complaints of the run."""

    exit_code, id = 10, "E1000"

    def __init__(self, diagnostics: Sequence[Diagnostic]) -> None:
        super().__init__(f"{len(diagnostics)} problem{'s' if len(diagnostics) != 1 else ''} in the configuration")
        self._complaints = tuple(diagnostics)

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """Every complaint, in the order of files and lines."""
        return self._complaints


class ApiError(TavusctlError):
    """The API cannot be reached, or its answer cannot be understood."""

    exit_code, id = 11, "E1100"
    status = 0  # of the answer; 0 when there was none
    asked_wait: float | None = None  # seconds the server asks to wait


class NeverSent(ApiError):
    """The request surely did not reach the server."""

    id = "E1101"


class Ambiguous(ApiError):
    """The request may have been carried out; look before repeating."""

    id = "E1102"

    def __init__(self, message: str, hint: str = "", *, accepted: bool = False) -> None:
        super().__init__(message, hint)
        self.accepted = accepted  # the status says that it was carried out: never to be repeated


class RefusalCause(StrEnum):
    """What a refusal is about, by its call and its body: a status alone has several meanings."""

    UNTOLD = ""
    MAKER_CHANGES = "maker_changes"  # PAL Maker holds edits of the object that nobody has published
    TEST_FAILED = "test_failed"  # a `test` operation of a JSON Patch
    NAME_TAKEN = "name_taken"
    IN_USE = "in_use"  # what is to be deleted
    BUSY = "busy"  # the API works on the object
    NOT_ATTACHED = "not_attached"  # what is to be taken away from an object


class Rejected(ApiError):
    """A definite refusal: `status`, the server's own words in `text`, and what it is about, where the body tells."""

    exit_code, id = 5, "E1103"

    def __init__(self, status: int, text: str, request: str, cause: RefusalCause = RefusalCause.UNTOLD) -> None:
        super().__init__(f"{request} was refused with {status}: {text}")
        self.status = status
        self.text = text
        self.cause = cause


class Gone(Rejected):
    """There is no such object (404, or 400 "Invalid ..._id")."""

    id = "E1104"


class Throttled(Rejected):
    """429 again and again."""

    exit_code, id = 11, "E1105"


class UsageError(TavusctlError):
    """The command line does not make sense."""

    exit_code, id = 12, "E1200"


# The worst of several outcomes decides the exit code of a run.
WORST_FIRST = (1, 9, 7, 8, 6, 3, 5, 4)


def worst(codes: Sequence[int]) -> int:
    """The exit code that says most about several; 0 when there is none."""
    failing = [code for code in codes if code]
    for code in WORST_FIRST:
        if code in failing:
            return code
    return max(failing, default=0)
