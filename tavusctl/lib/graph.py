"""Graphs as values: what a conversation may do next, what refers to what, and what changed between two of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import zip_longest
from typing import Final, Literal

from msgspec import Struct
from msgspec.structs import replace

Mark = Literal["", "added", "removed", "changed"]
MARKS: Final[tuple[Mark, ...]] = ("", "added", "removed", "changed")


class Node(Struct, frozen=True):
    """One thing: `id` tells it from others, `label` is read by people, `detail` by those who ask for more."""

    id: str
    label: str
    mark: Mark = ""
    detail: str = ""
    faint: bool = False  # not part of the whole: outside the project, or named and nowhere to be found


class Edge(Struct, frozen=True):
    """A way from one node to another, by their ids; two nodes may have several."""

    source: str
    target: str
    label: str = ""
    mark: Mark = ""


class Graph(Struct, frozen=True):
    """Nodes in the order of reading, and edges, each between two of the nodes."""

    nodes: tuple[Node, ...] = ()
    edges: tuple[Edge, ...] = ()
    title: str = ""


def compared(old: Graph, new: Graph) -> Graph:
    """The new graph with what is added and changed marked, and what was removed put back, marked.

    Nodes are the same by their id.  Edges are the same by their ends: where two nodes have several edges, equal labels
    go together first, then the rest in order.
    """
    nodes = (*_nodes(old, new), *(replace(n, mark="removed") for n in old.nodes if n.id not in _ids(new)))
    before, after = _by_ends(old.edges), _by_ends(new.edges)
    edges = [edge for ends in {**after, **before} for edge in _marked(before.get(ends, ()), after.get(ends, ()))]
    return Graph(nodes, tuple(edges), new.title or old.title)


def _ids(graph: Graph) -> frozenset[str]:
    return frozenset(node.id for node in graph.nodes)


def _nodes(old: Graph, new: Graph) -> Iterator[Node]:
    before = {node.id: node for node in old.nodes}
    for node in new.nodes:
        was = before.get(node.id)
        same = was is not None and replace(was, mark=node.mark) == node
        yield replace(node, mark="" if same else "changed" if was else "added")


def _by_ends(edges: Iterable[Edge]) -> Mapping[tuple[str, str], list[Edge]]:
    found: defaultdict[tuple[str, str], list[Edge]] = defaultdict(list)
    for edge in edges:
        found[edge.source, edge.target].append(edge)
    return found


def _marked(before: Iterable[Edge], after: Iterable[Edge]) -> Iterator[Edge]:
    """Edges between the same two nodes: the kept ones, then the changed, then those that came or went."""
    came, gone = list(after), []
    for edge in before:
        kept = next((one for one in came if one.label == edge.label), None)
        if kept is None:
            gone.append(edge)
        else:
            came.remove(kept)
            yield replace(kept, mark="")
    for new, old in zip_longest(came, gone):
        if new is not None:
            yield replace(new, mark="changed" if old else "added")
        elif old is not None:
            yield replace(old, mark="removed")
