"""What the models of all kinds share: strictness, described fields, and rules between several fields.

Every optional field also takes null, which in a manifest means "remove"; null and absent are the same to the rules.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final, Literal, cast, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    PlainValidator,
    ValidationError,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

Rule = Literal["missing_key", "not_together", "wrong_value"]  # error types of our own, whose messages stand as they are
RULES: Final[tuple[str, ...]] = get_args(Rule)
Quarrel = tuple[tuple[str | int, ...], Rule, str]  # where in the object, which rule, what to tell the person


def optional(text: str, **limits: Any) -> Any:
    """A field that may be left out, with the line that editors show for it."""
    return Field(default=None, description=text, **limits)


def required(text: str, **limits: Any) -> Any:
    """A field that must be there, with the line that editors show for it."""
    return Field(description=text, **limits)


def wrong(message: str, rule: str = "wrong_value") -> PydanticCustomError:
    """The error of a value that has the right type and cannot work; the message never quotes a secret."""
    return PydanticCustomError(cast("Any", rule), cast("Any", message))


class Shape(BaseModel):
    """An object of the API: no unknown keys, no conversion between types, all complaints at once."""

    model_config = ConfigDict(extra="forbid", strict=True, protected_namespaces=())

    @classmethod
    def quarrels(cls, given: Mapping[str, Any]) -> Iterator[Quarrel]:  # noqa: ARG003 - most objects have none
        """What is wrong between fields of one object; `given` is unchecked and without nulls."""
        yield from ()

    @model_validator(mode="wrap")
    @classmethod
    def _check(cls, data: Any, handler: ModelWrapValidatorHandler[Shape]) -> Shape:
        found = _quarrels(cls, data)
        try:
            made = handler(data)
        except ValidationError as error:
            if not found:
                raise
            raise ValidationError.from_exception_data(cls.__name__, [*_details(error), *found]) from None
        if found:
            raise ValidationError.from_exception_data(cls.__name__, found)
        return made


def _quarrels(shape: type[Shape], data: object) -> list[InitErrorDetails]:
    if not isinstance(data, dict):
        return []
    given = {key: value for key, value in data.items() if value is not None}
    return [
        InitErrorDetails(type=wrong(message, rule), loc=where, input=data)
        for where, rule, message in shape.quarrels(given)
    ]


def _details(error: ValidationError) -> Iterator[InitErrorDetails]:
    for item in error.errors(include_url=False):
        kind: Any = wrong(item["msg"], item["type"]) if item["type"] in RULES else item["type"]
        yield InitErrorDetails(type=kind, loc=item["loc"], input=item["input"], ctx=item.get("ctx", {}))


def blank(value: object) -> bool:
    """Whether a value says nothing: absent, or a text of white space."""
    return value is None or (isinstance(value, str) and not value.strip())


def _text_or_list(value: object) -> object:
    if isinstance(value, str) or (isinstance(value, list) and all(isinstance(item, str) for item in value)):
        return value
    message = f"found {type(value).__name__}; write a text or a list of texts"
    raise wrong(message)


def _truth(value: object) -> object:
    if isinstance(value, bool) or value in ("true", "false"):
        return value
    message = f"found {value!r}; write true or false"
    raise wrong(message)


def _web_address(value: str) -> str:
    if re.fullmatch(r"https?://[^\s/]\S*", value):
        return value
    message = f"found {value[:80]!r}; write an address that begins with https:// or http:// and has no spaces"
    raise wrong(message)


TextOrList = Annotated[
    str | list[str],
    PlainValidator(_text_or_list),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]
Truth = Annotated[
    bool | str, PlainValidator(_truth), WithJsonSchema({"anyOf": [{"type": "boolean"}, {"enum": ["true", "false"]}]})
]
WebAddress = Annotated[
    str, AfterValidator(_web_address), WithJsonSchema({"type": "string", "pattern": r"^https?://[^\s/]\S*$"})
]
