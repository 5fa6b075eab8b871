"""Flows of objectives: the API takes any, and a conversation on a wrong one dies a second after it began."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Final

from tavusctl.core.messages import respelled, shown, suggestion
from tavusctl.lib.graph import Graph
from tavusctl.lint.core import Finding, Subject, mappings, pointer_of

_MOST_CIRCLES: Final = 10  # told of one set
_LONGEST_CIRCLE: Final = 12  # names shown of one circle
_UNROLL: Final = "remove one of these transitions, or allow them with `allow_loops: true`"
_NAME: Final = re.compile(r"[A-Za-z0-9_]{1,100}")
_LIMITS: Final = {"objective_prompt": 10_000, "callback_url": 2_048}  # characters
_MOST: Final = 50  # objectives of a set, or output variables of one


def _graph(subject: Subject) -> Graph:
    return subject.kind.conversation_graph(subject.spec) if subject.kind.conversation_graph else Graph()


def _ways(graph: Graph) -> dict[str, list[str]]:
    ways: defaultdict[str, list[str]] = defaultdict(list)
    for edge in dict.fromkeys((edge.source, edge.target) for edge in graph.edges):
        ways[edge[0]].append(edge[1])
    return ways


def _places(subject: Subject) -> dict[str, int]:
    """Where each objective stands; of two with one name, the first."""
    found: dict[str, int] = {}
    for index, item in mappings(subject.spec.get("data")):
        found.setdefault(str(item.get("objective_name")), index)
    return found


def unknown(subject: Subject) -> Iterator[Finding]:
    """A next objective that the set does not have."""
    places, ways = _places(subject), _ways(_graph(subject))
    for edge in _graph(subject).edges:
        if edge.target not in places:
            pointer = _led(subject, places.get(edge.source, 0), edge.target)
            message = f"`{edge.source}` leads to {shown(edge.target)}, which is not in this set"
            # Whoever leads here, as every objective does to itself, would close a circle.
            back = {one for one in places if edge.source in _reached(ways, one)}
            yield Finding(pointer, message, suggestion(edge.target, places, back | {*ways[edge.source]}))


def unreachable(subject: Subject) -> Iterator[Finding]:
    """An objective to which nothing leads, in a set that has branches."""
    graph, places = _graph(subject), _places(subject)
    if not graph.edges or not places:
        return
    reached = _reached(_ways(graph), next(iter(places)))
    for name, index in places.items():
        if name not in reached:
            message = f"`{name}` cannot be reached from `{next(iter(places))}`"
            yield Finding(
                pointer_of("data", index), message, "name it as the next objective of another one, or remove it"
            )


def _reached(ways: Mapping[str, list[str]], start: str) -> set[str]:
    """Where a conversation may come from an objective, itself included."""
    reached, queue = set[str](), [start]
    while queue:
        here = queue.pop()
        if here not in reached:
            reached.add(here)
            queue += ways.get(here, [])
    return reached


def cyclic(subject: Subject) -> Iterator[Finding]:
    """Objectives that lead back to themselves, in a set that may not: conversations on it die at their start."""
    if subject.at("allow_loops") is True:
        return
    ways, places = _ways(_graph(subject)), _places(subject)
    endless = bool(places) and all(map(ways.get, places))
    for _ in range(_MOST_CIRCLES):
        ring = _circle(ways)
        if not ring:
            return
        nowhere = "; no objective of the set is the last one" if endless else ""
        message = f"objective cycle: {_told(ring)}; a conversation with it ends as soon as it starts{nowhere}"
        yield Finding(_led(subject, places.get(ring[0], 0), ring[1]), message, _UNROLL)
        ways[ring[0]].remove(ring[1])


def _circle(ways: Mapping[str, list[str]]) -> list[str]:
    try:
        TopologicalSorter(ways).prepare()
    except CycleError as error:
        return list(reversed(error.args[1]))  # graphlib tells it against the direction of the edges
    return []


def _told(ring: list[str]) -> str:
    names = ring if len(ring) <= _LONGEST_CIRCLE else [*ring[: _LONGEST_CIRCLE - 2], "…", ring[-1]]
    return " -> ".join(names)


def _led(subject: Subject, index: int, target: str) -> str:
    """Where an objective names the next one."""
    below = ("next_conditional_objectives", "next_required_objectives", "next_required_objective")
    item = dict(mappings(subject.spec.get("data"))).get(index, {})
    conditional, several, one = map(item.get, below)
    if one == target:
        return pointer_of("data", index, below[2])
    if isinstance(several, list) and target in several:
        return pointer_of("data", index, below[1], several.index(target))
    if isinstance(conditional, dict) and target in conditional:
        return pointer_of("data", index, below[0], target)
    return pointer_of("data", index)


def dead_end(subject: Subject) -> Iterator[Finding]:
    """Report an objective whose only transition is conditional."""
    for index, item in mappings(subject.spec.get("data")):
        ways = item.get("next_conditional_objectives")
        required = item.get("next_required_objectives") or item.get("next_required_objective")
        if isinstance(ways, dict) and len(ways) == 1 and not required:
            (target,) = ways
            pointer = pointer_of("data", index, "next_conditional_objectives", target)
            message = f"{shown(item.get('objective_name'))} leads only to {shown(target)}, and only under a condition"
            yield Finding(pointer, message, "add the next objective for the case that the condition is not met")


def same_name(subject: Subject) -> Iterator[Finding]:
    """Two objectives of one name in a set."""
    places = _places(subject)
    for index, item in mappings(subject.spec.get("data")):
        name = str(item.get("objective_name"))
        if places[name] != index:
            pointer = pointer_of("data", index, "objective_name")
            yield Finding(pointer, f"another objective has the name {shown(name)}", "rename one of them")


def collected_twice(subject: Subject) -> Iterator[Finding]:
    """An output variable that two objectives fill: the later one wins."""
    items = mappings(subject.spec.get("data"))
    counts = Counter(name for _, item in items for name in {*_variables(item)})
    owner: dict[str, str] = {}
    for index, item in items:
        for place, name in enumerate(_variables(item)):
            first = owner.setdefault(name, str(item.get("objective_name")))
            if counts[name] > 1 and first != str(item.get("objective_name")):
                message = f"{shown(name)} is also an output variable of `{first}`"
                yield Finding(
                    pointer_of("data", index, "output_variables", place),
                    message,
                    "rename one of them: the later value overwrites the earlier one",
                )


def spaced(subject: Subject) -> Iterator[Finding]:
    """Output variables that no program can take for a name."""
    for index, item in mappings(subject.spec.get("data")):
        for place, name in enumerate(_variables(item)):
            if not name.isidentifier():
                pointer = pointer_of("data", index, "output_variables", place)
                yield Finding(
                    pointer,
                    f"{shown(name)} is not a valid name of a variable",
                    "use letters, digits and underscores only",
                )


def refused(subject: Subject) -> Iterator[Finding]:
    """What newer versions of the API refuse: names, lengths, and sets without one first objective."""
    items = mappings(subject.spec.get("data"))
    for index, item in items:
        name = item.get("objective_name")
        if isinstance(name, str) and not _NAME.fullmatch(name):
            right = respelled(name, r"\W+", "_", "a_name")[:100]
            message = f"newer versions of the API accept letters, digits and underscores only, found {shown(name)}"
            yield Finding(pointer_of("data", index, "objective_name"), message, f"write `{right}`")
        for key, limit in _LIMITS.items():
            if isinstance(text := item.get(key), str) and len(text) > limit:
                message = f"`{key}` has {len(text):,} characters; newer versions of the API accept {limit:,}"
                yield Finding(pointer_of("data", index, key), message, "shorten it")
        if len(_variables(item)) > _MOST:
            message = f"{len(_variables(item))} output variables; newer versions of the API accept {_MOST}"
            yield Finding(pointer_of("data", index, "output_variables"), message, "split the objective in two")
        yield from _in_a_list(subject, index, item.get("next_required_objectives"))
    if len(items) > _MOST:
        message = f"{len(items)} objectives; newer versions of the API accept {_MOST} in a set"
        yield Finding(pointer_of("data"), message, "split the set in two")
    if len(_places(subject)) > 1 and not _graph(subject).edges and subject.at("allow_loops") is not True:
        message = "none of the objectives leads to another; newer versions of the API accept one first objective only"
        yield Finding(pointer_of("data"), message, "name the next objective of each but the last")


def _in_a_list(subject: Subject, index: int, several: object) -> Iterator[Finding]:
    """The list of required next objectives, for which newer versions of the API have one name."""
    if not isinstance(several, list) or not several or not isinstance(several[0], str):
        return
    pointer, single = pointer_of("data", index, "next_required_objectives"), "next_required_objective"
    message = "newer versions of the API take one required next objective, under another key"
    if len(several) > 1:
        hint = "write them under `next_conditional_objectives`, each with the condition for it"
        yield Finding(pointer, f"{message}; found {len(several)}", hint)
        return
    rename = subject.edit(pointer, "rename", single)
    fix = (rename, subject.edit(pointer_of("data", index, single), "set", several[0]))
    yield Finding(pointer, message, f"write `{single}: {several[0]}`", fix=fix)


def led_twice(subject: Subject) -> Iterator[Finding]:
    """Objectives with a next one that must follow, and others that may."""
    for index, item in mappings(subject.spec.get("data")):
        required = item.get("next_required_objectives") or item.get("next_required_objective")
        if required and item.get("next_conditional_objectives"):
            message = "newer versions of the API refuse a required next objective beside conditional ones"
            hint = "keep one of the two; write the required one under a condition"
            yield Finding(pointer_of("data", index, "next_conditional_objectives"), message, hint)


def _variables(item: Mapping[str, object]) -> list[str]:
    found = item.get("output_variables")
    return [one for one in found if isinstance(one, str)] if isinstance(found, list) else []
