"""The errors of tavusctl: one class for each remedy, with its exit code.

TavusctlError
  InternalError        1   a defect of tavusctl
  ConflictError        3   the account has changed: a conflict, a failed guard, a stale plan
  RefusedError         4   a safety rule or a quota
  UploadError          5   a file could not be put where the API can fetch it
  UnknownOutcome       6   a call may have been carried out, and reading the account did not show it
  LockError            7   another run holds the lock of the state
  UnauthorisedError    8   the API key is missing or refused
  StateError           9   state, journal or plan file cannot be used
  ConfigError         10   invalid manifests or project file; carries all diagnostics
  ApiError            11   the API cannot be reached or understood
    NeverSent              the request did not leave: safe to repeat
    Ambiguous              the request may have been carried out
    Rejected               a definite refusal, with the status and the message of the server
      Gone                 there is no such object
      Throttled            429 in every attempt
  UsageError          12   the command line is invalid
  Interrupted        130   a signal has ended the command; 129 and 143 for other signals than SIGINT
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum

from tavusctl.core.diagnostics import Diagnostic
from tavusctl.core.messages import counted


class TavusctlError(Exception):
    """The base of all errors: an exit code, a stable id, a message for the person who must fix it, and a hint."""

    exit_code = 1
    id = "E100"

    def __init__(self, message: str, hint: str = "", *, id: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        if id:
            self.id = id

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """The error as diagnostics, for JSON."""
        return (Diagnostic(self.id, self.message, hint=self.hint),)


class InternalError(TavusctlError):
    """A defect of tavusctl."""


class ConflictError(TavusctlError):
    """The account has changed since it was read for the plan."""

    exit_code, id = 3, "E300"


class RefusedError(TavusctlError):
    """A safety rule or a quota does not allow a change; the hint says what would."""

    exit_code, id = 4, "E400"


class UploadError(TavusctlError):
    """A file could not be uploaded to where the API can fetch it; no object was created for it."""

    exit_code, id = 5, "E510"


class UnknownOutcome(TavusctlError):
    """A call may have been carried out, and reading the account did not show whether it was."""

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
    """The manifests or the project file are invalid; it carries all diagnostics of the run."""

    exit_code, id = 10, "E1000"

    def __init__(self, diagnostics: Sequence[Diagnostic]) -> None:
        super().__init__(f"{counted(len(diagnostics), 'problem')} in the configuration")
        self._diagnostics = tuple(diagnostics)

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """All diagnostics, in the order of files and lines."""
        return self._diagnostics


class ApiError(TavusctlError):
    """The API cannot be reached, or its response cannot be understood."""

    exit_code, id = 11, "E1100"
    status = 0  # HTTP status of the response; 0 if there was none
    retry_after: float | None = None  # seconds that the server asks to wait


class NeverSent(ApiError):
    """The request certainly did not reach the server: it may be repeated."""

    id = "E1101"


class Ambiguous(ApiError):
    """The request may have been carried out; read the account before repeating it."""

    id = "E1102"

    def __init__(self, message: str, hint: str = "", *, accepted: bool = False) -> None:
        super().__init__(message, hint)
        self.accepted = accepted  # the status says that it was carried out: it must not be repeated


class WithoutEffect(ApiError):
    """The server confirmed the request, and reads show that it was not carried out."""

    exit_code, id = 5, "E1109"


class RefusalCause(StrEnum):
    """The cause of a refusal, by its call and its body: a status alone has several meanings."""

    UNKNOWN = ""
    MAKER_CHANGES = "maker_changes"  # PAL Maker has unpublished edits of the object
    TEST_FAILED = "test_failed"  # a `test` operation of a JSON Patch
    NAME_TAKEN = "name_taken"
    IN_USE = "in_use"  # the object to be deleted is in use
    BUSY = "busy"  # the API is still processing the object
    NOT_ATTACHED = "not_attached"  # the object does not have the part that is to be removed


class Rejected(ApiError):
    """A definite refusal: `status`, the message of the server in `text`, and the cause if the body shows it."""

    exit_code, id = 5, "E1103"

    def __init__(self, status: int, text: str, request: str, cause: RefusalCause = RefusalCause.UNKNOWN) -> None:
        super().__init__(f"{request} was refused with {status}: {text}")
        self.status = status
        self.text = text
        self.cause = cause


class Gone(Rejected):
    """The object does not exist (404, or 400 "Invalid ..._id")."""

    id = "E1104"


class Throttled(Rejected):
    """The request was refused with 429 in every attempt."""

    exit_code, id = 11, "E1105"


class UsageError(TavusctlError):
    """The command line is invalid."""

    exit_code, id = 12, "E1200"


class Interrupted(TavusctlError):
    """A signal has ended the command before its result was known."""

    exit_code, id = 130, "E1300"

    def __init__(self, message: str, hint: str = "", *, exit_code: int | None = None) -> None:
        super().__init__(message, hint)
        self.exit_code = exit_code or self.exit_code


# The worst of several outcomes determines the exit code of a run.
WORST_FIRST = (1, 9, 7, 8, 6, 3, 5, 4)
_PARTLY = 5


def worst(codes: Iterable[int], *, changed: bool = False) -> int:
    """The exit code that takes precedence among several; 0 if all of them are 0.

    If a run has `changed` the account, an unreachable API counts as partly applied.
    """
    failing = [_PARTLY if changed and code == ApiError.exit_code else code for code in codes if code]
    for code in WORST_FIRST:
        if code in failing:
            return code
    return max(failing, default=0)
