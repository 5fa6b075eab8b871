"""Whether a document fits the shape of its kind: the keys a shape knows, and what is wrong, with places.

That it fits is seen by msgspec, which is quick to start; why it does not is told by pydantic, which knows all at once.
"""

from __future__ import annotations

import functools
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, cast

import msgspec
from msgspec import Struct

from tavusctl.model import Path, ResourceKind, Value
from tavusctl.shape import Shape, Worded, members, once, quarrels

if TYPE_CHECKING:
    from pydantic import BaseModel

_DEEPEST: Final = 8  # levels of shapes
MAX_ERRORS: Final = 50  # of one document
_WORDED: Final = "wrong_value"
_OWN_WORDS: Final = (_WORDED, "value_error", "assertion_error")
_UNIONS: Final = (typing.Union, types.UnionType)
# The latter when half a surrogate pair would stand in the message of the former.
_UNFIT: Final = (msgspec.ValidationError, UnicodeEncodeError)
_PREFIXES: Final = ("Value error, ", "Assertion failed, ")


class Misfit(Struct, frozen=True):
    """One thing wrong, its place walked against the data."""

    path: Path
    type: str
    message: str
    context: Mapping[str, Any]
    name: str  # of the key that is missing
    told: bool  # a rule of the kind found it, in words of its own


class Wrong(Struct, frozen=True):
    """One thing wrong, its place as pydantic or the shape gives it."""

    place: tuple[Any, ...]  # keys and indices
    type: str
    message: str
    context: Mapping[str, Any] = {}
    told: bool = True


def misfits(kind: ResourceKind, view: Value) -> list[Misfit]:
    """Everything wrong with a document whose leaves are JSON values."""
    # In order, so that of too many some of every sort are left.
    return sorted((_walked(view, one) for one in wrong(kind.model, view)), key=_by_path)[: MAX_ERRORS * 4]


def _by_path(one: Misfit) -> list[str]:
    return [part.zfill(9) if part.isdecimal() else part for part in one.path]


def wrong(shape: type[Shape], view: Value) -> Iterator[Wrong]:
    """What is wrong with fields, then what is wrong between them."""
    if not fits(shape, view):
        yield from _errors(shape, view)
    yield from (Wrong(place, rule, message) for place, rule, message in quarrels(shape, view))


def fits(shape: type[Shape], view: Value) -> bool:
    """Whether every field is right by itself."""
    try:
        msgspec.convert(view, struct(shape))
    except _UNFIT:
        return False
    return True


def _errors(shape: type[Shape], view: Value) -> Iterator[Wrong]:
    from pydantic import ValidationError  # noqa: PLC0415 - heavy, and only for what does not fit

    try:
        model(shape).model_validate(view)
    except ValidationError as invalid:
        for error in invalid.errors(include_url=False, include_input=False):
            message = functools.reduce(str.removeprefix, _PREFIXES, error["msg"])
            yield Wrong(error["loc"], error["type"], message, error.get("ctx", {}), error["type"] in _OWN_WORDS)


def _walked(view: Value, one: Wrong) -> Misfit:
    """The place of an error in the data; parts that are not keys but names of a union's members are passed over."""
    path: list[str] = []
    here = view
    for part in one.place:
        if (isinstance(here, dict) and part in here) or (
            isinstance(here, list) and isinstance(part, int) and part < len(here)
        ):
            here = here[part]
        else:
            continue
        path.append(str(part))
    name = str(one.place[-1]) if one.type == "missing" else ""
    return Misfit(tuple(path), one.type, one.message, one.context, name, one.told)


def fields_at(shape: type[Shape], path: Path) -> dict[str, tuple[type[Shape], ...]]:
    """The keys a shape knows at a path, each with the shapes below it."""
    level: tuple[type[Shape], ...] = (shape,)
    for key in path:
        below = tuple(inner for outer in level for inner in _below(outer).get(key, ()))
        declared = any(key in members(outer) for outer in level)
        level = below if declared else level  # a list index, or a free key of a mapping of shapes
    return {key: inner for outer in level for key, inner in _below(outer).items()}


def homes(shape: type[Shape], key: str) -> list[Path]:
    """The places below a shape that know a key, nearest first; list indices are not among the keys of a path."""
    found: list[Path] = []
    level: list[tuple[Path, type[Shape]]] = [((), shape)]
    for _ in range(_DEEPEST):
        found += [path for path, outer in level if key in members(outer)]
        level = [
            ((*path, name), one) for path, outer in level for name, below in _below(outer).items() for one in below
        ]
    return list(dict.fromkeys(found))


def _below(shape: type[Shape]) -> dict[str, tuple[type[Shape], ...]]:
    return {name: member.shapes for name, member in members(shape).items()}


@once
def struct(shape: type[Shape]) -> type[Struct]:
    """The shape as a struct of msgspec, which takes nothing but what is right."""
    fields = [
        (name, _limited(_with(member.type, struct, _checked), member.declared.limits), *default)
        for name, member in members(shape).items()
        for default in [() if member.declared.is_required else (None,)]
    ]
    return msgspec.defstruct(shape.__name__, fields, forbid_unknown_fields=True, kw_only=True)


@once
def model(shape: type[Shape]) -> type[BaseModel]:
    """The shape as a model of pydantic, which tells all that is wrong and what would be right."""
    from pydantic import ConfigDict, Field, create_model  # noqa: PLC0415 - heavy

    fields: dict[str, Any] = {
        name: (
            _with(member.type, model, _explained),
            Field(... if one.is_required else None, description=one.text or None, **one.limits),
        )
        for name, member in members(shape).items()
        for one in [member.declared]
    }
    extra = dict(shape.schema) or None
    config = ConfigDict(extra="forbid", strict=True, protected_namespaces=(), json_schema_extra=extra)
    made: type[BaseModel] = create_model(shape.__name__, __config__=config, __doc__=shape.__doc__, **fields)
    return made


def _limited(hint: Any, limits: Mapping[str, Any]) -> Any:
    """A type within limits; null, which removes, always is."""
    choices = typing.get_args(hint) if typing.get_origin(hint) in _UNIONS else (hint,)
    meta = msgspec.Meta(**limits)
    return typing.Union[tuple(Annotated[one, meta] if limits and one is not type(None) else one for one in choices)]  # noqa: UP007 - made of parts


class _Undecided:
    """A type that no value has: where msgspec cannot say what is right it takes nothing, and pydantic decides."""


def _with(hint: Any, shape_as: Callable[[type[Shape]], type], mark_as: Callable[[Any, Any], Any]) -> Any:
    """A type, the shapes in it and the marks at it put in the words of a library."""
    if isinstance(hint, type) and issubclass(hint, Shape):
        return shape_as(hint)
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal or not arguments:
        return hint
    if origin is Annotated:
        marked, *marks = arguments
        return functools.reduce(mark_as, marks, _with(marked, shape_as, mark_as))
    inner = tuple(_with(one, shape_as, mark_as) for one in arguments)
    if origin not in _UNIONS:
        return origin[inner]
    several = sum(isinstance(one, type) and issubclass(one, Struct) for one in inner) > 1
    return _Undecided if several or _Undecided in inner else typing.Union[inner]  # noqa: UP007 - made of parts


def _checked(hint: Any, mark: Any) -> Any:
    """A type as msgspec checks it; all of a text must match, and a line break at its end is part of it."""
    if not isinstance(mark, Worded):
        return _Undecided
    pattern = mark.schema.get("pattern", "").removeprefix("^").removesuffix("$")
    return Annotated[hint, msgspec.Meta(pattern=rf"\A(?:{pattern})\Z")] if pattern else hint


def _explained(hint: Any, mark: Any) -> Any:
    """A type as pydantic checks it, with the words of the mark when it does not fit."""
    from pydantic import AfterValidator, PlainValidator, WithJsonSchema  # noqa: PLC0415 - as above
    from pydantic_core import PydanticCustomError  # noqa: PLC0415

    if not isinstance(mark, Worded):
        return Annotated[hint, mark]

    def checked(value: Any) -> Any:
        try:
            msgspec.convert(value, _checked(hint, mark))
        except _UNFIT:
            raise PydanticCustomError(_WORDED, cast("Any", mark.words(value))) from None
        return value

    sort = AfterValidator if hint is str else PlainValidator  # what is no text at all is told as for every text
    return Annotated[hint, sort(checked), WithJsonSchema(dict(mark.schema))]
