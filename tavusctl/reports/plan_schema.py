"""The plan document as pydantic models: what `plan --format json` prints and a plan file holds.

Its JSON Schema is made from them.  A minor version of the format may add keys, so unknown keys are allowed.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from tavusctl.core.address import NAME
from tavusctl.core.model import Action, Cause, Status
from tavusctl.core.schema.model_fields import Schema, without_titles
from tavusctl.kinds import KINDS
from tavusctl.lib.json_types import Json, JsonObject


def for_plan() -> Schema:
    """The schema of a plan."""
    return without_titles(PlanDocument.model_json_schema())


def _absent(text: str | None = None, **more: Any) -> Any:
    """A key that may be left out."""
    return Field(None, description=text, **more)


def _one_of(values: Iterable[Enum]) -> Any:
    return Field(json_schema_extra={"enum": [value.value for value in values]})


_ID_TEXT: Final = "Id in the account; null when there is none yet."
AddressText = Annotated[str, Field(pattern=f"^({'|'.join(sorted(KINDS))})/{NAME.pattern}$")]
OperationPath = Annotated[str, Field(pattern="^(/.*)?$")]
Count = Annotated[int, Field(ge=0)]
FromOne = Annotated[int, Field(ge=1)]
ActionName = Annotated[str, _one_of(Action)]
PlannedAction = Annotated[str, _one_of(action for action in Action if action is not Action.WAIT)]
CauseName = Annotated[str, _one_of(Cause)]
StatusName = Annotated[str, _one_of(Status)]


class Source(BaseModel):
    """Where it was written."""

    path: str
    line: FromOne
    column: FromOne = _absent()


class Operation(BaseModel):
    """An operation of RFC 6902."""

    op: Literal["add", "remove", "replace", "move", "copy", "test"]
    path: OperationPath
    from_: OperationPath = _absent(alias="from")
    value: Json = _absent("A secret stands here as (sensitive).")


class Blame(BaseModel):
    """A commit behind lines that say what a field should be."""

    source: Source
    commit: str = Field(pattern="^[0-9a-f]+$")
    author: str
    date: str = Field(json_schema_extra={"format": "date-time"})
    summary: str = Field(description="The first line of its message.")
    overridden: bool = Field(
        description="The line was changed after HEAD, or after --base; this commit wrote the line before the change."
    )
    at_least: bool = Field(description="The clone is shallow: the line may be older.")


class Tokens(BaseModel):
    """About how many tokens a prompt has."""

    live: Count
    desired: Count


class FieldEntry(BaseModel):
    """One field, three ways; a way that is absent has no key, and a sensitive field has none of them."""

    path: str = Field(description="JSON Pointer into spec.")
    cause: CauseName = _absent()
    source: Source = _absent("Where it is written, in the manifest or in a file that it includes.")
    base: Json = _absent("As last applied.")
    live: Json = _absent("As it is in the account.")
    desired: Json = _absent("As the manifest declares it.")
    tokens: Tokens = _absent()
    sensitive: bool = _absent("Whether the values are kept out of this document.")
    blame: list[Blame] = _absent("Who wrote the lines behind it, or what they override; only with --blame.")


class Risk(BaseModel):
    """Something dangerous about a change."""

    id: str = Field(description="Stable: delete, replace, retire, unprotect, new-host, new-secret or new-store.")
    message: str
    path: str | None = _absent("JSON Pointer into spec.")
    host: str | None = _absent("Host that data goes to, with its scheme unless encrypted.")


class ChangeEntry(BaseModel):
    """One change."""

    address: AddressText
    kind: str
    id: str | None = Field(description=_ID_TEXT)
    action: PlannedAction
    cause: CauseName
    patch: list[Operation] = Field(description="What is sent, in the operations of RFC 6902.")
    guards: list[Operation] = _absent("`test` operations sent ahead of the patch.")
    fields_: list[FieldEntry] = Field(alias="fields", description="The fields that differ.")
    risks: list[Risk] = _absent("Risks of the change, the worst first.")
    affects: list[str] = _absent("What refers to the object, managed or not.")
    waits_for: list[AddressText] = Field(description="What must be done first.")
    reason: str
    source: Source | None


class RefusalEntry(ChangeEntry):
    """A change that must not be made, why, and what would allow it."""

    code: str = Field(description="Stable id of the rule.")
    exit_code: Count
    hint: str


class DriftEntry(BaseModel):
    """A managed object that was changed or deleted outside."""

    address: AddressText
    kind: str
    id: str
    cause: Literal["drifted", "missing"]
    fields_: list[FieldEntry] = Field(alias="fields", description="The fields that differ.")
    source: Source | None = _absent()


class DiagnosticEntry(BaseModel):
    """One diagnostic: an error or a warning."""

    id: str
    severity: Literal["error", "warning"]
    path: str | None = _absent()
    line: int | None = _absent()
    column: int | None = _absent()
    address: str | None = _absent()
    message: str
    hint: str | None = _absent()


class OutcomeEntry(BaseModel):
    """Outcome of one change, or of waiting for an object of an earlier run."""

    address: AddressText
    action: ActionName
    status: StatusName
    id: str | None = _absent(_ID_TEXT)
    reason: str = _absent()
    unkept: list[str] = _absent("JSON Pointers of fields that the account did not keep.")


class MoveEntry(BaseModel):
    """An object whose manifest was renamed; nothing of it is sent."""

    address: AddressText
    from_: AddressText = Field(alias="from")
    id: str


class RecordedEntry(BaseModel):
    """An object that is as its manifest says; nothing of it is sent."""

    address: AddressText
    id: str


class LimitEntry(BaseModel):
    """A limit of `safety:` that allows more than it did at the last apply."""

    name: str
    before: float
    now: float
    message: str


class PendingEntry(BaseModel):
    """A change that was to be made already before the commits since `base`."""

    address: AddressText
    paths: list[str] = Field(description="JSON Pointers of the fields in question.")
    whole: bool = Field(description="The change as a whole is the same.")


class Summary(BaseModel):
    """Number of changes by action, and of changes of the state only."""

    create: Count
    update: Count
    replace: Count
    delete: Count
    adopt: Count
    recrawl: Count
    forget: Count = _absent()
    retire: Count = _absent()
    unprotect: Count = _absent()
    rename: Count = _absent()
    record: Count = _absent()
    no_op: Count
    refused: Count


class PlanDocument(BaseModel):
    """A tavusctl plan."""

    model_config = ConfigDict(json_schema_extra={"$schema": "https://json-schema.org/draft/2020-12/schema"})

    format_version: str = Field(pattern=r"^1\.\d+$", description="Layout of this document.")
    tavusctl_version: str = Field(description="The program that made the plan.")
    environment: str = Field(description="Name of the environment.")
    account: str = Field(description="Label of the account; empty when none is given.")
    fingerprint: str = Field(
        pattern="^sha256:[0-9a-f]+$",
        description="Digest of all that apply would do; two plans with one fingerprint do the same.",
    )
    summary: Summary
    changes: list[ChangeEntry] = Field(description="What apply does, in order.")
    drift: list[DriftEntry] = Field(description="Managed objects that were changed outside tavusctl.")
    refused: list[RefusalEntry] = Field(description="Changes that are refused.")
    warnings: list[DiagnosticEntry] = Field(description="Warnings.")
    targets: list[str] = _absent("Addresses that the plan is limited to, with what they refer to; only with --target.")
    finish: Literal[True] = _absent(
        "The plan is limited to finishing replacements of an earlier apply; only with --finish."
    )
    outcomes: list[OutcomeEntry] = _absent("What became of each change and of each wait; only after apply.")
    limits: list[LimitEntry] = _absent(
        "Limits on deletes that are higher than at the last apply; only when there are any."
    )
    moved: list[MoveEntry] = _absent(
        "Addresses that apply renames in the state, because manifests were renamed; only when there are any."
    )
    recorded: list[RecordedEntry] = _absent(
        "Objects that are up to date and that apply records in the state; only when there are any."
    )
    settings: list[Literal["keys", "account", "safety", "reads"]] = _absent(
        "Settings that apply records in the state: which keys open it, the label of the account, the limits of "
        "`safety:`, or which names are read; only when there are any."
    )
    recovered: Literal[True] = _absent("Apply makes the records of an interrupted run part of the state.")
    running: str = _absent("The run that wrote the records, if it is under way or has just ended.")
    options: JsonObject = _absent("Options that the plan was made with; only in a plan file.")
    base: str = _absent("The commit that `pending` compares with; only with --base.")
    pending: list[PendingEntry] = _absent(
        "Changes that the manifests of that commit would make as well; only with --base."
    )
