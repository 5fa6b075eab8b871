"""The shape of a spec: a plain class of described fields, and rules between them.

Declaring one costs nothing.  What reads it (`fit`) makes of it a struct of msgspec, to see whether a document fits,
and a model of pydantic, to tell why it does not and to describe it to editors.  Every optional field also takes null,
which in a manifest means "remove"; null and absent are the same to the rules.
"""

from __future__ import annotations

import functools
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, ClassVar, Final, Literal, TypeVar

from msgspec import Struct

Rule = Literal["missing_key", "not_together", "wrong_value"]  # errors of our own, whose messages stand as they are
Quarrel = tuple[tuple[str | int, ...], Rule, str]  # where in the object, which rule, what to tell the person
_ABSENT: Final = object()
_NOTHING: Final[tuple[Any, ...]] = (None, "", [], {})  # in any of these spellings, says the API, a key is not set
Made = TypeVar("Made")


class Worded(Struct, frozen=True, eq=False):
    """Words of one's own for values that do not fit a type, for `Annotated`; a text must match the schema's pattern."""

    words: Callable[[Any], str]  # what was found and what to write; never a secret
    schema: Mapping[str, Any]  # JSON Schema of what is right


class Described(Struct, frozen=True):
    """A field: its line in editors and in `explain`, and limits by the names of JSON Schema in snake case."""

    text: str
    is_required: bool
    limits: Mapping[str, Any]


def optional(text: str, **limits: Any) -> Any:
    """A field that may be left out, with the line that editors show for it."""
    return Described(text, is_required=False, limits=limits)


def required(text: str, **limits: Any) -> Any:
    """A field that must be there, with the line that editors show for it."""
    return Described(text, is_required=True, limits=limits)


class Shape:
    """An object of the API: no unknown keys, no conversion between types, all complaints at once."""

    schema: ClassVar[Mapping[str, Any]] = {}  # what the JSON Schema says beyond its fields

    @classmethod
    def quarrels(cls, given: Mapping[str, Any]) -> Iterator[Quarrel]:  # noqa: ARG003 - most objects have none
        """What is wrong between fields of one object; `given` is unchecked, without keys that hold nothing."""
        yield from ()


class Member(Struct, frozen=True):
    """A field of a shape, its type read."""

    type: Any
    declared: Described
    shapes: tuple[type[Shape], ...]  # in its type

    @property
    def is_free(self) -> bool:
        """Whether it is an object of any form."""
        return Any in _inside(self.type)

    @property
    def is_map(self) -> bool:
        """Whether it maps names to values."""
        return any(typing.get_origin(one) is dict for one in _inside(self.type))


def once(make: Callable[[type[Shape]], Made]) -> Callable[[type[Shape]], Made]:
    """A function of shapes that makes something of each of them once; they never change."""
    made: dict[type[Shape], Made] = {}

    @functools.wraps(make)
    def kept(shape: type[Shape]) -> Made:
        if shape not in made:
            made[shape] = make(shape)
        return made[shape]

    return kept


@once
def members(shape: type[Shape]) -> Mapping[str, Member]:
    """The fields of a shape by name, in the order in which they are written."""
    hints = typing.get_type_hints(shape, include_extras=True)
    found = {
        name: (hint, getattr(shape, name, _ABSENT)) for name, hint in hints.items() if name not in Shape.__annotations__
    }
    return {
        name: Member(hint, _described(declared), tuple(dict.fromkeys(_shapes_in(hint))))
        for name, (hint, declared) in found.items()
    }


def _described(declared: object) -> Described:
    return declared if isinstance(declared, Described) else Described("", declared is _ABSENT, {})


def _inside(hint: Any) -> Iterator[Any]:
    """What a type is made of, itself included."""
    yield hint
    for inner in typing.get_args(hint):
        yield from _inside(inner)


def _shapes_in(hint: Any) -> Iterator[type[Shape]]:
    if isinstance(hint, type) and issubclass(hint, Shape):
        yield hint
    for inner in typing.get_args(hint):
        yield from _shapes_in(inner)


def quarrels(shape: type[Shape], value: object, here: tuple[str | int, ...] = ()) -> Iterator[Quarrel]:
    """What is wrong between fields, of an object and of all the objects in it."""
    if not isinstance(value, dict):
        return
    given = {key: item for key, item in value.items() if item not in _NOTHING}
    for name, member in members(shape).items():
        if member.shapes and name in given:
            for below, place, item in _objects(member.type, given[name]):
                yield from quarrels(below, item, (*here, name, *place))
    yield from (((*here, *where), rule, message) for where, rule, message in shape.quarrels(given))


def _objects(hint: Any, value: object) -> Iterator[tuple[type[Shape], tuple[str | int, ...], object]]:
    """What may be an object of a shape in a value of this type: the shape, where, and the object."""
    if isinstance(hint, type) and issubclass(hint, Shape):
        yield hint, (), value
        return
    inner, items = typing.get_args(hint), _items(typing.get_origin(hint), value)
    for place, item in items:
        for one in inner:
            yield from ((shape, (*place, *rest), found) for shape, rest, found in _objects(one, item))


def _items(origin: object, value: object) -> Iterable[tuple[tuple[str | int, ...], object]]:
    if origin is list:
        return [((index,), item) for index, item in enumerate(value)] if isinstance(value, list) else []
    if origin is dict:
        return [((key,), item) for key, item in value.items()] if isinstance(value, dict) else []
    return [((), value)]
