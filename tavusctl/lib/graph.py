"""Immutable graphs, such as the flow of a conversation or references of resources, and the changes between two."""

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
    """A node: `id` is unique in the graph, `label` is for people, `detail` is additional information."""

    id: str
    label: str
    mark: Mark = ""
    detail: str = ""
    faint: bool = False  # outside the project, or referred to but not found


class Edge(Struct, frozen=True):
    """A directed edge between the ids of two nodes; two nodes may have several."""

    source: str
    target: str
    label: str = ""
    mark: Mark = ""


class Graph(Struct, frozen=True):
    """Nodes in reading order, and edges between them."""

    nodes: tuple[Node, ...] = ()
    edges: tuple[Edge, ...] = ()
    title: str = ""


def mark_changes(old: Graph, new: Graph) -> Graph:
    """The new graph plus the nodes and edges that were removed, with all changes marked.

    Nodes are matched by id, edges by their ends: if two nodes have several edges, those with equal labels are matched
    first, then the others in order.
    """
    new_ids = {node.id for node in new.nodes}
    removed = (replace(node, mark="removed") for node in old.nodes if node.id not in new_ids)
    before, after = _by_ends(old.edges), _by_ends(new.edges)
    edges = [edge for ends in {**after, **before} for edge in _marked_edges(before.get(ends, ()), after.get(ends, ()))]
    return Graph((*_marked_nodes(old, new), *removed), tuple(edges), new.title or old.title)


def _marked_nodes(old: Graph, new: Graph) -> Iterator[Node]:
    before = {node.id: node for node in old.nodes}
    for node in new.nodes:
        old_node = before.get(node.id)
        same = old_node is not None and replace(old_node, mark=node.mark) == node
        yield replace(node, mark="" if same else "changed" if old_node else "added")


def _by_ends(edges: Iterable[Edge]) -> Mapping[tuple[str, str], list[Edge]]:
    edges_by_ends: defaultdict[tuple[str, str], list[Edge]] = defaultdict(list)
    for edge in edges:
        edges_by_ends[edge.source, edge.target].append(edge)
    return edges_by_ends


def _marked_edges(before: Iterable[Edge], after: Iterable[Edge]) -> Iterator[Edge]:
    """Marked edges between the same two nodes: the unchanged, then the changed, then the added or removed ones."""
    unmatched, removed = list(after), []
    for edge in before:
        match = next((candidate for candidate in unmatched if candidate.label == edge.label), None)
        if match is None:
            removed.append(edge)
        else:
            unmatched.remove(match)
            yield replace(match, mark="")
    for new, old in zip_longest(unmatched, removed):
        if new is not None:
            yield replace(new, mark="changed" if old else "added")
        elif old is not None:
            yield replace(old, mark="removed")
