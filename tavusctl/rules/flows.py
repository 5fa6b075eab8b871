"""Flows of objectives: the API takes any, and a conversation on a wrong one dies a second after it began."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter

from tavusctl.graph import Graph
from tavusctl.rules.lint import Finding, Subject, mappings, pointer_of
from tavusctl.wording import shown, suggestion


def _graph(subject: Subject) -> Graph:
    return subject.kind.flow(subject.spec) if subject.kind.flow else Graph()


def _ways(graph: Graph) -> Mapping[str, list[str]]:
    ways: defaultdict[str, list[str]] = defaultdict(list)
    for edge in graph.edges:
        ways[edge.source].append(edge.target)
    return ways


def _places(subject: Subject) -> dict[str, int]:
    """Where each objective stands; of two with one name, the first."""
    found: dict[str, int] = {}
    for index, item in mappings(subject.spec.get("data")):
        found.setdefault(str(item.get("objective_name")), index)
    return found


def unknown(subject: Subject) -> Iterator[Finding]:
    """A next objective that the set does not have."""
    places = _places(subject)
    for edge in _graph(subject).edges:
        if edge.target not in places:
            pointer = pointer_of("data", places.get(edge.source, 0))
            message = f"{edge.source} leads to {shown(edge.target)}, which is not in this set"
            yield Finding(pointer, message, suggestion(edge.target, places))


def unreachable(subject: Subject) -> Iterator[Finding]:
    """An objective to which nothing leads, in a set that has branches."""
    graph, places = _graph(subject), _places(subject)
    if not graph.edges or not places:
        return
    ways, reached, queue = _ways(graph), set[str](), [next(iter(places))]
    while queue:
        here = queue.pop()
        if here not in reached:
            reached.add(here)
            queue += ways.get(here, [])
    for name, index in places.items():
        if name not in reached:
            message = f"nothing leads from {next(iter(places))} to {name}"
            yield Finding(pointer_of("data", index), message, "let an objective before it name it, or remove it")


def cyclic(subject: Subject) -> Iterator[Finding]:
    """Objectives that lead back to themselves: every conversation on the set dies at its start."""
    graph = _graph(subject)
    try:
        TopologicalSorter(_ways(graph)).prepare()
    except CycleError as error:
        ring = list(reversed(error.args[1]))  # graphlib tells it against the direction of the edges
        pointer = pointer_of("data", _places(subject).get(ring[0], 0))
        message = f"a circle: {' -> '.join(ring)}; a conversation with it ends as soon as it begins"
        yield Finding(pointer, message, "remove one of these steps")


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
