"""The base of pydantic models of files: no conversion, no unknown keys, and all errors of a document at once.

An optional field also accepts null, which in a manifest means "remove"; rules between fields treat null, "", [] and {}
as a missing key, as the API does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, Literal, TypeVar, cast, get_args

from msgspec import Struct
from pydantic import BaseModel, ConfigDict, ModelWrapValidatorHandler, ValidationError, model_validator
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError
from pydantic_core.core_schema import ErrorType

from tavusctl.lib.json_types import Json, JsonObject, KeyPath

Rule = Literal["missing_key", "not_together", "wrong_value"]
Violation = tuple[tuple[str, ...], Rule, str]  # path in the object, rule, message
Check = Callable[[Any, JsonObject], Iterator[Violation]]

RULES: Final[tuple[Rule, ...]] = get_args(Rule)
MAX_ERRORS: Final = 50  # reported for one document
_PYDANTIC_TYPES: Final = frozenset(get_args(ErrorType))
_EMPTY_VALUES: Final[tuple[Json, ...]] = (None, "", [], {})
Object = TypeVar("Object", bound=BaseModel)


class StrictModel(BaseModel):
    """An object that people write; it is built when the first one is checked."""

    model_config = ConfigDict(extra="forbid", strict=True, defer_build=True, protected_namespaces=())


class Model(StrictModel):
    """An object of a spec."""

    @model_validator(mode="before")
    @classmethod
    def without_nulls(cls, written: Json) -> Json:
        """Null removes a key, so a required one is missing then; an unknown one is unknown all the same."""
        if not isinstance(written, dict) or None not in written.values():
            return written
        return {key: value for key, value in written.items() if value is not None or key not in cls.model_fields}


class FieldError(Struct, frozen=True):
    """An error of a document, and its path."""

    path: KeyPath  # for a missing key, the path of the object that lacks it
    type: str  # the type of pydantic, or a rule
    message: str
    context: Mapping[str, Any] = {}
    missing: str = ""  # the key that the object at the path lacks
    choice: str = ""  # the member of a union that the error is about, or `[key]` if the key itself is invalid


def cross_field_validator(check: Check) -> Any:
    """Decorate a class method that yields violations of rules between fields: a `model_validator` that always runs.

    Validators of pydantic do not run if a field is invalid, and stop at the first error.  The method gets the object as
    it is written, not validated, and without keys whose values are empty.
    """
    method = cast("Any", check).__func__

    def validated(cls: type[Object], written: Any, validate: ModelWrapValidatorHandler[Object]) -> Object:
        model, errors = None, []
        try:
            model = validate(written)
        except ValidationError as invalid:
            errors = [_raisable(error) for error in invalid.errors(include_url=False)]
        if isinstance(written, dict):
            set_members = {key: value for key, value in written.items() if value or value not in _EMPTY_VALUES}
            errors += [
                _details(*violation) for violation in method(cls, set_members) if not _is_reported(violation, errors)
            ]
        if model is None or errors:
            raise ValidationError.from_exception_data(cls.__name__, errors)
        return model

    return model_validator(mode="wrap")(cast("Any", classmethod(validated)))


def _is_reported(violation: Violation, errors: Sequence[InitErrorDetails]) -> bool:
    """Whether a violation is about a missing key whose value already has an error: it is not reported again."""
    place, rule, _ = violation
    return rule == "missing_key" and any(error.get("loc", ())[: len(place)] == place for error in errors)


def _details(place: tuple[str, ...], rule: Rule, message: str) -> InitErrorDetails:
    return {"type": PydanticCustomError(rule, cast("Any", message)), "loc": place, "input": None}


def _raisable(error: ErrorDetails) -> InitErrorDetails:
    """Convert an error of a ValidationError, so that it can be raised again."""
    is_known = error["type"] in _PYDANTIC_TYPES
    type_ = error["type"] if is_known else PydanticCustomError(cast("Any", error["type"]), cast("Any", error["msg"]))
    return {"type": type_, "loc": error["loc"], "input": error["input"], "ctx": error.get("ctx", {})}


def field_errors(model: type[BaseModel], document: Json) -> list[FieldError]:
    """The errors of a document whose leaves are JSON values, sorted by path; at most four times `MAX_ERRORS`."""
    try:
        model.model_validate(document)
    except ValidationError as invalid:
        errors = [_field_error(document, error) for error in invalid.errors(include_url=False)]
        return sorted(errors, key=_sort_key)[: MAX_ERRORS * 4]
    return []


def _sort_key(error: FieldError) -> list[str]:
    return [part.zfill(9) if part.isdecimal() else part for part in error.path]


def _field_error(document: Json, error: ErrorDetails) -> FieldError:
    context, place = error.get("ctx", {}), error["loc"]
    message = str(context["error"]) if error["type"] == "value_error" else error["msg"]
    if error["type"] == "missing":
        return FieldError(_path(document, place[:-1]), "missing", message, missing=str(place[-1]))
    path, type_ = _path(document, place), error["type"]
    if type_ == "too_long" and isinstance(error["input"], str):  # of a text with a validator of its own
        type_ = "string_too_long"
    return FieldError(path, type_, message, context, choice=str(place[-1]) if place[len(path) :] else "")


def _path(document: Json, place: tuple[str | int, ...]) -> KeyPath:
    """The keys and indices in a location of pydantic; its other parts name members of a union."""
    path: list[str] = []
    for part in place:
        if isinstance(document, dict) and part in document:  # noqa: SIM114 - each by its own type
            document = document[part]
        elif isinstance(document, list) and isinstance(part, int) and part < len(document):
            document = document[part]
        else:
            continue
        path.append(str(part))
    return tuple(path)
