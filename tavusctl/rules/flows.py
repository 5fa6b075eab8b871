"""Flows of objectives: the API takes any, and a conversation on a wrong one dies a second after it began."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Final

from tavusctl.graph import Graph
from tavusctl.rules.lint import Finding, Subject, mappings, pointer_of
from tavusctl.wording import shown, suggestion

_MOST_CIRCLES: Final = 10  # told of one set
_LONGEST_CIRCLE: Final = 12  # names shown of one circle


def _graph(subject: Subject) -> Graph:
    return subject.kind.flow(subject.spec) if subject.kind.flow else Graph()


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
            message = f"{edge.source} leads to {shown(edge.target)}, which is not in this set"
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
            message = f"nothing leads from {next(iter(places))} to {name}"
            yield Finding(pointer_of("data", index), message, "let an objective before it name it, or remove it")


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
    """Objectives that lead back to themselves: every conversation on the set dies at its start."""
    ways, places = _ways(_graph(subject)), _places(subject)
    endless = bool(places) and all(map(ways.get, places))
    for _ in range(_MOST_CIRCLES):
        ring = _circle(ways)
        if not ring:
            return
        nowhere = "; no objective here is the last one" if endless else ""
        message = f"a circle: {_told(ring)}; a conversation with it ends as soon as it begins{nowhere}"
        yield Finding(_led(subject, places.get(ring[0], 0), ring[1]), message, "remove one of these steps")
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
    """An objective with one way on, and that under a condition: where it does not hold, nothing comes next."""
    for index, item in mappings(subject.spec.get("data")):
        ways = item.get("next_conditional_objectives")
        required = item.get("next_required_objectives") or item.get("next_required_objective")
        if isinstance(ways, dict) and len(ways) == 1 and not required:
            (target,) = ways
            pointer = pointer_of("data", index, "next_conditional_objectives", target)
            message = f"{shown(item.get('objective_name'))} leads to {shown(target)} alone, and that under a condition"
            yield Finding(pointer, message, "say what comes next where it does not hold; it is a dead end otherwise")


def same_name(subject: Subject) -> Iterator[Finding]:
    """Two objectives of one name in a set."""
    places = _places(subject)
    for index, item in mappings(subject.spec.get("data")):
        name = str(item.get("objective_name"))
        if places[name] != index:
            pointer = pointer_of("data", index, "objective_name")
            yield Finding(pointer, f"another objective is called {shown(name)}", "give each a name of its own")


def collected_twice(subject: Subject) -> Iterator[Finding]:
    """An output variable that two objectives fill: the later one wins."""
    items = mappings(subject.spec.get("data"))
    counts = Counter(name for _, item in items for name in {*_variables(item)})
    owner: dict[str, str] = {}
    for index, item in items:
        for place, name in enumerate(_variables(item)):
            first = owner.setdefault(name, str(item.get("objective_name")))
            if counts[name] > 1 and first != str(item.get("objective_name")):
                message = f"{shown(name)} is collected by {first} already"
                yield Finding(pointer_of("data", index, "output_variables", place), message, "the later value wins")


def spaced(subject: Subject) -> Iterator[Finding]:
    """Output variables that no program can take for a name."""
    for index, item in mappings(subject.spec.get("data")):
        for place, name in enumerate(_variables(item)):
            if not name.isidentifier():
                pointer = pointer_of("data", index, "output_variables", place)
                yield Finding(
                    pointer, f"{shown(name)} is no name for a variable", "use letters, digits and underscores"
                )


def _variables(item: Mapping[str, object]) -> list[str]:
    found = item.get("output_variables")
    return [one for one in found if isinstance(one, str)] if isinstance(found, list) else []
