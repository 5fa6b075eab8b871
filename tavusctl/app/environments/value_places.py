"""Which file has each value of a resource in one environment: the manifest, its overlay, or a text file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from tavusctl.app.files.manifest_sources import Sources
from tavusctl.app.session import named_addresses
from tavusctl.app.session.local import LocalSession
from tavusctl.app.session.manifests import load
from tavusctl.config.yaml12 import Node
from tavusctl.core.address import Address, Source
from tavusctl.core.diagnostics import written_at
from tavusctl.core.json_tree import side_by_side
from tavusctl.core.model import ABSENT
from tavusctl.lib.json_types import Json, JsonObject
from tavusctl.patch.pointer import join, split
from tavusctl.reports.contents.value_paths import one_line
from tavusctl.reports.json import source_document
from tavusctl.reports.terminal.styling import style
from tavusctl.rewrite.render_value import included_file
from tavusctl.secrets.escape import flat

_IDENTITY: Final = ("kind", "name")


class ValuePlace(Struct, frozen=True):
    """A value as it is written, and where; the value is ABSENT where an overlay removes a value of the manifest."""

    path: str  # as plans show it: a pointer into spec, or to a key beside spec
    value: Json
    place: Source
    file: str = ""  # the file that the value includes
    covers: Source | None = None  # where the manifest has a value that the overlay replaces


class Places(Struct, frozen=True):
    """All values of a resource in an environment."""

    address: Address
    environment: str
    manifest: Source
    overlay: Source | None
    values: tuple[ValuePlace, ...]


def places(session: LocalSession, address: Address) -> Places:
    """Where the values of a resource are written; UsageError if the environment has no manifest for the address."""
    manifests = {one.address: one for one in load(session)[0]}
    if address not in manifests:
        raise named_addresses.undeclared(address, manifests, session.environment.name)
    manifest, sources = manifests[address], Sources(session.project)
    base, _ = sources.layers(manifest)
    values = tuple(_values(sources, sources.document(manifest), base))
    return Places(address, session.environment.name, manifest.source, manifest.overlay, values)


def _values(sources: Sources, document: Node, base: Node) -> Iterator[ValuePlace]:
    """The innermost values of mappings, lists as a whole, in the order of the manifest; then the removed values."""
    value = document.value if isinstance(document.value, dict) else {}
    content = {key: item for key, item in value.items() if key not in _IDENTITY}
    written = {join(path): leaf for path, leaf, _ in side_by_side(content, {}, deep=True)}
    removed = {item: ABSENT for item in document.sources if item and _is_missing(document.value, item)}
    for pointer, leaf in {**written, **removed}.items():
        place = written_at(document.sources, pointer, document.source)
        name = included_file(leaf) if isinstance(leaf, str) else ""
        base_place = base.sources.get(pointer)
        yield ValuePlace(
            pointer.removeprefix("/spec"),
            leaf,
            place,
            sources.included_path(name, place) if name else "",
            base_place if base_place != place else None,
        )


def _is_missing(document: Json, pointer: str) -> bool:
    """Whether a pointer leads to a missing key of a mapping that exists."""
    *above, key = split(pointer)
    parent = document
    for step in above:
        parent = parent.get(step) if isinstance(parent, dict) else None
    return isinstance(parent, dict) and key not in parent


def text(result: Places) -> Iterator[str]:
    """The places in lines of text."""
    over = f", with the overlay {flat(str(result.overlay))}" if result.overlay else ""
    yield style(str(result.address), bold=True) + f" in {flat(result.environment)}: {flat(str(result.manifest))}{over}"
    yield ""
    width = max((len(flat(one.path)) for one in result.values), default=0)
    for one in result.values:
        value = "nothing" if one.value is ABSENT else flat(one_line(one.value))
        yield f"  {style(f'{flat(one.path):<{width}}', bold=True)}  {value}"
        more = f", which includes {flat(one.file)}" if one.file else ""
        more += f", in place of {flat(str(one.covers))}" if one.covers else ""
        yield f"      {style(f'at {flat(str(one.place))}{more}', dim=True)}"


def document(result: Places) -> JsonObject:
    """The places as JSON; keys that do not apply are left out."""
    return {
        "address": str(result.address),
        "environment": result.environment,
        "source": source_document(result.manifest),
        **({"overlay": source_document(result.overlay)} if result.overlay else {}),
        "values": [_value(one) for one in result.values],
    }


def _value(one: ValuePlace) -> JsonObject:
    return {
        "path": one.path,
        **({"removed": True} if one.value is ABSENT else {"value": one.value}),
        "source": source_document(one.place),
        **({"file": one.file} if one.file else {}),
        **({"covers": source_document(one.covers)} if one.covers else {}),
    }
