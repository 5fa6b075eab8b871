"""Drawings of the references between resources, and of the conversation flow of objectives."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from tavusctl.app.files import file_writer
from tavusctl.app.session import named_addresses
from tavusctl.app.session.local import LocalSession
from tavusctl.app.session.manifests import load
from tavusctl.core.address import Address
from tavusctl.core.errors import UsageError
from tavusctl.core.messages import either
from tavusctl.core.model import Desired, Manifest
from tavusctl.engine.resolve import resolve
from tavusctl.kinds import KINDS, canonical_address
from tavusctl.lib.graph import Edge, Graph, Node
from tavusctl.reports.contents import view
from tavusctl.reports.drawing import DRAWINGS
from tavusctl.secrets.redaction import View

_SUFFIXES: Final = {".svg": "svg", ".dot": "dot", ".gv": "dot"}
_MERMAID_EDGES, _MERMAID_CHARACTERS = 500, 50_000  # Mermaid's default limits: it draws no larger graph


def draw(
    session: LocalSession, addresses: Sequence[str], objectives: str | None, format_: str | None, out: Path | None
) -> str:
    """Draw a project, the part around `addresses`, or the flow of one set of objectives; also into `out`, if given."""
    manifests, _ = load(session)
    known = {str(one.address): one for one in manifests}
    graph = _flow(objectives, known) if objectives else _references(manifests, [_named(a, known) for a in addresses])
    name = format_ or _SUFFIXES.get(out.suffix if out else "", "mermaid")
    if out:
        for label in (graph.title, *(part for node in graph.nodes for part in (node.label, node.detail))):
            file_writer.record(label, f"the drawing {out}")
    text = DRAWINGS[name](view.graph(graph))
    if name == "mermaid" and (len(graph.edges) > _MERMAID_EDGES or len(text) > _MERMAID_CHARACTERS):
        session.say("the graph exceeds the default limit of Mermaid; `--format svg` has no limit")
    if out:
        file_writer.write(out, View(text), rights=file_writer.PUBLIC)
    return text


def _flow(address: str, known: Mapping[str, Manifest]) -> Graph:
    drawable = {text: one for text, one in known.items() if KINDS[one.address.kind].conversation_graph}
    manifest = _named(address, known if canonical_address(address) in known else drawable or known)
    flow = KINDS[manifest.address.kind].conversation_graph
    if flow is None:
        message = f"`{address}` has no conversation flow to draw"
        raise UsageError(
            message,
            f"choose an address of the kind {either(name for name, kind in KINDS.items() if kind.conversation_graph)}",
        )
    return flow(manifest.spec)


def _named(address: str, known: Mapping[str, Manifest]) -> Manifest:
    address = canonical_address(address)
    if address not in known:
        raise named_addresses.undeclared(address, known)
    return known[address]


def _references(manifests: Sequence[Manifest], chosen: Sequence[Manifest]) -> Graph:
    """The references of all manifests, or of the chosen ones with all their dependencies and dependents."""
    desired = resolve(manifests, secrets=None)
    pairs = [(item.address, target) for item in desired for target in item.refers_to]
    start = {manifest.address for manifest in chosen}
    shown = _reached(start, pairs) | _reached(start, [(b, a) for a, b in pairs]) if chosen else None
    items = sorted((item for item in desired if shown is None or item.address in shown), key=lambda item: item.address)
    edges = (Edge(str(a), str(b)) for a, b in sorted(pairs) if shown is None or (a in shown and b in shown))
    return Graph(tuple(map(_node, items)), tuple(edges))


def _node(one: Desired) -> Node:
    name = one.spec.get(one.kind.name_field)
    return Node(str(one.address), str(one.address), detail=str(name or one.external_id), faint=bool(one.external_id))


def _reached(start: Iterable[Address], pairs: Sequence[tuple[Address, Address]]) -> set[Address]:
    """The addresses that can be reached from `start` along the pairs (source, target), including `start`."""
    queue = list(start)
    reached = set(queue)
    while queue:
        address = queue.pop()
        new = {target for source, target in pairs if source == address} - reached
        reached |= new
        queue += new
    return reached
