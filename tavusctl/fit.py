"""Whether a document fits the model of its kind: the keys a model knows, and what it finds wrong, with places."""

from __future__ import annotations

import functools
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from tavusctl.model import Path, ResourceKind, Value

_DEEPEST: Final = 8  # levels of models
MAX_ERRORS: Final = 50  # of one document
_known: dict[type[object], Mapping[str, tuple[type[object], ...]]] = {}  # by model: they never change
_OWN_WORDS: Final = ("value_error", "assertion_error")


@dataclass(frozen=True, slots=True)
class Misfit:
    """One error of pydantic, its place walked against the data."""

    path: Path
    type: str
    message: str
    context: Mapping[str, Any]
    name: str  # of the key that is missing
    told: bool  # a rule of the kind found it, in words of its own


def misfits(kind: ResourceKind, view: Value) -> list[Misfit]:
    """Everything wrong with a document whose leaves are JSON values."""
    from pydantic import ValidationError  # noqa: PLC0415 - heavy, and loaded already where there are kinds

    try:
        kind.model.model_validate(view)
    except ValidationError as invalid:
        raw = invalid.errors(include_url=False, include_input=False)[: MAX_ERRORS * 4]
        return [_walked(view, error) for error in raw]
    return []


def fields_at(model: type[object], path: Path) -> dict[str, tuple[type[object], ...]]:
    """The keys a model knows at a path, each with the models below it."""
    level: tuple[type[object], ...] = (model,)
    for key in path:
        below = tuple(inner for outer in level for inner in _fields(outer).get(key, ()))
        declared = any(key in _fields(outer) for outer in level)
        level = below if declared else level  # a list index, or a free key of a mapping of models
    return {key: inner for outer in level for key, inner in _fields(outer).items()}


def homes(model: type[object], key: str) -> list[Path]:
    """The places below a model that know a key, nearest first; list indices are not among the keys of a path."""
    found: list[Path] = []
    level: list[tuple[Path, type[object]]] = [((), model)]
    for _ in range(_DEEPEST):
        found += [path for path, outer in level if key in _fields(outer)]
        level = [
            ((*path, name), one) for path, outer in level for name, below in _fields(outer).items() for one in below
        ]
    return list(dict.fromkeys(found))


def _walked(view: Value, error: Mapping[str, Any]) -> Misfit:
    """The place of an error in the data; parts that are not keys but names of a union's members are passed over."""
    path: list[str] = []
    here = view
    for part in error["loc"]:
        if (isinstance(here, dict) and part in here) or (
            isinstance(here, list) and isinstance(part, int) and part < len(here)
        ):
            here = here[part]
        else:
            continue
        path.append(str(part))
    name = str(error["loc"][-1]) if error["type"] == "missing" else ""
    told = error["type"] in _OWN_WORDS or error["type"] not in _pydantic_types()
    message = error["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
    return Misfit(tuple(path), error["type"], message, error.get("ctx", {}), name, told)


@functools.cache
def _pydantic_types() -> frozenset[str]:
    """The types of the errors that pydantic finds by itself."""
    from pydantic_core.core_schema import ErrorType  # noqa: PLC0415 - as above

    return frozenset(typing.get_args(ErrorType))


def _fields(model: type[object]) -> Mapping[str, tuple[type[object], ...]]:
    """The keys of one model, each with the models in its type."""
    known = _known.get(model)
    if known is None:
        declared: Mapping[str, Any] = getattr(model, "model_fields", {})
        below = {info.alias or name: dict.fromkeys(_models_in(info.annotation)) for name, info in declared.items()}
        known = _known[model] = {key: tuple(models) for key, models in below.items()}
    return known


def _models_in(annotation: Any) -> typing.Iterator[type[object]]:
    if isinstance(annotation, type) and hasattr(annotation, "model_fields"):
        yield annotation
    for inner in (*typing.get_args(annotation), getattr(annotation, "__value__", None)):  # the latter: `type X = ...`
        if inner is not None:
            yield from _models_in(inner)
