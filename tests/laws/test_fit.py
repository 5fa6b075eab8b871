"""What msgspec takes is what pydantic has nothing to say about: the quick answer and the long one never differ."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tavusctl.fit import fits, model, struct, wrong
from tavusctl.kinds import KINDS
from tavusctl.model import ResourceKind
from tavusctl.shape import Shape, members
from tests.unit import toy_kinds

CORPUS = Path(__file__).parents[1] / "corpus"
SCALARS: list[Any] = [
    *(
        "",
        " ",
        "a",
        "a b",
        "a\n",
        "https://example.com",
        "https://example.com\n",
        "https:// a",
        "http:/a",
        "é",
    ),
    *("true", "false", "off", "low", "normal", "function", "full", "tavus-gpt-oss", "cartesia", "sparrow-1"),
    *(True, False, 0, 1, -1, 5, 10, 11, 100, 101, 10**30, -(2**63), 0.0, 1.0, 0.5, 1e308, float("inf"), float("nan")),
    *(None, [], {}, [""], ["a", 1], [{}], {"a": 1}, {"": None}, {1: "a"}),
]
values = (st.sampled_from(SCALARS) | st.lists(st.sampled_from(SCALARS), max_size=3)).map(copy.deepcopy)


def bodies() -> list[Any]:
    """Bodies of the corpus, as specs of whatever kind."""
    return [json.loads(path.read_text("utf-8")) for path in sorted(CORPUS.glob("*/*.json"))]


BODIES = bodies()


@st.composite
def of_shape(draw: st.DrawFn, shape: type[Shape], depth: int = 4) -> dict[str, Any]:
    """An object whose keys the shape knows, and sometimes one that it does not, with values that may fit."""
    known = members(shape)
    keys = draw(st.sets(st.sampled_from(sorted(known)), max_size=5))
    keys |= {name for name, member in known.items() if member.declared.is_required and draw(st.integers(0, 9))}
    made: dict[str, Any] = {}
    for key in sorted(keys):
        below = [of_shape(one, depth - 1) for one in known[key].shapes] if depth else []
        objects = st.one_of(*below, st.lists(st.one_of(below), max_size=2)) if below else values
        made[key] = draw(st.one_of(objects, values) if below else values)
    if not draw(st.integers(0, 9)):
        made["unheard_of"] = 1
    return made


@st.composite
def changed(draw: st.DrawFn) -> Any:
    """A body of the corpus with a few values replaced or taken away."""
    body = copy.deepcopy(draw(st.sampled_from(BODIES)))
    for _ in range(draw(st.integers(0, 3))):
        here = body
        while isinstance(here, dict | list) and here:
            key = draw(st.sampled_from(sorted(here, key=str) if isinstance(here, dict) else range(len(here))))
            if not isinstance(here[key], dict | list) or not draw(st.integers(0, 3)):
                here[key] = draw(values)
                break
            here = here[key]
    return body


def explained(shape: type[Shape], value: Any) -> bool:
    """Whether pydantic has something to say."""
    try:
        model(shape).model_validate(value)
    except ValidationError:
        return True
    return False


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
@given(data=st.data())
def test_what_fits_has_no_error_and_what_does_not_has_one(kind: ResourceKind, data: st.DataObject) -> None:
    value = data.draw(of_shape(kind.model) | changed())
    assert fits(kind.model, value) is not explained(kind.model, value)


@given(of_shape(toy_kinds.Toy))
def test_what_msgspec_cannot_say_is_left_to_pydantic(value: Any) -> None:
    if fits(toy_kinds.Toy, value):
        assert not explained(toy_kinds.Toy, value)
    assert any(one.type != "missing_key" for one in wrong(toy_kinds.Toy, value)) is explained(toy_kinds.Toy, value)


def test_half_a_surrogate_pair_is_no_reason_to_fail() -> None:
    assert not fits(KINDS["persona"].model, {"layers": "\ud800"})
    assert not fits(KINDS["persona"].model, {"pipeline_mode": "\ud800"})


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_every_kind_can_be_said_to_msgspec(kind: ResourceKind) -> None:
    waiting = [kind.model]
    for shape in waiting:
        assert "_Undecided" not in repr(struct(shape).__annotations__), shape
        waiting += [one for member in members(shape).values() for one in member.shapes]
