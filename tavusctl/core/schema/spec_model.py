"""What people write as pydantic models: nothing is converted, no key is unknown, and all that is wrong is told at once.

An optional field also takes null, which in a manifest means "remove"; rules between fields take null, "", [] and {} for
a key that is not there, as the API does.
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
Violation = tuple[tuple[str, ...], Rule, str]  # where in the object, of which rule, and what to tell
Check = Callable[[Any, JsonObject], Iterator[Violation]]

RULES: Final[tuple[Rule, ...]] = get_args(Rule)
MAX_ERRORS: Final = 50  # of one document
_KNOWN: Final = frozenset(get_args(ErrorType))
_NOTHING: Final[tuple[Json, ...]] = (None, "", [], {})
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
        if not isinstance(written, dict):
            return written
        return {key: value for key, value in written.items() if value is not None or key not in cls.model_fields}


class FieldError(Struct, frozen=True):
    """One thing wrong with a document, and where."""

    path: KeyPath  # of a missing key, that of the object around it
    type: str  # as pydantic names it, or a rule
    message: str
    context: Mapping[str, Any] = {}
    missing: str = ""  # the key that is missing from the object at the path
    choice: str = ""  # the member of a union that does not fit, or `[key]` for the key itself


def cross_field_validator(check: Check) -> Any:
    """Decorate a class method that yields what is wrong between fields: a `model_validator` that never comes too late.

    Those of pydantic are left out when a field is wrong, and stop at the first fault.  The method is given the object
    as it is written, unchecked and without the keys that hold nothing.
    """
    method = cast("Any", check).__func__

    def validated(cls: type[Object], written: Any, validate: ModelWrapValidatorHandler[Object]) -> Object:
        made, errors = None, []
        try:
            made = validate(written)
        except ValidationError as invalid:
            errors = [_again(one) for one in invalid.errors(include_url=False)]
        if isinstance(written, dict):
            given = {key: value for key, value in written.items() if value not in _NOTHING}
            errors += [_details(*one) for one in method(cls, given) if not _is_told(one, errors)]
        if made is None or errors:
            raise ValidationError.from_exception_data(cls.__name__, errors)
        return made

    return model_validator(mode="wrap")(cast("Any", classmethod(validated)))


def _is_told(violation: Violation, errors: Sequence[InitErrorDetails]) -> bool:
    """Whether a key is missing only because something is wrong with what it holds."""
    place, rule, _ = violation
    return rule == "missing_key" and any(error.get("loc", ())[: len(place)] == place for error in errors)


def _details(place: tuple[str, ...], rule: Rule, message: str) -> InitErrorDetails:
    return {"type": PydanticCustomError(rule, cast("Any", message)), "loc": place, "input": None}


def _again(error: ErrorDetails) -> InitErrorDetails:
    """An error that was read, to be raised once more."""
    is_known = error["type"] in _KNOWN
    type_ = error["type"] if is_known else PydanticCustomError(cast("Any", error["type"]), cast("Any", error["msg"]))
    return {"type": type_, "loc": error["loc"], "input": error["input"], "ctx": error.get("ctx", {})}


def field_errors(model: type[BaseModel], document: Json) -> list[FieldError]:
    """All that is wrong with a document, whose leaves are JSON values, in order; of too much, some of every sort."""
    try:
        model.model_validate(document)
    except ValidationError as invalid:
        errors = [_field_error(document, one) for one in invalid.errors(include_url=False)]
        return sorted(errors, key=_order)[: MAX_ERRORS * 4]
    return []


def _order(error: FieldError) -> list[str]:
    return [part.zfill(9) if part.isdecimal() else part for part in error.path]


def _field_error(document: Json, error: ErrorDetails) -> FieldError:
    context, place = error.get("ctx", {}), error["loc"]
    message = str(context["error"]) if error["type"] == "value_error" else error["msg"]
    if error["type"] == "missing":
        return FieldError(_path(document, place[:-1]), "missing", message, missing=str(place[-1]))
    path = _path(document, place)
    return FieldError(path, error["type"], message, context, choice=str(place[-1]) if place[len(path) :] else "")


def _path(document: Json, place: tuple[str | int, ...]) -> KeyPath:
    """The keys and indices of a place; what else is in it names members of a union."""
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
