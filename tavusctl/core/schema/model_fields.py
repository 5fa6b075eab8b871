"""The fields of pydantic models by where they stand; loads nothing of pydantic."""

from __future__ import annotations

import functools
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from tavusctl.lib.json_types import KeyPath

if TYPE_CHECKING:
    from pydantic import BaseModel
    from pydantic.fields import FieldInfo


_DEEPEST: Final = 8  # levels of models


class KnownValues:
    """The values of a text field that are known; the API may have more by now, so any other text is sent as it is."""

    def __init__(self, *values: str) -> None:
        self.values = values

    def __get_pydantic_json_schema__(self, core: Any, handler: Callable[[Any], Any]) -> dict[str, Any]:
        """For editors: the known values to choose from, and any text."""
        return {"anyOf": [{"enum": [*self.values]}, handler(core)]}


@functools.cache
def inner_models(model: type[BaseModel]) -> Mapping[str, tuple[type[BaseModel], ...]]:
    """The fields of a model, each with the models that its type is made of."""
    return {
        name: tuple(dict.fromkeys(one for one in _inside(field.annotation) if hasattr(one, "model_fields")))
        for name, field in model.model_fields.items()
    }


def is_free(field: FieldInfo) -> bool:
    """Whether a field is an object of any form."""
    return any(one in (Any, object) for one in _inside(field.annotation))


def is_a(field: FieldInfo, container: type) -> bool:
    """Whether the type of a field has a kind of collection among its choices."""
    return any(typing.get_origin(one) is container for one in _choices(field.annotation))


@functools.cache
def known_values(model: type[BaseModel], path: KeyPath) -> tuple[str, ...]:
    """The values that are known of the text field at a path (list indices as `*`); none where any text will do."""
    level: tuple[type[BaseModel], ...] = (model,)
    found: list[Any] = []
    fields: list[FieldInfo] = []
    for key in path:
        if key == "*":
            fields = [field for field in fields if is_a(field, list)]
            found = found if fields else []
            continue
        fields = [one.model_fields[key] for one in level if key in one.model_fields]
        found = [one for field in fields for one in (*field.metadata, *_inside(field.annotation))]
        level = tuple(below for one in level for below in inner_models(one).get(key, ()))
    return tuple(value for one in found if isinstance(one, KnownValues) for value in one.values)


def _choices(hint: Any) -> Iterator[Any]:
    """The members of a union, or a type that is none."""
    if typing.get_origin(hint) in (typing.Union, types.UnionType, typing.Annotated):
        for inner in typing.get_args(hint):
            yield from _choices(inner)
    else:
        yield hint


def _inside(hint: Any) -> Iterator[Any]:
    """What a type is made of, itself included."""
    yield hint
    for inner in typing.get_args(hint):
        yield from _inside(inner)


def fields_at(model: type[BaseModel], path: KeyPath) -> dict[str, tuple[type[BaseModel], ...]]:
    """The keys that a model knows at a path, each with the models below it."""
    level: tuple[type[BaseModel], ...] = (model,)
    for key in path:
        if any(key in one.model_fields for one in level):  # else a list index, or a free key of a mapping of models
            level = tuple(below for one in level for below in inner_models(one).get(key, ()))
    return {key: below for one in level for key, below in inner_models(one).items()}


def homes(model: type[BaseModel], key: str) -> list[KeyPath]:
    """The places below a model that know a key, nearest first; list indices are not among the keys of a path."""
    found: list[KeyPath] = []
    level: list[tuple[KeyPath, type[BaseModel]]] = [((), model)]
    for _ in range(_DEEPEST):
        found += [path for path, one in level if key in one.model_fields]
        level = [
            ((*path, name), below)
            for path, one in level
            for name, models in inner_models(one).items()
            for below in models
        ]
    return list(dict.fromkeys(found))
