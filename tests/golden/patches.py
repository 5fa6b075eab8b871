"""Golden patches between generated documents of many shapes, so that no change of a patch goes unnoticed.

`python -m tests.golden.patches` writes patches.jsonl again, and so does `make golden`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any

from tavusctl.patch import Pinned, diff

KEPT = Path(__file__).with_name("patches.jsonl")
WORDS = ("be kind", "stay on the subject of the course", "never tell prices", "ask for a name", "", "end politely")
Pair = tuple[Any, Any]


def below(chance: Random, limit: int) -> int:
    """A random integer below a limit; only `Random.random` gives the same numbers in every version of Python."""
    return int(chance.random() * limit)


def value(chance: Random, depth: int = 2) -> Any:
    kind = below(chance, 8 if depth else 5)
    if kind < 5:
        return [below(chance, 9), None, True, chance.random() < 0.5, WORDS[below(chance, 6)]][kind]
    if kind < 6:
        return [value(chance, depth - 1) for _ in range(below(chance, 4))]
    return {f"k{below(chance, 6)}": value(chance, depth - 1) for _ in range(below(chance, 5))}


def shuffled(chance: Random, items: list[Any]) -> list[Any]:
    return [item for _, _, item in sorted((chance.random(), place, item) for place, item in enumerate(items))]


def edited(chance: Random, before: Any) -> Any:
    if below(chance, 7) == 0:
        return value(chance)
    if isinstance(before, dict):
        return {key: edited(chance, member) for key, member in before.items() if below(chance, 6)} | (
            {f"n{below(chance, 3)}": value(chance, 1)} if below(chance, 3) == 0 else {}
        )
    if isinstance(before, list):
        items = [edited(chance, item) for item in before if below(chance, 6)]
        return shuffled(chance, items) if below(chance, 3) == 0 else items
    return before


def anything(chance: Random) -> Pair:
    before = {f"k{place}": value(chance, 3) for place in range(4)}
    return before, edited(chance, before)


def array(chance: Random) -> Pair:
    before = [value(chance, 1) for _ in range(2 + below(chance, 9))]
    after = list(before)
    for _ in range(1 + below(chance, 4)):
        at, how = below(chance, len(after) + 1), below(chance, 4)
        if how == 0 or at == len(after):
            after.insert(at, value(chance, 1))
        elif how == 1:
            after.pop(at)
        elif how == 2:
            after.insert(below(chance, len(after)), after.pop(at))
        else:
            after[at] = edited(chance, after[at])
    return {"items": before}, {"items": after}


def long_array(chance: Random) -> Pair:
    before: list[Any] = [{"n": place % 37, "text": f"{WORDS[place % 6]} {place % 41}"} for place in range(45)]
    after = [item if below(chance, 9) else {**item, "text": "edited"} for item in before if below(chance, 12)]
    for _ in range(below(chance, 4)):
        after.insert(below(chance, len(after)), after.pop(below(chance, len(after))))
    if below(chance, 3) == 0:
        return [item["n"] for item in before], [below(chance, 999) for _ in range(40 + below(chance, 10))]
    return before, after


def tool(name: str, text: str) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "description": text, "parameters": {"required": [name]}}}


def tools(chance: Random) -> Pair:
    before = [tool(f"tool_{place}", WORDS[below(chance, 6)]) for place in range(2 + below(chance, 6))]
    after = [
        tool(item["function"]["name"], WORDS[below(chance, 6)]) if below(chance, 3) == 0 else item for item in before
    ]
    after = shuffled(chance, [item for item in after if below(chance, 6)]) if below(chance, 2) else after[::-1]
    if below(chance, 3) == 0:
        after.insert(below(chance, len(after) + 1), tool("tool_new", "new"))
    return {"layers": {"llm": {"tools": before}}}, {"layers": {"llm": {"tools": after}}}


def renamed(chance: Random) -> Pair:
    size = 14 if below(chance, 4) == 0 else 1 + below(chance, 4)
    before = {f"old{place}": value(chance, 2) for place in range(size)}
    after = {f"new{place}": edited(chance, one) for place, one in enumerate(shuffled(chance, list(before.values())))}
    return {"x": before, "same": 1}, {"x": after, "same": 1}


def crossing(chance: Random) -> Pair:
    long = [{"text": WORDS[place % 6] + str(place), "n": [place, place]} for place in range(9)]
    parts: list[list[Any]] = [long[0:3], long[3:6], long[6:9]]
    moved = [list(part) for part in parts]
    for _ in range(1 + below(chance, 3)):
        source, target = moved[below(chance, 3)], moved[below(chance, 3)]
        if source:
            item = source.pop(below(chance, len(source)))
            target.insert(below(chance, len(target) + 1), item)
    if below(chance, 2):
        moved[below(chance, 3)].append("added")
    names = shuffled(chance, ["a", "b", "c"])
    inside = below(chance, 3) == 0
    before: Any = {"a": parts[0], "b": {"c": parts[1]} if inside else parts[1], "c": parts[2]}
    after: Any = {"a": moved[0], "b": {"c": moved[1]} if inside else moved[1], "c": moved[2]}
    if below(chance, 2):
        before[names[0]], after["d"] = {"x": before[names[0]], "y": long[0]}, after.pop(names[0])
    return before, after


def crossing_deep(chance: Random) -> Pair:
    """Nested lists and objects, with items moved from one container to another."""
    large = [{"text": f"a rather long text, number {place}", "n": place} for place in range(8)]
    before: list[Any] = [[large[0], [large[1], large[2]]], {"x": [large[3]], "y": large[4]}, [large[5]], large[6]]
    after: list[Any] = json.loads(json.dumps(before))
    for _ in range(2 + below(chance, 3)):
        places = containers(after)
        source, target = places[below(chance, len(places))], places[below(chance, len(places))]
        if source:
            keys = list(source) if isinstance(source, dict) else list(range(len(source)))
            item = source.pop(keys[below(chance, len(keys))])
            target = target if any(target is place for place in containers(after)) else after
            if isinstance(target, dict):
                target[f"z{below(chance, 2)}"] = item
            else:
                target.insert(below(chance, len(target) + 1), item)
        if below(chance, 4) == 0:
            after.insert(below(chance, len(after) + 1), below(chance, 9))
        if below(chance, 4) == 0:
            after.pop(below(chance, len(after)))
    return before, after


def containers(document: Any) -> list[Any]:
    inner = document.values() if isinstance(document, dict) else document if isinstance(document, list) else []
    inner_containers = [container for part in inner for container in containers(part)]
    return [document, *inner_containers] if isinstance(document, dict | list) else inner_containers


def nested(chance: Random) -> Pair:
    before, after = value(chance, 2), value(chance, 2)
    for place in range(90):
        before, after = ([before, 1], [after, 1]) if place % 2 else ({"k": before, "o": 1}, {"k": after, "n": place})
    return before, after


def pinned(chance: Random) -> Pair:
    def with_pins(document: Any, depth: int) -> Any:
        if isinstance(document, dict) and depth:
            shown = {key: with_pins(one, depth - 1) for key, one in document.items()}
            return {**shown, "key": Pinned(below(chance, 2))} if below(chance, 2) else shown
        return [with_pins(one, depth - 1) for one in document] if isinstance(document, list) and depth else document

    before = with_pins({f"k{place}": value(chance, 3) for place in range(3)}, 4)
    return before, {key: edited(chance, one) for key, one in before.items()}


FAMILIES: dict[str, tuple[int, Callable[[Random], Pair]]] = {
    "anything": (60, anything),
    "array": (90, array),
    "long_array": (12, long_array),
    "tools": (40, tools),
    "renamed": (40, renamed),
    "crossing": (60, crossing),
    "crossing_deep": (140, crossing_deep),
    "nested": (3, nested),
    "pinned": (40, pinned),
}


def cases(name: str) -> Iterator[tuple[str, tuple[Any, Any, Any], list[Any] | None]]:
    """The cases of a family: name; before, after and an untouched copy of before; patch.

    The patch is None where `diff` refuses the documents with a ValueError.
    """
    count, make = FAMILIES[name]
    keyed = {"/layers/llm/tools": "function.name"} if name == "tools" else {}
    for number in range(count):
        before, after = make(Random(f"{name} {number}"))
        untouched = make(Random(f"{name} {number}"))[0]
        try:
            patch = diff(before, after, keyed_by=keyed)
        except ValueError:
            patch = None
        yield f"{name} {number}", (before, after, untouched), patch


def written(patch: list[Any] | None) -> str:
    """A patch as one line of JSON, or its SHA-256 digest if the line has 1000 characters or more."""
    text = json.dumps(patch)
    return text if len(text) < 1000 else sha256(text.encode()).hexdigest()


def main() -> int:
    """Write patches.jsonl."""
    lines = [json.dumps([title, written(patch)]) for name in FAMILIES for title, _, patch in cases(name)]
    KEPT.write_text("\n".join(lines) + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
