"""Documents and helpers that the laws of patches share."""

from __future__ import annotations

import json
import os
import random
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st

# The round trip is what everything rests on, so it is tried most.
# A long run is in parts, so that both cores have one.
PROFILE = os.environ.get("TAVUSCTL_LAWS", "")
PARTS = {"long": range(4)}.get(PROFILE, range(1))
MOST = settings(max_examples={"long": 250_000, "many": 400, "steady": 50}.get(PROFILE, 150))
MANY = settings(max_examples={"long": 20_000, "many": 400, "steady": 50}.get(PROFILE, 150))

keys = st.sampled_from(["a", "b", "name", "tools", "", "~", "/", "m~n/o", "0", "-", "é\n"]) | st.text(max_size=3)
# Values that Python takes for equal and JSON does not are met often.
leaves = (
    st.sampled_from([None, True, False, 0, 1, 1.0, 0.0, "", "a", "1", "true", "a longer text, as prompts are"])
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False, allow_infinity=False).map(lambda value: value + 0.0)  # -0.0 equals 0.0
    | st.text(max_size=5)
)
documents = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=6) | st.dictionaries(keys, inner, max_size=5), max_leaves=25
)


@st.composite
def edited(draw: st.DrawFn, value: Any) -> Any:
    """A document like another: parts left out, doubled, exchanged, renamed, replaced."""
    if draw(st.integers(0, 9)) == 0:
        return draw(documents)
    if isinstance(value, dict):
        entries = [(key, draw(edited(inner))) for key, inner in value.items() if draw(st.integers(0, 9))]
        if draw(st.integers(0, 4)) == 0:
            entries.append((draw(keys), draw(st.sampled_from(list(value.values())) if value else leaves)))
        return dict(entries)
    if isinstance(value, list):
        items = [draw(edited(inner)) for inner in value if draw(st.integers(0, 9))]
        if draw(st.integers(0, 4)) == 0:
            items.insert(draw(st.integers(0, len(items))), draw(leaves if not value else st.sampled_from(value)))
        return draw(st.permutations(items)) if draw(st.integers(0, 5)) == 0 else items
    return value


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Any, Any]:
    """Two documents: alike more often than not."""
    before = draw(documents)
    return before, draw(edited(before) | documents)


def grown(seed: int) -> tuple[Any, Any]:
    """Two documents from a seed, the second an edit of the first: far faster than drawing them part by part."""
    chance = random.Random(seed)
    before = _grown(chance, 4)
    return before, _pruned(chance, before)


def _grown(chance: random.Random, depth: int) -> Any:
    kind = chance.random() if depth else 0.0
    if kind < 0.4:
        return chance.choice(
            [None, True, False, 0, 1, 1.0, 0.5, "", "a", "1", "true", "some longer text", chance.random()]
        )
    size = chance.choice([0, 1, 2, 2, 3, 3, 4, 6])
    if kind < 0.7:
        return [_grown(chance, depth - 1) for _ in range(size)]
    return {
        chance.choice(["a", "b", "name", "", "~", "/", "m~n/o", "0", "-"]): _grown(chance, depth - 1)
        for _ in range(size)
    }


def _pruned(chance: random.Random, value: Any) -> Any:
    if chance.random() < 0.1:
        return _grown(chance, 2)
    if isinstance(value, dict):
        kept = {key: _pruned(chance, inner) for key, inner in value.items() if chance.random() < 0.9}
        return kept | ({chance.choice("xyz"): _grown(chance, 1)} if chance.random() < 0.2 else {})
    if isinstance(value, list):
        items = [_pruned(chance, inner) for inner in value if chance.random() < 0.9]
        if chance.random() < 0.3:
            items.insert(chance.randint(0, len(items)), _grown(chance, 1))
        if chance.random() < 0.2:
            chance.shuffle(items)
        return items
    return value


def exact(value: Any) -> str:
    """Text that is the same for strictly equal documents only."""
    return json.dumps(value, sort_keys=True)
