"""The fields of pydantic models by their paths, and their JSON Schemas; the module does not import pydantic."""

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

_MAX_DEPTH: Final = 8  # levels of models that are searched


class KnownValues:
    """The known values of a text field; the API may accept others by now, so any other text is sent as it is."""

    def __init__(self, *values: str) -> None:
        self.values = values

    def __get_pydantic_json_schema__(self, core: Any, handler: Callable[[Any], Any]) -> dict[str, Any]:
        """The JSON Schema for editors: they offer the known values, and accept any text."""
        return {"anyOf": [{"enum": [*self.values]}, handler(core)]}


@functools.cache
def inner_models(model: type[BaseModel]) -> Mapping[str, tuple[type[BaseModel], ...]]:
    """The fields of a model, each with the models in its type."""
    return {
        name: tuple(dict.fromkeys(part for part in _parts(field.annotation) if hasattr(part, "model_fields")))
        for name, field in model.model_fields.items()
    }


def is_free(field: FieldInfo) -> bool:
    """Whether a field accepts an object of any form."""
    return any(part in (Any, object) for part in _parts(field.annotation))


def is_a(field: FieldInfo, container: type) -> bool:
    """Whether the type of a field is a collection, such as `list` or `dict`, or a union with one."""
    return any(typing.get_origin(choice) is container for choice in _choices(field.annotation))


@functools.cache
def known_values(model: type[BaseModel], path: KeyPath) -> tuple[str, ...]:
    """The known values of the text field at a path (list indices as `*`); empty if the field has none."""
    level: tuple[type[BaseModel], ...] = (model,)
    annotations: list[Any] = []
    fields: list[FieldInfo] = []
    for key in path:
        if key == "*":
            fields = [field for field in fields if is_a(field, list)]
            annotations = annotations if fields else []
            continue
        fields = [inner.model_fields[key] for inner in level if key in inner.model_fields]
        annotations = [part for field in fields for part in (*field.metadata, *_parts(field.annotation))]
        level = tuple(below for inner in level for below in inner_models(inner).get(key, ()))
    return tuple(value for part in annotations if isinstance(part, KnownValues) for value in part.values)


def _choices(hint: Any) -> Iterator[Any]:
    """The members of a union, or the type itself if it is not a union."""
    if typing.get_origin(hint) in (typing.Union, types.UnionType, typing.Annotated):
        for inner in typing.get_args(hint):
            yield from _choices(inner)
    else:
        yield hint


def _parts(hint: Any) -> Iterator[Any]:
    """A type, and all types that it is made of."""
    yield hint
    for inner in typing.get_args(hint):
        yield from _parts(inner)


@functools.cache
def fields_at(model: type[BaseModel], path: KeyPath) -> Mapping[str, tuple[type[BaseModel], ...]]:
    """The fields of the models at a path below a model, each with the models in its type."""
    return {key: below for inner in _models_at(model, path) for key, below in inner_models(inner).items()}


@functools.cache
def required_at(model: type[BaseModel], path: KeyPath) -> frozenset[str]:
    """The keys that the object at a path below a model must have."""
    models = _models_at(model, path)
    return frozenset(key for inner in models for key, field in inner.model_fields.items() if field.is_required())


def _models_at(model: type[BaseModel], path: KeyPath) -> tuple[type[BaseModel], ...]:
    level: tuple[type[BaseModel], ...] = (model,)
    for key in path:
        if any(key in inner.model_fields for inner in level):  # else a list index, or a free key of a mapping of models
            level = tuple(below for inner in level for below in inner_models(inner).get(key, ()))
    return level


def steps(model: type[BaseModel], path: KeyPath) -> Iterator[tuple[int, list[FieldInfo], tuple[type[BaseModel], ...]]]:
    """For each key on the way to a path below a model: its index, its fields, and the models in their types.

    Keys `*` are left out.  The way ends at a key without a field, or whose fields have no models in their types.
    """
    level: tuple[type[BaseModel], ...] = (model,)
    for index, key in enumerate(path):
        if key != "*" and level:
            models = [inner for inner in level if key in inner.model_fields]
            level = tuple(below for inner in models for below in inner_models(inner)[key])
            yield index, [inner.model_fields[key] for inner in models], level


def parents_of(model: type[BaseModel], key: str) -> list[KeyPath]:
    """The paths of the objects below a model that have a field of this name, nearest first, without list indices."""
    paths: list[KeyPath] = []
    level: list[tuple[KeyPath, type[BaseModel]]] = [((), model)]
    for _ in range(_MAX_DEPTH):
        paths += [path for path, inner in level if key in inner.model_fields]
        level = [
            ((*path, name), below)
            for path, inner in level
            for name, models in inner_models(inner).items()
            for below in models
        ]
    return list(dict.fromkeys(paths))


Schema = dict[str, Any]


def without_titles(schema: Schema) -> Schema:
    """A schema without titles, which editors would show in place of descriptions, and without defaults."""
    members = {
        key: value for key, value in schema.items() if key not in ("title", "default") or isinstance(value, dict)
    }
    return {key: _without_titles(value) for key, value in members.items()}


def _without_titles(value: Any) -> Any:
    if isinstance(value, dict):
        return without_titles(value)
    return [_without_titles(item) for item in value] if isinstance(value, list) else value
