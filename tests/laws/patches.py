"""Strategies for documents, and functions that the laws of patches share."""

from __future__ import annotations

import json
import os
import random
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st

# MOST is for the round trip, on which everything else depends.
# A long run is divided into parts, so that several processor cores can share it.
PROFILE = os.environ.get("TAVUSCTL_LAWS", "")
PARTS = {"long": range(4)}.get(PROFILE, range(1))
MOST = settings(max_examples={"long": 250_000, "many": 400, "steady": 50}.get(PROFILE, 60))
MANY = settings(max_examples={"long": 20_000, "many": 400, "steady": 50}.get(PROFILE, 60))

keys = st.sampled_from(["a", "b", "name", "tools", "", "~", "/", "m~n/o", "0", "-", "é\n"]) | st.text(max_size=3)
# Values that are equal in Python but not in JSON (1, 1.0, True) are frequent.
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
    """An edited copy of a document: members and items are removed, copied, reordered or replaced."""
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
    """Two documents; the second is often an edited copy of the first."""
    before = draw(documents)
    return before, draw(edited(before) | documents)


def grown(seed: int) -> tuple[Any, Any]:
    """Two documents from a seed, the second an edit of the first; far faster than drawing them by strategies."""
    rng = random.Random(seed)
    before = _grown(rng, 4)
    return before, _pruned(rng, before)


def _grown(rng: random.Random, depth: int) -> Any:
    kind = rng.random() if depth else 0.0
    if kind < 0.4:
        return rng.choice([None, True, False, 0, 1, 1.0, 0.5, "", "a", "1", "true", "some longer text", rng.random()])
    size = rng.choice([0, 1, 2, 2, 3, 3, 4, 6])
    if kind < 0.7:
        return [_grown(rng, depth - 1) for _ in range(size)]
    return {
        rng.choice(["a", "b", "name", "", "~", "/", "m~n/o", "0", "-"]): _grown(rng, depth - 1) for _ in range(size)
    }


def _pruned(rng: random.Random, value: Any) -> Any:
    if rng.random() < 0.1:
        return _grown(rng, 2)
    if isinstance(value, dict):
        members = {key: _pruned(rng, inner) for key, inner in value.items() if rng.random() < 0.9}
        return members | ({rng.choice("xyz"): _grown(rng, 1)} if rng.random() < 0.2 else {})
    if isinstance(value, list):
        items = [_pruned(rng, inner) for inner in value if rng.random() < 0.9]
        if rng.random() < 0.3:
            items.insert(rng.randint(0, len(items)), _grown(rng, 1))
        if rng.random() < 0.2:
            rng.shuffle(items)
        return items
    return value


def exact(value: Any) -> str:
    """A text that is the same only for documents that are strictly equal."""
    return json.dumps(value, sort_keys=True)
