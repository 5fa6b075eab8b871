"""`tavusctl graph`: what refers to what, and where a conversation may go."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

import click

from tavusctl.cli import writing
from tavusctl.cli.completing import address as known_address
from tavusctl.cli.local import LocalSession, local_options, say
from tavusctl.cli.writers import OutputFile
from tavusctl.engine.resolve import resolve
from tavusctl.errors import UsageError
from tavusctl.graph import Edge, Graph, Node
from tavusctl.kinds import KINDS
from tavusctl.model import Address, Desired, Manifest
from tavusctl.redaction import View
from tavusctl.reports import view
from tavusctl.reports.drawing import DRAWINGS
from tavusctl.wording import either, suggestion

_SUFFIXES: Final = {".svg": "svg", ".dot": "dot", ".gv": "dot"}
_MERMAID_EDGES, _MERMAID_CHARACTERS = 500, 50_000  # more is drawn only where Mermaid's own settings were changed


@click.command("graph")
@click.argument("addresses", metavar="ADDR", nargs=-1, shell_complete=known_address)
@click.option(
    "--objectives",
    metavar="ADDR",
    shell_complete=known_address,
    help="Draw where a conversation with these objectives may go.",
)
@click.option(
    "-f", "--format", "format_", type=click.Choice(sorted(DRAWINGS)), help="Default mermaid, or what --out ends in."
)
@click.option("-o", "--out", type=OutputFile(), help="Write into this file.")
@local_options
def command(
    session: LocalSession,
    *,
    addresses: Sequence[str],
    objectives: str | None,
    format_: str | None,
    out: Path | None,
) -> None:
    """Draw what refers to what; with addresses, only what is joined to them.  Needs no network and no key.

    What exists already (external: true) has a dashed border.

    \b
    tavusctl graph --out project.svg
    tavusctl graph persona/sales-coach
    tavusctl graph --objectives objectives/discovery-call --format svg > flow.svg
    """  # noqa: D301
    if objectives and addresses:
        message = "--objectives draws one set of objectives and takes no further addresses"
        raise UsageError(message)
    manifests, _ = session.load()
    known = {str(one.address): one for one in manifests}
    graph = _flow(objectives, known) if objectives else _references(manifests, [_named(a, known) for a in addresses])
    name = format_ or _SUFFIXES.get(out.suffix if out else "", "mermaid")
    if out:
        for one in (graph.title, *(part for node in graph.nodes for part in (node.label, node.detail))):
            writing.record(one, f"the drawing {out}")
    text = DRAWINGS[name](view.graph(graph))
    if name == "mermaid" and (len(graph.edges) > _MERMAID_EDGES or len(text) > _MERMAID_CHARACTERS):
        say(session, "this is more than Mermaid draws by default; --format svg has no such limit")
    if out is None:
        click.echo(text, nl=False)
    else:
        writing.write(out, View(text), rights=writing.PUBLIC)


def _flow(address: str, known: Mapping[str, Manifest]) -> Graph:
    manifest = _named(address, known)
    flow = KINDS[manifest.address.kind].flow
    if flow is None:
        message = f"{address} has no flow to draw"
        raise UsageError(message, f"name {either(name for name, kind in KINDS.items() if kind.flow)}")
    return flow(manifest.spec)


def _named(address: str, known: Mapping[str, Manifest]) -> Manifest:
    if address not in known:
        message = f"there is no {address} in the manifests"
        raise UsageError(message, suggestion(address, known))
    return known[address]


def _references(manifests: Sequence[Manifest], chosen: Sequence[Manifest]) -> Graph:
    """Every manifest, or the chosen ones with all that they need and all that needs them."""
    desired = resolve(manifests, KINDS, secrets=None)
    pairs = [(one.address, target) for one in desired for target in one.refers_to]
    start = {one.address for one in chosen}
    shown = _reached(start, pairs) | _reached(start, [(b, a) for a, b in pairs]) if chosen else None
    drawn = sorted((one for one in desired if shown is None or one.address in shown), key=lambda one: one.address)
    edges = (Edge(str(a), str(b)) for a, b in sorted(pairs) if shown is None or (a in shown and b in shown))
    return Graph(tuple(map(_node, drawn)), tuple(edges))


def _node(one: Desired) -> Node:
    name = one.spec.get(one.kind.name_field)
    return Node(str(one.address), str(one.address), detail=str(name or one.external_id), faint=bool(one.external_id))


def _reached(start: Iterable[Address], pairs: Sequence[tuple[Address, Address]]) -> set[Address]:
    """Where one gets to from the start, which is a part of it."""
    queue = list(start)
    found = set(queue)
    while queue:
        here = queue.pop()
        new = {target for source, target in pairs if source == here} - found
        found |= new
        queue += new
    return found
