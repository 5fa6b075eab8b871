"""What is said of a spec: all of it at once, with places in it, whatever else is wrong."""

from __future__ import annotations

import copy
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from tavusctl.core.resource_kind import ResourceKind
from tavusctl.core.schema.model_fields import inner_models
from tavusctl.core.schema.spec_model import MAX_ERRORS, field_errors
from tavusctl.kinds import KINDS

CORPUS = Path(__file__).parents[1] / "corpus"
SCALARS: list[Any] = [
    *("", " ", "a", "a b", "a\n", "https://example.com", "https://example.com\n", "https:// a", "http:/a", "é"),
    *("true", "false", "off", "low", "normal", "function", "full", "tavus-gpt-oss", "cartesia", "sparrow-1"),
    *(True, False, 0, 1, -1, 5, 10, 11, 100, 101, 10**30, -(2**63), 0.0, 1.0, 0.5, 1e308, float("inf"), float("nan")),
    *(None, [], {}, [""], ["a", 1], [{}], {"a": 1}, {"": None}, "\ud800"),
]
values = (st.sampled_from(SCALARS) | st.lists(st.sampled_from(SCALARS), max_size=3)).map(copy.deepcopy)
BODIES = [json.loads(path.read_text("utf-8")) for path in sorted(CORPUS.glob("*/*.json"))]


@st.composite
def of_model(draw: st.DrawFn, model: type[BaseModel], depth: int = 4) -> dict[str, Any]:
    """An object whose keys the model knows, and sometimes one that it does not, with values that may fit."""
    known = inner_models(model)
    keys = draw(st.sets(st.sampled_from(sorted(known)), max_size=5))
    keys |= {name for name, field in model.model_fields.items() if field.is_required() and draw(st.integers(0, 9))}
    made: dict[str, Any] = {}
    for key in sorted(keys):
        below = [of_model(one, depth - 1) for one in known[key]] if depth else []
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


def counted_errors(kind: ResourceKind, spec: Any) -> Counter[tuple[Any, ...]]:
    return Counter((one.path, one.type, one.message, one.missing) for one in field_errors(kind.model, spec))


def at(spec: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        spec = spec[int(key)] if isinstance(spec, list) else spec[key]
    return spec


def objects(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from objects(item)


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
@given(data=st.data())
def test_every_error_has_a_place_in_the_spec(kind: ResourceKind, data: st.DataObject) -> None:
    spec = data.draw(of_model(kind.model) | changed())
    for path, type_, _, missing in counted_errors(kind, spec):
        found = at(spec, path)
        assert not missing or found.get(missing) is None
        assert type_ != "extra_forbidden" or at(spec, path[:-1]) is not found


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
@given(data=st.data())
def test_one_more_fault_hides_no_other(kind: ResourceKind, data: st.DataObject) -> None:
    spec = data.draw(of_model(kind.model) | changed())
    before = counted_errors(kind, spec)
    chosen = data.draw(st.sampled_from(list(objects(spec)) or [{}]))
    was_empty = not chosen
    chosen["never_heard_of"] = "x"
    after = counted_errors(kind, spec)
    lost = {one[1] for one in before - after}
    # An object that held nothing was not there: what was missing for that is there now.
    no_longer = {"missing_key", "value_error", "not_together"} if was_empty else set()
    assert sum(after.values()) >= 4 * MAX_ERRORS or lost <= no_longer, before - after


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
@given(data=st.data())
def test_an_unknown_key_is_one_fault_more(kind: ResourceKind, data: st.DataObject) -> None:
    spec = data.draw(of_model(kind.model))
    before, after = counted_errors(kind, spec), counted_errors(kind, {**spec, "never_heard_of": data.draw(values)})
    assert {one[:2] for one in after - before} == {(("never_heard_of",), "extra_forbidden")}
    assert not before - after
