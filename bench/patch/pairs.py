"""Pairs of documents as edits make them, from the bodies of a corpus; the same pairs every time."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

TOOL_KEY = {"/layers/llm/tools": "function.name"}
SET_KEYS = {"objective_name": {"/data": "objective_name"}, "guardrail_name": {"/data": "guardrail_name"}}
Body = dict[str, Any]
Dice = random.Random


@dataclass(frozen=True)
class Pair:
    """Two documents, the kind of edit between them, and what identifies items of their arrays."""

    category: str
    before: Any
    after: Any
    keyed_by: dict[str, str] = field(default_factory=dict)
    single: bool = False  # whether one edit was made


def from_corpus(folder: Path, repeats: int) -> list[Pair]:
    """Every kind of edit on every body that it fits."""
    bodies = [json.loads(path.read_text()) for path in sorted(folder.rglob("*.json"))]
    bodies = [body for body in bodies if isinstance(body, dict)]
    shelf = [tool for body in bodies for tool in tools_in(body)]
    prepared = [prepared_body(body, shelf, Dice(number)) for number, body in enumerate(bodies)]
    pairs = []
    for number, body in enumerate(prepared):
        for name, edit in EDITS.items():
            for repeat in range(repeats):
                dice = Dice(f"{name} {number} {repeat}")
                before = shuffled_tools(body, dice)
                after = copy.deepcopy(before)
                if edit(after, dice, shelf) and after != before:
                    pairs.append(Pair(name, before, after, keys_of(before), name in SINGLE))
    pairs += unrelated(prepared)
    pairs += rows()
    return pairs


def tools_in(body: Body) -> list[Body]:
    """Function tools anywhere in a body."""
    return [
        value
        for value in containers(body)
        if isinstance(value, dict) and isinstance(value.get("function"), dict) and "name" in value["function"]
    ]


def containers(value: Any) -> Iterator[Any]:
    """Every object and array in a value, itself first."""
    if isinstance(value, dict | list):
        yield value
        for inner in value.values() if isinstance(value, dict) else value:
            yield from containers(inner)


def prepared_body(body: Body, shelf: list[Body], dice: Dice) -> Body:
    """A body; one with layers gets some tools and queries when it has none, as real ones do."""
    body = copy.deepcopy(body)
    layers = body.get("layers")
    if isinstance(layers, dict) and shelf:
        llm = layers.setdefault("llm", {"model": "tavus-gpt-4o"})
        if isinstance(llm, dict) and not llm.get("tools"):
            llm["tools"] = distinct(dice.sample(shelf, min(len(shelf), dice.randint(2, 6))))
        perception = layers.setdefault("perception", {})
        if isinstance(perception, dict) and not perception.get("ambient_awareness_queries"):
            perception["ambient_awareness_queries"] = [f"Does the user {verb}?" for verb in dice.sample(VERBS, 4)]
    return body


VERBS = ["look away", "smile", "hold a document", "read from a screen", "seem tired", "show a card", "nod"]


def distinct(tools: list[Body]) -> list[Body]:
    """Copies of tools whose names differ."""
    found: dict[str, Body] = {}
    for tool in tools:
        found.setdefault(tool["function"]["name"], copy.deepcopy(tool))
    return list(found.values())


def shuffled_tools(body: Body, dice: Dice) -> Body:
    """A copy of the body with its tools in another order, so that repeats differ."""
    body = copy.deepcopy(body)
    if tools := tool_list(body):
        dice.shuffle(tools)
    return body


def keys_of(body: Body) -> dict[str, str]:
    """What identifies items in a body of this kind."""
    for item in body.get("data") or []:
        for name, keys in SET_KEYS.items():
            if isinstance(item, dict) and name in item:
                return keys
    return TOOL_KEY


def tool_list(body: Body) -> list[Body]:
    """The tools of a persona; empty when there are none."""
    tools = body.get("layers", {}) if isinstance(body.get("layers"), dict) else {}
    tools = tools.get("llm", {}) if isinstance(tools.get("llm"), dict) else {}
    return tools.get("tools") if isinstance(tools.get("tools"), list) else []


def items(body: Body) -> list[Body]:
    """The objectives or guardrails of a set."""
    data = body.get("data")
    return data if isinstance(data, list) and all(isinstance(item, dict) for item in data) else []


def texts(value: Any, least: int) -> list[tuple[Any, Any]]:
    """Container and key of every long text."""
    return [
        (inner, key)
        for inner in containers(value)
        for key, text in (inner.items() if isinstance(inner, dict) else enumerate(inner))
        if isinstance(text, str) and len(text) >= least
    ]


def word(body: Body, dice: Dice, _: list[Body]) -> bool:
    """One word in a prompt."""
    found = texts(body, 30)
    if found:
        container, key = dice.choice(found)
        words = container[key].split(" ")
        words[dice.randrange(len(words))] = "carefully"
        container[key] = " ".join(words)
    return bool(found)


def insert_tool(place: Callable[[int], int]) -> Callable[[Body, Dice, list[Body]], bool]:
    """A tool more."""

    def edit(body: Body, dice: Dice, shelf: list[Body]) -> bool:
        tools = tool_list(body)
        names = {tool.get("function", {}).get("name") for tool in tools}
        others = [tool for tool in shelf if tool["function"]["name"] not in names]
        if tools and others:
            tools.insert(place(len(tools)), copy.deepcopy(dice.choice(others)))
        return bool(tools and others)

    return edit


def remove_tool(body: Body, dice: Dice, _: list[Body]) -> bool:
    """A tool less."""
    tools = tool_list(body)
    if tools:
        del tools[dice.randrange(len(tools))]
    return bool(tools)


def reorder_tools(body: Body, dice: Dice, _: list[Body]) -> bool:
    """Two tools exchanged, or all shuffled."""
    tools = tool_list(body) or items(body)
    if len(tools) < 2:
        return False
    if dice.random() < 0.5:
        one, other = dice.sample(range(len(tools)), 2)
        tools[one], tools[other] = tools[other], tools[one]
    else:
        dice.shuffle(tools)
    return True


def describe(body: Body, dice: Dice, _: list[Body]) -> bool:
    """One description."""
    found = [(c, "description") for c in containers(body) if isinstance(c, dict) and c.get("description")]
    if found:
        container, key = dice.choice(found)
        container[key] = f"{container[key]} Call it once only."
    return bool(found)


def edit_schema(body: Body, dice: Dice, _: list[Body]) -> bool:
    """A parameter added and required, or its type changed."""
    found = [c for c in containers(body) if isinstance(c, dict) and isinstance(c.get("properties"), dict)]
    if not found:
        return False
    schema = dice.choice(found)
    if schema["properties"] and dice.random() < 0.4:
        schema["properties"][dice.choice(sorted(schema["properties"]))] = {"type": "integer", "minimum": 1}
    else:
        schema["properties"]["reason"] = {"type": "string", "description": "Why, in the words of the user."}
        schema.setdefault("required", []).append("reason")
    return True


def insert_query(body: Body, dice: Dice, _: list[Body]) -> bool:
    """A query more."""
    perception = body.get("layers", {}).get("perception") if isinstance(body.get("layers"), dict) else None
    queries = perception.get("ambient_awareness_queries") if isinstance(perception, dict) else None
    if queries:
        queries.insert(dice.randint(0, len(queries)), "Is there more than one person?")
    return bool(queries)


def insert_objective(body: Body, dice: Dice, _: list[Body]) -> bool:
    """An objective between others, and the one before leading to it."""
    data = items(body)
    if not data or "objective_name" not in data[0]:
        return False
    place = dice.randint(0, len(data))
    fresh = copy.deepcopy(dice.choice(data)) | {
        "objective_name": "confirm_details",
        "objective_prompt": "Repeat what was said.",
    }
    if place:
        data[place - 1]["next_required_objective"] = "confirm_details"
    data.insert(place, fresh)
    return True


def rename_item(body: Body, dice: Dice, _: list[Body]) -> bool:
    """An objective, guardrail or tool renamed, wherever it is named."""
    data = items(body)
    names = [item[key] for item in data for key in SET_KEYS if isinstance(item.get(key), str)]
    names += [tool["function"]["name"] for tool in tool_list(body) if "function" in tool]
    if not names:
        return False
    name = dice.choice(names)
    for container in list(containers(body)):
        for key, value in list(container.items() if isinstance(container, dict) else enumerate(container)):
            if value == name:
                container[key] = f"{name}_v2"
    return True


def edit_and_move(body: Body, dice: Dice, shelf: list[Body]) -> bool:
    """An item edited and put elsewhere."""
    data = items(body) or tool_list(body)
    if len(data) < 2:
        return False
    item = data.pop(dice.randrange(len(data)))
    edited = word(item, dice, shelf)
    data.insert(dice.randint(0, len(data)), item)
    return edited


def edit_and_insert(body: Body, dice: Dice, shelf: list[Body]) -> bool:
    """A tool edited and another inserted before it."""
    tools = tool_list(body)
    return bool(tools) and word(tools[-1], dice, shelf) and insert_tool(lambda n: n // 2)(body, dice, shelf)


def add_layer(body: Body, dice: Dice, _: list[Body]) -> bool:
    """A layer more."""
    layers = body.get("layers")
    if not isinstance(layers, dict):
        return False
    name = dice.choice(["stt", "vqe", "transport"])
    layers[f"{name}_new" if name in layers else name] = {"engine": "advanced", "sensitivity": "high", "hotwords": ["a"]}
    return True


def remove_key(body: Body, dice: Dice, _: list[Body]) -> bool:
    """A member less."""
    found = [c for c in containers(body) if isinstance(c, dict) and c]
    if not found:
        return False
    container = dice.choice(found)
    del container[dice.choice(sorted(container))]
    return True


def rename_key(body: Body, dice: Dice, _: list[Body]) -> bool:
    """A member under another key."""
    found = [c for c in containers(body) if isinstance(c, dict) and c]
    if not found:
        return False
    container = dice.choice(found)
    key = dice.choice(sorted(container))
    container[f"{key}_2"] = container.pop(key)
    return True


def change_scalar(body: Body, dice: Dice, _: list[Body]) -> bool:
    """One setting; values that Python takes for equal among them."""
    container, key = dice.choice(texts(body, 0) or [({}, "")])
    if key == "":
        return False
    container[key] = dice.choice([True, 1, 1.0, 0, False, None, "", "high"])
    return True


def several(body: Body, dice: Dice, shelf: list[Body]) -> bool:
    """Three to six edits."""
    names = dice.sample(sorted(set(EDITS) - {"several at once"}), dice.randint(3, 6))
    return sum([EDITS[name](body, dice, shelf) for name in names]) >= 2


EDITS: dict[str, Callable[[Body, Dice, list[Body]], bool]] = {
    "word in a prompt": word,
    "tool added in front": insert_tool(lambda _: 0),
    "tool added in the middle": insert_tool(lambda n: n // 2),
    "tool added at the end": insert_tool(lambda n: n),
    "tool removed": remove_tool,
    "items reordered": reorder_tools,
    "description edited": describe,
    "schema edited": edit_schema,
    "query inserted": insert_query,
    "objective inserted and rewired": insert_objective,
    "item renamed": rename_item,
    "item edited and moved": edit_and_move,
    "tool edited, another inserted": edit_and_insert,
    "layer added": add_layer,
    "member removed": remove_key,
    "member renamed": rename_key,
    "setting changed": change_scalar,
    "several at once": several,
}
SINGLE = {
    "word in a prompt",
    "tool added in front",
    "tool added in the middle",
    "tool added at the end",
    "tool removed",
    "description edited",
    "query inserted",
    "layer added",
    "member removed",
    "setting changed",
}


def unrelated(bodies: list[Body]) -> list[Pair]:
    """One body made into another that has little to do with it."""
    dice = Dice("unrelated")
    chosen = [dice.sample(bodies, 2) for _ in range(60)] if len(bodies) > 1 else []
    return [Pair("another body", one, other, keys_of(one)) for one, other in chosen]


def rows() -> list[Pair]:
    """Arrays of 1,000 with five edits."""
    pairs = []
    for number in range(6):
        dice = Dice(f"rows {number}")
        before: list[Any] = [row(place, dice) if number % 2 else f"row {place}" for place in range(1000)]
        after = copy.deepcopy(before)
        for place in sorted(dice.sample(range(1000), 5), reverse=True):
            choice = dice.randrange(3)
            if choice == 0:
                del after[place]
            elif choice == 1:
                after.insert(place, row(-1, dice))
            elif isinstance(after[place], dict):
                after[place]["text"] = "edited"
            else:
                after[place] = "edited"
        pairs.append(Pair("1,000 items, 5 edits", before, after))
    return pairs


def row(place: int, dice: Dice) -> Body:
    """One item of a long array."""
    return {"id": place, "text": f"text {dice.randrange(10**6)}", "tags": ["a", "b"], "on": dice.random() < 0.5}
